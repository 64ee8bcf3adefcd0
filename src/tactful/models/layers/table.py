"""A table of embeddings: an ordinary torch layer, until an optimiser that knows rows takes its gradients."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.autograd import Function

from tactful.models.layers.row_gradients import RowGradients


class Table(nn.Module):
    """One vector of width d for each of n ids.

    Attributes:
        weight: the vectors; a parameter like any other, in the state, in exports, and for any torch optimiser.
        gradients: where the gradients of touched rows are summed while somebody collects them (`collecting`), and
            `weight.grad` stays empty; None otherwise.
    """

    def __init__(self, n: int, width: int) -> None:
        """Makes a table of normal numbers with a standard deviation of `1/√d`; row 0 is zero.

        Its memory is numpy's, which asks for huge pages where torch does not: rows of a table far larger than the
        caches are found a quarter faster.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(np.empty((n, width), dtype=np.float32)))
        self.gradients: RowGradients | None = None
        nn.init.normal_(self.weight, std=width**-0.5)
        nn.init.zeros_(self.weight[0])

    def forward(self, ids: Int64[Tensor, "*batch"]) -> Float[Tensor, "*batch d"]:
        """Returns the vectors of the ids."""
        if self.gradients is None:
            return nn.functional.embedding(ids, self.weight)
        return _look_up(self.weight, ids, self.gradients)


@contextmanager
def collecting(model: nn.Module) -> Iterator[list[Table]]:
    """Has all tables of the model sum up gradients by row, as long as the block runs; gives them in their order."""
    tables = [module for module in model.modules() if isinstance(module, Table)]
    try:
        for table in tables:
            table.gradients = RowGradients(*table.weight.shape)
        yield tables
    finally:
        for table in tables:
            table.gradients = None


class _LookUp(Function):
    """Rows of a table; going back, their gradients are handed to its `RowGradients`."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, gradients: RowGradients) -> Tensor:
        ctx.ids, ctx.gradients = ids, gradients
        return nn.functional.embedding(ids, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None]:
        rows = gradient.reshape(-1, gradient.shape[-1]).contiguous()
        ctx.gradients.add(np.ascontiguousarray(ctx.ids.numpy().ravel()), rows.numpy())
        return None, None, None


_look_up = cast(Callable[[Tensor, Tensor, RowGradients], Tensor], _LookUp.apply)
