"""The event types as numpy arrays, one row a type, for the vectorised decision core."""

from dataclasses import dataclass, fields
from datetime import timedelta

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int64, UInt8

from tactful import draws
from tactful.events.event_type import EventType
from tactful.events.records import CHANNELS

NOT_ALLOWED = 127
"""The preference rank of a channel that a type may not use: behind every other."""

TYPES = 64
"""Numbers that models know event types by; 0 is none."""

_MICROSECOND = timedelta(microseconds=1)


def type_number(name: str) -> int:
    """Returns the number that models know an event type by, 1..63: a hash, so that a new type needs no vocabulary.

    Two types may share one; models then tell them apart by other features only.

    >>> type_number("digest") == type_number("digest"), 1 <= type_number("digest") < TYPES
    (True, True)
    """
    return 1 + draws.key("type:" + name) % (TYPES - 1)


@dataclass(frozen=True)
class TypeColumns:
    """What the decision core needs of the types, one row a type in the registry's order; read-only arrays.

    Attributes:
        ranked: competes in the pool; False is transactional.
        wake_now: decided on arrival.
        max_wait_us: microseconds after creation by which it is decided at the latest; 0 with `wake_now`.
        channel_mask: bit i is set if channel i of `records.CHANNELS` may carry it.
        channel_rank: preference of each channel, 0 first; `NOT_ALLOWED` where it may not be used.
        lifetime_us: microseconds from creation to expiry, unless the candidate says otherwise.
        priority: 0..1, the larger goes first among equals.
        critical: passes caps, budgets and quiet hours.
        aggregate_window_us: how long a group waits for `aggregate_min`, microseconds; 0: no aggregation.
        aggregate_min: candidates needed within the window; 1 without aggregation.
        daily_cap: messages of the type a user and day; 0: no cap.
        weekly_cap: messages of the type a user and week; 0: no cap.
        number: `type_number` of its name.
    """

    ranked: Bool[np.ndarray, " types"]
    wake_now: Bool[np.ndarray, " types"]
    max_wait_us: Int64[np.ndarray, " types"]
    channel_mask: UInt8[np.ndarray, " types"]
    channel_rank: Int8[np.ndarray, "types channels"]
    lifetime_us: Int64[np.ndarray, " types"]
    priority: Float32[np.ndarray, " types"]
    critical: Bool[np.ndarray, " types"]
    aggregate_window_us: Int64[np.ndarray, " types"]
    aggregate_min: Int64[np.ndarray, " types"]
    daily_cap: Int64[np.ndarray, " types"]
    weekly_cap: Int64[np.ndarray, " types"]
    number: Int64[np.ndarray, " types"]


def type_columns(types: tuple[EventType, ...]) -> TypeColumns:
    """Returns the arrays of the types, in the order given."""
    rank = np.full((len(types), len(CHANNELS)), NOT_ALLOWED, dtype=np.int8)
    for row, each in enumerate(types):
        for place, channel in enumerate(each.channels):
            rank[row, CHANNELS.index(channel)] = place
    bits = np.uint8(1) << np.arange(len(CHANNELS), dtype=np.uint8)
    columns = TypeColumns(
        ranked=np.array([each.ranked for each in types], dtype=np.bool_),
        wake_now=np.array([each.wake == "now" for each in types], dtype=np.bool_),
        max_wait_us=_us([_longest_wait(each) for each in types]),
        channel_mask=np.where(rank < NOT_ALLOWED, bits, np.uint8(0)).sum(axis=1, dtype=np.uint8),
        channel_rank=rank,
        lifetime_us=_us([each.lifetime for each in types]),
        priority=np.array([each.priority for each in types], dtype=np.float32),
        critical=np.array([each.critical for each in types], dtype=np.bool_),
        aggregate_window_us=_us([each.aggregation.window if each.aggregation else None for each in types]),
        aggregate_min=np.array(
            [each.aggregation.min_count if each.aggregation else 1 for each in types], dtype=np.int64
        ),
        daily_cap=np.array([each.caps.daily for each in types], dtype=np.int64),
        weekly_cap=np.array([each.caps.weekly for each in types], dtype=np.int64),
        number=np.array([type_number(each.name) for each in types], dtype=np.int64),
    )
    for field in fields(columns):
        getattr(columns, field.name).setflags(write=False)
    return columns


def _longest_wait(event_type: EventType) -> timedelta | None:
    return None if event_type.wake == "now" else event_type.max_wait or event_type.lifetime


def _us(lengths: list[timedelta | None]) -> Int64[np.ndarray, " types"]:
    """Durations in microseconds; none is 0."""
    return np.array([0 if length is None else length // _MICROSECOND for length in lengths], dtype=np.int64)
