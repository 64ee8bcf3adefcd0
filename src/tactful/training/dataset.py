"""What a neural model learns from: rows that become batches by index, in an order that a seed decides.

There is no object per row and no worker process. A data set holds arrays, in memory or memory-mapped (a folder of
`.npy` files), and makes a batch by indexing them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int, Int64
from numpy.typing import NDArray
from torch import Tensor

from tactful.errors import UnreadableInput

_GROUP: Final = 64
"""Batches whose rows are sorted by length together: enough for batches of one length, few enough to mix."""

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


@runtime_checkable
class OfLengths(Protocol):
    """A data set whose rows are of different lengths, and cost as much as the longest of their batch."""

    @property
    def lengths(self) -> Int64[np.ndarray, " n"]:
        """How long each row is."""
        ...


@runtime_checkable
class Coded(Protocol):
    """A data set of ids, which mean something by their vocabulary only."""

    @property
    def vocabulary(self) -> str:
        """Returns a fingerprint of what the ids stand for."""
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


def shuffled(dataset: Dataset[Any], size: int, seed: int, epoch: int) -> Iterator[Int64[np.ndarray, " b"]]:
    """Yields the rows of one epoch: `bucketed` where rows have lengths, else `batches`."""
    if isinstance(dataset, OfLengths):
        return bucketed(dataset.lengths, size, seed, epoch)
    return batches(len(dataset), size, seed, epoch)


def bucketed(lengths: Int64[np.ndarray, " n"], size: int, seed: int, epoch: int) -> Iterator[Int64[np.ndarray, " b"]]:
    """Yields the rows 0 .. n - 1 of one epoch in batches of like length, each row once.

    Rows are shuffled, sorted by length within groups of 64 batches, cut, and the batches shuffled: a batch has rows of
    its length, and is followed by one of any other. The order depends on (lengths, seed, epoch) alone.

    >>> sorted(sorted(rows.tolist()) for rows in bucketed(np.array([9, 1, 9, 1]), 2, seed=0, epoch=0))
    [[0, 2], [1, 3]]
    """
    draw = np.random.default_rng((seed, epoch))
    order = draw.permutation(len(lengths))
    cut = []
    for start in range(0, len(order), _GROUP * size):
        group = order[start : start + _GROUP * size]
        group = group[np.argsort(lengths[group], kind="stable")]
        cut += [group[at : at + size] for at in range(0, len(group), size)]
    for place in draw.permutation(len(cut)):
        yield cut[place]


def by_length(dataset: Dataset[Any], size: int) -> Iterator[Int64[np.ndarray, " b"]]:
    """Yields all rows for a sum over them: shortest first where rows have lengths, else `in_order`."""
    if not isinstance(dataset, OfLengths):
        yield from in_order(len(dataset), size)
        return
    order = np.argsort(dataset.lengths, kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]


def in_order(n: int, size: int) -> Iterator[Int64[np.ndarray, " b"]]:
    """Yields the rows 0 .. n - 1 as they stand, `size` at a time: to judge and to predict."""
    for start in range(0, n, size):
        yield np.arange(start, min(start + size, n))
