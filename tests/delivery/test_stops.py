"""Kill switches and the outbox: what is stopped waits, what waited too long expires, and every turn is on record."""

from pathlib import Path

import pytest

from tactful.clock import HOUR_US, MINUTE_US, SimulatedClock, from_us
from tactful.delivery import stops
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.loop import Loop
from tactful.delivery.outbox import OutboxMessage, encode
from tactful.delivery.send import Sender
from tactful.events.records import CHANNELS, Channel, Control, Engagement, decode
from tactful.events.registry import Registry
from tactful.events.switches import Switch, What
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import OutboxRow
from tactful.stores.sqlite import SqliteStore

NOW = 1_772_400_000_000_000


def waiting(store: MemoryStore, key: int, channel: Channel = "push", kind: str = "security_alert") -> None:
    message = OutboxMessage(
        decision_id=f"d{key}",
        user_id="u1",
        channel=channel,
        address="a@b.example",
        type=kind,
        locale="en",
        candidate_id=f"c{key}",
        cancel_key="",
        candidate_log_ts_us=NOW - HOUR_US,
        payload={"what": "New sign-in", "url": "https://app.example/5", "follower_name": "Ada"},
        expires_at=from_us(NOW + HOUR_US),
    )
    store.enqueue([OutboxRow(key, 1, NOW, CHANNELS.index(channel), encode(message))])


def turn(store: MemoryStore | SqliteStore, what: What, name: str, on: bool, at_us: int = NOW) -> None:
    with store.transaction():
        stops.turn(store, Switch(what, name, on, from_us(at_us), "test"))


def sender(store: MemoryStore, channel: MemoryChannel) -> Sender:
    return Sender(store, dict.fromkeys(CHANNELS, channel), Registry.shipped())


def test_everything_stopped_leaves_the_outbox_untouched_until_it_is_let_go() -> None:
    store, channel = MemoryStore(), MemoryChannel()
    waiting(store, 1)
    turn(store, "all", "", True)
    talks = sender(store, channel)
    assert talks.run(NOW, 10).messages == ()
    assert talks.due(10, NOW, "push") == []
    turn(store, "all", "", False, NOW + MINUTE_US)
    assert talks.run(NOW + MINUTE_US, 10).counts == {"delivered": 1}


def test_a_stopped_channel_and_a_stopped_type_wait_while_others_go_out() -> None:
    store, channel = MemoryStore(), MemoryChannel()
    waiting(store, 1, "push")
    waiting(store, 2, "email")
    waiting(store, 3, "push", "new_follower")
    turn(store, "channel", "email", True)
    turn(store, "type", "new_follower", True)
    talks = sender(store, channel)
    assert talks.due(10, NOW, "email") == []
    assert talks.run(NOW, 10).counts == {"delivered": 1, "held": 2}
    turn(store, "channel", "email", False, NOW + 1)
    turn(store, "type", "new_follower", False, NOW + 1)
    assert talks.run(NOW + 6 * MINUTE_US, 10).counts == {"delivered": 2}
    assert set(channel.arrived) == {"d1", "d2", "d3"}


def test_what_a_switch_stops_until_its_expiry_ends_as_expired() -> None:
    store, channel = MemoryStore(), MemoryChannel()
    waiting(store, 1)
    turn(store, "type", "security_alert", True)
    talks = sender(store, channel)
    assert talks.run(NOW + HOUR_US - MINUTE_US, 10).counts == {"held": 1}
    assert talks.run(NOW + HOUR_US, 10).counts == {"expired": 1}
    assert channel.arrived == {}


@pytest.mark.parametrize(("what", "name"), [("all", ""), ("channel", "push")])
def test_what_expires_while_it_is_stopped_ends_at_once_and_the_engine_is_told(what: What, name: str) -> None:
    store, channel, clock = MemoryStore(), MemoryChannel(), SimulatedClock(NOW)
    waiting(store, 1)
    waiting(store, 2, "email")
    turn(store, what, name, True)
    store.take_posted(10)
    loop = Loop(sender(store, channel), clock)
    assert [one.result for one in loop.turn()] == []
    loop.finish()
    clock.set(NOW + HOUR_US)
    expired = loop.turn()
    loop.close()
    assert {one.decision_key for one in expired} == ({1, 2} if what == "all" else {1})
    assert {one.result for one in expired} == {"expired"}
    told = [decode(data) for data in store.take_posted(10)]
    assert {one.decision_id for one in told if isinstance(one, Engagement) and one.kind == "failure"} >= {"d1"}
    assert "d1" not in channel.arrived
    store.close()


def test_a_run_over_an_outbox_that_is_stopped_ends_what_expired() -> None:
    store, channel = MemoryStore(), MemoryChannel()
    waiting(store, 1)
    turn(store, "all", "", True)
    assert sender(store, channel).run(NOW + HOUR_US, 10).counts == {"expired": 1}
    assert channel.arrived == {}


def test_every_turn_is_on_record_and_told_to_the_engine(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    turn(store, "type", "digest", True, NOW)
    turn(store, "type", "digest", False, NOW + 1)
    assert [(each.on, each.by, each.at) for each in stops.turned(store)] == [
        (True, "test", from_us(NOW)),
        (False, "test", from_us(NOW + 1)),
    ]
    letters = [decode(data) for data in store.take_posted(10)]
    assert [each.key for each in letters if isinstance(each, Control)] == ["kill_switch.type.digest"] * 2
    assert not stops.in_force(store, from_us(NOW + 2)).types
    assert stops.in_force(store, from_us(NOW)).types == {"digest"}
    store.close()
