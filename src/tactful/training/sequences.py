"""The data set of all response models: behaviour sequences, cut into batches by index arithmetic.

Nothing is kept a row but two offsets: behaviours lie once in memory (or in a memory-mapped file), and a batch copies
out the newest `length` of each slice, newest first. What is known when is settled in `histories`.
"""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Int, Int32, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidFeatures
from tactful.features.context import Zones, weekday
from tactful.kernel import kernel
from tactful.models.sequence import SequenceBatch, Shape
from tactful.training.histories import Behaviours, Samples, refuse_future

Ints = NDArray[np.int64]


class Sequences:
    """n samples over shared behaviours; implements `training.dataset.Dataset[SequenceBatch]`.

    Histories longer than `shape.length` are cut to the newest behaviours. An id outside its vocabulary, in the table of
    items, the behaviours, the targets or the context, is served as 0, *not known*. Where `shape.gaps` is 0, times only
    prove that nothing is known too early: gaps and clock of the batches are 0.
    """

    def __init__(
        self,
        shape: Shape,
        items: Int32[np.ndarray, "items F"],
        behaviours: Behaviours,
        samples: Samples,
        edges_us: Sequence[int] = (),
        zone: str = "UTC",
    ) -> None:
        """Takes the arrays, which may be memory-mapped; of them only the table of items is copied.

        Args:
            shape: vocabulary sizes, longest history, number of gap bins.
            items: the ids of every item's fields (`vocabulary`); row 0 is the item that is not known, all 0.
            behaviours, samples: what was done, and rows over it.
            edges_us: inner edges of the gap bins, rising (`gap_edges`), one fewer than bins; none where gaps = 0.
            zone: whose hours of the week the clock shows.

        Raises:
            InvalidFeatures: for columns that do not fit the shape, an item 0 that is known, edges that do not rise.
            UnsortedRows, FutureInHistory: as `refuse_future`.
        """
        _refuse_misfits(shape, items, behaviours, samples, edges_us)
        refuse_future(behaviours, samples)
        self.shape, self.behaviours, self.samples = shape, behaviours, samples
        self._given = (items, tuple(edges_us), zone)
        self._items = _within(items, shape.items).astype(np.int64)
        self._edges = np.array(edges_us, dtype=np.int64)
        timed = shape.gaps > 0
        none = np.empty(0, dtype=np.int64)
        self._at = np.asarray(behaviours.at_us) if timed and behaviours.at_us is not None else none
        self._clock = _hour_of_week(self._at, zone)

    def __len__(self) -> int:
        """Returns n."""
        return len(self.samples)

    @property
    def lengths(self) -> Int64[np.ndarray, " n"]:
        """How many behaviours each sample's history has after cutting: batches may be bucketed by it."""
        length: Ints = np.minimum(self.samples.end - self.samples.start, self.shape.length)
        return length

    @property
    def vocabulary(self) -> str:
        """A fingerprint of what the ids mean: sizes, the fields of every item, and the edges of the bins of time."""
        fingerprint = blake2b(repr((self.shape, self._given[1])).encode(), digest_size=8)
        fingerprint.update(self._items.tobytes())
        return fingerprint.hexdigest()

    def take(self, rows: Int[np.ndarray, " b"]) -> "Sequences":
        """Returns the data set of those rows, over the same behaviours."""
        return self.over(self.samples.take(rows))

    def over(self, samples: Samples) -> "Sequences":
        """Returns the data set of other rows, over the same behaviours."""
        items, edges, zone = self._given
        return Sequences(self.shape, items, self.behaviours, samples, edges, zone)

    def batch(self, rows: Int[np.ndarray, " b"]) -> SequenceBatch:
        """Returns the rows as tensors, as many columns of history as their longest has (at least one)."""
        samples = self.samples
        end, at_us = samples.end[rows], samples.at_us
        length = np.minimum(end - samples.start[rows], self.shape.length)
        columns = max(1, int(length.max(initial=1)))
        history = np.empty((len(rows), columns, self._items.shape[1]), dtype=np.int64)
        gap = np.zeros((len(rows), columns), dtype=np.int64)
        clock = np.zeros((len(rows), 1 + columns), dtype=np.int64)
        _histories(np.asarray(self.behaviours.item), self._items, end, length, history)
        if self.shape.gaps and at_us is not None:
            clock[:, 0] = _hour_of_week(at_us[rows], self._given[2])
            _times(self._at, self._clock, at_us[rows], end, length, self._edges, gap, clock)
        context = _within(samples.context[rows], self.shape.context)
        target = self._items[_known(samples.target[rows], len(self._items))]
        arrays = (target, history, length, gap, clock, context.astype(np.int64), samples.label[rows])
        return SequenceBatch(*(torch.from_numpy(array) for array in arrays))


def _refuse_misfits(
    shape: Shape, items: NDArray[np.int32], behaviours: Behaviours, samples: Samples, edges_us: Sequence[int]
) -> None:
    fields, context = items.shape[1], samples.context.shape[1]
    if (fields, context) != (len(shape.items), len(shape.context)):
        raise InvalidFeatures(f"got {fields} item fields and {context} of context, expected those of {shape}")
    if not len(items) or items[0].any():
        raise InvalidFeatures("got a table of items whose row 0 is known; row 0 stands for every unknown item: all 0")
    if len(edges_us) != max(shape.gaps - 1, 0) or any(a >= b for a, b in pairwise(edges_us)):
        raise InvalidFeatures(f"got edges {tuple(edges_us)}, expected {max(shape.gaps - 1, 0)} that rise")
    if shape.gaps and behaviours.at_us is None:
        raise InvalidFeatures(f"got {shape.gaps} bins of time but no times; give times, or gaps = 0")


def _within(ids: NDArray[np.int32], sizes: tuple[int, ...]) -> NDArray[np.int32]:
    """The ids, with 0 for those outside their vocabulary."""
    return np.where((ids >= 0) & (ids < np.array(sizes, dtype=np.int32)), ids, np.int32(0))


def _known(item: NDArray[np.int32], n: int) -> NDArray[np.int32]:
    return np.where((item >= 0) & (item < n), item, np.int32(0))


def _hour_of_week(at_us: Ints, zone: str) -> Ints:
    """Hours since Monday 0:00 of the local week, 0..167."""
    zones, first = Zones.of((zone,)), np.zeros(len(at_us), dtype=np.int64)
    hour: Ints = weekday(zones.local_day(first, at_us)) * 24 + zones.local_minute(first, at_us) // 60
    return hour


@kernel
def _histories(item: NDArray[np.int32], fields: Ints, end: Ints, length: Ints, history: NDArray[np.int64]) -> None:
    """Fills the fields of each row's behaviours, newest first, then zeros."""
    rows, columns, width = history.shape
    for i in range(rows):
        for j in range(columns):
            known = 0
            if j < length[i]:
                known = item[end[i] - 1 - j]
                if known < 0 or known >= len(fields):
                    known = 0
            for f in range(width):
                history[i, j, f] = fields[known, f]


@kernel
def _times(at: Ints, hour: Ints, target_at: Ints, end: Ints, length: Ints, edges: Ints, gap: Ints, clock: Ints) -> None:
    """Fills the bins of the intervals (1 + edges at or below) and the hours, both 0 in padding.

    Intervals grow along a history, so the bin only ever rises.
    """
    for i in range(len(end)):
        below = 0
        for j in range(length[i]):
            place = end[i] - 1 - j
            while below < len(edges) and edges[below] <= target_at[i] - at[place]:
                below += 1
            gap[i, j] = 1 + below
            clock[i, 1 + j] = hour[place]
