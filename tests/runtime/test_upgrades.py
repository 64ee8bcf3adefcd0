"""A store that any earlier version left behind is opened, brought to the present schema, gone on with, and replayed."""

import lzma
import runpy
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tactful.clock import SimulatedClock, to_us
from tactful.errors import ReplayMismatch
from tactful.events.records import SCHEMA_VERSION as RECORD_SCHEMA
from tactful.events.records import Decision, decode
from tactful.runtime.embedded import Engine
from tactful.runtime.replaying import verify
from tactful.runtime.settings import noted
from tactful.stores.schema import SCHEMA_VERSION
from tactful.stores.sqlite import SqliteStore

FIXTURES = Path(__file__).parents[1] / "fixtures"
MAKER = runpy.run_path(str(FIXTURES / "make_engine_store_1.py"))
MORE = timedelta(days=1)
REPLAYED_SINCE = 2
"""How engines decide was still changed after the store of schema 1 was made, and before any release: its decisions stay
on record and its engine goes on from the saved states, but they do not come out again."""


def schema_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.fixture(params=range(1, SCHEMA_VERSION + 1))
def left(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what an engine of each schema left."""
    schema: int = request.param
    path = tmp_path / "app.db"
    packed = FIXTURES / f"engine_store_schema_{schema}.sqlite.xz"
    if schema == 1:
        path.write_bytes((FIXTURES / "engine_store_1.sqlite").read_bytes())
    else:
        assert packed.is_file(), f"schema {schema} has no store: see tests/fixtures/make_engine_store_schema.py"
        path.write_bytes(lzma.decompress(packed.read_bytes()))
    assert schema_of(path) == schema
    return path


def test_a_store_of_every_schema_is_upgraded_gone_on_with_and_replayed(left: Path) -> None:
    before = SqliteStore(left, read_only=True)
    decided = list(before.decisions_between(0, 1 << 62))
    before.close()
    last = MAKER["START"] + timedelta(days=MAKER["DAYS"])
    schema, clock = schema_of(left), SimulatedClock(to_us(last + timedelta(hours=6)))
    engine = Engine.open(left, MAKER["SETTINGS"], clock=clock)
    assert schema_of(left) == SCHEMA_VERSION
    assert not engine.submit(MAKER["day"](MAKER["DAYS"])).rejected
    made = engine.advance(last + MORE)
    assert {decision.action for decision in made} == {"send", "hold", "drop"}
    assert {decision.schema_version for decision in made} == {RECORD_SCHEMA}
    assert list(engine.store.decisions_between(0, 1 << 62))[: len(decided)] == decided
    engine.close()

    after = SqliteStore(left, read_only=True)
    assert all(isinstance(decode(row.data), Decision) for row in after.decisions_between(0, 1 << 62))
    proven = verify(after, noted(after))
    if schema < REPLAYED_SINCE:
        assert not proven.equal
    else:
        assert proven.equal, proven.difference
        assert proven.decisions == len(decided) + len(made)
    after.close()


def test_an_engine_that_did_not_save_is_recovered_by_a_later_version(left: Path) -> None:
    with closing(sqlite3.connect(left)) as connection:
        connection.execute("DELETE FROM meta WHERE name = 'states'")
        connection.execute("DELETE FROM states")
        connection.commit()
    if schema_of(left) < REPLAYED_SINCE:
        with pytest.raises(ReplayMismatch):
            Engine.open(left, MAKER["SETTINGS"], clock=SimulatedClock())
        return
    engine = Engine.open(left, MAKER["SETTINGS"], clock=SimulatedClock())
    assert len(engine.user_ids) == 12
    assert engine.watermark == MAKER["START"] + timedelta(days=MAKER["DAYS"]) - timedelta(microseconds=1)
    engine.close()
