"""Empties the outbox: at most one message a decision, whatever crashes.

The order of the steps is the guarantee. In one transaction the rights are checked again and the attempt is
begun; that is committed before the provider is called; the result is recorded after. An attempt without a
result is in doubt: it is repeated only where the channel promises that one key arrives once, otherwise it
waits for a person (`in_doubt`, `settle`). Of a message that reaches nobody the engine is told through the store's
mailbox. Log lines name decisions and results, never addresses, payloads or
what a provider said.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import msgspec

from tactful import draws
from tactful.clock import from_us, to_us
from tactful.delivery import retry
from tactful.delivery.outbox import OutboxMessage, decode
from tactful.delivery.protocol import Channel, Delivered, Failed, Message, Outcome, RetryAfter, Unreachable
from tactful.delivery.render import Unrenderable, render
from tactful.delivery.unsubscribe import OneClick
from tactful.errors import UnknownEventType
from tactful.events.records import CHANNELS, Engagement
from tactful.events.records import Channel as ChannelName
from tactful.events.records import encode as encode_record
from tactful.events.registry import Registry
from tactful.stores.protocols import Attempt, Mailbox, Outbox, OutboxRow, Rights

_LOG = logging.getLogger(__name__)
_MICROSECOND = timedelta(microseconds=1)

Result: TypeAlias = Literal[
    "delivered",
    "retry",  # the provider asked for it, or was away: tried again later
    "gave_up",  # all attempts are used, or the next one would be too late
    "failed",  # refused for good by the provider
    "unreachable",  # the address is dead
    "suppressed",  # unsubscribed between decision and send
    "cancelled",  # the candidate was withdrawn between decision and send
    "expired",
    "unrenderable",  # a value or template is missing, or the text is longer than the channel takes
    "in_doubt",  # nobody knows: the call broke off
]
"""How a message fared in this run; in the store, the `outcome` of its attempt."""


@runtime_checkable
class SenderStore(Rights, Outbox, Mailbox, Protocol):
    """What the sender needs of a store; every `Store` is one."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commits all writes inside together when left, or none of them if left by an exception."""
        ...


class Sent(NamedTuple):
    """What became of one message."""

    decision_key: int
    result: Result


class Report(NamedTuple):
    """What one run did, in the order in which it did it."""

    messages: tuple[Sent, ...]

    @property
    def counts(self) -> Counter[Result]:
        """How many messages had each result."""
        return Counter(message.result for message in self.messages)


class Sender:
    """Takes messages from a store's outbox and hands them to channels.

    Args:
        store: the sender's own handle of the store; several senders may share an outbox.
        channels: what carries each channel name; a message for a channel that is missing here is retried.
        registry: the event types, for their templates; replace the attribute when a type was added.
        one_click: adds unsubscribe headers to every e-mail that is not critical.
        policy: when a message is tried again.
        in_flight: how old an attempt without a result must be before it counts as broken off and not as being
            made by another sender just now.
        tells_engine: whether to post a `failure` for each message that reaches nobody; False where somebody else
            feeds the provider's answers back.
    """

    def __init__(
        self,
        store: SenderStore,
        channels: Mapping[ChannelName, Channel],
        registry: Registry,
        one_click: OneClick | None = None,
        policy: retry.RetryPolicy = retry.RetryPolicy(),  # noqa: B008 (frozen)
        in_flight: timedelta = timedelta(minutes=5),
        tells_engine: bool = True,
    ) -> None:
        self._store = store
        self._channels = channels
        self.registry = registry
        self._one_click = one_click
        self._policy = policy
        self._in_flight_us = in_flight // _MICROSECOND
        self._tells_engine = tells_engine

    def run(self, now_us: int, limit: int) -> Report:
        """Sends up to `limit` messages that are due at `now_us`, the earliest first."""
        self._reopen_broken_off(now_us)
        sent = []
        for row in self._store.pending(limit, now_us):
            result = self._send(row, now_us)
            if result is not None:
                _LOG.info("decision %016x: %s", row.decision_key, result)
                sent.append(Sent(row.decision_key, result))
        return Report(tuple(sent))

    def in_doubt(self) -> list[Attempt]:
        """Returns the attempts without a known result that nothing but a person will end."""
        return [a for a in self._store.in_doubt() if not self._may_repeat(a)]

    def settle(self, attempt: Attempt, arrived: bool, now_us: int) -> None:
        """Ends an attempt in doubt by what a person found out; what did not arrive is tried again.

        Raises:
            StoreError: if the attempt has a result already.
        """
        outcome = "delivered" if arrived else "broken_off"
        next_try_us = None if arrived else now_us
        self._store.end_attempt(attempt.decision_key, attempt.attempt_no, outcome, "settled", next_try_us)

    def _reopen_broken_off(self, now_us: int) -> None:
        for attempt in self._store.in_doubt():
            if attempt.begun_us <= now_us - self._in_flight_us and self._may_repeat(attempt):
                self._store.end_attempt(
                    attempt.decision_key, attempt.attempt_no, "broken_off", "its key is repeated", now_us
                )

    def _may_repeat(self, attempt: Attempt) -> bool:
        """Only under a promise, and not for ever: a call that always breaks off needs a person."""
        entry = self._store.outbox_of(attempt.decision_key)
        if entry is None or attempt.attempt_no >= self._policy.max_attempts:
            return False
        channel = self._channels.get(CHANNELS[entry.row.channel_code])
        return channel is not None and channel.honours_idempotency

    def _send(self, row: OutboxRow, now_us: int) -> Result | None:
        """One message, from its last checks to its result; None if another sender has taken it."""
        with self._store.transaction():
            attempt_no = self._store.begin_attempt(row.decision_key, now_us)
            if attempt_no is None:
                return None
            ready = self._prepare(row, now_us)
            if isinstance(ready, _Stopped):
                self._end(row, attempt_no, ready.result, ready.detail, None)
                return ready.result
        # The attempt is committed: only now may the provider be called.
        outcome = self._call(row, ready)
        if outcome is None:
            return "in_doubt"
        result, detail, next_try_us = self._conclude(row, ready, attempt_no, outcome, now_us)
        with self._store.transaction():
            self._end(row, attempt_no, result, detail, next_try_us)
        return result

    def _end(self, row: OutboxRow, attempt_no: int, result: Result, detail: str, next_try_us: int | None) -> None:
        """Files a result. If the message reaches nobody, the engine is told, which takes the send back."""
        self._store.end_attempt(row.decision_key, attempt_no, result, detail, next_try_us)
        if next_try_us is not None or result == "delivered" or not self._tells_engine:
            return
        try:
            waiting = decode(row.message)
        except msgspec.DecodeError:
            return
        failure = Engagement(
            engagement_id=f"failure:{waiting.decision_id}",
            user_id=waiting.user_id,
            kind="failure",
            at=from_us(row.at_us),
            decision_id=waiting.decision_id,
            channel=waiting.channel,
        )
        self._store.post([encode_record(failure)])

    def _prepare(self, row: OutboxRow, now_us: int) -> "_Ready | _Stopped":
        """The finished message, or why it must not or cannot go out; a person's will is asked first."""
        if self._store.suppressed(row.user_key, row.channel_code):
            return _Stopped("suppressed")
        try:
            waiting = decode(row.message)
            event_type = self.registry.types[self.registry.index(waiting.type)]
        except (msgspec.DecodeError, UnknownEventType) as error:
            return _Stopped("unrenderable", str(error))
        if self._cancelled(row.user_key, waiting):
            return _Stopped("cancelled")
        if now_us >= to_us(waiting.expires_at):
            return _Stopped("expired")
        message = render(event_type, waiting, self._headers(waiting))
        if isinstance(message, Unrenderable):
            return _Stopped("unrenderable", "; ".join(message.reasons))
        channel = self._channels.get(waiting.channel)
        broken = channel.limits.broken_by(message) if channel else None
        return _Stopped("unrenderable", broken) if broken else _Ready(channel, message, waiting)

    def _cancelled(self, user_key: int, waiting: OutboxMessage) -> bool:
        group = draws.key(waiting.cancel_key) if waiting.cancel_key else 0
        candidate = draws.key(waiting.candidate_id)
        return self._store.cancelled(user_key, candidate, group, waiting.candidate_log_ts_us)

    def _headers(self, waiting: OutboxMessage) -> dict[str, str]:
        if self._one_click is None or waiting.channel != "email" or waiting.critical:
            return {}
        return self._one_click.headers(waiting.decision_id)

    def _call(self, row: OutboxRow, ready: "_Ready") -> Outcome | None:
        """What the provider said; None if the call broke off and nobody knows whether the message arrived."""
        if ready.channel is None:
            return RetryAfter(detail=f"no channel is configured for {ready.message.channel}")
        try:
            return ready.channel.send(ready.message, ready.waiting.decision_id)
        except Exception as error:  # whatever broke, the provider may have the message already
            _LOG.warning("decision %016x: the call broke off: %s", row.decision_key, type(error).__name__)
            return None

    def _conclude(
        self, row: OutboxRow, ready: "_Ready", attempt_no: int, outcome: Outcome, now_us: int
    ) -> tuple[Result, str, int | None]:
        """What an outcome means: the result, the provider's words, and when to try again."""
        match outcome:
            case Delivered(receipt):
                return "delivered", receipt, None
            case Failed(detail):
                return "failed", detail, None
            case Unreachable(detail):
                return "unreachable", detail, None
            case RetryAfter(asked, detail):
                expires_us = to_us(ready.waiting.expires_at)
                then = retry.decide(self._policy, attempt_no, now_us, expires_us, row.decision_key, asked)
                if isinstance(then, retry.GiveUp):
                    return "gave_up", f"{then.reason}: {detail}", None
                return "retry", detail, then.next_try_us


class _Ready(NamedTuple):
    """A message that may go out now."""

    channel: Channel | None
    message: Message
    waiting: OutboxMessage


class _Stopped(NamedTuple):
    """A message that does not go out, and why."""

    result: Result
    detail: str = ""
