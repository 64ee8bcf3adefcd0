"""What a person sees of the outbox and may do there: look, let a dead letter be tried again, settle what is in doubt.

At most one message a decision stays true whatever a person does: what was delivered, withdrawn or is still waiting is
never sent again, and what is in doubt only once she has said that it did not arrive.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

import msgspec

from tactful.clock import from_us, to_us
from tactful.delivery.outbox import OutboxMessage, decode
from tactful.errors import UnknownMessage, WrongMessageState
from tactful.events.records import CHANNELS
from tactful.stores.protocols import DEAD_OUTCOMES, Attempt, DeadLetters, Outbox, OutboxEntry

IN_DOUBT: Final = "in doubt"
WAITING: Final = "waiting"


@runtime_checkable
class OutboxStore(Outbox, DeadLetters, Protocol):
    """What this file needs of a store; every `Store` is one."""


class Tried(msgspec.Struct, frozen=True):
    """One attempt; `outcome` is "" while nobody knows it."""

    attempt: int
    at: datetime
    outcome: str
    detail: str


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the outbox, without its address and text.

    `state` is `waiting`, `in doubt`, or how its last attempt ended. Of a message that cannot be read (its person was
    erased) `type`, `user_id` and `candidate_id` are "".
    """

    decision_id: str
    state: str
    channel: str
    due_at: datetime | None
    type: str = ""
    user_id: str = ""
    candidate_id: str = ""
    expires_at: datetime | None = None
    attempts: tuple[Tried, ...] = ()

    def may_be_retried(self, now_us: int) -> bool:
        """Whether it is a dead letter that can be read and still says something true."""
        return self.state in DEAD_OUTCOMES and self.expires_at is not None and to_us(self.expires_at) > now_us


def open_letters(store: OutboxStore, limit: int) -> list[Letter]:
    """Returns what waits for a person: attempts in doubt, the oldest first, then dead letters, the newest first.

    A call that is under way this moment is in doubt, too.
    """
    found: Sequence[Attempt] = [*store.in_doubt(), *store.dead_letters(limit)][:limit]
    entries = (store.outbox_of(attempt.decision_key) for attempt in found)
    return [_letter(entry) for entry in entries if entry is not None]


def letter(store: OutboxStore, decision_id: str) -> Letter:
    """Returns the message of a decision.

    Raises:
        UnknownMessage: the outbox has none.
    """
    return _letter(_entry(store, decision_id))


def retry(store: OutboxStore, decision_id: str, now_us: int) -> Letter:
    """Lets a dead letter be tried again, with as many attempts as a new one, and returns it.

    Raises:
        UnknownMessage: the outbox has no such message.
        WrongMessageState: it is no dead letter, it has expired, or its person was erased.
    """
    entry = _entry(store, decision_id)
    told = _letter(entry)
    if not told.may_be_retried(now_us):
        raise WrongMessageState(f"message {decision_id} {_why_not(told)}")
    store.redrive(entry.row.decision_key, now_us)
    return letter(store, decision_id)


def settle(store: OutboxStore, decision_id: str, arrived: bool, now_us: int) -> Letter:
    """Ends an attempt in doubt by what a person found out, and returns its message; what did not arrive is tried again.

    Raises:
        UnknownMessage: the outbox has no such message.
        WrongMessageState: it is not in doubt.
    """
    entry = _entry(store, decision_id)
    told = _letter(entry)
    if told.state != IN_DOUBT:
        raise WrongMessageState(f"message {decision_id} is {told.state!r}, expected one that is in doubt; let it be")
    end_doubt(store, entry.attempts[-1], arrived, now_us)
    return letter(store, decision_id)


def end_doubt(store: Outbox, attempt: Attempt, arrived: bool, now_us: int) -> None:
    """Ends an attempt in doubt; what did not arrive is tried again.

    Raises:
        StoreError: if the attempt has a result already.
    """
    outcome, next_try_us = ("delivered", None) if arrived else ("broken_off", now_us)
    store.end_attempt(attempt.decision_key, attempt.attempt_no, outcome, "settled", next_try_us)


def _why_not(told: Letter) -> str:
    if told.state == IN_DOUBT:
        return "is in doubt, expected a dead letter; settle it first"
    if told.state not in DEAD_OUTCOMES:
        return f"is {told.state!r}, expected a dead letter ({', '.join(DEAD_OUTCOMES)}); let it be"
    if told.expires_at is None:
        return "cannot be read, for its person was erased; let it be"
    return f"expired at {told.expires_at:%Y-%m-%d %H:%M} UTC, expected one that still says something true; let it be"


def _entry(store: Outbox, decision_id: str) -> OutboxEntry:
    try:
        key = int(decision_id, 16)
    except ValueError:
        key = -1
    entry = store.outbox_of(key) if 0 <= key < 2**64 else None
    if entry is None:
        raise UnknownMessage(
            f"the outbox has no message of decision {decision_id!r}; expected the id of a decision to send: 16 "
            "hexadecimal digits, as `tactful outbox list` and `tactful explain` show it"
        )
    return entry


def _letter(entry: OutboxEntry) -> Letter:
    row, last = entry.row, entry.attempts[-1] if entry.attempts else None
    state = WAITING if entry.next_try_us is not None else (last.outcome or "") if last else ""
    if last is not None and last.outcome is None:
        state = IN_DOUBT
    due = from_us(entry.next_try_us) if state == WAITING and entry.next_try_us is not None else None
    told = Letter(
        decision_id=f"{row.decision_key:016x}",
        state=state,
        channel=CHANNELS[row.channel_code],
        due_at=due,
        attempts=tuple(Tried(a.attempt_no, from_us(a.begun_us), a.outcome or "", a.detail) for a in entry.attempts),
    )
    message = _readable(row.message)
    if message is None:
        return told
    return msgspec.structs.replace(
        told,
        type=message.type,
        user_id=message.user_id,
        candidate_id=message.candidate_id,
        expires_at=message.expires_at,
    )


def _readable(data: bytes) -> OutboxMessage | None:
    try:
        return decode(data)
    except msgspec.DecodeError:
        return None
