"""What a slot model may read of users at the plan of a local day, off their rows; what is dear is made when asked for.

Nothing of the planned day is in it. Local days are counted back: column 0 is yesterday.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int64, UInt8
from numpy.typing import NDArray

from tactful.errors import InvalidFeatures
from tactful.features import slot_marks, standing
from tactful.features.context import Zones
from tactful.features.day_types import day_types
from tactful.features.history import SLOTS
from tactful.features.slot_marks import HISTORY_DAYS, MARK_BYTES, MARK_DAYS, PLANES
from tactful.features.slots import day_slots


@dataclass(frozen=True, eq=False)
class SlotPast:
    """n users at the plan of their local day; K slots.

    `counts` are sessions by slot of the local day, fading (`standing.local_counts`); `segment` an index into
    `segments.SEGMENTS`, -1 when unknown; `day` the planned local day, in days since 1970-01-01; `known_from` the first
    local day on record; `marks` and `base` the half hours of `slot_marks.py`; `country` whose holidays are days of
    rest, "" for Saturday and Sunday.
    """

    counts: Float[np.ndarray, "n K"]
    segment: Int[np.ndarray, " n"]
    day: Int[np.ndarray, " n"]
    known_from: Int[np.ndarray, " n"]
    zone: Int[np.ndarray, " n"]
    zones: Zones
    marks: UInt8[np.ndarray, "n planes days bytes"]
    base: Int[np.ndarray, " n"]
    country: str = ""

    def history(self, n_days: int) -> Float32[np.ndarray, "n K L d"]:
        """Returns `slots.day_slots` of the last days, from the marks: at most one of a kind in a half hour.

        Raises:
            InvalidFeatures: for more days than marks are kept.
        """
        if not 1 <= n_days <= HISTORY_DAYS:
            raise InvalidFeatures(f"got {n_days} days of history, expected 1 to {HISTORY_DAYS}: no more are kept")
        done = slot_marks.events(self.marks, self.base)
        return day_slots(*done, self.zone, self.day, self.zones, n_days, self.counts.shape[1])

    def known(self, n_days: int) -> Bool[np.ndarray, "n L"]:
        """Returns which of the last days are on record: from sign-up, or the first input, whichever came later."""
        known: Bool[np.ndarray, "n L"] = self._days(n_days) >= self.known_from[:, None]
        return known

    def rest(self, n_days: int) -> Int64[np.ndarray, "n L"]:
        """Returns 1 for those of the last days that were days of rest, else 0."""
        return day_types(self._days(n_days), self.country or None).astype(np.int64)

    @property
    def today_rest(self) -> Int64[np.ndarray, " n"]:
        """1 where the planned day is one of rest, else 0."""
        return day_types(self.day, self.country or None).astype(np.int64)

    def _days(self, n_days: int) -> Int64[np.ndarray, "n L"]:
        return self.day.astype(np.int64)[:, None] - np.arange(1, n_days + 1)


def slot_past(state: NDArray[Any], now_us: Int[np.ndarray, " n"], zones: Zones, country: str = "") -> SlotPast:
    """Returns what slot models may read of these users, each at her own instant.

    Args:
        state: rows of `history.ROW`, as they are before the plan.
        country: whose holidays count (`day_types`).
    """
    zone = state["zone"].astype(np.int64)
    signup = zones.local_day(zone, state["signup"])
    return SlotPast(
        counts=standing.local_counts(state, now_us, zones),
        segment=standing.segment(state, now_us),
        day=zones.local_day(zone, now_us),
        known_from=np.maximum(signup, state["marked_from"]),
        zone=zone,
        zones=zones,
        marks=state["marks"],
        base=state["active_base"],
        country=country,
    )


def nobody(country: str = "") -> SlotPast:
    """Returns one person of whom nothing is known, on 1 January 1970, in UTC: what a model is tried on.

    >>> nobody().history(7).any(), nobody().known(2).tolist()
    (np.False_, [[False, False]])
    """
    zero = np.zeros(1, dtype=np.int64)
    marks = np.zeros((1, len(PLANES), MARK_DAYS, MARK_BYTES), dtype=np.uint8)
    return SlotPast(np.zeros((1, SLOTS)), zero - 1, zero, zero, zero, Zones.of(("UTC",)), marks, zero, country)
