"""What a boosted model reads of a slot of the coming day: one row of features for every user and slot.

Made from the same history as everything else (`slots.day_slots`), and from what simple models foretell, which the
caller brings: this room knows no models.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Integer
from numpy.typing import NDArray

from tactful.features.slots import FEATURES
from tactful.kernel import kernel

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
        total = np.empty(self.history.shape[:2])
        _sum(self.history, days, feature, total)
        return total


def slot_table(window: SlotWindow, foretold: Float[np.ndarray, "n K m"]) -> Float32[np.ndarray, "n K F"]:
    """Returns the features of every user and slot, F = m + `OF_HISTORY`.

    In this order: log probabilities of m simple models (`foretold`); log(1 + count) of active days in the slot over
    `RECENT` days and in its neighbours, of all active days, of sessions on days of today's type, of activity a week
    ago, of sessions, receipts and clicks; log(1 + days since she was last active in the slot); the same counts over all
    slots; whether today is for rest, its weekday, how many days are on record; the slot's number.
    """
    n_known = window.known.sum(axis=1)
    count, since = _counts(window.history, window.known)
    recent, week_ago, total = count[: len(RECENT)], count[len(RECENT)], count[len(RECENT) + 1 :]
    active, sessions, receipts, clicks = total
    in_slot = [
        *recent,
        *(np.roll(active, step, axis=1) + np.roll(active, -step, axis=1) for step in (1, 2)),
        active,
        window.summed(SESSIONS, same_type=True),
        week_ago,
        *(sessions, receipts, clicks),
        since,
    ]
    of_day = [*(days.sum(axis=1) for days in recent), *(of.sum(axis=1) for of in total), since.min(axis=1)]
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


def _counts(history: NDArray[np.float32], known: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Sums over the known days by slot, and days since the last active one, 1 for yesterday; one more than there are
    if there is none.

    The sums are of activity over each of `RECENT`, a week ago and in all, and of sessions, receipts and clicks.
    """
    count = np.zeros((len(RECENT) + 5, *history.shape[:2]), dtype=np.float32)
    since = np.empty(history.shape[:2], dtype=np.int64)
    _count(history, known, np.array(RECENT), np.array((ACTIVE, SESSIONS, RECEIPTS, CLICKS)), count, since)
    return count, since


# --- the loops, one row a user: counts are small integers, whose sums are exact in any order -------------------


@kernel
def _count(
    history: NDArray[np.float32], known: NDArray[np.bool_], recent: NDArray[np.int64], totals: NDArray[np.int64],
    count: NDArray[np.float32], since: NDArray[np.int64],
) -> None:  # fmt: skip
    n, slots, days, _ = history.shape
    for r in range(n):
        none = max(known[r].sum(), 1) + 1
        for k in range(slots):
            since[r, k] = none
            for day in range(days - 1, -1, -1):
                if not known[r, day]:
                    continue
                active = history[r, k, day, ACTIVE]
                if active > 0:
                    since[r, k] = day + 1
                for i in range(len(recent)):
                    if day < recent[i]:
                        count[i, r, k] += active
                if day == _WEEK - 1:
                    count[len(recent), r, k] = active
                for i in range(len(totals)):
                    count[len(recent) + 1 + i, r, k] += history[r, k, day, totals[i]]


@kernel
def _sum(history: NDArray[np.float32], days: NDArray[np.bool_], feature: int, total: NDArray[np.float64]) -> None:
    for r in range(history.shape[0]):
        for k in range(history.shape[1]):
            total[r, k] = 0.0
            for day in range(history.shape[2]):
                if days[r, day]:
                    total[r, k] += history[r, k, day, feature]
