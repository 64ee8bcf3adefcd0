"""Learning of embedding tables: Adagrad with one step size a row, for the rows that a batch has touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from tactful.errors import UnreadableInput
from tactful.kernel import parallel_summing_kernel
from tactful.models.layers.table import Table

_TINY = 1e-10


@dataclass(frozen=True)
class Rows:
    """How tables learn.

    Attributes:
        learning_rate: how far a row's first step moves its numbers (root mean square); later steps are smaller.
        decay: L2 of touched rows: so many times the row is added to its gradient whenever it is touched.
    """

    learning_rate: float = 0.05
    decay: float = 0.0


class RowAdagrad:
    """Adagrad on the rows of tables that are `collecting` their gradients.

    Of a row w with gradient `g' = g + decay · w`, touched in this step:

        s ← s + mean(g'²);   w ← w − rate · g' / (√s + 1e-10)

    So a step costs what the batch touched, not what the table holds, and the state is one number a row.

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011, with one sum for the numbers of a row.
    Deviation: none of Adam's moments, for a row that is seldom seen would move on old ones.
    """

    def __init__(self, tables: Sequence[Table], rows: Rows) -> None:
        """Takes tables that are `collecting`, and how they learn."""
        self._tables, self._rows = tables, rows
        self._squares = [np.zeros(len(table.weight), dtype=np.float32) for table in tables]

    def step(self, warmth: float) -> None:
        """Moves the touched rows against their gradients, at `warmth` (0..1) times the learning rate; forgets these."""
        rate, decay = np.float32(self._rows.learning_rate * warmth), np.float32(self._rows.decay)
        for table, squares in zip(self._tables, self._squares, strict=True):
            assert table.gradients is not None
            with torch.no_grad():
                weight = table.weight.numpy()
            _move(weight, squares, table.gradients.rows, table.gradients.sums, rate, decay)
            table.gradients.clear()

    def clear(self) -> None:
        """Forgets the gradients."""
        for table in self._tables:
            if table.gradients is not None:
                table.gradients.clear()

    def state(self) -> dict[str, Any]:
        """Returns what a checkpoint keeps: the sum of squares of each row, by table."""
        return {"squares": [torch.from_numpy(squares) for squares in self._squares]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state.

        Raises:
            UnreadableInput: for the state of other tables.
        """
        sizes, expected = ([len(one) for one in many] for many in (state["squares"], self._squares))
        if sizes != expected:
            raise UnreadableInput(f"got a checkpoint of tables with {sizes} rows, expected {expected}; begin anew")
        for squares, saved in zip(self._squares, state["squares"], strict=True):
            squares[:] = saved.numpy()


@parallel_summing_kernel
def _move(
    weight: NDArray[np.float32],
    squares: NDArray[np.float32],
    rows: NDArray[np.int64],
    gradients: NDArray[np.float32],
    rate: np.float32,
    decay: np.float32,
) -> None:
    width = np.float32(weight.shape[1])
    for i in numba.prange(len(rows)):
        row, gradient, total = weight[rows[i]], gradients[i], np.float32(0.0)
        for c in range(len(row)):
            gradient[c] += decay * row[c]
            total += gradient[c] * gradient[c]
        squares[rows[i]] += total / width
        step = rate / (np.sqrt(squares[rows[i]]) + np.float32(_TINY))
        for c in range(len(row)):
            row[c] -= step * gradient[c]
