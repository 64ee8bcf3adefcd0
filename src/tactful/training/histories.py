"""What users did, and which of it each row to learn from may know: offsets into one array, never a list a row.

Behaviours of all users lie below each other, oldest first. A row's history is a slice of them that ends before its
target; who cuts the slices decides what is known, and `refuse_future` proves that nothing later is.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int, Int32, Int64

from tactful.errors import FutureInHistory, InvalidFeatures, UnsortedRows

_ROWS_FOR_EDGES = 100_000
"""Histories whose intervals the bins are fitted on: with 50 behaviours each, more would move no edge."""


@dataclass(frozen=True, eq=False)
class Behaviours:
    """What all users did, one user's after another's, oldest first; the arrays may be memory-mapped.

    Attributes:
        item: which item, a row of the table of items; 0 = not known.
        at_us: when, microseconds since 1970 UTC; None where only the order is known.
    """

    item: Int32[np.ndarray, " e"]
    at_us: Int64[np.ndarray, " e"] | None = None


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows to learn from or to judge by: a target, and which behaviours were known of the user by then.

    Attributes:
        user: whose, any number; used to judge by user, no model sees it.
        start, end: her history is `behaviours[start:end]`, end exclusive.
        target: the item she was shown, a row of the table of items; 0 = not known.
        label: 1 where she responded, else 0.
        context: ids of C further fields; 0 = not known.
        at_us: when she was shown it; None where only the order is known.
    """

    user: Int64[np.ndarray, " n"]
    start: Int64[np.ndarray, " n"]
    end: Int64[np.ndarray, " n"]
    target: Int32[np.ndarray, " n"]
    label: Float32[np.ndarray, " n"]
    context: Int32[np.ndarray, "n C"]
    at_us: Int64[np.ndarray, " n"] | None = None

    def __len__(self) -> int:
        """Returns n."""
        return len(self.user)

    def take(self, rows: Int[np.ndarray, " b"]) -> "Samples":
        """Returns those rows."""
        return Samples(
            self.user[rows],
            self.start[rows],
            self.end[rows],
            self.target[rows],
            self.label[rows],
            self.context[rows],
            None if self.at_us is None else self.at_us[rows],
        )


def refuse_future(behaviours: Behaviours, samples: Samples) -> None:
    """Refuses histories that hold what happened after their target. Without times there is nothing to check.

    Raises:
        InvalidFeatures: for a slice that is none, or when only one of both has times.
        UnsortedRows: for a history that is not in the order of time.
        FutureInHistory: for a behaviour later than its target. The same instant is let pass: data with days for times
            have many behaviours at one.
    """
    start, end = samples.start, samples.end
    wrong = np.flatnonzero((start < 0) | (start > end) | (end > len(behaviours.item)))
    if len(wrong):
        row = int(wrong[0])
        raise InvalidFeatures(
            f"got {len(wrong)} histories outside the behaviours, first in row {row}: [{start[row]}, {end[row]}), "
            f"expected 0 <= start <= end <= {len(behaviours.item)}"
        )
    if (behaviours.at_us is None) != (samples.at_us is None):
        raise InvalidFeatures("got times of behaviours or of samples only; give both, or neither")
    if behaviours.at_us is None or samples.at_us is None:
        return
    rows = np.flatnonzero(end > start)
    newest = end[rows] - 1
    descents = np.concatenate([[0], np.cumsum(np.diff(behaviours.at_us) < 0)])
    unsorted = rows[descents[newest] > descents[start[rows]]]
    if len(unsorted):
        raise UnsortedRows(
            f"got {len(unsorted)} histories out of order, first in row {unsorted[0]}; sort by user, time"
        )
    late = rows[behaviours.at_us[newest] > samples.at_us[rows]]
    if len(late):
        row = int(late[0])
        raise FutureInHistory(
            f"got {len(late)} rows whose history outlasts their target, first row {row}: a behaviour at "
            f"{behaviours.at_us[end[row] - 1]} us, the target at {samples.at_us[row]} us; end histories at their target"
        )


def gap_edges(behaviours: Behaviours, samples: Samples, length: int, bins: int) -> Int64[np.ndarray, " edges"]:
    """Returns the inner edges, in microseconds, that part intervals from behaviour to target into equally full bins.

    Bin b (from 1) holds intervals of `edges[b - 2] <= interval < edges[b - 1]`. Ties may leave fewer than `bins` bins:
    there are always `len(edges) + 1`. Fit them on training rows only.

    Args:
        behaviours, samples: with times.
        length: L, behaviours of the longest history: older ones do not count.
        bins: how many, 1 or more.

    Raises:
        InvalidFeatures: without times, without a behaviour, or for no bin.
    """
    if behaviours.at_us is None or samples.at_us is None or bins < 1:
        raise InvalidFeatures(f"got {bins} bins, times: {behaviours.at_us is not None}; expected bins >= 1 and times")
    rows = np.arange(0, len(samples), max(1, len(samples) // _ROWS_FOR_EDGES))
    place = samples.end[rows, None] - 1 - np.arange(length)
    known = place >= samples.start[rows, None]
    if not known.any():
        raise InvalidFeatures("got empty histories only, expected intervals to fit bins on")
    interval = np.broadcast_to(samples.at_us[rows, None], place.shape)[known] - behaviours.at_us[place[known]]
    inner = np.quantile(interval, np.arange(1, bins) / bins, method="higher")
    return np.unique(inner[inner > interval.min()]).astype(np.int64)
