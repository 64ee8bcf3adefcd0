"""The running sender: channels apart from each other, few commits, at most one send, a stop that finishes."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from delivery_stage import NOW, enqueue, outcomes
from tactful import draws
from tactful.clock import MINUTE_US, SECOND_US, SimulatedClock
from tactful.delivery.breaker import BreakerPolicy
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.loop import Loop
from tactful.delivery.pacing import Pace
from tactful.delivery.protocol import Delivered, Failed, Message, Outcome, RetryAfter
from tactful.delivery.send import Sender, SenderStore
from tactful.events.registry import Registry
from tactful.stores.memory import MemoryStore
from tactful.stores.sqlite import SqliteStore
from tactful.telemetry import Telemetry

PATIENCE = 20.0
"""Seconds after which a test that waits for another thread has failed."""


class Gated(MemoryChannel):
    """Answers no call before its gate opens, and says when one has come."""

    def __init__(self, honours_idempotency: bool = True) -> None:
        super().__init__(honours_idempotency=honours_idempotency)
        self.gate, self.called = threading.Event(), threading.Event()
        self.most_at_once = self._now = 0
        self._count = threading.Lock()

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        with self._count:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        self.called.set()
        assert self.gate.wait(PATIENCE)
        with self._count:
            self._now -= 1
        return super().send(message, idempotency_key)


class Counting(SqliteStore):
    """Counts its commits."""

    commits = 0

    def transaction(self) -> AbstractContextManager[None]:
        self.commits += 1
        return super().transaction()


@pytest.fixture
def made() -> Iterator[Callable[..., Loop]]:
    """Makes loops, and ends their threads with the test."""
    loops: list[Loop] = []

    def make(
        store: SenderStore, clock: SimulatedClock | None = None, options: dict[str, Any] | None = None, **channels: Any
    ) -> Loop:
        sender = Sender(store, channels, Registry.shipped())
        loops.append(Loop(sender, clock or SimulatedClock(NOW), **(options or {})))
        return loops[-1]

    yield make
    for loop in loops:
        loop.close()


def test_a_slow_provider_holds_up_no_other_channel(made: Callable[..., Loop]) -> None:
    store, slow, fast = MemoryStore(), Gated(), MemoryChannel()
    for key in range(1, 21):
        enqueue(store, key, channel="email" if key % 2 else "push")
    loop = made(store, email=slow, push=fast)
    while len(fast.arrived) < 10:
        loop.turn()
    assert slow.arrived == {}
    slow.gate.set()
    while len(slow.arrived) < 10:
        loop.turn()


def test_a_channel_is_called_by_as_many_threads_as_it_is_given(made: Callable[..., Loop]) -> None:
    store, slow = MemoryStore(), Gated()
    for key in range(1, 9):
        enqueue(store, key)
    loop = made(store, push=slow, options={"pace": {"push": Pace(threads=3)}})
    loop.turn()
    assert len(store.in_doubt()) == 3
    slow.gate.set()
    while len(slow.arrived) < 8:
        loop.turn()
    assert slow.most_at_once <= 3


def test_many_messages_share_a_commit(tmp_path: Path, made: Callable[..., Loop]) -> None:
    store, channel = Counting(tmp_path / "store.db"), MemoryChannel()
    for key in range(1, 201):
        enqueue(store, key)
    loop, before = made(store, push=channel), store.commits
    while store.pending(1, NOW):
        loop.turn()
        loop.finish()
    assert len(channel.arrived) == 200
    assert store.commits - before < 30
    store.close()


@pytest.mark.parametrize(("honours", "most"), [(True, 16), (False, 4)])
def test_only_where_keys_are_honoured_more_is_begun_than_can_be_called_at_once(
    honours: bool, most: int, made: Callable[..., Loop]
) -> None:
    store, channel = MemoryStore(), Gated(honours)
    for key in range(1, 101):
        enqueue(store, key)
    loop = made(store, push=channel, options={"pace": {"push": Pace(threads=4)}, "batch": 16})
    seen = []
    channel.gate.set()
    for _ in range(8):
        loop.turn()
        seen.append(len(store.in_doubt()))
        loop.finish()
    assert max(seen) == most


def test_a_stop_files_what_is_under_way_and_leaves_the_rest_for_the_next_start(made: Callable[..., Loop]) -> None:
    store, slow = MemoryStore(), Gated()
    for key in range(1, 31):
        enqueue(store, key)
    loop = made(store, push=slow, options={"pace": {"push": Pace(threads=2)}})
    slow.gate.set()
    loop.turn()
    loop.finish()
    slow.gate.clear()
    slow.called.clear()
    loop.turn()  # begins four: two are called, two wait for a thread
    assert slow.called.wait(PATIENCE)
    threading.Timer(0.0, slow.gate.set).start()
    loop.close()
    assert store.in_doubt() == []
    sent = sum("delivered" in outcomes(store, key) for key in range(1, 31))
    assert sent == len(slow.arrived) < 30
    assert all(outcomes(store, key) in ([], ["delivered"], ["held"]) for key in range(1, 31))
    again = made(store, push=slow)
    while len(slow.arrived) < 30:
        again.turn()
    assert slow.repeats == []


def test_it_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    path, channel, stop, telemetry = tmp_path / "store.db", Gated(), threading.Event(), Telemetry()

    def run() -> None:
        store = SqliteStore(path)
        sender = Sender(store, {"push": channel}, Registry.shipped())
        Loop(sender, SimulatedClock(NOW), telemetry=telemetry).run(stop)
        store.close()

    first = SqliteStore(path)
    thread = threading.Thread(target=run)
    thread.start()
    enqueue(first)
    assert channel.called.wait(PATIENCE)
    stop.set()
    channel.gate.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert outcomes(first) == ["delivered"]
    first.close()


def test_a_failing_provider_is_left_alone_and_messages_wait_without_using_up_attempts(
    made: Callable[..., Loop],
) -> None:
    store, clock = MemoryStore(), SimulatedClock(NOW)
    broken = MemoryChannel([RetryAfter()] * 5)
    for key in range(1, 31):
        enqueue(store, key)
    options = {"pace": {"push": Pace(threads=1)}, "breaker": BreakerPolicy(min_calls=4, open_s=30.0), "batch": 1}
    loop = made(store, clock, options, push=broken)
    for _ in range(10):
        loop.turn()
        loop.finish()
    tried = [key for key in range(1, 31) if outcomes(store, key)]
    assert len(tried) == 4
    clock.set(NOW + 30 * SECOND_US)
    for _ in range(3):  # one probe, which fails: alone for twice as long
        loop.turn()
        loop.finish()
    assert sum(len(outcomes(store, key)) for key in range(1, 31)) == 5
    clock.set(NOW + 3 * MINUTE_US)
    while len(broken.arrived) < 30:
        loop.turn()
        loop.finish()


def test_a_rate_is_kept_and_the_rest_waits(made: Callable[..., Loop]) -> None:
    store, clock, channel = MemoryStore(), SimulatedClock(NOW), MemoryChannel()
    for key in range(1, 31):
        enqueue(store, key)
    loop = made(store, clock, {"pace": {"push": Pace(per_second=5.0)}}, push=channel)
    went = []
    for second in range(6):
        clock.set(NOW + second * SECOND_US)
        for _ in range(3):
            loop.turn()
            loop.finish()
        went.append(len(channel.arrived))
    assert went == [5, 10, 15, 20, 25, 30]


def test_an_answer_that_comes_after_a_person_settled_it_is_let_go(made: Callable[..., Loop]) -> None:
    store, slow = MemoryStore(), Gated(honours_idempotency=False)
    enqueue(store)
    loop = made(store, push=slow)
    loop.turn()
    store.end_attempt(1, 1, "delivered", "settled", None)
    slow.gate.set()
    loop.finish()
    assert outcomes(store) == ["delivered"]


class Unreliable(MemoryChannel):
    """Is busy for a fifth of the calls, breaks off now and then before or after the message arrived, refuses a few."""

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        with self._lock:
            self._calls = getattr(self, "_calls", 0) + 1
            luck = float(draws.uniform(3, self._calls, draws.key(idempotency_key), "luck")[0])
            if luck < 0.20:
                return RetryAfter()
            if luck < 0.22:
                return Failed("no")
            if luck < 0.24:
                raise ConnectionResetError
            self._arrive(message, idempotency_key)
            if luck < 0.26:
                raise ConnectionResetError
            return Delivered(idempotency_key)


@pytest.mark.parametrize("honours", [True, False])
def test_whatever_a_provider_does_every_message_is_accounted_for_and_none_arrives_twice(
    honours: bool, made: Callable[..., Loop]
) -> None:
    store, clock, channel = MemoryStore(), SimulatedClock(NOW), Unreliable(honours_idempotency=honours)
    for key in range(1, 151):
        enqueue(store, key)
    loop = made(store, clock, push=channel)
    for minute in range(70):
        clock.set(NOW + minute * MINUTE_US)
        if minute == 20:  # a new process
            loop.close()
            loop = made(store, clock, push=channel)
        for _ in range(4):
            loop.turn()
            loop.finish()
    ended = Counter(outcomes(store, key)[-1] for key in range(1, 151))
    assert channel.repeats == []
    assert store.pending(1, clock.now_us()) == []
    assert ended.total() == 150
    assert set(ended) <= {"delivered", "failed", "gave_up", None}
    assert ended["delivered"] <= len(channel.arrived) <= ended["delivered"] + ended[None]
    assert (ended[None] == 0) == honours
