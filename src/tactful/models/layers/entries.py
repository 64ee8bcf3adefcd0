"""A sequence of past entries as vectors: each is the sum of what is known of it, its age included."""

from collections.abc import Collection, Mapping

from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

_STD = 0.1


class Entries(nn.Module):
    """`x_i = Σ_f E_f[id_if]`, f over the columns of the sequence; the last column is the age, 0 where no entry is.

    It is TIN's `ẽ_i = e_i ⊕ p_f(X_i)`, time by interval. Some tables are the candidate's, too, so that what is alike
    has like vectors; the others are the sequence's own.
    """

    def __init__(self, columns: Mapping[str, int], shared: Collection[str], width: int) -> None:
        """Takes how many values each column has, the columns whose tables come with each call, and the width d."""
        super().__init__()
        self.columns = tuple(columns)
        own = {name: nn.Embedding(size, width) for name, size in columns.items() if name not in shared}
        for table in own.values():
            nn.init.normal_(table.weight, std=_STD)
        self.own = nn.ModuleDict(own)

    def forward(
        self, ids: Int64[Tensor, "n L F"], shared: Mapping[str, nn.Module]
    ) -> tuple[Float[Tensor, "n L d"], Bool[Tensor, "n L"]]:
        """Returns the vectors, zeros where no entry is, and where one is."""
        seen = ids[:, :, -1] > 0
        vectors = [
            (self.own[name] if name in self.own else shared[name])(ids[:, :, f]) for f, name in enumerate(self.columns)
        ]
        total: Tensor = sum(vectors[1:], start=vectors[0])
        return total * seen[:, :, None], seen
