"""When messages went out and were answered, by local weekday and hour; and when the plans expect people.

Read within bounds, however long the log is: decisions and plans of four weeks as evenly spread samples, answers from
the latest inputs only. So counts of a large store are estimates, and its rates are those of the latest sends.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int64

from tactful.clock import DAY_US, HOUR_US, to_us
from tactful.events.records import CHANNELS, Engagement
from tactful.features.slots import SLOTS_PER_DAY
from tactful.runtime.intake import KIND_CODE
from tactful.runtime.log_spans import LINES_AT_ONCE
from tactful.stores.protocols import Store

DAYS: Final = 28
_DECISIONS: Final = 60_000
_PLANS: Final = 4_000
LINES: Final = 60_000
"""The latest inputs, among which answers are looked for."""
_SEND: Final = 0
_ENGAGEMENT: Final = KIND_CODE[Engagement]
_EASTMOST_HOURS: Final = 13
"""Of offsets that the hour of a clock cannot tell apart: +13 (the summer of New Zealand, Tonga) is taken for -11, and
-10 (Hawaii) for +14, for more people live there."""
_CHANNEL_CODE: Final[dict[str, int]] = {name: code for code, name in enumerate(CHANNELS)}
_THURSDAY: Final = 3
"""The weekday of 1970-01-01, counted from Monday."""


@dataclass(frozen=True, eq=False)
class Hours:
    """Counts by channel (`CHANNELS`), local weekday (Monday 0) and local hour.

    Attributes:
        sends: of `DAYS` days; estimated, where each of those read stands for `each`.
        read, each: sends read, and how many each stands for; 1 if they are all.
        answered_from_us, answered_until_us: between which `asked` were sent.
        asked: of the sends read those whose answers were read, too, and had a day to come.
        opened, clicked: of these.
        expected: by weekday and hour, mean share of a planned person's activity that her plan expects there.
        plans: by weekday, that this is the mean of.
    """

    sends: Float[np.ndarray, "h 7 K"]
    read: int
    each: int
    answered_from_us: int
    answered_until_us: int
    asked: Float[np.ndarray, "h 7 K"]
    opened: Float[np.ndarray, "h 7 K"]
    clicked: Float[np.ndarray, "h 7 K"]
    expected: Float[np.ndarray, "7 K"]
    plans: Float[np.ndarray, " 7"]


def hours_of(store: Store, now_us: int) -> Hours:
    """Returns the hours of the last `DAYS` days."""
    since_us = now_us - DAYS * DAY_US
    sends, each = _sends(store, since_us, now_us)
    from_us, answers = _answers(store, since_us)
    until_us = now_us - DAY_US
    at_us = np.array([to_us(one.at) for one in sends], dtype=np.int64)
    hour = np.array([one.slot for one in sends], dtype=np.int64)
    channel = np.array([_CHANNEL_CODE[one.channel or ""] for one in sends], dtype=np.int64)
    asked = (at_us >= from_us) & (at_us < until_us)
    answered = {kind: np.array([one.decision_id in ids for one in sends], dtype=np.bool_) & asked
                for kind, ids in answers.items()}  # fmt: skip
    day = weekday(at_us, hour)
    expected, plans = _expected(store, since_us, now_us)
    return Hours(
        sends=each * _counted(channel, day, hour, np.ones_like(asked)),
        read=len(sends),
        each=each,
        answered_from_us=from_us,
        answered_until_us=until_us,
        asked=_counted(channel, day, hour, asked),
        opened=_counted(channel, day, hour, answered["open"]),
        clicked=_counted(channel, day, hour, answered["click"]),
        expected=expected,
        plans=plans,
    )


def weekday(at_us: Int64[np.ndarray, " n"], hour: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Returns the local weekday, Monday 0, of instants whose local hour is known.

    The hour gives the offset from UTC but for whole days. Who lives at -11, at +14 or past +13 has it a day wrong.

    >>> sunday_23h_utc = np.array([to_us(datetime.fromisoformat("2026-03-01T23:30:00+00:00"))])
    >>> [weekday(sunday_23h_utc, np.array([hour])).item() for hour in (23, 5, 13, 12)]  # UTC, Delhi, Honolulu, Auckland
    [6, 0, 6, 0]
    """
    utc_hours = at_us // HOUR_US
    ahead = (hour - utc_hours) % SLOTS_PER_DAY
    ahead = np.where(ahead <= _EASTMOST_HOURS, ahead, ahead - SLOTS_PER_DAY)
    found: Int64[np.ndarray, " n"] = ((utc_hours + ahead) // SLOTS_PER_DAY + _THURSDAY) % 7
    return found


class _Sent(msgspec.Struct, frozen=True, gc=False, tag_field="record", tag="decision"):
    """What is read of a decision; the rest of it is skipped."""

    decision_id: str
    at: datetime
    slot: int
    channel: str | None = None


class _Answer(msgspec.Struct, frozen=True, gc=False, tag_field="record", tag="engagement"):
    """What is read of an engagement."""

    kind: str
    decision_id: str | None = None


class _Planned(msgspec.Struct, frozen=True, gc=False, tag_field="record", tag="slot_plan"):
    """What is read of a plan."""

    day: int
    slot_probs: tuple[float, ...]


_SENT: Final = msgspec.msgpack.Decoder(_Sent)
_ANSWER: Final = msgspec.msgpack.Decoder(_Answer)
_PLANNED: Final = msgspec.msgpack.Decoder(_Planned)


def _sends(store: Store, since_us: int, now_us: int) -> tuple[list[_Sent], int]:
    """Messages that went out, and how many each of them stands for."""
    rows, each = store.sample_decisions(since_us, now_us + 1, _DECISIONS, _SEND)
    sent = [_SENT.decode(row.data) for row in rows]
    return [one for one in sent if one.slot >= 0 and one.channel in _CHANNEL_CODE], each


def _answers(store: Store, since_us: int) -> tuple[int, dict[str, set[str]]]:
    """From when on all answers are read; and by kind the decisions that were answered."""
    found: dict[str, set[str]] = {"open": set(), "click": set()}
    offset = max(store.last()[0] - LINES, -1)
    whole = offset < 0
    while lines := store.read(offset, LINES_AT_ONCE):
        if not whole:
            since_us, whole = max(since_us, lines[0].log_ts_us), True
        offset = lines[-1].offset
        for line in lines:
            if line.kind == _ENGAGEMENT and line.log_ts_us >= since_us:
                answer = _ANSWER.decode(line.data)
                if answer.decision_id is not None and answer.kind in found:
                    found[answer.kind].add(answer.decision_id)
    return since_us, found


def _expected(store: Store, since_us: int, now_us: int) -> tuple[Float[np.ndarray, "7 K"], Float[np.ndarray, " 7"]]:
    """The mean share of activity by weekday and hour, and of how many plans."""
    rows, _ = store.sample_plans(since_us, now_us + 1, _PLANS)
    total, plans = np.zeros((7, SLOTS_PER_DAY)), np.zeros(7)
    for row in rows:
        plan = _PLANNED.decode(row.data)
        if len(plan.slot_probs) == SLOTS_PER_DAY:
            total[(plan.day + _THURSDAY) % 7] += plan.slot_probs
            plans[(plan.day + _THURSDAY) % 7] += 1.0
    return total / np.maximum(plans, 1.0)[:, None], plans


def _counted(
    channel: Int64[np.ndarray, " n"],
    day: Int64[np.ndarray, " n"],
    hour: Int64[np.ndarray, " n"],
    which: Bool[np.ndarray, " n"],
) -> Float[np.ndarray, "h 7 K"]:
    counts = np.zeros((len(CHANNELS), 7, SLOTS_PER_DAY))
    np.add.at(counts, (channel[which], day[which], hour[which]), 1.0)
    return counts
