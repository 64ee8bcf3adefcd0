"""Seen on one channel, a message is not sent on another."""

import msgspec
import pytest

from delivery_stage import NOW, enqueue, outcomes
from tactful.clock import HOUR_US, SimulatedClock, from_us
from tactful.decision.rules import Rules
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.protocol import RetryAfter
from tactful.delivery.send import Sender
from tactful.events.records import CHANNELS, Engagement, EngagementKind, encode
from tactful.events.registry import Registry
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore

LADDER = Settings(rules=Rules(channel_mode="ladder"))
PUSH, EMAIL = 0xA, 0xB


def act(kind: EngagementKind = "open", key: int = PUSH, user_id: str = "u1") -> Engagement:
    return Engagement(
        engagement_id=f"{kind}:{key}", user_id=user_id, kind=kind, at=from_us(NOW), decision_id=f"{key:016x}"
    )


def climbed(act: Engagement, settings: Settings = LADDER, posted: bool = False) -> list[str | None]:
    """A push went out; the e-mail of the same candidate waits for a retry; then something is done. How it ended."""
    store = MemoryStore()
    enqueue(store, PUSH)
    enqueue(store, EMAIL, channel="email")
    channels = {"push": MemoryChannel(), "email": MemoryChannel([RetryAfter()])}
    sender = Sender(store, channels, Registry.shipped(), tells_engine=False)
    sender.run(NOW, 10)
    engine = Engine(store, settings, clock=SimulatedClock(NOW))
    if posted:
        store.post([encode(act)])
        engine.advance(from_us(NOW))
    else:
        engine.submit([act])
    sender.run(NOW + HOUR_US // 2, 10)
    return outcomes(store, EMAIL)


@pytest.mark.parametrize("posted", [False, True])
@pytest.mark.parametrize("kind", ["view", "open", "click", "dismiss"])
def test_what_was_seen_on_one_channel_is_taken_back_from_the_others(kind: EngagementKind, posted: bool) -> None:
    assert climbed(act(kind), posted=posted) == ["retry", "cancelled"]


@pytest.mark.parametrize("kind", ["receipt", "bounce", "session"])
def test_a_device_that_has_it_and_a_visit_elsewhere_are_no_proof_that_it_was_seen(kind: EngagementKind) -> None:
    assert climbed(act(kind)) == ["retry", "delivered"]


def test_the_deeds_of_another_person_take_nothing_back() -> None:
    assert climbed(act(user_id="u2")) == ["retry", "delivered"]


@pytest.mark.parametrize("decision_id", ["", "no hexadecimal id", "f" * 16, None])
def test_a_decision_that_nobody_made_takes_nothing_back(decision_id: str | None) -> None:
    assert climbed(msgspec.structs.replace(act(), decision_id=decision_id)) == ["retry", "delivered"]


def test_other_candidates_of_hers_go_out() -> None:
    store = MemoryStore()
    enqueue(store, PUSH)
    enqueue(store, EMAIL, channel="email", candidate_id="c2")
    Engine(store, LADDER, clock=SimulatedClock(NOW)).submit([act()])
    Sender(store, dict.fromkeys(CHANNELS, MemoryChannel()), Registry.shipped()).run(NOW, 10)
    assert outcomes(store, EMAIL) == ["delivered"]


def test_where_no_candidate_climbs_nothing_is_written_for_what_was_seen() -> None:
    assert climbed(act(), Settings()) == ["retry", "delivered"]
