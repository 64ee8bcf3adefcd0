"""What a boosted model reads of a slot of the coming day: one row of features for every user and slot.

Made from the same history as everything else (`slots.day_slots`), and from what simple models foretell, which the
caller brings: this room knows no models.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64, Integer
from numpy.typing import NDArray

from tactful.features.slots import FEATURES

RECENT: Final = (1, 3, 7)
"""Days back over which activity is counted anew."""
OF_HISTORY: Final = 24
"""Columns beside the log probabilities."""

RECEIPTS, CLICKS, ACTIVE, SESSIONS = (FEATURES.index(n) for n in ("receipts", "clicks", "active", "sessions"))
_WEEK: Final = 7


@dataclass(frozen=True, eq=False)
class SlotWindow:
    """The last L days of n users, and the day to be foretold. Day 0 is yesterday.

    Attributes:
        history: `features.slots.day_slots`.
        known: which of these days are on record; what is written on others is not read.
        rest: 1 on days of rest, else 0.
        today_rest: of the coming day.
        weekday: of the coming day; 0 is Monday.
    """

    history: Float32[np.ndarray, "n K L d"]
    known: Bool[np.ndarray, "n L"]
    rest: Integer[np.ndarray, "n L"]
    today_rest: Integer[np.ndarray, " n"]
    weekday: Integer[np.ndarray, " n"]

    def summed(self, feature: int, same_type: bool = False) -> Float64[np.ndarray, "n K"]:
        """Returns a feature of each slot summed over the known days, or over those of today's type."""
        days = self.known & (self.rest == self.today_rest[:, None]) if same_type else self.known
        total: NDArray[np.float32] = (self.history[..., feature] * days[:, None, :]).sum(axis=2)
        return total.astype(np.float64)


def slot_table(window: SlotWindow, foretold: Float[np.ndarray, "n K m"]) -> Float32[np.ndarray, "n K F"]:
    """Returns the features of every user and slot, F = m + `OF_HISTORY`.

    In this order: log probabilities of m simple models (`foretold`); log(1 + count) of active days in the slot over
    `RECENT` days and in its neighbours, of all active days, of sessions on days of today's type, of activity a week
    ago, of sessions, receipts and clicks; log(1 + days since she was last active in the slot); the same counts over all
    slots; whether today is for rest, its weekday, how many days are on record; the slot's number.
    """
    seen = window.history * window.known[:, None, :, None]
    active, n_known = seen[..., ACTIVE], window.known.sum(axis=1)
    total, record = active.sum(axis=2), np.maximum(n_known, 1)
    in_slot = [
        *(active[:, :, :days].sum(axis=2) for days in RECENT),
        *(np.roll(total, step, axis=1) + np.roll(total, -step, axis=1) for step in (1, 2)),
        total,
        window.summed(SESSIONS, same_type=True),
        active[:, :, _WEEK - 1] if active.shape[2] >= _WEEK else np.zeros_like(total),
        *(seen[..., feature].sum(axis=2) for feature in (SESSIONS, RECEIPTS, CLICKS)),
        _days_since(active, record),
    ]
    of_day = [
        *(active[:, :, :days].sum(axis=(1, 2)) for days in RECENT),
        *(seen[..., feature].sum(axis=(1, 2)) for feature in (ACTIVE, SESSIONS, RECEIPTS, CLICKS)),
        _days_since(active.max(axis=1, keepdims=True), record)[:, 0],
    ]
    n, slots, m = foretold.shape
    out = np.empty((n, slots, m + OF_HISTORY), dtype=np.float32)
    out[..., :m] = foretold
    for place, column in enumerate(in_slot, start=m):
        out[..., place] = np.log1p(column)
    for place, column in enumerate(of_day, start=m + len(in_slot)):
        out[..., place] = np.log1p(column)[:, None]
    for place, column in enumerate((window.today_rest, window.weekday, n_known), start=-4):
        out[..., place] = column[:, None]
    out[..., -1] = np.arange(slots)
    return out


def _days_since(active: NDArray[np.floating[Any]], n_known: NDArray[np.int64]) -> Int64[np.ndarray, "n K"]:
    """Days since the last active one in each slot, 1 for yesterday; one more than there are if there is none."""
    some = active > 0
    since: NDArray[np.int64] = np.where(some.any(axis=2), some.argmax(axis=2), n_known[:, None]) + 1
    return since
