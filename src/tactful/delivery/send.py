"""Empties the outbox: at most one message a decision, whatever crashes.

The order of the steps is the guarantee. In one transaction the rights are checked again and the attempt is
begun; that is committed before the provider is called; the result is recorded after. An attempt without a
result is in doubt: it is repeated only where the channel promises that one key arrives once, otherwise it
waits for a person (`in_doubt`, `settle`). What a kill switch stops waits, and expires where it waits too long.
Of a message that reaches nobody the engine is told through the store's mailbox. Log lines name decisions and
results, never addresses, payloads or what a provider said.

`Sender.run` works message by message; `loop` calls providers from many threads, through the same `exchange`.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from tactful import draws
from tactful.clock import MINUTE_US, from_us, to_us
from tactful.delivery import retry
from tactful.delivery.attempt import (
    Answer,
    Call,
    End,
    Result,
    Revalidation,
    Stopped,
    end_of,
    end_of_stopped,
    make,
    tries,
)
from tactful.delivery.dead_letters import end_doubt
from tactful.delivery.links import Redirects
from tactful.delivery.outbox import OutboxMessage, decode
from tactful.delivery.pacing import Ramp, WarmUp
from tactful.delivery.protocol import Channel
from tactful.delivery.render import Unrenderable, render
from tactful.delivery.stops import Watch
from tactful.delivery.unsubscribe import OneClick
from tactful.errors import StoreError, UnknownEventType
from tactful.events.addresses import print_of
from tactful.events.event_type import EventType
from tactful.events.records import CHANNELS, Engagement, Preferences
from tactful.events.records import Channel as ChannelName
from tactful.events.records import encode as encode_record
from tactful.events.registry import Registry
from tactful.stores.protocols import Attempt, Mailbox, Outbox, OutboxRow, Rights, StateSnapshots

_LOG = logging.getLogger(__name__)
_MICROSECOND = timedelta(microseconds=1)
_STOPPED_US = 5 * MINUTE_US
"""How long a message of a stopped type waits until it is looked at again: each look leaves a row in the store."""
_LOOKED_AT = 20_000
"""Messages of a stopped channel that are looked at together: a tenth of a second."""


@runtime_checkable
class SenderStore(Rights, Outbox, Mailbox, StateSnapshots, Protocol):
    """What the sender needs of a store; every `Store` is one."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commits all writes inside together when left, or none of them if left by an exception."""
        ...


class Sent(NamedTuple):
    """What became of one message."""

    decision_key: int
    result: Result
    channel: ChannelName


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
        redirects: counts the clicks and opens of every e-mail that is not critical.
        policy: when a message is tried again.
        in_flight: how old an attempt without a result must be before it counts as broken off and not as being
            made by another sender just now.
        tells_engine: whether to post a `failure` for each message that reaches nobody; False where somebody else
            feeds the provider's answers back.
        revalidation: asks the app before each call whether the message still holds.
        warm_up: how much e-mail a new sending domain may send in its first days.
        types: gives the event types by now; asked when a message is of a type that is not known, and by `refresh`.
    """

    def __init__(
        self,
        store: SenderStore,
        channels: Mapping[ChannelName, Channel],
        registry: Registry,
        one_click: OneClick | None = None,
        redirects: Redirects | None = None,
        policy: retry.RetryPolicy = retry.RetryPolicy(),  # noqa: B008 (frozen)
        in_flight: timedelta = timedelta(minutes=5),
        tells_engine: bool = True,
        revalidation: Revalidation | None = None,
        warm_up: WarmUp = WarmUp(),  # noqa: B008 (frozen)
        types: Callable[[], Registry] | None = None,
    ) -> None:
        self._store = store
        self._channels = channels
        self.registry = registry
        self._one_click, self._redirects = one_click, redirects
        self._policy = policy
        self._in_flight_us = in_flight // _MICROSECOND
        self._tells_engine = tells_engine
        self._revalidation = revalidation
        self._types = types
        self._ramp = Ramp(store, warm_up)
        self._stops = Watch(store)

    def run(self, now_us: int, limit: int) -> Report:
        """Sends up to `limit` messages that are due at `now_us`, the earliest first."""
        if self._stops.at(now_us).everything:
            return Report(tuple(self.end_expired(now_us, limit)))
        self.reopen_broken_off(now_us)
        sent: list[Sent] = []
        for row in self._store.pending(limit, now_us):
            calls, ended = self.exchange([], [row], now_us)
            for call in calls:
                ended += self.exchange([(call, self.make(call))], [], now_us)[1]
            sent += ended
        return Report(tuple(sent))

    def exchange(
        self, answers: Sequence[tuple[Call, Answer]], rows: Sequence[OutboxRow], now_us: int
    ) -> tuple[list[Call], list[Sent]]:
        """Files what came back and begins attempts, in one commit: only after it may the calls returned be made.

        Args:
            answers: calls begun before, and what came of them.
            rows: due messages; what another sender has taken meanwhile is left out.

        Returns:
            The calls to make, and what ended: of the answers, and of the rows that must not or cannot go out.
        """
        calls: list[Call] = []
        sent: list[Sent] = []
        with self._store.transaction():
            for call, answer in answers:
                sent.append(Sent(call.row.decision_key, self._concluded(call, answer, now_us), _channel(call.row)))
            for row in rows:
                attempt_no = self._store.begin_attempt(row.decision_key, now_us)
                if attempt_no is None:
                    continue
                begun = self._prepare(row, attempt_no, now_us)
                if isinstance(begun, Call):
                    calls.append(begun)
                else:
                    self._end(row, attempt_no, begun)
                    sent.append(Sent(row.decision_key, begun.result, _channel(row)))
        for each in sent:
            _LOG.info("decision %016x: %s", each.decision_key, each.result)
        return calls, sent

    def make(self, call: Call) -> Answer:
        """Calls the provider of a message whose attempt is on record. Any thread may do it."""
        return make(call, self._revalidation)

    def due(self, limit: int, now_us: int, channel: ChannelName) -> list[OutboxRow]:
        """Returns messages of a channel that may be tried now, the earliest first; none while it is stopped."""
        stops = self._stops.at(now_us)
        if stops.everything or channel in stops.channels:
            return []
        return self._store.pending(limit, now_us, CHANNELS.index(channel))

    def end_expired(self, now_us: int, limit: int) -> list[Sent]:
        """Ends up to `limit` messages that a switch keeps back and that are worthless by now: `due` gives none of them.

        Of each stopped channel the 20,000 that were due first are looked at.
        """
        stops = self._stops.at(now_us)
        stopped = [name for name in CHANNELS if stops.everything or name in stops.channels]
        waiting = (row for name in stopped for row in self._store.pending(_LOOKED_AT, now_us, CHANNELS.index(name)))
        rows = list(islice((row for row in waiting if _is_over(row, now_us)), limit))
        return self.exchange([], rows, now_us)[1] if rows else []

    def channel(self, name: ChannelName) -> Channel | None:
        """Returns what carries a channel name, None if nothing does."""
        return self._channels.get(name)

    def refresh(self) -> None:
        """Takes the event types by now."""
        if self._types is not None:
            self.registry = self._types()

    def in_doubt(self) -> list[Attempt]:
        """Returns the attempts without a known result that nothing but a person will end."""
        return [a for a in self._store.in_doubt() if not self._may_repeat(a)]

    def settle(self, attempt: Attempt, arrived: bool, now_us: int) -> None:
        """Ends an attempt in doubt by what a person found out; what did not arrive is tried again.

        Raises:
            StoreError: if the attempt has a result already.
        """
        end_doubt(self._store, attempt, arrived, now_us)

    def reopen_broken_off(self, now_us: int, in_flight: Collection[int] = ()) -> None:
        """Lets attempts that broke off be repeated where the channel's promise allows it.

        Args:
            in_flight: decision keys of calls that the caller itself is waiting for.
        """
        for attempt in self._store.in_doubt():
            broken_off = attempt.begun_us <= now_us - self._in_flight_us and attempt.decision_key not in in_flight
            if broken_off and self._may_repeat(attempt):
                self._store.end_attempt(
                    attempt.decision_key, attempt.attempt_no, "broken_off", "its key is repeated", now_us
                )

    def _may_repeat(self, attempt: Attempt) -> bool:
        """Only under a promise, and not for ever: a call that always breaks off needs a person."""
        entry = self._store.outbox_of(attempt.decision_key)
        if entry is None or tries(entry.attempts) >= self._policy.max_attempts:
            return False
        channel = self._channels.get(CHANNELS[entry.row.channel_code])
        return channel is not None and channel.honours_idempotency

    def _concluded(self, call: Call, answer: Answer, now_us: int) -> Result:
        """Files what came of a call; part of the open transaction."""
        if answer is None:
            return "in_doubt"
        end = end_of(call, answer, self._policy, now_us)
        try:
            self._end(call.row, call.attempt_no, end)
        except StoreError:  # the call took so long that a person, or another sender, has settled it
            _LOG.warning("decision %016x: %s came after it was settled", call.row.decision_key, end.result)
        return end.result

    def _end(self, row: OutboxRow, attempt_no: int, end: End) -> None:
        """Files a result. If the message reaches nobody, the engine is told, which takes the send back.

        It is told of a dead address, too: that one is used no more, until another one comes.
        """
        self._store.end_attempt(row.decision_key, attempt_no, end.result, end.detail, end.next_try_us)
        if end.next_try_us is not None or end.result == "delivered" or not self._tells_engine:
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
        letters = [encode_record(failure)]
        if end.result == "unreachable":
            letters.append(encode_record(_dead(waiting, from_us(row.at_us))))
        self._store.post(letters)

    def _prepare(self, row: OutboxRow, attempt_no: int, now_us: int) -> Call | End:
        """The call to make, or why there is none; a person's will is asked first."""
        if self._store.suppressed(row.user_key, row.channel_code):
            return End("suppressed")
        try:
            waiting = decode(row.message)
            event_type = self._type_of(waiting)
        except (msgspec.DecodeError, UnknownEventType) as error:
            return End("unrenderable", str(error))
        if self._cancelled(row.user_key, waiting):
            return End("cancelled")
        if now_us >= to_us(waiting.expires_at):
            return End("expired")
        stopped = self._stops.at(now_us).why(waiting.channel, waiting.type)
        if stopped:
            return End("held", stopped, min(now_us + _STOPPED_US, to_us(waiting.expires_at)))
        message = render(event_type, waiting, self._headers(waiting))
        if isinstance(message, Unrenderable):
            return End("unrenderable", "; ".join(message.reasons))
        if self._redirects is not None and waiting.channel == "email" and not waiting.critical:
            message = self._redirects.in_email(message)
        channel = self._channels.get(waiting.channel)
        broken = channel.limits.broken_by(message) if channel else None
        if broken:
            return End("unrenderable", broken)
        capped = self._ramp.admit(waiting.address, now_us) if waiting.channel == "email" else None
        if capped:
            return end_of_stopped(Stopped("held", capped[1], capped[0]), to_us(waiting.expires_at), now_us)
        return Call(row, attempt_no, self._tries(row, attempt_no), channel, message, waiting)

    def _type_of(self, waiting: OutboxMessage) -> EventType:
        try:
            return self.registry.types[self.registry.index(waiting.type)]
        except UnknownEventType:
            self.refresh()  # the engine may know it since a moment ago
            return self.registry.types[self.registry.index(waiting.type)]

    def _tries(self, row: OutboxRow, attempt_no: int) -> int:
        entry = self._store.outbox_of(row.decision_key) if attempt_no > 1 else None
        return tries(entry.attempts) if entry else 1

    def _cancelled(self, user_key: int, waiting: OutboxMessage) -> bool:
        group = draws.key(waiting.cancel_key) if waiting.cancel_key else 0
        candidate = draws.key(waiting.candidate_id)
        return self._store.cancelled(user_key, candidate, group, waiting.candidate_log_ts_us)

    def _headers(self, waiting: OutboxMessage) -> dict[str, str]:
        if self._one_click is None or waiting.channel != "email" or waiting.critical:
            return {}
        return self._one_click.headers(waiting.decision_id)


def _is_over(row: OutboxRow, now_us: int) -> bool:
    try:
        return to_us(decode(row.message).expires_at) <= now_us
    except msgspec.DecodeError:
        return False


def _channel(row: OutboxRow) -> ChannelName:
    return CHANNELS[row.channel_code]


def _dead(waiting: OutboxMessage, at: datetime) -> Preferences:
    return Preferences(
        preferences_id=f"dead:{waiting.decision_id}",
        user_id=waiting.user_id,
        at=at,
        dead={waiting.channel: print_of(waiting.address)},
    )
