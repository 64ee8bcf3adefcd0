"""Where a user stands at an instant: activity, segment, sends, read off her row. Rows in, one number a row out.

Local time enters here and not when inputs are folded in: `history.py` keeps UTC only, so that inputs commute.
"""

from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Float64, Int
from numpy.typing import NDArray

from tactful.clock import DAY_US, WEEK_US
from tactful.features import slot_marks
from tactful.features.context import Zones
from tactful.features.history import ACTIVE, BINS, COUNT_UNIT, DAYS, N_CHANNELS, SLOTS
from tactful.features.segments import segment_of
from tactful.features.slot_marks import DAY_SLACK
from tactful.kernel import kernel

State = NDArray[Any]
"""Rows of `history.ROW`."""

WEEKDAY_DAYS: Final = 56
"""Days whose weekdays are compared: eight of each."""
PRIOR_WEEKS: Final = 4.0
"""Weeks that a person's mean day counts for in each of her weekdays."""
LONG_AGO_US: Final = 5000 * WEEK_US
"""How long ago, counted from 1970, those were active who never were."""
NEVER_SENT_US: Final = int(np.iinfo(np.int64).min) // 2
PRIOR_ACTIVE_DAYS: Final = 0.2
PRIOR_DAYS: Final = 2.0
"""A person of whom nothing is known is taken to be active on one day in ten, with the weight of two days."""


def local_counts(state: State, now_us: Int[np.ndarray, " n"], zones: Zones) -> Float[np.ndarray, "n K"]:
    """Returns sessions by slot of the local day: half hours of UTC, shifted by the zone's present offset."""
    offset = zones.local_us(state["zone"].astype(np.int64), now_us) - now_us
    shift = np.rint(offset / (DAY_US // BINS)).astype(np.int64)
    counts = np.empty((len(state), SLOTS))
    _local_counts(state["slot_counts"], shift, counts)
    return counts


def active_days(state: State, now_us: Int[np.ndarray, " n"], days: int) -> Bool[np.ndarray, "n days"]:
    """Returns whether each user was active 0, 1, .. `days` - 1 days ago (UTC days)."""
    seen = np.empty((len(state), days), dtype=np.bool_)
    _active_days(state["active_base"], state["active_days"], now_us // DAY_US, seen)
    return seen


def weekday_weights(state: State, now_us: Int[np.ndarray, " n"]) -> Float64[np.ndarray, "n 7"]:
    """Returns how active each user is on Monday .. Sunday (UTC) against her mean day; each row has mean 1.

    From the 56 days before today, `a_w = (active_w + c·ā) / (days_w + c)`, with ā her share of active days and c =
    `PRIOR_WEEKS`; the weight is a_w over its mean. Who is not known to have been active has ones.
    Deviation: shrunk to her own mean day, not to her segment's weekdays, which no single row knows.
    """
    active = active_days(state, now_us, WEEKDAY_DAYS + 1)[:, 1:]
    ago = np.arange(1, WEEKDAY_DAYS + 1)
    known = ago <= np.clip((now_us - state["signup"]) // DAY_US, 0, WEEKDAY_DAYS)[:, None]
    on = ((now_us // DAY_US)[:, None] - ago + 3) % 7
    seen, days = np.empty((2, len(state), 7))
    for w in range(7):
        seen[:, w], days[:, w] = (active & known & (on == w)).sum(axis=1), (known & (on == w)).sum(axis=1)
    mean = seen.sum(axis=1, keepdims=True) / np.maximum(days.sum(axis=1, keepdims=True), 1.0)
    share = np.where(mean > 0.0, (seen + PRIOR_WEEKS * mean) / (days + PRIOR_WEEKS), 1.0)
    weights: NDArray[np.float64] = share / share.mean(axis=1, keepdims=True)
    return weights


def segment(state: State, now_us: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Returns each user's segment, an index into `segments.SEGMENTS`."""
    active = active_days(state, now_us, 56)
    since_signup = np.maximum(now_us - state["signup"], 0) // DAY_US
    returned = _days_since_return(active)
    reach = (state["addresses"] & state["opt_in"] & ~state["blocked"]).astype(np.uint8)
    return segment_of(
        active[:, :28].sum(axis=1),
        since_signup,
        np.where(returned >= 0, 28, 0),
        np.maximum(returned, 0),
        reach,
    ).astype(np.int64)


def organic(state: State, minute: Int[np.ndarray, " n"], now_us: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Returns the chance that she comes by herself in what is left of her local day.

    `1 − (1 − a)^s`, with a the shrunk share of her last days that were active, and s the share of her slot profile
    that still lies ahead (`slot_p`, from the day's plan).
    """
    known = np.clip((now_us - state["signup"]) // DAY_US, 1, 28)
    days, ahead = np.empty(len(state), dtype=np.int64), np.empty(len(state))
    _habit(state["active_base"], state["active_days"], state["slot_p"], now_us // DAY_US, minute // 60, days, ahead)
    a = (np.minimum(days, known) + PRIOR_ACTIVE_DAYS) / (known + PRIOR_DAYS)
    share = np.minimum(ahead, 1.0)
    chance: NDArray[np.float64] = 1.0 - np.power(1.0 - np.minimum(a, 0.99), share)
    return chance


def last_active(state: State) -> Int[np.ndarray, " n"]:
    """Returns when she was last seen in the app, from the ring; long ago if never."""
    latest = np.empty(len(state), dtype=np.int64)
    _last_active(state["e_len"], state["e_at"], state["e_kind"], ACTIVE, latest)
    return latest


def last_sent(state: State) -> Int[np.ndarray, " n"]:
    """Returns when she was last sent anything, from the ring; `NEVER_SENT_US` if never."""
    latest = np.empty(len(state), dtype=np.int64)
    _last_sent(state["s_len"], state["s_at"], latest)
    return latest


def sent_since(state: State, since_us: Int[np.ndarray, " n"], flag: int) -> Int[np.ndarray, " n"]:
    """Returns the sends after an instant; `flag` restricts them to those that carry it (0: all)."""
    n = np.empty(len(state), dtype=np.int64)
    _sent_since(state["s_len"], state["s_at"], state["s_flags"], since_us, flag, n)
    return n


def sent_since_each(state: State, since_us: Int[np.ndarray, "m n"], flags: tuple[int, ...]) -> Int[np.ndarray, "m n"]:
    """Returns `sent_since` of m instants at once, with a flag for each, in one walk over the sends."""
    n = np.zeros(since_us.shape, dtype=np.int64)
    _sent_since_each(state["s_len"], state["s_at"], state["s_flags"], since_us, np.array(flags), n)
    return n


def sent_of_type(state: State, kind: Int[np.ndarray, "n c"], since_us: Int[np.ndarray, " n"]) -> Int[np.ndarray, "n c"]:
    """Returns the sends of each event type after an instant."""
    n = np.zeros(kind.shape, dtype=np.int64)
    _sent_of_type(state["s_len"], state["s_at"], state["s_type"], kind, since_us, n)
    return n


def sent_by_channel(state: State, since_us: Int[np.ndarray, " n"]) -> Int[np.ndarray, "n h"]:
    """Returns the sends on each channel after an instant."""
    n = np.zeros((len(state), N_CHANNELS), dtype=np.int64)
    _sent_by_channel(state["s_len"], state["s_at"], state["s_channel"], since_us, n)
    return n


def fade(state: State, now_us: Int[np.ndarray, " n"], half_life_days: float) -> None:
    """Moves activity and marks to today and lets sessions fade, in place, in whole days and integer steps."""
    today = now_us // DAY_US
    passed = np.clip(today - state["active_base"], 0, 10_000)
    keep = np.floor(COUNT_UNIT * np.exp2(-passed / half_life_days)).astype(np.int64)
    slot_marks.roll(state["marks"], state["active_base"], today)
    _fade(state["active_base"], state["active_days"], state["slot_counts"], today, keep)


# --- the loops, one row a user --------------------------------------------------------------------------------


@kernel
def _local_counts(slot_counts: NDArray[Any], shift: NDArray[Any], counts: NDArray[Any]) -> None:
    bins, per_slot = slot_counts.shape[1], slot_counts.shape[1] // counts.shape[1]
    for r in range(counts.shape[0]):
        b = -shift[r] % bins
        for slot in range(counts.shape[1]):
            total = 0
            for _ in range(per_slot):
                total += slot_counts[r, b]
                b = b + 1 if b + 1 < bins else 0
            counts[r, slot] = total / COUNT_UNIT


@kernel
def _active_days(base: NDArray[Any], days: NDArray[Any], today: NDArray[Any], seen: NDArray[Any]) -> None:
    for r in range(seen.shape[0]):
        for d in range(seen.shape[1]):
            day = today[r] - d
            held = base[r] + DAY_SLACK - DAYS < day <= base[r] + DAY_SLACK
            seen[r, d] = held and days[r, day % DAYS] > 0


@kernel
def _habit(
    base: NDArray[Any], active: NDArray[Any], slot_p: NDArray[Any], today: NDArray[Any], slot: NDArray[Any],
    days: NDArray[Any], ahead: NDArray[Any],
) -> None:  # fmt: skip
    """Active days of the last 28, and the share of her slot profile after the slot."""
    for r in range(len(days)):
        days[r], ahead[r] = 0, 0.0
        for day in range(today[r] - 27, today[r] + 1):
            held = base[r] + DAY_SLACK - DAYS < day <= base[r] + DAY_SLACK
            days[r] += held and active[r, day % DAYS] > 0
        for later in range(slot[r] + 1, slot_p.shape[1]):
            ahead[r] += slot_p[r, later]


@kernel
def _days_since_return(active: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Days since the latest return within 8 days after 28 days away from an earlier visit, -1 if there is none."""
    returned = np.full(active.shape[0], -1, dtype=np.int64)
    for r in range(active.shape[0]):
        for d in range(8):
            gap = active[r, d] and not active[r, d + 1 : d + 29].any() and active[r, d + 29 :].any()
            if gap and returned[r] < 0:
                returned[r] = d
    return returned


@kernel
def _last_active(
    e_len: NDArray[Any], e_at: NDArray[Any], e_kind: NDArray[Any], active: NDArray[np.bool_], latest: NDArray[Any]
) -> None:
    for r in range(len(latest)):
        latest[r] = -LONG_AGO_US
        for j in range(e_len[r] - 1, -1, -1):
            if active[e_kind[r, j]]:
                latest[r] = e_at[r, j]
                break


@kernel
def _last_sent(s_len: NDArray[Any], s_at: NDArray[Any], latest: NDArray[Any]) -> None:
    for r in range(len(latest)):
        latest[r] = NEVER_SENT_US
        for j in range(s_len[r]):
            latest[r] = max(latest[r], s_at[r, j])


@kernel
def _sent_since(
    s_len: NDArray[Any], s_at: NDArray[Any], s_flags: NDArray[Any], since: NDArray[Any], flag: int, n: NDArray[Any]
) -> None:
    for r in range(len(n)):
        n[r] = 0
        for j in range(s_len[r]):
            if s_at[r, j] > since[r] and (flag == 0 or (s_flags[r, j] & flag) != 0):
                n[r] += 1


@kernel
def _sent_since_each(
    s_len: NDArray[Any], s_at: NDArray[Any], s_flags: NDArray[Any], since: NDArray[Any], flags: NDArray[Any],
    n: NDArray[Any],
) -> None:  # fmt: skip
    for r in range(n.shape[1]):
        for j in range(s_len[r]):
            for m in range(n.shape[0]):
                n[m, r] += s_at[r, j] > since[m, r] and (flags[m] == 0 or (s_flags[r, j] & flags[m]) != 0)


@kernel
def _sent_of_type(
    s_len: NDArray[Any], s_at: NDArray[Any], s_type: NDArray[Any], kind: NDArray[Any], since: NDArray[Any],
    n: NDArray[Any],
) -> None:  # fmt: skip
    for r in range(n.shape[0]):
        for j in range(s_len[r]):
            if s_at[r, j] > since[r]:
                for c in range(n.shape[1]):
                    n[r, c] += s_type[r, j] == kind[r, c]


@kernel
def _sent_by_channel(
    s_len: NDArray[Any], s_at: NDArray[Any], s_channel: NDArray[Any], since: NDArray[Any], n: NDArray[Any]
) -> None:
    for r in range(n.shape[0]):
        for j in range(s_len[r]):
            if s_at[r, j] > since[r]:
                n[r, s_channel[r, j]] += 1


@kernel
def _fade(
    base: NDArray[Any], days: NDArray[Any], slot_counts: NDArray[Any], today: NDArray[Any], keep: NDArray[Any]
) -> None:
    for r in range(len(base)):
        for gained in range(base[r] + DAY_SLACK + 1, min(today[r] + DAY_SLACK, base[r] + DAY_SLACK + DAYS) + 1):
            days[r, gained % DAYS] = 0
        for b in range(slot_counts.shape[1]):
            slot_counts[r, b] = slot_counts[r, b] * keep[r] // COUNT_UNIT
        base[r] = max(today[r], base[r])
