"""When a behaviour was, as a vector that is added to what it was: relative to the target, or on its own.

Every encoding is called with the same three columns of a batch and gives the vectors of target and behaviours. Vectors
that are the same for all rows come with a single row. Vectors of padding mean nothing.

Source: TIN (Zhou et al., WWW 2024), section 3.1.1.
"""

from jaxtyping import Float, Int64
from torch import Tensor, arange, nn

from tactful.errors import InvalidFeatures, InvalidModel
from tactful.models.layers.history import known

_STD = 0.02
_DAYS, _HOURS = 7, 24


class RelativePosition(nn.Module):
    """TTE-P: `p_f(X_i) = P[H − i + 1]`; the newest of H behaviours is at 1, the target at 0, the origin."""

    def __init__(self, length: int, width: int) -> None:
        """Takes L and the width of a vector."""
        super().__init__()
        self.table = _table(1 + length, width)

    def forward(
        self, length: Int64[Tensor, " b"], gap: Int64[Tensor, "b L"], clock: Int64[Tensor, "b 1+L"]
    ) -> tuple[Float[Tensor, "1 d"], Float[Tensor, "1 L d"]]:
        """Returns the vector of the target, and those of the columns."""
        columns = _within(gap, self.table.num_embeddings - 1)
        return self.table.weight[:1], self.table.weight[None, 1 : 1 + columns]


class Interval(nn.Module):
    """TTE-T: `p_f(X_i) = P[bin(TS_t − TS_i)]`, bins from 1; the target is at 0, the origin."""

    def __init__(self, gaps: int, width: int) -> None:
        """Takes the number of bins and the width of a vector.

        Raises:
            InvalidModel: for no bin.
        """
        super().__init__()
        if gaps < 1:
            raise InvalidModel("got data without times (gaps = 0), expected bins of intervals; encode by position")
        self.table = _table(1 + gaps, width)

    def forward(
        self, length: Int64[Tensor, " b"], gap: Int64[Tensor, "b L"], clock: Int64[Tensor, "b 1+L"]
    ) -> tuple[Float[Tensor, "1 d"], Float[Tensor, "b L d"]]:
        """Returns the vector of the target, and those of the columns."""
        bins = gap.masked_fill(~known(length, gap.shape[1]), 0)
        return self.table.weight[:1], self.table(bins)


class PositionAndInterval(nn.Module):
    """TTE-P and TTE-T together, as TIN's section 4.6 has it; their sum, for it does not say how."""

    def __init__(self, length: int, gaps: int, width: int) -> None:
        """Takes L, the number of bins and the width of a vector."""
        super().__init__()
        self.position = RelativePosition(length, width)
        self.interval = Interval(gaps, width)

    def forward(
        self, length: Int64[Tensor, " b"], gap: Int64[Tensor, "b L"], clock: Int64[Tensor, "b 1+L"]
    ) -> tuple[Float[Tensor, "1 d"], Float[Tensor, "b L d"]]:
        """Returns the vector of the target, and those of the columns."""
        target, behaviours = self.position(length, gap, clock)
        target_too, behaviours_too = self.interval(length, gap, clock)
        return target + target_too, behaviours + behaviours_too


class Order(nn.Module):
    """COE, chronological order: `p_f(X_i) = P[i]`; the oldest behaviour is at 1, the target at H + 1."""

    def __init__(self, length: int, width: int) -> None:
        """Takes L and the width of a vector."""
        super().__init__()
        self.table = _table(1 + length, width)

    def forward(
        self, length: Int64[Tensor, " b"], gap: Int64[Tensor, "b L"], clock: Int64[Tensor, "b 1+L"]
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b L d"]]:
        """Returns the vectors of the targets, and those of the columns."""
        columns = _within(gap, self.table.num_embeddings - 1)
        place = length[:, None] - arange(columns, device=length.device)
        return self.table(length), self.table((place - 1).clamp(min=0))


class Timestamp(nn.Module):
    """Timestamp encoding: `p_f(X) = Hour[h] + Weekday[w]`, of target and behaviours alike.

    Deviation: no months or years, of which the data sets hold a few at most.
    """

    def __init__(self, width: int) -> None:
        """Takes the width of a vector."""
        super().__init__()
        self.hour = _table(_HOURS, width)
        self.weekday = _table(_DAYS, width)

    def forward(
        self, length: Int64[Tensor, " b"], gap: Int64[Tensor, "b L"], clock: Int64[Tensor, "b 1+L"]
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b L d"]]:
        """Returns the vectors of the targets, and those of the columns."""
        hours = clock % (_DAYS * _HOURS)
        vectors: Tensor = self.hour(hours % _HOURS) + self.weekday(hours // _HOURS)
        return vectors[:, 0], vectors[:, 1:]


def _table(rows: int, width: int) -> nn.Embedding:
    table = nn.Embedding(rows, width)
    nn.init.normal_(table.weight, std=_STD)
    return table


def _within(gap: Tensor, most: int) -> int:
    """The columns of a batch, which a table of positions must hold."""
    if gap.shape[1] > most:
        raise InvalidFeatures(f"got a history of {gap.shape[1]} columns, expected {most} at most; keep the newest")
    return gap.shape[1]
