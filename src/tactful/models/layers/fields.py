"""Categorical fields as vectors: one table a field, its rows side by side."""

from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers.table import Table


class FieldEmbedding(nn.Module):
    """Looks up each field of an item, a behaviour or a context in a table of its own.

    Rows begin small, with a standard deviation of `1/√dim`, so that the product of two of them is small beside either.
    Row 0, *not known*, begins at zero: an item that training never saw adds nothing.
    """

    def __init__(self, sizes: tuple[int, ...], dim: int) -> None:
        """Takes the vocabulary size of each of F fields, and the width of a row."""
        super().__init__()
        self.width = len(sizes) * dim
        self.tables = nn.ModuleList(Table(size, dim) for size in sizes)

    def forward(self, ids: Int64[Tensor, "*batch F"]) -> Float[Tensor, "*batch width"]:
        """Returns the rows of the ids, one field after the other; without a field, nothing of width 0."""
        rows = [table(ids[..., field]) for field, table in enumerate(self.by_field())]
        return cat(rows, dim=-1) if rows else ids.float()

    def by_field(self) -> list[Table]:
        """Returns the table of each field."""
        return [table for table in self.tables if isinstance(table, Table)]
