"""What a user did in each half hour of the last weeks, as bits in her row: the past that learned slot models read.

A bit says *at least once in this half hour*. So it is idempotent, and inputs between two timers commute. Half hours
are those of the UTC day: slots of almost every zone begin on their edges. From bits to features there is one way,
for the engine (`events`) and for a log (`thinned`): representative engagements, given to `slots.day_slots`.

An opened e-mail leaves no mark: it is no visit. How often something happened within a half hour is lost.
"""

from typing import Any, Final, TypeAlias

import numpy as np
from jaxtyping import Float, Float64, Int, Int64, Integer, UInt8
from numpy.typing import NDArray

from tactful.clock import DAY_US, SECOND_US
from tactful.events.records import KINDS
from tactful.kernel import kernel

HALF_HOUR_US: Final = 1800 * SECOND_US
HALF_HOURS: Final = DAY_US // HALF_HOUR_US
MARK_BYTES: Final = HALF_HOURS // 8
HISTORY_DAYS: Final = 28
"""The most days back that a slot model may read."""
DAY_SLACK: Final = 3
"""Days that rings of days keep free ahead of the day of the last plan, for inputs that arrive before the next."""
MARK_DAYS: Final = HISTORY_DAYS + 2 + DAY_SLACK
"""UTC days kept: a local day reaches into two of them, and the day that is planned may be the next in UTC."""

PLANES: Final = ("receipt", "session", "click", "effective_view", "seen", "watched")
"""`seen` are visits of any other kind (views, conversions), `watched` views of `WATCHED_SECONDS` or more."""
WATCHED_SECONDS: Final = 60.0

_PLANE_OF_KIND: Final = {"receipt": 0, "session": 1, "click": 2, "effective_view": 3, "view": 4, "conversion": 4}
_PLANE: Final[NDArray[np.int64]] = np.array([_PLANE_OF_KIND.get(kind, -1) for kind in KINDS])
_WATCHED: Final = PLANES.index("watched")
_VIEW: Final[NDArray[np.bool_]] = np.array([kind in ("view", "effective_view") for kind in KINDS])
_KIND_OF_PLANE: Final[NDArray[np.int64]] = np.array(
    [KINDS.index(kind) for kind in ("receipt", "session", "click", "effective_view", "view", "view")]
)

Events: TypeAlias = tuple[
    Int64[np.ndarray, " k"], Int64[np.ndarray, " k"], Int64[np.ndarray, " k"], Float64[np.ndarray, " k"]
]
"""(user, at_us, kind, value), as `slots.day_slots` takes them."""


def mark(
    marks: UInt8[np.ndarray, "n planes days bytes"],
    base: Int[np.ndarray, " n"],
    row: Int[np.ndarray, " m"],
    at_us: Int[np.ndarray, " m"],
    kind: Int[np.ndarray, " m"],
    value: Float[np.ndarray, " m"],
) -> None:
    """Sets the bits of m engagements, in place; what lies outside the kept days leaves none.

    An id that comes twice, even with another content, marks both: bits cannot be taken back, and need not be.

    Args:
        marks: of every user: `PLANES`, `MARK_DAYS`, `MARK_BYTES`; a ring by UTC day.
        base: UTC day of each user's last plan (`active_base`).
        row: the user of each engagement.
        kind: index into `records.KINDS`.
        value: seconds watched, of views.
    """
    _mark(marks, base, row, at_us, kind, value, _PLANE, _VIEW)


def roll(
    marks: UInt8[np.ndarray, "n planes days bytes"], base: Int[np.ndarray, " n"], today: Int[np.ndarray, " n"]
) -> None:
    """Empties the days that come into the ring when its base moves on to today, in place."""
    _roll(marks, base, today)


def events(marks: UInt8[np.ndarray, "n planes days bytes"], base: Int[np.ndarray, " n"]) -> Events:
    """Returns one engagement for each bit, at the last instant of its half hour.

    The last and not the first: in a zone whose hours lie on quarters (Kathmandu) a mark may move to the next local
    day, but nothing of today can pass for yesterday's. A watched half hour counts `WATCHED_SECONDS` once.
    """
    user, plane, cell, half = _set_bits(marks, _count_bits(marks))
    newest = base[user].astype(np.int64) + DAY_SLACK
    day = newest - (newest - cell) % MARK_DAYS
    return _representative(user, day * HALF_HOURS + half, plane)


def thinned(
    user: Integer[np.ndarray, " e"],
    at_us: Int[np.ndarray, " e"],
    kind: Integer[np.ndarray, " e"],
    value: Float[np.ndarray, " e"],
) -> Events:
    """Returns the engagements of a log as the engine's marks would give them back.

    Args:
        user: rows >= 0, in no order.
        at_us: instants, microseconds since 1970 UTC.
        kind: index into `records.KINDS`; kinds that leave no mark are left out.
        value: seconds watched, of views.

    >>> view = KINDS.index("view")
    >>> twice = thinned(np.array([0, 0]), np.array([1, 2]), np.array([view, view]), np.array([20.0, 90.0]))
    >>> [column.tolist() for column in twice]  # seen, and watched
    [[0, 0], [1799999999, 1799999999], [2, 2], [0.0, 60.0]]
    """
    plane, half, who = _PLANE[kind], at_us.astype(np.int64) // HALF_HOUR_US, user.astype(np.int64)
    watched = _VIEW[kind] & (value >= WATCHED_SECONDS)
    who, half = np.concatenate([who[plane >= 0], who[watched]]), np.concatenate([half[plane >= 0], half[watched]])
    plane = np.concatenate([plane[plane >= 0], np.full(int(watched.sum()), _WATCHED)])
    first = int(half.min(initial=0))
    span = int(half.max(initial=0)) - first + 1
    cell = np.unique((who * span + half - first) * len(PLANES) + plane)
    half, plane = cell // len(PLANES), cell % len(PLANES)
    return _representative(half // span, half % span + first, plane)


def _representative(user: NDArray[np.int64], half: NDArray[np.int64], plane: NDArray[np.int64]) -> Events:
    value = np.where(plane == _WATCHED, WATCHED_SECONDS, 0.0)
    return user, (half + 1) * HALF_HOUR_US - 1, _KIND_OF_PLANE[plane], value


@kernel
def _mark(
    marks: NDArray[Any], base: NDArray[Any], row: NDArray[Any], at: NDArray[Any], kind: NDArray[Any],
    value: NDArray[Any], plane_of: NDArray[Any], view: NDArray[Any],
) -> None:  # fmt: skip
    for i in range(len(row)):
        plane = plane_of[kind[i]]
        if plane < 0:
            continue
        r, half = row[i], at[i] // HALF_HOUR_US
        day = half // HALF_HOURS
        if base[r] + DAY_SLACK - MARK_DAYS < day <= base[r] + DAY_SLACK:
            cell, bit = day % MARK_DAYS, half % HALF_HOURS
            marks[r, plane, cell, bit // 8] |= np.uint8(1 << (bit % 8))
            if view[kind[i]] and value[i] >= WATCHED_SECONDS:
                marks[r, _WATCHED, cell, bit // 8] |= np.uint8(1 << (bit % 8))


@kernel
def _count_bits(marks: NDArray[Any]) -> int:
    count = 0
    for byte in marks.ravel():
        while byte:
            byte &= byte - 1
            count += 1
    return count


@kernel
def _set_bits(marks: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Where bits are set, by (user, plane, day of the ring, half hour): most bytes are empty, and passed by."""
    place, m = np.empty((4, count), dtype=np.int64), 0
    n, planes, days, size = marks.shape
    for r in range(n):
        for plane in range(planes):
            for day in range(days):
                for b in range(size):
                    byte, bit = marks[r, plane, day, b], 0
                    while byte:
                        if byte & 1:
                            place[0, m], place[1, m], place[2, m], place[3, m] = r, plane, day, 8 * b + bit
                            m += 1
                        byte >>= 1
                        bit += 1
    return place


@kernel
def _roll(marks: NDArray[Any], base: NDArray[Any], today: NDArray[Any]) -> None:
    for r in range(len(base)):
        newest = base[r] + DAY_SLACK
        for gained in range(newest + 1, min(today[r] + DAY_SLACK, newest + MARK_DAYS) + 1):
            marks[r, :, gained % MARK_DAYS, :] = 0
