"""Segments: how active a person is, and through what she can be reached.

Thresholds, utility weights and volume targets are kept by segment. Not here: what a segment is due
(`decision/`), and how the active days are counted (`history.py`).
"""

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Int, Int8, UInt8

from tactful.events.records import CHANNELS

Activity: TypeAlias = Literal["core", "casual", "marginal", "dormant", "new", "resurrected"]
ACTIVITIES: tuple[Activity, ...] = ("core", "casual", "marginal", "dormant", "new", "resurrected")
REACHES = ("email_only", "push_only", "both")
SEGMENTS: tuple[str, ...] = tuple(f"{activity}/{reach}" for activity in ACTIVITIES for reach in REACHES)
"""All 18 segments; the index of one is activity * 3 + reach."""


def segments_named(name: str) -> tuple[int, ...]:
    """Returns the indices that a name stands for: one segment, or an activity over all reaches; none if unknown.

    >>> segments_named("new/both"), segments_named("core"), segments_named("asleep")
    ((14,), (0, 1, 2), ())
    """
    return tuple(i for i, segment in enumerate(SEGMENTS) if name in (segment, segment.partition("/")[0]))


CORE_DAYS, CASUAL_DAYS = 8, 4
"""Active days of the last 28 from which a person counts as core (about two a week), as casual (about one)."""
NEW_DAYS = 28
RESURRECTED_GAP_DAYS, RESURRECTED_DAYS = 28, 7

_CORE, _CASUAL, _MARGINAL, _DORMANT, _NEW, _RESURRECTED = range(6)
_EMAIL = np.uint8(1 << CHANNELS.index("email"))
_PUSH_LIKE = np.uint8(sum(1 << CHANNELS.index(channel) for channel in ("push", "web_push", "in_app")))


def segment_of(
    active_days_28: Int[np.ndarray, " n"],
    days_since_signup: Int[np.ndarray, " n"],
    gap_before_return_days: Int[np.ndarray, " n"],
    days_since_return: Int[np.ndarray, " n"],
    reach: UInt8[np.ndarray, " n"],
) -> Int8[np.ndarray, " n"]:
    """Returns each user's segment, an index into `SEGMENTS`.

    Activity, the first that holds: *new*, signed up at most 28 days ago; *resurrected*, came back within the
    last 7 days after 28 days away or more; then by active days of the last 28: *core* 8 and more, *casual*
    4-7, *marginal* 1-3, *dormant* none.
    Reach: *both*, e-mail and at least one push-like channel (push, web push, in-app); *email_only*, e-mail
    and none of these; *push_only*, everyone else. A webhook alone counts as push_only, since it mostly feeds
    a push provider.

    Args:
        active_days_28: days of the last 28 on which she was in the app.
        days_since_signup: whole days; a large number where the day is unknown.
        gap_before_return_days: length of the absence that her latest return ended; 0 if there was none.
        days_since_return: whole days since that return; not read where the gap is short.
        reach: bit i is set if CHANNELS[i] has an address and an opt-in.

    >>> email_and_push = np.array([3], dtype=np.uint8)
    >>> one = segment_of(np.array([5]), np.array([400]), np.array([0]), np.array([0]), email_and_push)
    >>> SEGMENTS[one[0]]
    'casual/both'
    """
    activity = np.select(
        [
            days_since_signup <= NEW_DAYS,
            (gap_before_return_days >= RESURRECTED_GAP_DAYS) & (days_since_return <= RESURRECTED_DAYS),
            active_days_28 >= CORE_DAYS,
            active_days_28 >= CASUAL_DAYS,
            active_days_28 >= 1,
        ],
        [_NEW, _RESURRECTED, _CORE, _CASUAL, _MARGINAL],
        default=_DORMANT,
    )
    email, push = (reach & _EMAIL) > 0, (reach & _PUSH_LIKE) > 0
    through = np.where(email & push, REACHES.index("both"), np.where(email, 0, REACHES.index("push_only")))
    segment: Int8[np.ndarray, " n"] = (activity * len(REACHES) + through).astype(np.int8)
    return segment
