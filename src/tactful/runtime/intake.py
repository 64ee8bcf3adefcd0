"""The edge of the engine: records are checked once, stamped, and turned into log lines and columns.

One bad record is refused with its reason and takes no good one with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from typing import Any, Final

import msgspec
import numpy as np

from tactful import draws
from tactful.clock import to_us
from tactful.errors import InvalidRecord, TactfulError, UnknownTimeZone
from tactful.events import budget_plan, switches, type_changes
from tactful.events.records import (
    CHANNELS,
    KINDS,
    BudgetAssignment,
    BudgetPlan,
    Cancel,
    Candidate,
    Catalogue,
    Control,
    Decision,
    Engagement,
    Input,
    MachineTouch,
    Preferences,
    SlotPlan,
    Suppression,
    User,
    UserInput,
    decode,
    encode,
)
from tactful.events.registry import MAX_CATEGORY, Registry
from tactful.experiments import schedule
from tactful.features.assignment import BudgetRows
from tactful.features.context import Zones
from tactful.features.history import EngagementRows
from tactful.features.pool import CandidateRows
from tactful.stores.protocols import LoggedInput

KIND_CODE: Final[dict[type, int]] = {
    User: 0,
    Candidate: 1,
    Engagement: 2,
    Cancel: 3,
    BudgetAssignment: 4,
    Suppression: 5,
    Control: 6,
    Catalogue: 7,
    BudgetPlan: 8,
    Preferences: 9,
    MachineTouch: 10,
}
_KIND_OF: Final = {kind: code for code, kind in enumerate(KINDS)}
_CHANNEL_OF: Final[dict[str | None, int]] = {channel: code for code, channel in enumerate(CHANNELS)} | {None: -1}

_MOST: Final = (Engagement, Candidate)
"""What almost all inputs are."""


class Rejection(msgspec.Struct, frozen=True):
    """One record that was not accepted: its position in what was submitted, and why."""

    position: int
    reason: str


class Receipt(msgspec.Struct, frozen=True):
    """What became of submitted records; accepted ones are durable."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejection, ...] = ()


class Line(msgspec.Struct, gc=False):
    """One checked record on its way to the log and into the state; user id "" and key 0 for what concerns everybody.

    The engine sets its log time and offset when it is stamped, and its row in the user table when it is taken.
    """

    position: int
    record: Input
    user_id: str
    user_key: int
    dedupe_key: int
    content: int
    data: bytes
    log_us: int = 0
    offset: int = -1
    row: int = -1


def check(records: Iterable[Input], registry: Registry) -> tuple[list[Line], list[Rejection]]:
    """Returns the records that may be accepted, and the refused ones with what was got and expected.

    Args:
        registry: the event types before the first of them; behind a control that changes them, the changed ones count.
    """
    lines: list[Line] = []
    refused: list[Rejection] = []
    for position, record in enumerate(records):
        try:
            lines.append(line_of(record, registry, position))
            if type(record) is Control and record.key == type_changes.KEY:
                registry = type_changes.changed(registry, type_changes.read(record.value))
        except TactfulError as error:
            refused.append(Rejection(position, str(error)))
        except (TypeError, msgspec.MsgspecError) as error:
            refused.append(Rejection(position, f"got a record that cannot be stored ({error}); see events/records.py"))
    return lines, refused


def line_of(record: Input, registry: Registry, position: int = 0) -> Line:
    """Returns the checked line of a record.

    Raises:
        TactfulError: the record cannot be accepted.
    """
    name = checked(record, registry)
    data = encode(record)
    user: str = getattr(record, "user_id", "")
    return Line(
        position, record, user, draws.key(user) if user else 0, draws.key(name) if name else 0, draws.key(data), data
    )


def checked(record: Input, registry: Registry) -> str:
    """Returns the name under which a repeated delivery of a record is known, "" if under none.

    Raises:
        TactfulError: the record cannot be accepted.
    """
    match record:
        case Engagement():
            if not isfinite(record.value):
                raise InvalidRecord(
                    f"engagement {record.engagement_id}: value is {record.value}, expected a finite number; "
                    "leave it out where it is not known"
                )
            if not -1 <= record.category <= MAX_CATEGORY:
                raise InvalidRecord(
                    f"engagement {record.engagement_id}: category is {record.category}, expected -1 (unknown) to "
                    f"{MAX_CATEGORY}"
                )
            _instant(record.at)
            return "engagement:" + record.engagement_id
        case Candidate():
            registry.validate(record)
            _instant(record.created_at)
            return "candidate:" + record.candidate_id
        case User():
            _user(record)
            return ""
        case Cancel():
            _instant(record.at)
            if bool(record.candidate_id) == bool(record.cancel_key):
                raise InvalidRecord(
                    f"cancel {record.cancel_id}: got candidate_id {record.candidate_id!r} and cancel_key "
                    f"{record.cancel_key!r}, expected exactly one of them"
                )
            return "cancel-input:" + record.cancel_id
        case BudgetAssignment():
            _instant(record.at)
            if not all(map(isfinite, record.features)):
                raise InvalidRecord(
                    f"budget {record.assignment_id}: got NaN or infinity among its features, expected finite numbers"
                )
            return "budget:" + record.assignment_id
        case BudgetPlan():
            _instant(record.at)
            budget_plan.check(record)
            return f"budget-plan:{record.plan_id}:{record.part}"
        case Suppression():
            _instant(record.at)
            return "suppression:" + record.suppression_id
        case Preferences():
            _instant(record.at)
            return "preferences:" + record.preferences_id
        case MachineTouch():
            _instant(record.at)
            return "machine-touch:" + record.touch_id
        case Control():
            _instant(record.effective_at)
            if record.key == type_changes.KEY:
                type_changes.changed(registry, type_changes.read(record.value))
            elif record.key == schedule.KEY:
                schedule.read(record.value)
            elif switches.is_switch(record.key):
                switches.read(record)
            return f"control:{record.version}:{record.key}"
        case Catalogue():
            _instant(record.at)
            return "catalogue:" + record.version
        case _:
            raise InvalidRecord(f"got {type(record).__name__}, expected one of the input records of events/records.py")


def logged_line(logged: LoggedInput) -> Line:
    """Returns the line of an input that rests in the log."""
    record = decode(logged.data)
    if isinstance(record, Decision | SlotPlan):
        raise InvalidRecord(f"the input log holds a {type(record).__name__} at offset {logged.offset}")
    user = record.user_id if isinstance(record, UserInput) else ""
    return Line(
        0,
        record,
        user,
        logged.user_key,
        logged.dedupe_key,
        logged.content_hash,
        logged.data,
        logged.log_ts_us,
        logged.offset,
    )


def _instant(at: Any) -> None:
    if at.tzinfo is None:
        to_us(at)


def _user(user: User) -> None:
    try:
        _known_zone(user.timezone)
    except UnknownTimeZone as error:
        raise UnknownTimeZone(f"user {user.user_id}: {error}") from None
    for name, value in user.attributes.items():
        if isinstance(value, float) and not isfinite(value):
            raise InvalidRecord(f"user {user.user_id}: attribute {name} is {value}, expected a finite number or text")
    if user.signup_at is not None:
        _instant(user.signup_at)


@lru_cache(maxsize=1024)
def _known_zone(name: str) -> None:
    Zones.of((name,))


@dataclass
class Batch:
    """Accepted inputs as columns, in log order: engagements, candidates and budgets as arrays, the rest as records.

    `rest` holds (log_us, row, content hash, offset, record) of users, cancels and suppressions; `plans` the
    (log_us, content hash, record) of budget plans, whose users get their rows when the time comes.
    """

    engagements: EngagementRows
    candidates: CandidateRows
    rest: list[tuple[int, int, int, int, UserInput]] = field(default_factory=list)
    budgets: BudgetRows = field(default_factory=BudgetRows.none)
    plans: list[tuple[int, int, BudgetPlan]] = field(default_factory=list)


def columns(taken: Sequence[Line], registry: Registry) -> Batch:
    """Returns the columns of accepted inputs that touch users."""
    # `type`, where almost every record is passed over: `isinstance` takes three times as long to say no
    acts = [line for line in taken if type(line.record) is Engagement]
    told = [line for line in taken if type(line.record) is Candidate]
    others = [line for line in taken if type(line.record) not in _MOST]
    rest: list[tuple[int, int, int, int, UserInput]] = [
        (line.log_us, line.row, line.content, line.offset, line.record)
        for line in others
        if isinstance(line.record, User | Cancel | Suppression)
    ]
    plans = [(line.log_us, line.content, line.record) for line in others if isinstance(line.record, BudgetPlan)]
    return Batch(_engagement_rows(acts), _candidate_rows(told, registry), rest, _budget_rows(others), plans)


def _candidate(record: Candidate, log_us: int, registry: Registry) -> tuple[Any, ...]:
    types = registry.columns()
    kind = registry.index(record.type)
    created = min(to_us(record.created_at), log_us)
    expires = to_us(record.expires_at) if record.expires_at else created + int(types.lifetime_us[kind])
    if types.wake_now[kind]:
        wake = log_us
    else:
        wait = int(types.max_wait_us[kind])
        wake = log_us + wait if 0 < wait < int(types.lifetime_us[kind]) else 0
    best = max(record.items, key=lambda item: item.quality, default=None)
    return (
        kind,
        created,
        expires,
        wake,
        draws.key("group:" + record.group_key) if record.group_key else 0,
        draws.key("cancel:" + record.cancel_key) if record.cancel_key else 0,
        best.category if best else -1,
        best.quality if best else 0.5,
        types.priority[kind],
    )


def _engagement_rows(lines: list[Line]) -> EngagementRows:
    acts = [line.record for line in lines if isinstance(line.record, Engagement)]
    log_us = np.array([line.log_us for line in lines], dtype=np.int64)
    return EngagementRows(
        row=np.array([line.row for line in lines], dtype=np.int64),
        at_us=np.minimum(np.array([to_us(act.at) for act in acts], dtype=np.int64), log_us),
        key=np.array([line.dedupe_key for line in lines], dtype=np.uint64),
        log_us=log_us,
        hash=np.array([line.content for line in lines], dtype=np.uint64),
        kind=np.array([_KIND_OF[act.kind] for act in acts], dtype=np.int8),
        channel=np.array([_CHANNEL_OF[act.channel] for act in acts], dtype=np.int8),
        category=np.array([act.category for act in acts], dtype=np.int32),
        value=np.array([act.value for act in acts], dtype=np.float64),
    )


def _budget_rows(lines: Sequence[Line]) -> BudgetRows:
    given = [
        (line.row, line.log_us, line.record.k, line.content)
        for line in lines
        if isinstance(line.record, BudgetAssignment)
    ]
    if not given:
        return BudgetRows.none()
    row, log_us, k, content = zip(*given, strict=True)
    return BudgetRows(np.array(row), np.array(log_us), np.array(k), np.array(content, dtype=np.uint64))


def _candidate_rows(lines: list[Line], registry: Registry) -> CandidateRows:
    told = [
        (line.row, line.dedupe_key, line.offset, line.log_us, line.content,
         *_candidate(line.record, line.log_us, registry))
        for line in lines
        if isinstance(line.record, Candidate)
    ]  # fmt: skip
    told_t: tuple[Any, ...] = tuple(zip(*told, strict=True)) if told else ((),) * 14
    kinds = (
        np.int64, np.uint64, np.int64, np.int64, np.uint64, np.int16, np.int64, np.int64, np.int64, np.uint64,
        np.uint64, np.int32, np.float32, np.float32,
    )  # fmt: skip
    return CandidateRows(*(np.array(c, dtype=k) for c, k in zip(told_t, kinds, strict=True)))


def candidate_key(candidate_id: str) -> int:
    """Returns the key by which pools and cancels know a candidate."""
    return draws.key("candidate:" + candidate_id)


def cancel_keys(record: Cancel) -> tuple[int, bool]:
    """Returns the key that a cancel names, and whether it is a group's."""
    if record.cancel_key:
        return draws.key("cancel:" + record.cancel_key), True
    return candidate_key(record.candidate_id), False
