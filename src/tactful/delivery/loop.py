"""A running sender: messages of all channels, each channel with threads, a rate and a breaker of its own.

One thread owns the store: in each turn it files the answers that came back and begins the next attempts, in one commit;
other threads call the providers. A provider that takes seconds holds up its own channel only, and what comes back
while a commit runs is filed with the next one.

How far ahead attempts are begun bounds what a crash leaves in doubt. Where a channel honours idempotency keys that is
what its threads finish in a turn (those attempts are repeated), elsewhere only what its threads can call at once.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Final

from tactful.clock import MINUTE_US, Clock
from tactful.delivery.attempt import Answer, Call, Stopped
from tactful.delivery.breaker import Breaker, BreakerPolicy
from tactful.delivery.pacing import Bucket, Pace
from tactful.delivery.protocol import Channel, RetryAfter
from tactful.delivery.send import Sender, Sent
from tactful.errors import StoreError
from tactful.events.records import CHANNELS
from tactful.events.records import Channel as ChannelName
from tactful.telemetry import Telemetry

_LOG = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.2
"""How long the loop sleeps when nothing is due and nothing is under way: what a new message waits at most."""
_LOOK_ROUND_US: Final = MINUTE_US
_END_AT_ONCE: Final = 500
"""Worthless messages ended in one commit: other writers wait for it some hundredths of a second."""


class Loop:
    """Empties an outbox until it is told to stop. Used by one thread, the one that opened the sender's store.

    Args:
        sender: over a store of its own; several processes may send from one outbox.
        clock: says when messages are due.
        pace: threads and rates by channel; the default `Pace` where none is given.
        breaker: when a provider is left alone.
        batch: calls of one channel begun at once at most; channels with more threads begin as many as they have.
        telemetry: counts results (`delivery.results.email.delivered`) and failed commits (`delivery.store_errors`).
    """

    def __init__(
        self,
        sender: Sender,
        clock: Clock,
        pace: Mapping[ChannelName, Pace] | None = None,
        breaker: BreakerPolicy = BreakerPolicy(),  # noqa: B008 (frozen)
        batch: int = 64,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._sender, self._clock = sender, clock
        self._telemetry = telemetry or Telemetry()
        given = pace or {}
        self._lanes = {
            name: _Lane(name, sender.channel(name), given.get(name, Pace()), breaker, batch) for name in CHANNELS
        }
        self._under_way: dict[int, tuple[Call, Future[None]]] = {}
        self._back: SimpleQueue[tuple[Call, Answer]] = SimpleQueue()
        self._answers: list[tuple[Call, Answer]] = []
        self._looked_us: int | None = None

    def run(self, stop: threading.Event) -> None:
        """Sends until `stop` is set; then waits for the calls under way, files what they say, and returns.

        A commit that fails is tried again with the next turn; until then its answers are kept.
        """
        while not stop.is_set():
            busy = False
            try:
                busy = bool(self.turn())
            except StoreError as error:
                _LOG.error("the outbox could not be written: %s", error)
                self._telemetry.count("delivery.store_errors")
            if self._under_way or not busy:
                self._wait(_POLL_SECONDS)
        self.close()

    def turn(self) -> list[Sent]:
        """Files what came back, begins what may go now, and returns what ended; calls go on in their threads."""
        now_us = self._clock.now_us()
        ended = self._look_round(now_us)
        self._take_answers()
        rows = [
            row
            for lane in self._lanes.values()
            if (room := lane.room(now_us)) > 0
            for row in self._sender.due(room, now_us, lane.name)
        ]
        for lane in self._lanes.values():
            lane.finished = 0
        if not rows and not self._answers:
            return ended
        calls, sent = self._sender.exchange(self._answers, rows, now_us)
        self._answers = []
        for call in calls:
            future = self._lanes[call.waiting.channel].begin(self._call, call, now_us)
            self._under_way[call.row.decision_key] = (call, future)
        return ended + self._counted(sent)

    def open_breakers(self) -> list[ChannelName]:
        """Returns the channels whose providers are left alone for now; any thread may ask."""
        return [name for name, lane in self._lanes.items() if lane.is_broken]

    def finish(self) -> list[Sent]:
        """Waits for every call under way and files what came of it; begins nothing."""
        while self._under_way:
            self._wait(None)
        answers, self._answers = self._answers, []
        return self._counted(self._sender.exchange(answers, [], self._clock.now_us())[1]) if answers else []

    def close(self) -> None:
        """Ends the threads: calls under way are waited for, attempts not yet called are left to the next start."""
        for call, future in list(self._under_way.values()):
            if future.cancel():
                self._back.put((call, Stopped("held", "the sender stopped before the call", timedelta(0))))
        try:
            self.finish()
        finally:
            for lane in self._lanes.values():
                lane.close()

    def _counted(self, sent: list[Sent]) -> list[Sent]:
        for each in sent:
            self._telemetry.count(f"delivery.results.{each.channel}.{each.result}")
        return sent

    def _call(self, call: Call) -> None:
        with self._telemetry.span(f"send {call.waiting.channel}"):
            self._back.put((call, self._sender.make(call)))

    def _wait(self, seconds: float | None) -> None:
        """Until something comes back, or the time is over."""
        try:
            self._answered(*self._back.get(timeout=seconds))
        except Empty:
            return

    def _take_answers(self) -> None:
        while not self._back.empty():
            self._answered(*self._back.get())

    def _answered(self, call: Call, answer: Answer) -> None:
        del self._under_way[call.row.decision_key]
        self._lanes[call.waiting.channel].told(answer, self._clock.now_us())
        self._answers.append((call, answer))

    def _look_round(self, now_us: int) -> list[Sent]:
        """What need not be done in every turn; returns what ended by it."""
        if self._looked_us is not None and now_us - self._looked_us < _LOOK_ROUND_US:
            return []
        self._sender.reopen_broken_off(now_us, self._under_way)
        self._sender.refresh()
        ended = self._counted(self._sender.end_expired(now_us, _END_AT_ONCE))
        self._looked_us = now_us if len(ended) < _END_AT_ONCE else None  # there may be more: in the next turn
        return ended


class _Lane:
    """What one channel may do now: its threads, its rate, its breaker."""

    def __init__(self, name: ChannelName, channel: Channel | None, pace: Pace, breaker: BreakerPolicy, batch: int):
        self.name = name
        self.finished = 0
        self._threads = pace.threads
        self._batch = max(batch, pace.threads)
        self._repeats = channel is not None and channel.honours_idempotency
        self._bucket = Bucket(pace.per_second) if pace.per_second else None
        self._breaker = Breaker(breaker)
        self._in_flight = 0
        self._pool = ThreadPoolExecutor(pace.threads, f"tactful-{name}")

    def room(self, now_us: int) -> int:
        """Returns how many attempts may be begun now."""
        ahead = self.finished if self._repeats else 0
        room = min(self._batch, self._threads + ahead) - self._in_flight
        allowed = self._breaker.allowance(now_us, self._in_flight)
        if allowed is not None:
            room = min(room, allowed)
        return min(room, self._bucket.available(now_us)) if self._bucket else room

    @property
    def is_broken(self) -> bool:
        """Whether the breaker keeps messages back."""
        return self._breaker.is_open

    def begin(self, make: Callable[[Call], None], call: Call, now_us: int) -> Future[None]:
        """Hands a call to a thread."""
        self._in_flight += 1
        if self._bucket:
            self._bucket.take(now_us, 1)
        return self._pool.submit(make, call)

    def told(self, answer: Answer, now_us: int) -> None:
        """Takes what came of a call; what was stopped before it says nothing about the provider."""
        self._in_flight -= 1
        self.finished += 1
        if not isinstance(answer, Stopped):
            self._breaker.told(now_us, healthy=answer is not None and not isinstance(answer, RetryAfter))

    def close(self) -> None:
        """Ends the threads once their calls are over."""
        self._pool.shutdown(wait=True)
