"""Copies are whole while an engine writes, and a restore brings back neither sent messages nor people who left."""

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from small_app import END, run
from tactful import draws
from tactful.clock import SimulatedClock, to_us
from tactful.errors import ReplayMismatch, StoreError
from tactful.events.records import Engagement, Suppression, encode
from tactful.runtime import erasing
from tactful.runtime.backing_up import back_up, restore
from tactful.runtime.embedded import Engine
from tactful.runtime.replaying import verify
from tactful.runtime.settings import Settings, note, noted
from tactful.stores.protocols import ApiKey
from tactful.stores.sqlite import SqliteStore

NOW = END + timedelta(hours=1)
CLOCK = SimulatedClock(to_us(NOW))

_WRITING = """
import sys
from datetime import timedelta
from pathlib import Path
from small_app import END
from tactful.clock import SimulatedClock, to_us
from tactful.events.records import Engagement
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
clock = SimulatedClock()
engine = Engine.open(Path(sys.argv[1]), Settings(), clock=clock)
for i in range(100_000):
    at = END + timedelta(minutes=1 + i)
    clock.set(to_us(at))
    engine.submit([Engagement(engagement_id=f"w{i}", user_id=f"u{i % 20:03d}", kind="session", at=at)])
    engine.advance(at)
    print(i, flush=True)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "app.db"
    run(SqliteStore(path)).close()
    return path


@pytest.fixture
def app_db(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(written, tmp_path / "app.db"))


def test_a_copy_taken_while_a_process_writes_replays_byte_for_byte(app_db: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "NUMBA_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITING, str(app_db)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "0\n"
        first = back_up(app_db, tmp_path / "first.db", CLOCK)
        for _ in range(50):
            process.stdout.readline()
        second = back_up(app_db, tmp_path / "second.db", CLOCK)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait(60)
        process.stdout.close()
    assert second.inputs > first.inputs
    for made in (first, second):
        copy = SqliteStore(Path(made.path), read_only=True)
        proven = verify(copy, noted(copy))
        copy.close()
        assert (proven.equal, proven.until) == (True, made.decided_until)
        assert proven.inputs <= made.inputs <= proven.inputs + 1  # the last one may wait to be decided on
    assert {each.name for each in tmp_path.iterdir() if "app.db" not in each.name} == {"first.db", "second.db"}


def test_a_backup_overwrites_nothing_and_leaves_nothing_half_made(app_db: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(StoreError, match="there already"):
        back_up(app_db, tmp_path / "copy.db", CLOCK)
    assert (tmp_path / "copy.db").read_text() == "mine"


def test_a_store_from_which_no_engine_starts_is_told_and_leaves_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    store = SqliteStore(path)
    run(store)
    note(store, Settings(seed=99))
    store.close()
    with pytest.raises(ReplayMismatch):
        back_up(path, tmp_path / "copy.db", CLOCK)
    assert [each.name for each in tmp_path.glob("copy.db*")] == []


def test_what_a_killed_backup_left_is_in_nobody_s_way(app_db: Path, tmp_path: Path) -> None:
    for name in ("copy.db.part", "copy.db.check", "copy.db.check-wal"):
        (tmp_path / name).write_bytes(b"half")
    assert back_up(app_db, tmp_path / "copy.db", CLOCK).decisions > 0
    assert [each.name for each in tmp_path.glob("copy.db*")] == ["copy.db"]


def test_a_damaged_store_is_told(app_db: Path, tmp_path: Path) -> None:
    data = bytearray(app_db.read_bytes())
    data[20 * 4096 : 24 * 4096] = b"\xff" * 4 * 4096
    app_db.write_bytes(data)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        back_up(app_db, tmp_path / "copy.db", CLOCK)
    assert not (tmp_path / "copy.db").exists()


def test_a_lost_store_is_there_again_and_goes_on(app_db: Path, tmp_path: Path) -> None:
    made = back_up(app_db, tmp_path / "copy.db", CLOCK)
    app_db.unlink()
    done = restore(Path(made.path), app_db, CLOCK, replace=False)
    assert (done.store.inputs, done.store.decisions, done.replaced) == (made.inputs, made.decisions, None)
    engine = Engine.open(app_db, Settings(), clock=CLOCK)
    assert engine.watermark == END
    engine.advance(NOW + timedelta(days=1))
    assert engine.store.count_decisions() > made.decisions
    assert verify(engine.store, Settings()).equal
    engine.close()


def test_a_store_in_use_is_not_replaced(app_db: Path, tmp_path: Path) -> None:
    made = back_up(app_db, tmp_path / "copy.db", CLOCK)
    idle = SqliteStore(app_db)
    with pytest.raises(StoreError, match="stop its engine"):
        restore(Path(made.path), app_db, CLOCK, replace=True)
    idle.close()
    with pytest.raises(StoreError, match="give --replace"):
        restore(Path(made.path), app_db, CLOCK, replace=False)
    assert restore(Path(made.path), app_db, CLOCK, replace=True).replaced is not None


def test_what_may_have_been_sent_since_the_copy_is_in_doubt(app_db: Path, tmp_path: Path) -> None:
    made = back_up(app_db, tmp_path / "copy.db", CLOCK)
    done = restore(Path(made.path), app_db, CLOCK, replace=True)
    store = SqliteStore(app_db)
    assert done.in_doubt == len(store.in_doubt()) > 0
    assert store.pending(10, to_us(NOW)) == []
    store.close()


def test_what_people_took_back_since_the_copy_holds_after_a_restore(app_db: Path, tmp_path: Path) -> None:
    store = SqliteStore(app_db)
    store.add_api_key(ApiKey("k1", b"digest", ("read",), "", 1))
    store.close()
    made = back_up(app_db, tmp_path / "copy.db", CLOCK)
    engine = Engine.open(app_db, Settings(), clock=CLOCK)
    engine.submit(
        [
            Suppression(suppression_id="s", user_id="u001", at=NOW),
            Engagement(engagement_id="seen", user_id="u002", kind="view", at=NOW),
        ]
    )
    erasing.ask(engine.store, "u003", to_us(NOW))
    engine.advance(NOW)
    engine.store.revoke_api_key("k1", to_us(NOW))
    bounce = Engagement(engagement_id="b", user_id="u004", kind="unsubscribe", channel="email", at=NOW)
    engine.store.post([encode(bounce)])
    engine.close()

    assert restore(Path(made.path), app_db, CLOCK, replace=True).carried_over == 4

    engine = Engine.open(app_db, Settings(), clock=CLOCK)
    engine.advance(NOW + timedelta(hours=1))
    assert engine.store.suppressed(draws.key("u001"), 0)
    assert engine.store.suppressed(draws.key("u004"), 0)
    assert not engine.store.suppressed(draws.key("u002"), 0)
    assert erasing.erased_at(engine.store, "u003") is not None
    assert engine.store.api_keys()[0].revoked_us == to_us(NOW)
    engine.close()


def test_nothing_is_carried_over_from_another_store(app_db: Path, tmp_path: Path) -> None:
    made = back_up(app_db, tmp_path / "copy.db", CLOCK)
    other = Engine.open(tmp_path / "other.db", Settings(), clock=CLOCK)
    other.submit([Suppression(suppression_id="s", user_id="u001", at=NOW)])
    other.close()
    assert restore(Path(made.path), tmp_path / "other.db", CLOCK, replace=True).carried_over == 0
