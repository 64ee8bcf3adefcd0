"""A small store with weeks of made-up people behind it, run by an engine: what `train timing` reads."""

from pathlib import Path

from tactful.clock import DAY_US, SimulatedClock, from_us
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store
from tactful.stores.sqlite import SqliteStore
from timing_people import START_US, Visits, records, two_habits

PEOPLE, DAYS = 120, 24


def fill_store(path: Path, visits: Visits | None = None, people: int = PEOPLE, days: int = DAYS) -> None:
    """Writes the store: sessions as they came, and every day planned; people of two habits by default."""
    run(SqliteStore(path, synchronous="normal"), two_habits(people, days) if visits is None else visits, people, days)


def run(store: Store, visits: Visits, people: int, days: int) -> None:
    """Lets an engine live through the visits, to the end of the last day, and closes it."""
    engine = Engine(store, Settings(seed=3), clock=SimulatedClock(START_US))
    engine.submit(*records(visits, people))
    engine.advance(from_us(START_US + days * DAY_US))
    engine.close()
