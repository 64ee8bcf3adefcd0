"""The dashboard's page of channels: what became of sends, what waits for a person, what is held back; no address."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import small_app
from delivery_stage import NOW, enqueue
from served_app import ask, decided, served
from tactful.api.dashboard import ENDPOINTS
from tactful.api.dashboard.channels import channels_of
from tactful.api.dashboard.traffic import traffic_of
from tactful.api.sending import SenderThread
from tactful.api.service import Service
from tactful.clock import HOUR_US, SimulatedClock, WallClock, from_us, to_us
from tactful.delivery import outbox, stops
from tactful.delivery.breaker import BreakerPolicy
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.loop import Loop
from tactful.delivery.pacing import Ramp, WarmUp
from tactful.delivery.protocol import RetryAfter
from tactful.delivery.send import Sender
from tactful.delivery.settings import Delivery
from tactful.events.records import CHANNELS, Control, encode
from tactful.events.registry import Registry
from tactful.events.switches import Switch
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import ControlRow, OutboxRow, Store
from tactful.stores.sqlite import SqliteStore

NOW_US = to_us(small_app.END) - 1
ENDS = ("delivered", "failed", "unreachable", "cancelled", "gave_up")


def try_all(store: Store) -> list[OutboxRow]:
    """Brings the messages of the outbox, the earliest first, to all ends there are; returns them."""
    rows = store.pending(100, NOW_US)
    for row, outcome in zip(rows, ENDS, strict=False):
        words = f"550 to {address_of(row)}" if outcome == "failed" else ""
        store.begin_attempt(row.decision_key, NOW_US)
        store.end_attempt(row.decision_key, 1, outcome, words, None)
    again, doubtful = rows[len(ENDS) : len(ENDS) + 2]
    store.begin_attempt(again.decision_key, NOW_US)
    store.end_attempt(again.decision_key, 1, "retry", "no connection", NOW_US)
    store.begin_attempt(again.decision_key, NOW_US)
    store.end_attempt(again.decision_key, 2, "retry", "no connection", NOW_US + HOUR_US)
    store.begin_attempt(doubtful.decision_key, NOW_US)
    return rows


def address_of(row: OutboxRow) -> str:
    return outbox.decode(row.message).address


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = decided(tmp_path_factory.mktemp("channels") / "app.db")
    store = SqliteStore(made)
    assert len(try_all(store)) > len(ENDS) + 2
    store.close()
    return made


@pytest.fixture
def service(path: Path) -> Iterator[Service]:
    made = served(path)
    yield made
    made.close()


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path, read_only=True)
    yield opened
    opened.close()


def page_of(service: Service) -> str:
    return ask(service, ENDPOINTS, "GET", "/dashboard/channels").text


def test_every_send_is_counted_once_by_what_became_of_it(store: SqliteStore) -> None:
    found = traffic_of(store, NOW_US)
    total = {
        name: sum(getattr(one, name) for one in found.traffic)
        for name in ("sends", "delivered", "waiting", "in_doubt", "dead", "unreachable", "withdrawn", "retried")
    }
    assert found.step == 1
    assert total["sends"] == sum(row.action_code == 0 for row in store.decisions_between(0, NOW_US + 1))
    assert [total[name] for name in ("delivered", "in_doubt", "dead", "unreachable", "withdrawn", "retried")] == [
        1, 1, 2, 1, 1, 1,
    ]  # fmt: skip
    assert total["waiting"] == total["sends"] - 6
    assert total["sends"] == sum(sum(one.by_day) for one in found.traffic)


def test_of_a_long_log_an_evenly_spread_part_is_looked_at(store: SqliteStore) -> None:
    found = traffic_of(store, NOW_US, at_most=20)
    assert found.step == -(-store.count_decisions() // 20)
    assert 0 < sum(one.sends for one in found.traffic) <= 20


def test_what_a_provider_said_is_shown_without_the_address_in_it(service: Service, store: SqliteStore) -> None:
    words = [one.words for one in traffic_of(store, NOW_US).troubles]
    assert "no connection" in words
    page = page_of(service)
    assert "550 to " in page
    entries = [store.outbox_of(row.decision_key) for row in store.decisions_between(0, NOW_US + 1)]
    assert not [entry for entry in entries if entry and address_of(entry.row) in page]


def test_what_waits_for_a_person_comes_with_the_command(store: SqliteStore) -> None:
    found = channels_of(store, Settings(), NOW_US)
    states = sorted(one.letter.state for one in found.letters)
    assert states == ["failed", "gave_up", "in doubt"]
    commands = {one.letter.state: one.command for one in found.letters}
    assert commands["in doubt"].startswith("tactful outbox settle ")
    for one in found.letters:
        if one.letter.state != "in doubt":
            may = one.letter.may_be_retried(NOW_US)
            assert one.command == (f"tactful outbox retry {one.letter.decision_id}" if may else "")


def test_the_page_names_waiting_messages_and_where_no_sender_runs_it_says_so(
    service: Service, store: SqliteStore
) -> None:
    page = page_of(service)
    assert "no sender here" in page
    assert sum(one.waiting for one in channels_of(store, Settings(), NOW_US).lanes) == sum(
        store.outbox_stock().values()
    )


def test_an_empty_store_has_a_page_that_says_what_to_do(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "app.db").close()
    service = served(tmp_path / "app.db")
    page = page_of(service)
    for words in ("Nothing went to the outbox", "no dead letter is there", "Nothing was counted yet", "tactful doctor"):
        assert words in page
    service.close()


def test_the_sends_that_reputation_rests_on_are_those_of_the_log(store: SqliteStore) -> None:
    found = channels_of(store, Settings(), NOW_US)
    by_log = Counter(one.channel for one in found.sampled.traffic for _ in range(one.sends))
    counted: Counter[str] = Counter()
    for one in found.standings:
        assert one.complaints == one.bounces == 0.0
        assert not one.is_judged
        counted[one.channel] += one.sends or 0
    assert counted == by_log


def test_stops_warm_up_and_reputation_show_what_is_in_force() -> None:
    store, now = MemoryStore(), from_us(NOW_US)
    stops.note(store, Switch("channel", "push", True, now, "ann"))
    value = {"reputation": [["email", "gmail", 0.5, 2e-3, 1e-3]]}
    told = Control(version=1, effective_at=now, key="thresholds", value=value)
    store.append_controls([ControlRow(1, NOW_US, "thresholds", encode(told))])
    warm_up = WarmUp(started_on=f"{now:%Y-%m-%d}", first_day=3)
    Ramp(store, warm_up).admit("ann@gmail.com", NOW_US)
    settings = msgspec.structs.replace(Settings(), delivery=Delivery(warm_up=warm_up, per_second={"email": 14.0}))
    found = channels_of(store, settings, NOW_US)
    assert [one.channel for one in found.lanes if one.is_stopped] == ["push"]
    assert found.lanes[CHANNELS.index("email")].per_second == 14.0
    assert [(one.mailbox, one.open_share, one.sends) for one in found.standings] == [("gmail", 0.5, None)]
    assert {one.mailbox: (one.sent, one.cap) for one in found.warm_up}["gmail"] == (1, 3)


def test_a_provider_that_is_left_alone_shows_while_the_others_send(service: Service) -> None:
    waiting = MemoryStore()
    enqueue(waiting, 1)
    ill = MemoryChannel([RetryAfter()])
    sender = Sender(waiting, {"push": ill}, Registry.shipped())
    loop = Loop(sender, SimulatedClock(NOW), breaker=BreakerPolicy(min_calls=1))
    service.sender = SenderThread(service.path, Settings(), WallClock(), {})
    service.sender.loop = loop
    loop.turn()
    assert "left alone</span>" not in page_of(service)
    loop.finish()
    loop.close()
    page = page_of(service)
    assert page.count("left alone</span>") == 1
    assert page.count('passed">sends') == len(CHANNELS) - 1
