"""Where a user stands at an instant: activity, segment, sends, read off her row. Rows in, one number a row out.

Local time enters here and not when inputs are folded in: `history.py` keeps UTC only, so that inputs commute.
"""

from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tactful.clock import DAY_US, WEEK_US
from tactful.features.context import Zones
from tactful.features.history import ACTIVE, BINS, COUNT_UNIT, DAY_SLACK, DAYS, SENDS, SLOTS
from tactful.features.segments import segment_of

State = NDArray[Any]
"""Rows of `history.ROW`."""

PRIOR_ACTIVE_DAYS: Final = 0.2
PRIOR_DAYS: Final = 2.0
"""A person of whom nothing is known is taken to be active on one day in ten, with the weight of two days."""


def local_counts(state: State, now_us: Int[np.ndarray, " n"], zones: Zones) -> Float[np.ndarray, "n K"]:
    """Returns sessions by slot of the local day: half hours of UTC, shifted by the zone's present offset."""
    offset = zones.local_us(state["zone"].astype(np.int64), now_us) - now_us
    shift = np.rint(offset / (DAY_US // BINS)).astype(np.int64)
    index = (np.arange(BINS) - shift[:, None]) % BINS
    local = np.take_along_axis(state["slot_counts"], index, axis=1) / COUNT_UNIT
    counts: NDArray[np.float64] = local.reshape(len(state), SLOTS, BINS // SLOTS).sum(axis=2)
    return counts


def active_days(state: State, now_us: Int[np.ndarray, " n"], days: int) -> Bool[np.ndarray, "n days"]:
    """Returns whether each user was active 0, 1, .. `days` - 1 days ago (UTC days)."""
    ago = (now_us // DAY_US)[:, None] - np.arange(days)
    held = ago > (state["active_base"] + DAY_SLACK - DAYS)[:, None]
    held &= ago <= (state["active_base"] + DAY_SLACK)[:, None]
    seen: NDArray[np.bool_] = held & (np.take_along_axis(state["active_days"], ago % DAYS, axis=1) > 0)
    return seen


def segment(state: State, now_us: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Returns each user's segment, an index into `segments.SEGMENTS`."""
    active = active_days(state, now_us, 56)
    since_signup = np.maximum(now_us - state["signup"], 0) // DAY_US
    away = np.stack(
        [active[:, d] & ~active[:, d + 1 : d + 29].any(axis=1) & active[:, d + 29 :].any(axis=1)
         for d in range(8)],
        axis=1,
    )  # fmt: skip
    returned = away.any(axis=1)
    reach = (state["addresses"] & state["opt_in"] & ~state["blocked"]).astype(np.uint8)
    return segment_of(
        active[:, :28].sum(axis=1),
        since_signup,
        np.where(returned, 28, 0),
        np.where(returned, away.argmax(axis=1), 0),
        reach,
    ).astype(np.int64)


def organic(state: State, minute: Int[np.ndarray, " n"], now_us: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Returns the chance that she comes by herself in what is left of her local day.

    `1 − (1 − a)^s`, with a the shrunk share of her last days that were active, and s the share of her slot profile
    that still lies ahead (`slot_p`, from the day's plan).
    """
    known = np.clip((now_us - state["signup"]) // DAY_US, 1, 28)
    days = active_days(state, now_us, 28).sum(axis=1)
    a = (np.minimum(days, known) + PRIOR_ACTIVE_DAYS) / (known + PRIOR_DAYS)
    slot = minute // 60
    p = state["slot_p"].astype(np.float64)
    ahead = np.where(np.arange(SLOTS) > slot[:, None], p, 0.0)
    share = np.minimum(np.cumsum(ahead, axis=1)[:, -1], 1.0)
    chance: NDArray[np.float64] = 1.0 - np.power(1.0 - np.minimum(a, 0.99), share)
    return chance


def last_active(state: State) -> Int[np.ndarray, " n"]:
    """Returns when she was last seen in the app, from the ring; long ago if never."""
    used = np.arange(state["e_at"].shape[1]) < state["e_len"][:, None]
    in_app = used & ACTIVE[state["e_kind"]]
    latest: NDArray[np.int64] = np.where(in_app, state["e_at"], -WEEK_US * 5000).max(axis=1)
    return latest


def sent_since(state: State, since_us: Int[np.ndarray, " n"], flag: int) -> Int[np.ndarray, " n"]:
    """Returns the sends after an instant; `flag` restricts them to those that carry it (0: all)."""
    counted = np.arange(SENDS) < state["s_len"][:, None]
    counted &= state["s_at"] > since_us[:, None]
    if flag:
        counted &= (state["s_flags"] & flag) != 0
    n: NDArray[np.int64] = counted.sum(axis=1)
    return n


def sent_of_type(state: State, kind: Int[np.ndarray, "n c"], since_us: Int[np.ndarray, " n"]) -> Int[np.ndarray, "n c"]:
    """Returns the sends of each event type after an instant."""
    counted = (np.arange(SENDS) < state["s_len"][:, None]) & (state["s_at"] > since_us[:, None])
    same = counted[:, None, :] & (state["s_type"][:, None, :] == kind[:, :, None])
    n: NDArray[np.int64] = same.sum(axis=2)
    return n


def fade(state: State, now_us: Int[np.ndarray, " n"], half_life_days: float) -> None:
    """Moves the activity window to today and lets sessions fade, in place, in whole days and integer steps."""
    today = now_us // DAY_US
    ahead = np.arange(1, DAYS + 1)
    gained = state["active_base"][:, None] + DAY_SLACK + ahead
    fresh = gained <= (today + DAY_SLACK)[:, None]
    cell = gained % DAYS
    kept = np.take_along_axis(state["active_days"], cell, axis=1)
    days = state["active_days"].copy()
    np.put_along_axis(days, cell, np.where(fresh, 0, kept).astype(days.dtype), axis=1)
    state["active_days"] = days
    passed = np.clip(today - state["active_base"], 0, 10_000)
    keep = np.floor(COUNT_UNIT * np.exp2(-passed / half_life_days)).astype(np.int64)
    state["slot_counts"] = (state["slot_counts"].astype(np.int64) * keep[:, None]) // COUNT_UNIT
    state["active_base"] = np.maximum(today, state["active_base"])
