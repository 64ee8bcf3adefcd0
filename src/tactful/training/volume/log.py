"""What the volume models learn from: weekly budgets in force, and everything those people did.

Both the store (`stored.py`) and the simulator make one; nothing is labelled here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidRecord, UnsortedRows
from tactful.events.records import KINDS
from tactful.features.segments import ACTIVITIES, REACHES

_LARGEST_BUDGET: Final = 255


@dataclass(frozen=True)
class VolumeLog:
    """Assignments of weekly budgets (m rows) and the engagements of their users (e rows), as columns.

    Only people who could be reached when the assignment began: nobody else can answer to a budget.

    Attributes:
        user: number of the user, 0 or more; one user may have several assignments that do not overlap.
        start_us: when the budget came into force.
        end_us: until when it was in force, exclusive: the first plan under another budget, or the log's end.
        k: the budget assigned, messages a week.
        probability: of this k under the draw, in (0, 1]; 1 when it was not drawn.
        randomised: whether k was drawn at random, and delivered without a threshold.
        reach, activity: indices into `segments.REACHES` and `segments.ACTIVITIES`, at `start_us`.
        features: `features.volume.NAMES`, describing the person before `start_us`; k is not among them.
        sent: messages sent within [start_us, end_us).
        e_user, e_at_us, e_kind: engagements sorted by (user, at); kinds are indices into `records.KINDS`.
        until_us: the log's end, exclusive; what came later is not known.

    Raises:
        InvalidRecord: a column of another length, or a value out of range.
        UnsortedRows: engagements out of order.
    """

    user: Int64[np.ndarray, " m"]
    start_us: Int64[np.ndarray, " m"]
    end_us: Int64[np.ndarray, " m"]
    k: Int64[np.ndarray, " m"]
    probability: Float64[np.ndarray, " m"]
    randomised: Bool[np.ndarray, " m"]
    reach: Int64[np.ndarray, " m"]
    activity: Int64[np.ndarray, " m"]
    features: Float32[np.ndarray, "m f"]
    sent: Int64[np.ndarray, " m"]
    e_user: Int64[np.ndarray, " e"]
    e_at_us: Int64[np.ndarray, " e"]
    e_kind: Int64[np.ndarray, " e"]
    until_us: int

    def __post_init__(self) -> None:
        """Checks lengths, ranges and order."""
        _same_length({name: column for name, column in vars(self).items() if name in _BY_ASSIGNMENT})
        _same_length({name: column for name, column in vars(self).items() if name in _BY_ENGAGEMENT})
        _in_range("k", self.k, 0, _LARGEST_BUDGET)
        _in_range("reach", self.reach, 0, len(REACHES) - 1)
        _in_range("activity", self.activity, 0, len(ACTIVITIES) - 1)
        _in_range("e_kind", self.e_kind, 0, len(KINDS) - 1)
        _in_range("sent", self.sent, 0, None)
        _in_range("user", self.user, 0, None)
        if not ((self.probability > 0.0) & (self.probability <= 1.0)).all():
            raise InvalidRecord("got an assignment whose probability is outside (0, 1]; log the chance of the draw")
        if not np.isfinite(self.features).all():
            row = int(np.flatnonzero(~np.isfinite(self.features).all(axis=1))[0])
            raise InvalidRecord(f"got NaN or infinity among the features of assignment {row}, expected finite numbers")
        if (self.end_us < self.start_us).any():
            raise InvalidRecord("got an assignment that ends before it starts; end_us is exclusive and >= start_us")
        user, at = self.e_user, self.e_at_us
        if not ((user[1:] > user[:-1]) | ((user[1:] == user[:-1]) & (at[1:] >= at[:-1]))).all():
            raise UnsortedRows("got engagements out of order, expected them by (user, at); sort with numpy.lexsort")

    def __len__(self) -> int:
        return len(self.user)

    def only(self, rows: Bool[np.ndarray, " m"]) -> "VolumeLog":
        """Returns the log with the chosen assignments, and all engagements."""
        chosen = {name: vars(self)[name][rows] for name in _BY_ASSIGNMENT}
        return VolumeLog(**{**vars(self), **chosen})


_BY_ENGAGEMENT: Final = ("e_user", "e_at_us", "e_kind")
_BY_ASSIGNMENT: Final = tuple(name for name in VolumeLog.__annotations__ if name not in (*_BY_ENGAGEMENT, "until_us"))


def _same_length(columns: dict[str, NDArray[np.generic]]) -> None:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidRecord(f"got columns of the lengths {lengths}, expected equal ones")


def _in_range(name: str, values: NDArray[np.int64], low: int, high: int | None) -> None:
    if values.size and (values.min() < low or (high is not None and values.max() > high)):
        expected = f"{low}..{high}" if high is not None else f"{low} or more"
        raise InvalidRecord(f"got {name} {int(values.min())}..{int(values.max())}, expected {expected}")
