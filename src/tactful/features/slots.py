"""When a user is there: what happened by slot of her local day, the input of the slot models.

One extractor serves the engine and the recipes. Not here: kinds of days (`day_types`), local time (`context`).
"""

from typing import Any, Final

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Integer
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.errors import InvalidFeatures
from tactful.events.records import ACTIVE_KINDS, KINDS
from tactful.features.context import Zones

SLOTS_PER_DAY = 24
MINUTES_PER_DAY: Final = 1440

FEATURES: Final = ("receipts", "clicks", "watch_log1p_seconds", "effective_views", "active", "sessions")
"""What is known of a slot of one day. `active` is 0 or 1, watch time log(1 + seconds); the rest are counts."""

_KIND_OF: Final = {"receipts": "receipt", "clicks": "click", "effective_views": "effective_view", "sessions": "session"}
_WATCHED: Final = [KINDS.index(kind) for kind in ("view", "effective_view")]
_ACTIVE: Final = [KINDS.index(kind) for kind in KINDS if kind in ACTIVE_KINDS]


def day_slots(
    user: Integer[np.ndarray, " e"],
    at_us: Int[np.ndarray, " e"],
    kind: Integer[np.ndarray, " e"],
    value: Float[np.ndarray, " e"],
    zone: Integer[np.ndarray, " n"],
    today: Integer[np.ndarray, " n"],
    zones: Zones,
    n_days: int = 28,
    n_slots: int = SLOTS_PER_DAY,
) -> Float32[np.ndarray, "n K L d"]:
    """Returns what each user did in every slot of her last days: K = n_slots, L = n_days, d = `FEATURES`.

    `X[u, k, l]` is slot k of the day l + 1 days before her today: l = 0 is yesterday. What happened today or more than
    L days ago is left out, so that nothing of the day to be foretold can leak in. The order of the rows does not
    matter, to the last bit. An hour that is repeated when clocks go back is one slot with both hours in it; one that
    they skip stays empty.

    Args:
        user: row of the user, 0 .. n - 1; rows need no order.
        at_us: instants, microseconds since 1970 UTC.
        kind: index into `records.KINDS`.
        value: seconds watched, of views; >= 0, ignored for other kinds.
        zone: index of each user's zone in `zones`: her whole past is read on the clock of where she is now.
        today: her local day, in days since 1970-01-01.
        n_slots: slots of equal length; a divisor of 1440, so that they begin at whole minutes.

    Raises:
        InvalidFeatures: for a user or a kind out of range, seconds that are negative or not finite, slots of no whole
            minutes.

    Deviation: the paper names receipts, clicks, watch time and effective views "and more"; activity and sessions are
    ours.

    >>> at = np.array([9 * 3_600_000_000 + 17_000 * DAY_US])
    >>> x = day_slots(np.array([0]), at, np.array([KINDS.index("click")]), np.zeros(1), np.array([0]),
    ...     np.array([17_002]), Zones.of(("UTC",)), n_days=3)
    >>> x.shape, np.argwhere(x[0, :, :, FEATURES.index("clicks")]).tolist()  # nine o'clock, two days ago
    ((1, 24, 3, 6), [[9, 1]])
    """
    _check(user, kind, value, len(zone), n_slots)
    local_us = zones.local_us(zone[user], at_us)
    ago = today[user].astype(np.int64) - local_us // DAY_US - 1
    kept = (ago >= 0) & (ago < n_days)
    slot = local_us % DAY_US * n_slots // DAY_US
    cell = ((user.astype(np.int64) * n_slots + slot) * n_days + ago)[kept]
    kind, value = kind[kept], value[kept]
    size = len(zone) * n_slots * n_days
    out = np.empty((size, len(FEATURES)), dtype=np.float32)
    for column, name in enumerate(FEATURES):
        if name == "active":
            out[:, column] = _counted(cell[np.isin(kind, _ACTIVE)], size) > 0
        elif name == "watch_log1p_seconds":
            watched = np.isin(kind, _WATCHED)
            out[:, column] = np.log1p(_summed(cell[watched], value[watched], size))
        else:
            out[:, column] = _counted(cell[kind == KINDS.index(_KIND_OF[name])], size)
    return out.reshape(len(zone), n_slots, n_days, len(FEATURES))


def active_slot_counts(
    user: Integer[np.ndarray, " e"],
    day: Integer[np.ndarray, " e"],
    slot: Integer[np.ndarray, " e"],
    n_users: int,
    n_slots: int = SLOTS_PER_DAY,
) -> Float64[np.ndarray, "n K"]:
    """Returns on how many days each user was active in each slot of her local day (n = n_users, K = n_slots).

    A slot counts once a day however many engagements fall into it: one long evening is no habit.

    Args:
        user: row of the user, 0 .. n_users - 1.
        day: number of the local day; any integers that tell days apart.
        slot: slot of the local day, 0 .. n_slots - 1 (the local hour, by default).

    >>> counts = active_slot_counts(np.array([0, 0, 0]), np.array([4, 4, 5]), np.array([9, 9, 9]), n_users=2)
    >>> counts[:, 9].tolist()
    [2.0, 0.0]
    """
    cell = user.astype(np.int64) * n_slots + slot
    order = np.lexsort((day, cell))
    cell, day = cell[order], day[order]
    first = np.ones(len(cell), dtype=bool)
    first[1:] = (cell[1:] != cell[:-1]) | (day[1:] != day[:-1])
    counts = np.bincount(cell[first], minlength=n_users * n_slots)
    return counts.reshape(n_users, n_slots).astype(np.float64)


def _counted(cell: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = np.bincount(cell, minlength=size)
    return counts


def _summed(cell: NDArray[np.int64], value: NDArray[np.floating[Any]], size: int) -> NDArray[np.float64]:
    """Sums in the order of the values: in that of the rows, rounding would depend on who came first."""
    order = np.lexsort((value, cell))
    return np.bincount(cell[order], value[order].astype(np.float64), minlength=size).astype(np.float64)


def _check(
    user: NDArray[np.integer[Any]],
    kind: NDArray[np.integer[Any]],
    value: NDArray[np.floating[Any]],
    n_users: int,
    n_slots: int,
) -> None:
    if n_slots < 1 or MINUTES_PER_DAY % n_slots:
        raise InvalidFeatures(f"got {n_slots} slots a day, expected a divisor of {MINUTES_PER_DAY} such as 24 or 48")
    for what, numbers, end in (("user", user, n_users), ("kind", kind, len(KINDS))):
        if len(numbers) and not (int(numbers.min()) >= 0 and int(numbers.max()) < end):
            raise InvalidFeatures(f"got {what} {int(numbers.min())} .. {int(numbers.max())}, expected 0 .. {end - 1}")
    wrong = ~(np.isfinite(value) & (value >= 0)) & np.isin(kind, _WATCHED)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InvalidFeatures(
            f"got {value[row]} seconds watched in row {row} ({int(wrong.sum())} such rows), expected a number of 0 or "
            "more; leave such rows out"
        )
