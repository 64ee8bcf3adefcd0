"""Users dealt to engines side by side: evenly, always alike, each person to one, what is of everybody to all."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tactful.clock import SimulatedClock, to_us
from tactful.errors import InvalidSettings
from tactful.events.records import Candidate, Control, Engagement, Input, User, UserInput
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.runtime.sharding import dealt, shard_of
from tactful.stores.memory import MemoryStore

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NAMES = [f"user-{i}" for i in range(40)]


def story(killed: bool) -> list[Input]:
    """People whom a security alert is to reach at once; the operator may have stopped everything before."""
    stop = [Control(version=1, effective_at=NOON, key="kill_switch", value=True)] if killed else []
    people = [User(user_id=n, addresses={"email": f"{n}@example.invalid"}, opt_in=("email",)) for n in NAMES]
    visits = [Engagement(engagement_id=f"e-{n}", user_id=n, kind="session", at=NOON) for n in NAMES]
    alerts = [
        Candidate(candidate_id=f"c-{n}", user_id=n, type="security_alert", created_at=NOON,
                  payload={"what": "a new sign-in", "url": "https://example.invalid/"})
        for n in NAMES
    ]  # fmt: skip
    return [*people, *stop, *visits, *alerts]


def sent(records: list[Input]) -> set[str | None]:
    """Whom an engine over these records tells within the hour."""
    engine = Engine(MemoryStore(), Settings(), clock=SimulatedClock(to_us(NOON)))
    receipt = engine.submit(records)
    assert receipt.accepted == len(records), receipt
    return {one.user_id for one in engine.advance(NOON + timedelta(hours=1)) if one.action == "send"}


@pytest.mark.parametrize("shards", [2, 3, 8])
def test_users_are_dealt_evenly(shards: int) -> None:
    n = 20_000
    counts = np.bincount([shard_of(f"user-{i:07d}", shards) for i in range(n)], minlength=shards)
    expected = n / shards
    # chi-squared lies below its mean plus four standard deviations
    assert ((counts - expected) ** 2 / expected).sum() < (shards - 1) + 4 * np.sqrt(2 * (shards - 1))


def test_a_user_stays_where_she_is() -> None:
    # a store's people cannot move, so these never change
    assert [shard_of(name, 2) for name in ("ann", "bob", "eve", "dan", "Zoë")] == [1, 0, 1, 0, 0]
    assert [shard_of(name, 3) for name in ("ann", "bob", "eve", "dan", "Zoë")] == [1, 1, 2, 0, 1]


def test_everything_of_one_person_goes_to_one_shard_in_order_and_nothing_is_lost() -> None:
    records = story(killed=True)
    parts = dealt(records, 3)
    for shard, part in enumerate(parts):
        own = [r for r in records if not isinstance(r, UserInput) or shard_of(r.user_id, 3) == shard]
        assert part == own
    assert sum(len(part) for part in parts) == len(records) + 2


def test_engines_side_by_side_tell_whom_one_engine_tells_and_a_kill_switch_stops_them_all() -> None:
    parts = dealt(story(killed=False), 2)
    assert all(sent(part) for part in parts)
    assert sent(parts[0]) | sent(parts[1]) == sent(story(killed=False))
    assert [sent(part) for part in dealt(story(killed=True), 2)] == [set(), set()]


def test_no_shard_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="got 0 shards, expected at least 1"):
        shard_of("ann", 0)
    with pytest.raises(InvalidSettings, match="got 0 shards"):
        dealt([Control(version=1, effective_at=NOON, key="kill_switch", value=True)], 0)
