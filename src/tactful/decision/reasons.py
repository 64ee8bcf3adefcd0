"""Why a job ended as it did: the codes, the reasons of each job in the order in which they were met, and its drops.

What a code says to a person is in `runtime/reasons.py`.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MAX_REASONS: Final = 8

REASONS: Final[tuple[str, ...]] = (
    "",
    "empty_pool",
    "kill_switch",
    "type_opted_out",
    "channel_not_declared",
    "unreachable",
    "suppressed",
    "digest_too_small",
    "quiet_hours",
    "send_window",
    "in_session",
    "gap_minutes",
    "daily_cap",
    "weekly_cap",
    "type_daily_cap",
    "type_weekly_cap",
    "weekly_budget",
    "pacing",
    "cold_user",
    "active_today",
    "not_ranked",
    "forced_send_spent",
    "above_threshold",
    "below_threshold",
    "transactional",
    "randomised_volume",
    "no_price",
    "random_send",
    "greedy_send",
    "greedy_no_send",
    "expired",
    "cancelled",
    "superseded",
    "aggregated",
    "pool_full",
    "sender_reputation",
    "holdout",
    "channel_stopped",
    "type_stopped",
)
REASON_CODE: Final = {name: code for code, name in enumerate(REASONS)}


class Notes:
    """Reasons of n rows, appended where a mask holds; a row keeps its first `MAX_REASONS`."""

    def __init__(self, n: int) -> None:
        self.code = np.zeros((n, MAX_REASONS), dtype=np.int64)
        self.number = np.zeros((n, MAX_REASONS))
        self.limit = np.zeros((n, MAX_REASONS))
        self.used = np.zeros(n, dtype=np.int64)

    def add(
        self, code: str | NDArray[np.int64], mask: NDArray[np.bool_], number: NDArray[Any], limit: NDArray[Any]
    ) -> None:
        """Appends a reason, the same for all rows or a code for each."""
        rows = np.flatnonzero(mask & (self.used < MAX_REASONS))
        if not len(rows):
            return
        place = (rows, self.used[rows])
        self.code[place] = REASON_CODE[code] if isinstance(code, str) else code[rows]
        self.number[place] = number[rows]
        self.limit[place] = limit[rows]
        self.used[rows] += 1


class Drops:
    """Pool places to close, with the first reason that closed each."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.code = np.zeros(shape, dtype=np.int64)
        self.number = np.zeros(shape)
        self.limit = np.zeros(shape)

    def add(self, code: str, mask: NDArray[np.bool_], number: NDArray[Any]) -> None:
        """Closes places that were open; `number` has a value for each place of the pool."""
        if not mask.any():
            return
        place = np.nonzero(mask & (self.code == 0))
        self.code[place] = REASON_CODE[code]
        self.number[place] = number[place]
