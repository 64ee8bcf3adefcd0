"""A store goes from one version of the code to the next at a stop, never from the middle of what a kill left."""

from pathlib import Path

import pytest

import small_app
from tactful.api.running import run
from tactful.errors import OtherDecidingVersion
from tactful.runtime import deciding_version
from tactful.runtime.deciding_version import DECIDING_VERSION, Decider
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.sqlite import SqliteStore

OLD = Decider(DECIDING_VERSION - 1, "0.0.9")


def test_an_engine_goes_on_after_its_own_kill_and_notes_who_decided() -> None:
    store = MemoryStore()
    small_app.run(store)  # not closed: as after a kill
    again = Engine(store, Settings())
    assert again.watermark == small_app.END


def test_what_another_version_left_at_a_kill_is_refused_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    small_app.run(SqliteStore(path, "normal"))
    store = SqliteStore(path)
    deciding_version.note(store, OLD)
    with pytest.raises(OtherDecidingVersion, match=r"Start Tactful 0\.0\.9 once and stop it"):
        Engine(store, Settings())
    store.close()
    with pytest.raises(OtherDecidingVersion):  # before it listens, so that no client is taken in
        run(path, Settings(), ("127.0.0.1", 0), True, print)


def test_what_another_version_stopped_is_gone_on_with() -> None:
    store = MemoryStore()
    small_app.run(store).close()
    deciding_version.note(store, OLD)
    assert Engine(store, Settings()).watermark == small_app.END
    deciding_version.check(store)
    assert OLD.release.encode() not in (store.load_meta("deciding_version") or b"")
