"""What a neural model learns from: rows that become batches by index, in an order that a seed decides.

There is no object per row and no worker process. A data set holds arrays, in memory or memory-mapped (a folder of
`.npy` files), and makes a batch by indexing them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int, Int64
from numpy.typing import NDArray
from torch import Tensor

from tactful.errors import UnreadableInput

B_co = TypeVar("B_co", covariant=True)


@runtime_checkable
class Dataset(Protocol[B_co]):
    """n rows, and how many of them become one batch."""

    def __len__(self) -> int:
        """Returns n."""
        ...

    def batch(self, rows: Int[np.ndarray, " b"]) -> B_co:
        """Returns the rows as tensors; row i alone has the same numbers as in any batch."""
        ...


class Columns:
    """The plain data set: named arrays of n rows each; a batch is a dict of tensors of the same names."""

    def __init__(self, columns: Mapping[str, NDArray[np.generic]]) -> None:
        """Takes arrays whose first dimension is the row.

        Raises:
            UnreadableInput: for no column, or columns of different lengths.
        """
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) != 1:
            raise UnreadableInput(f"got columns of lengths {lengths}, expected at least one, all of the same length")
        self._columns = dict(columns)
        self._n = next(iter(lengths.values()))

    @classmethod
    def open(cls, folder: Path) -> "Columns":
        """Returns the data set of a folder of `.npy` files, memory-mapped: only what a batch needs is read.

        Raises:
            UnreadableInput: for a folder without such files.
        """
        files = sorted(folder.glob("*.npy"))
        if not files:
            raise UnreadableInput(f"got {folder}, which holds no .npy file; write one for each column with numpy.save")
        return cls({file.stem: np.load(file, mmap_mode="r") for file in files})

    def __len__(self) -> int:
        """Returns the number of rows."""
        return self._n

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, Tensor]:
        """Returns those rows of every column."""
        return {name: torch.from_numpy(np.ascontiguousarray(column[rows])) for name, column in self._columns.items()}


def batches(n: int, size: int, seed: int, epoch: int) -> Iterator[Int64[np.ndarray, " b"]]:
    """Yields the rows 0 .. n - 1 of one epoch, `size` at a time, each once; the last batch may be smaller.

    The order depends on (n, seed, epoch) alone, so a run that is resumed goes on as it would have.

    >>> [rows.tolist() for rows in batches(5, 2, seed=1, epoch=0)] == [r.tolist() for r in batches(5, 2, 1, 0)]
    True
    """
    order = np.random.default_rng((seed, epoch)).permutation(n)
    for start in range(0, n, size):
        yield order[start : start + size]


def in_order(n: int, size: int) -> Iterator[Int64[np.ndarray, " b"]]:
    """Yields the rows 0 .. n - 1 as they stand, `size` at a time: to judge and to predict."""
    for start in range(0, n, size):
        yield np.arange(start, min(start + size, n))
