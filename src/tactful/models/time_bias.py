"""TIN with time as one number a position, or a bin of time, in the attention's logits, instead of added vectors."""

from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.errors import InvalidFeatures, InvalidModel
from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import known
from tactful.models.layers.target_pool import target_pool
from tactful.models.layers.tower import Tower
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy

By: TypeAlias = Literal["position", "interval"]
_STD = 0.02


class TimeBias(nn.Module):
    """Target-aware attention and representation as in TIN; when a behaviour was says how much it counts, nothing else.

        α_i = softmax_i(⟨e_i, v_t⟩ / √d + b_f(X_i))
        u   = Σ_i α_i (e_i ⊙ v_t)
        ŷ   = σ(g_MLP([u, Σ_i α_i e_i, v_t, context]))

    f is the position counted from the target (1 is the newest), or the bin of the time to it.

    Source: TIN (Zhou et al., WWW 2024), section 3.1, equation 2, whose vectors `p_f` this replaces.
    Deviation: TIN adds `p_f` to behaviours and target. The product of two of them, `⟨p_f, p_0⟩/√d`, is such a number,
    too, but is learned as a product, and what is learned stands in the representation as well. What came of it is in
    `docs/explanation/behaviour-sequences.md`.
    """

    def __init__(
        self, shape: Shape, dim: int = 64, hidden: tuple[int, ...] = (80, 40), dropout: float = 0.0, by: By = "position"
    ) -> None:
        """Makes a model with random weights; the arguments are those of `TIN`, and f.

        Raises:
            InvalidModel: for intervals of data that have no times.
        """
        super().__init__()
        if by == "interval" and shape.gaps < 1:
            raise InvalidModel("got data without times (gaps = 0), expected bins of intervals; go by position")
        self.items = FieldEmbedding(shape.items, dim)
        self.context = FieldEmbedding(shape.context, dim)
        self.by = by
        self.numbers = nn.Parameter(_STD * torch.randn(shape.length if by == "position" else 1 + shape.gaps))
        self.tower = Tower(3 * self.items.width + self.context.width, hidden, dropout)

    def forward(
        self,
        target: Int64[Tensor, "b F"],
        history: Int64[Tensor, "b L F"],
        length: Int64[Tensor, " b"],
        gap: Int64[Tensor, "b L"],
        clock: Int64[Tensor, "b 1+L"],
        context: Int64[Tensor, "b C"],
    ) -> Float[Tensor, " b"]:
        """Returns the logit of the response to each target."""
        v = self.items(target)
        interest = target_pool(self.items, history, length, v, bias=self.bias(length, gap))
        logit: Tensor = self.tower(cat([interest * v, interest, v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)

    def bias(self, length: Int64[Tensor, " b"], gap: Int64[Tensor, "b L"]) -> Float[Tensor, "#b L"]:
        """Returns b of the columns, of all rows at once (one row) by position; that of padding means nothing.

        Raises:
            InvalidFeatures: for more columns than there are positions.
        """
        if self.by == "interval":
            return self.numbers[gap.masked_fill(~known(length, gap.shape[1]), 0)]
        columns, most = gap.shape[1], len(self.numbers)
        if columns > most:
            raise InvalidFeatures(f"got a history of {columns} columns, expected {most} at most; keep the newest")
        return self.numbers[None, :columns]
