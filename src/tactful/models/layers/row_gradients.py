"""Gradients of a table, kept for the rows that a batch has touched: never an array as large as the table."""

from typing import Final, TypeVar

import numba
import numpy as np
from jaxtyping import Float32, Int32, Int64
from numpy.typing import NDArray

from tactful.kernel import kernel, parallel_summing_kernel

N = TypeVar("N", bound=np.generic)
_COLUMNS: Final = 32
"""Columns that one thread sums at a time: two lines of the cache."""


class RowGradients:
    """The sum of the gradients of each touched row, for a table of n rows of d numbers.

    A touched row has a place in a compact array, in the order in which rows were first touched. Every cell is summed in
    the order of the samples, for threads share out columns: the bits do not depend on how many there are.
    """

    def __init__(self, n: int, width: int) -> None:
        """Takes the size of the table."""
        self._place = np.full(n, -1, dtype=np.int32)
        self._row = np.empty(0, dtype=np.int64)
        self._sum = np.empty((0, width), dtype=np.float32)
        self._count = 0

    @property
    def width(self) -> int:
        """d."""
        return self._sum.shape[1]

    @property
    def rows(self) -> Int64[np.ndarray, " m"]:
        """The touched rows, each once."""
        return self._row[: self._count]

    @property
    def sums(self) -> Float32[np.ndarray, "m d"]:
        """The gradient of each touched row."""
        return self._sum[: self._count]

    def add(self, ids: Int64[np.ndarray, " n"], gradients: Float32[np.ndarray, "n d"]) -> None:
        """Adds to the row of each id a gradient of its own."""
        places = self._places(ids[:, None], np.ones(len(ids), dtype=np.int64))
        _add(self._sum, places[:, 0], gradients)

    def add_pooled(
        self,
        ids: Int64[np.ndarray, "b L"],
        length: Int64[np.ndarray, " b"],
        share: Float32[np.ndarray, "b L"],
        pooled: Float32[np.ndarray, "b D"],
        logit: Float32[np.ndarray, "b L"],
        query: Float32[np.ndarray, "b D"],
        first: int,
    ) -> None:
        """Adds `share_ij · pooled_i + logit_ij · query_i` to the row of each of the first `length` ids of a sample.

        It is what an attention gives back to the rows that it read, without an array of b · L · d numbers. Of `pooled`
        and `query`, the d columns from `first` on are those of this table.
        """
        places = self._places(ids, length)
        _add_pooled(self._sum, places, length, share, pooled, logit, query, first)

    def clear(self) -> None:
        """Forgets all sums, at the cost of the touched rows."""
        self._place[self.rows] = -1
        self._count = 0

    def dense(self) -> Float32[np.ndarray, "n d"]:
        """Returns the gradient of the whole table."""
        whole = np.zeros((len(self._place), self.width), dtype=np.float32)
        whole[self.rows] = self.sums
        return whole

    def _places(self, ids: NDArray[np.int64], length: NDArray[np.int64]) -> Int32[np.ndarray, "b L"]:
        """Where the sums of these ids' rows lie; a row touched for the first time begins with zeros."""
        wanted = min(self._count + ids.size, len(self._place))
        if wanted > len(self._row):
            self._row, self._sum = _longer(self._row, wanted), _longer(self._sum, wanted)
        places = np.empty(ids.shape, dtype=np.int32)
        self._count = _find(self._place, self._row, self._sum, self._count, ids, length, places)
        return places


def _longer(array: NDArray[N], rows: int) -> NDArray[N]:
    longer = np.empty((rows, *array.shape[1:]), dtype=array.dtype)
    longer[: len(array)] = array
    return longer


@kernel
def _find(
    place: NDArray[np.int32],
    row: NDArray[np.int64],
    total: NDArray[np.float32],
    count: int,
    ids: NDArray[np.int64],
    length: NDArray[np.int64],
    places: NDArray[np.int32],
) -> int:
    for i in range(ids.shape[0]):
        for j in range(length[i]):
            found = place[ids[i, j]]
            if found < 0:
                found = count
                place[ids[i, j]] = found
                row[found] = ids[i, j]
                total[found] = 0.0
                count += 1
            places[i, j] = found
    return count


@parallel_summing_kernel
def _add(total: NDArray[np.float32], places: NDArray[np.int32], gradients: NDArray[np.float32]) -> None:
    width = total.shape[1]
    for block in numba.prange((width + _COLUMNS - 1) // _COLUMNS):
        start, stop = block * _COLUMNS, min((block + 1) * _COLUMNS, width)
        for i in range(len(places)):
            to, gradient = total[places[i], start:stop], gradients[i, start:stop]
            for c in range(stop - start):
                to[c] += gradient[c]


@parallel_summing_kernel
def _add_pooled(
    total: NDArray[np.float32],
    places: NDArray[np.int32],
    length: NDArray[np.int64],
    share: NDArray[np.float32],
    pooled: NDArray[np.float32],
    logit: NDArray[np.float32],
    query: NDArray[np.float32],
    first: int,
) -> None:
    width = total.shape[1]
    for block in numba.prange((width + _COLUMNS - 1) // _COLUMNS):
        start, stop = block * _COLUMNS, min((block + 1) * _COLUMNS, width)
        for i in range(len(length)):
            given, asked = pooled[i, first + start : first + stop], query[i, first + start : first + stop]
            for j in range(length[i]):
                to, a, z = total[places[i, j], start:stop], share[i, j], logit[i, j]
                for c in range(stop - start):
                    to[c] += a * given[c] + z * asked[c]
