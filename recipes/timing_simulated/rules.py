"""How many sends a day become slots: the rules that are compared, each by the engine's own planning functions.

All keep the same constraints: only open slots, at most one send a slot (an hour apart), each row its quota.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tactful.decision.timing.send_time import best_spaced, plan

APART: Final = 1
"""Slots between two sends, for every rule."""
NINE: Final = 9

Rule: TypeAlias = Callable[
    [NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]], NDArray[np.uint8]
]
"""(p [n, K], allowed [n, K], quota [n], u [n]) -> sends [n, K]; u is the hash draw of the user and day."""


def nine(
    p: NDArray[np.float64], allowed: NDArray[np.bool_], quota: NDArray[np.int64], u: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """From 9:00 on, one send an hour; whatever p is."""
    return _nearest(np.full(len(p), NINE), allowed, quota, after=True)


def even(
    p: NDArray[np.float64], allowed: NDArray[np.bool_], quota: NDArray[np.int64], u: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """At even distances over the open slots, from a random start; whatever p is."""
    return plan(np.ones_like(p), quota, u, allowed=allowed, min_gap_slots=APART)


def best_hour(
    p: NDArray[np.float64], allowed: NDArray[np.bool_], quota: NDArray[np.int64], u: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Her single best slot again and again: the open slots nearest to it."""
    return _nearest(np.where(allowed, p, -1.0).argmax(axis=1), allowed, quota)


def tim(
    p: NDArray[np.float64], allowed: NDArray[np.bool_], quota: NDArray[np.int64], u: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """TIM's own rule: equal parts of p, each send in the middle of its part."""
    return plan(p, quota, np.full(len(p), 0.5), allowed=allowed, min_gap_slots=APART)


def sampler(
    p: NDArray[np.float64], allowed: NDArray[np.bool_], quota: NDArray[np.int64], u: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Systematic sampling of p with a random start."""
    return plan(p, quota, u, allowed=allowed, min_gap_slots=APART)


def sampler3(
    p: NDArray[np.float64], allowed: NDArray[np.bool_], quota: NDArray[np.int64], u: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """The same of p cubed."""
    return plan(p, quota, u, beta=3.0, allowed=allowed, min_gap_slots=APART)


def best(
    p: NDArray[np.float64], allowed: NDArray[np.bool_], quota: NDArray[np.int64], u: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """The slots of the largest sum of p: the engine's default."""
    return best_spaced(p, quota, allowed, min_gap_slots=APART)


RULES: Final[Mapping[str, Rule]] = {
    "nine": nine,
    "even": even,
    "best_hour": best_hour,
    "tim": tim,
    "sampler": sampler,
    "sampler3": sampler3,
    "best": best,
}


def _nearest(
    slot: NDArray[np.int64], allowed: NDArray[np.bool_], quota: NDArray[np.int64], after: bool = False
) -> NDArray[np.uint8]:
    """The open slots nearest to one of each user's, within the day; only those from it on where `after` is set."""
    away = np.arange(allowed.shape[1]) - slot[:, None]
    nearness = 1.0 / (1.0 + np.abs(away))
    return best_spaced(np.where(away < 0, 0.0, nearness) if after else nearness, quota, allowed, min_gap_slots=APART)
