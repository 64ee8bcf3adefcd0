"""Sending: at most one message a decision, nobody who said no, and nothing lost on the way."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tactful import draws
from tactful.clock import DAY_US, HOUR_US, MINUTE_US, from_us
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.links import Redirects
from tactful.delivery.outbox import OutboxMessage, encode
from tactful.delivery.pacing import WarmUp
from tactful.delivery.protocol import Delivered, Failed, Limits, Outcome, RetryAfter, Unreachable
from tactful.delivery.retry import RetryPolicy
from tactful.delivery.send import Sender, SenderStore
from tactful.delivery.unsubscribe import OneClick
from tactful.errors import StoreError
from tactful.events.records import CHANNELS, Engagement, decode
from tactful.events.registry import Registry
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import OutboxRow
from tactful.stores.sqlite import SqliteStore

NOW = 1_772_400_000_000_000
USER = draws.key("u1")
PUSH = CHANNELS.index("push")
BASE = OutboxMessage(
    decision_id="d",
    user_id="u1",
    channel="push",
    address="secret-device-token",
    type="comment_digest",
    locale="en",
    candidate_id="c1",
    cancel_key="post-1",
    candidate_log_ts_us=NOW - HOUR_US,
    payload={"post_title": "private title", "url": "https://app.example/p"},
    expires_at=from_us(NOW + HOUR_US),
)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SenderStore]:
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "store.db")
    yield made
    made.close()


def enqueue(store: SenderStore, key: int = 1, **changes: Any) -> None:
    message = msgspec.structs.replace(BASE, decision_id=f"d{key}", **changes)
    channel = CHANNELS.index(message.channel)
    store.enqueue([OutboxRow(key, draws.key(message.user_id), NOW, channel, encode(message))])


def sender(store: SenderStore, channel: MemoryChannel, **options: Any) -> Sender:
    return Sender(store, dict.fromkeys(CHANNELS, channel), Registry.shipped(), **options)


def results(store: SenderStore, key: int = 1) -> list[str | None]:
    entry = store.outbox_of(key)
    assert entry is not None
    return [attempt.outcome for attempt in entry.attempts]


def test_a_due_message_is_delivered_once_under_its_decision_id(store: SenderStore) -> None:
    channel = MemoryChannel()
    enqueue(store)
    assert sender(store, channel).run(NOW, 10).counts == {"delivered": 1}
    assert sender(store, channel).run(NOW + 1, 10).messages == ()
    assert [(key, message.address) for key, message in channel.arrived.items()] == [("d1", "secret-device-token")]


def test_the_limit_bounds_a_run_and_the_rest_stays(store: SenderStore) -> None:
    channel = MemoryChannel()
    for key in range(1, 6):
        enqueue(store, key)
    one = sender(store, channel)
    assert [len(one.run(NOW, 2).messages) for _ in range(4)] == [2, 2, 1, 0]
    assert len(channel.arrived) == 5


def test_the_engine_is_told_once_of_what_reaches_nobody_and_of_nothing_else(store: SenderStore) -> None:
    for key in range(1, 5):
        enqueue(store, key)
    outcomes: list[Outcome] = [Delivered(), Failed("no"), RetryAfter(), Unreachable("gone")]
    one = sender(store, MemoryChannel(outcomes))
    one.run(NOW, 10)
    one.run(NOW + HOUR_US // 2, 10)
    told = [decode(letter) for letter in store.take_posted(10)]
    assert [(t.kind, t.user_id, t.at, t.channel) for t in told if isinstance(t, Engagement)] == [
        ("failure", "u1", from_us(NOW), "push")
    ] * 2
    assert [t.decision_id for t in told if isinstance(t, Engagement)] == ["d2", "d4"]


def test_failures_may_be_left_to_others(store: SenderStore) -> None:
    enqueue(store)
    sender(store, MemoryChannel([Failed("no")]), tells_engine=False).run(NOW, 10)
    assert store.posted() == 0


def test_a_message_that_is_not_due_waits(store: SenderStore) -> None:
    enqueue(store)
    assert sender(store, MemoryChannel()).run(NOW - 1, 10).messages == ()


@pytest.mark.parametrize("channel_code", [PUSH, -1])
@pytest.mark.parametrize("critical", [False, True])
def test_who_unsubscribed_between_decision_and_send_receives_nothing(
    store: SenderStore, channel_code: int, critical: bool
) -> None:
    channel = MemoryChannel()
    enqueue(store, critical=critical)
    store.suppress(USER, channel_code, NOW, False)
    assert sender(store, channel).run(NOW, 10).counts == {"suppressed": 1}
    assert sender(store, channel).run(NOW + HOUR_US, 10).messages == ()
    assert (channel.arrived, results(store)) == ({}, ["suppressed"])


def test_an_unsubscribe_while_a_retry_waits_is_honoured(store: SenderStore) -> None:
    channel = MemoryChannel([RetryAfter()])
    enqueue(store)
    sender(store, channel).run(NOW, 10)
    store.suppress(USER, PUSH, NOW + 1, False)
    assert sender(store, channel).run(NOW + MINUTE_US, 10).counts == {"suppressed": 1}
    assert channel.arrived == {}


def test_unsubscribing_from_another_channel_stops_nothing(store: SenderStore) -> None:
    enqueue(store)
    store.suppress(USER, CHANNELS.index("email"), NOW, False)
    assert sender(store, MemoryChannel()).run(NOW, 10).counts == {"delivered": 1}


def test_a_candidate_cancelled_between_decision_and_send_is_not_sent(store: SenderStore) -> None:
    channel = MemoryChannel()
    enqueue(store, 1)
    enqueue(store, 2, candidate_id="c2")
    enqueue(store, 3, candidate_id="c3", cancel_key="post-2")
    store.cancel(USER, draws.key("c1"), NOW)
    store.cancel_group(USER, draws.key("post-2"), NOW)
    assert sender(store, channel).run(NOW, 10).counts == {"cancelled": 2, "delivered": 1}
    assert list(channel.arrived) == ["d2"]


def test_a_group_cancel_spares_what_was_logged_after_it(store: SenderStore) -> None:
    enqueue(store)
    store.cancel_group(USER, draws.key("post-1"), NOW - 2 * HOUR_US)
    assert sender(store, MemoryChannel()).run(NOW, 10).counts == {"delivered": 1}


def test_an_expired_message_is_not_sent(store: SenderStore) -> None:
    channel = MemoryChannel()
    enqueue(store)
    assert sender(store, channel).run(NOW + HOUR_US, 10).counts == {"expired": 1}
    assert channel.arrived == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": {}},
        {"type": "no_such_type"},
        {"channel": "webhook"},
        {"payload": {**BASE.payload, "post_title": "long " * 99}},
    ],
)
def test_what_cannot_be_rendered_within_the_limits_is_refused_whole(
    store: SenderStore, changes: dict[str, Any]
) -> None:
    channel = MemoryChannel(limits=Limits(body_bytes=200))
    enqueue(store, **changes)
    assert sender(store, channel).run(NOW, 10).counts == {"unrenderable": 1}
    entry = store.outbox_of(1)
    assert entry is not None
    assert entry.attempts[0].detail
    assert (channel.arrived, entry.next_try_us) == ({}, None)


def test_one_unreadable_row_does_not_stop_the_others(store: SenderStore) -> None:
    store.enqueue([OutboxRow(7, USER, NOW - 1, PUSH, b"\xc1 not a message")])
    enqueue(store)
    assert sender(store, MemoryChannel()).run(NOW, 10).counts == {"unrenderable": 1, "delivered": 1}


@pytest.mark.parametrize(
    ("outcome", "result"),
    [(Failed("5.7.1"), "failed"), (Unreachable("gone"), "unreachable"), (Delivered(), "delivered")],
)
def test_a_final_answer_is_final(store: SenderStore, outcome: Outcome, result: str) -> None:
    enqueue(store)
    channel = MemoryChannel([outcome])
    assert sender(store, channel).run(NOW, 10).counts == {result: 1}
    assert sender(store, channel).run(NOW + HOUR_US // 2, 10).messages == ()


def test_a_busy_provider_is_tried_again_when_it_asks_and_not_before(store: SenderStore) -> None:
    channel = MemoryChannel([RetryAfter(timedelta(minutes=10), "429")])
    enqueue(store)
    one = sender(store, channel)
    assert one.run(NOW, 10).counts == {"retry": 1}
    assert one.run(NOW + 10 * MINUTE_US - 1, 10).messages == ()
    assert one.run(NOW + 10 * MINUTE_US, 10).counts == {"delivered": 1}
    assert results(store) == ["retry", "delivered"]


def test_retries_end_after_the_stated_number(store: SenderStore) -> None:
    channel = MemoryChannel([RetryAfter()] * 9)
    enqueue(store)
    one = sender(store, channel, policy=RetryPolicy(timedelta(seconds=1), timedelta(seconds=1), max_attempts=3))
    seen = [sent.result for i in range(9) for sent in one.run(NOW + i * MINUTE_US, 10).messages]
    assert seen == ["retry", "retry", "gave_up"]


def test_a_message_without_a_configured_channel_waits_for_one(store: SenderStore) -> None:
    enqueue(store)
    assert Sender(store, {}, Registry.shipped()).run(NOW, 10).counts == {"retry": 1}
    assert sender(store, MemoryChannel()).run(NOW + MINUTE_US, 10).counts == {"delivered": 1}


def test_a_call_that_broke_off_is_repeated_under_the_same_key_where_keys_are_honoured(store: SenderStore) -> None:
    channel = MemoryChannel([ConnectionResetError("to secret-device-token")])
    enqueue(store)
    one = sender(store, channel)
    assert one.run(NOW, 10).counts == {"in_doubt": 1}
    assert one.in_doubt() == []
    assert one.run(NOW + MINUTE_US, 10).messages == ()  # it might be in flight in another process
    assert one.run(NOW + 5 * MINUTE_US, 10).counts == {"delivered": 1}
    assert (list(channel.arrived), results(store)) == (["d1"], ["broken_off", "delivered"])


def test_a_call_that_broke_off_is_never_repeated_elsewhere_but_listed(store: SenderStore) -> None:
    channel = MemoryChannel([ConnectionResetError()], honours_idempotency=False)
    enqueue(store)
    one = sender(store, channel)
    one.run(NOW, 10)
    assert one.run(NOW + HOUR_US // 2, 10).messages == ()
    assert [(each.decision_key, each.attempt_no) for each in one.in_doubt()] == [(1, 1)]


@pytest.mark.parametrize("arrived", [True, False])
def test_a_person_settles_what_is_in_doubt(store: SenderStore, arrived: bool) -> None:
    channel = MemoryChannel([ConnectionResetError()], honours_idempotency=False)
    enqueue(store)
    one = sender(store, channel)
    one.run(NOW, 10)
    (attempt,) = one.in_doubt()
    one.settle(attempt, arrived, NOW + 1)
    assert one.in_doubt() == []
    assert len(one.run(NOW + 1, 10).messages) == (0 if arrived else 1)
    with pytest.raises(StoreError):
        one.settle(attempt, arrived, NOW + 2)


def test_a_call_that_always_breaks_off_ends_with_a_person(store: SenderStore) -> None:
    channel = MemoryChannel([ConnectionResetError()] * 9)
    enqueue(store)
    one = sender(store, channel, policy=RetryPolicy(max_attempts=2), in_flight=timedelta(0))
    for i in range(4):
        one.run(NOW + i, 10)
    assert len(one.in_doubt()) == 1
    assert results(store) == ["broken_off", None]


def test_the_attempt_is_on_record_before_the_provider_is_called(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    SqliteStore(path).close()

    class Watching(MemoryChannel):
        def send(self, message: Any, idempotency_key: str) -> Outcome:
            other = SqliteStore(path, read_only=True)
            seen.append(len(other.in_doubt()))
            other.close()
            return super().send(message, idempotency_key)

    seen: list[int] = []
    store = SqliteStore(path)
    enqueue(store)
    sender(store, Watching()).run(NOW, 10)
    store.close()
    assert seen == [1]


def test_of_two_senders_one_sends(tmp_path: Path) -> None:
    channel = MemoryChannel(honours_idempotency=False)
    first, second = SqliteStore(tmp_path / "store.db"), SqliteStore(tmp_path / "store.db")
    for key in range(1, 9):
        enqueue(first, key)

    class Meanwhile(MemoryChannel):
        """Lets the other sender run while this one is between two messages."""

        def send(self, message: Any, idempotency_key: str) -> Outcome:
            sender(second, channel).run(NOW, 2)
            return channel.send(message, idempotency_key)

    report = sender(first, Meanwhile(honours_idempotency=False)).run(NOW, 10)
    assert len(report.messages) < 8
    assert (len(channel.arrived), channel.repeats) == (8, [])
    first.close()
    second.close()


def test_logs_carry_no_address_payload_or_words_of_the_provider(
    store: SenderStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for key in range(1, 4):
        enqueue(store, key)
    words = "mailbox secret-device-token unknown"
    sender(store, MemoryChannel([ConnectionResetError(words), Failed(words), Delivered(words)])).run(NOW, 10)
    assert "0000000000000001" in caplog.text
    for secret in ("secret-device-token", "private title", "mailbox", "u1", "app.example"):
        assert secret not in caplog.text


def test_mails_offer_one_click_unsubscribe_unless_they_are_critical(store: SenderStore) -> None:
    channel = MemoryChannel()
    enqueue(store, 1, channel="email")
    enqueue(store, 2, channel="email", critical=True)
    enqueue(store, 3)
    sender(store, channel, one_click=OneClick("https://app.example/u", b"0123456789abcdef")).run(NOW, 10)
    offers = {key: "List-Unsubscribe" in message.headers for key, message in channel.arrived.items()}
    assert offers == {"d1": True, "d2": False, "d3": False}


def test_links_of_mails_are_counted_unless_they_are_critical(store: SenderStore) -> None:
    channel = MemoryChannel()
    enqueue(store, 1, channel="email")
    enqueue(store, 2, channel="email", critical=True)
    enqueue(store, 3)
    counted = Redirects("https://n.example", b"0123456789abcdef", ("app.example",))
    sender(store, channel, redirects=counted).run(NOW, 10)
    assert {key: "n.example/r/" in message.body for key, message in channel.arrived.items()} == {
        "d1": True, "d2": False, "d3": False,
    }  # fmt: skip


def test_what_a_new_domain_may_not_send_today_waits_for_tomorrow_or_expires_with_that_reason(
    store: SenderStore,
) -> None:
    day_us = NOW // DAY_US
    warm_up = WarmUp(started_on=from_us(NOW).date().isoformat(), first_day=1)
    for key, hours in ((1, 1), (2, 48), (3, 2)):
        enqueue(store, key, channel="email", address="a@gmail.com", expires_at=from_us(NOW + hours * HOUR_US))
    enqueue(store, 4)
    channel = MemoryChannel()
    counts = sender(store, channel, warm_up=warm_up).run(NOW, 10).counts
    assert counts == {"delivered": 2, "held": 1, "expired": 1}  # an e-mail and the push went out
    entry = store.outbox_of(2)
    assert entry is not None
    assert entry.next_try_us == (day_us + 1) * DAY_US
    assert entry.attempts[0].detail == "warm-up: the day's 1 to gmail are out"
    late = store.outbox_of(3)
    assert late is not None
    assert "warm-up" in late.attempts[0].detail
    assert sender(store, channel, warm_up=warm_up).run((day_us + 1) * DAY_US, 10).counts == {"delivered": 1}
    assert results(store, 2) == ["held", "delivered"]


def test_a_type_that_the_engine_has_just_learned_is_asked_for(store: SenderStore) -> None:
    enqueue(store)
    nothing = Registry(())
    made = Sender(store, {"push": MemoryChannel()}, nothing, types=Registry.shipped)
    assert made.run(NOW, 10).counts == {"delivered": 1}
