"""An engine in a thread: it decides what is posted, says when it cannot, and goes on when it can again."""

import threading
from collections.abc import Callable
from pathlib import Path

from stage import at, person, told
from tactful.clock import SECOND_US, SimulatedClock, to_us
from tactful.events.letters import bundle
from tactful.events.records import encode
from tactful.runtime.running import EngineThread
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore

PATIENCE_US = 30 * SECOND_US


def until(holds: Callable[[], bool]) -> None:
    """Waits for another thread, ten seconds at most."""
    moment = threading.Event()
    assert any(holds() or moment.wait(0.02) for _ in range(500))


def test_what_is_posted_while_it_runs_is_in_the_log_when_it_has_stopped(tmp_path: Path) -> None:
    path, clock = tmp_path / "app.db", SimulatedClock(to_us(at(9)))
    SqliteStore(path).close()
    engine = EngineThread(path, Settings(), clock, tick_s=0.01)
    assert engine.unready(clock.now_us(), PATIENCE_US) == "the engine is being opened"
    engine.start()
    until(lambda: engine.moved_us is not None)
    store = SqliteStore(path)
    store.post([bundle([encode(person()), encode(told("c1", created=at(9)))])])
    clock.set(to_us(at(10)))
    until(lambda: store.last()[0] == 1)
    engine.stop()
    assert store.load_meta("committed") == str(to_us(at(10))).encode()
    assert engine.unready(clock.now_us(), PATIENCE_US) == ""
    assert engine.unready(clock.now_us() + 60 * SECOND_US, PATIENCE_US) == "the engine has not moved for 60 s"
    store.close()


def test_an_engine_that_cannot_be_opened_says_so_and_is_opened_when_it_can_be(tmp_path: Path) -> None:
    path, clock = tmp_path / "app.db", SimulatedClock(to_us(at(9)))
    path.write_text("no store")
    engine = EngineThread(path, Settings(), clock, tick_s=0.01)
    engine.start()
    until(lambda: engine.fault == "StoreError")
    assert "stopped by StoreError" in engine.unready(clock.now_us(), PATIENCE_US)
    path.unlink()
    until(lambda: engine.moved_us is not None)
    engine.stop()
    assert engine.unready(clock.now_us(), PATIENCE_US) == ""
