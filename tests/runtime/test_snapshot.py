"""What an engine saves of its memory: small, and refused if a newer version wrote it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tactful.clock import SimulatedClock, to_us
from tactful.errors import StoreError
from tactful.events.records import User
from tactful.features.history import ROW
from tactful.runtime.embedded import Engine
from tactful.runtime.people import saved_people
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def left() -> MemoryStore:
    """What an engine with two users leaves."""
    engine = Engine(MemoryStore(), Settings(), clock=SimulatedClock(to_us(NOON)))
    engine.submit([User(user_id=name, addresses={"email": f"{name}@example.invalid"}) for name in ("ann", "bob")])
    engine.advance(NOON + timedelta(days=1))
    with engine.store.transaction():
        engine._save(engine._committed_us)
    assert isinstance(engine.store, MemoryStore)
    return engine.store


def test_saved_states_are_a_fraction_of_the_rows_and_are_read_again() -> None:
    store = left()
    saved = list(store.load_states())
    assert [user_id for user_id, _ in saved] == ["ann", "bob"]
    assert all(len(state) < ROW.itemsize / 8 for _, state in saved)
    engine = Engine(store, Settings(), clock=SimulatedClock(to_us(NOON)))
    assert engine.user_ids == ["ann", "bob"]
    assert (engine.population.table.rows["addresses"] == 1).all()
    assert saved_people(store, Settings()).known == 2


def test_states_that_a_newer_version_saved_are_refused() -> None:
    store = left()
    told = msgspec.msgpack.decode(store.load_meta("states") or b"")
    store.save_meta("states", msgspec.msgpack.encode({**told, "schema_version": 99}))
    with pytest.raises(StoreError, match="a newer Tactful wrote"):
        Engine(store, Settings(), clock=SimulatedClock(to_us(NOON)))
    with pytest.raises(StoreError, match="a newer Tactful wrote"):
        saved_people(store, Settings())
