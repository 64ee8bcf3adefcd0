"""What only a file can promise: it outlives its process, others read it, and a wrong file is refused."""

import runpy
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tactful.errors import StoreError
from tactful.stores.protocols import LoggedInput, OutboxRow, Refused
from tactful.stores.schema import SCHEMA_VERSION
from tactful.stores.sqlite import SqliteStore

_MAKER = Path(__file__).parents[1] / "fixtures" / "make_store_schema_1.py"
_STORY = runpy.run_path(str(_MAKER))
fill, everything = _STORY["fill"], _STORY["everything"]


def one(offset: int, key: int, content: int = 0, at_us: int = 0) -> list[LoggedInput]:
    return [LoggedInput(offset, at_us, 1, key, content, 1, b"x")]


def run(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program in a process of its own, with `SqliteStore`, `fill` and `path` at hand."""
    ground = (
        "import os, runpy; from pathlib import Path; from tactful.stores.sqlite import SqliteStore; "
        f"path = Path({str(path)!r}); fill = runpy.run_path({str(_MAKER)!r})['fill']\n"
    )
    return subprocess.run([sys.executable, "-c", ground + program], capture_output=True, text=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_reopening_keeps_everything(path: Path) -> None:
    store = SqliteStore(path)
    fill(store)
    before = everything(store)
    store.close()
    again = SqliteStore(path)
    assert everything(again) == before
    assert again.append(one(99, key=5, at_us=9_999)) == [Refused(0, 2**64 - 6)]
    again.close()


def test_a_process_that_dies_inside_a_transaction_leaves_what_it_had_committed(path: Path) -> None:
    died = run(
        "store = SqliteStore(path)\n"
        "store.save_meta('m', b'1')\n"
        "with store.transaction():\n"
        "    fill(store)\n"
        "    os._exit(9)\n",
        path,
    )
    assert died.returncode == 9, died.stderr
    store = SqliteStore(path)
    assert store.load_meta("m") == b"1"
    assert store.last() == (-1, 0)
    assert store.count_decisions() == 0
    fill(store)
    store.close()


def test_a_reader_sees_only_what_is_committed(path: Path) -> None:
    writer = SqliteStore(path)
    reader = SqliteStore(path, read_only=True)
    with writer.transaction():
        writer.append(one(0, key=1))
        writer.suppress(1, 0, 0, False)
        assert reader.last() == (-1, 0)
        assert not reader.suppressed(1, 0)
    assert reader.last() == (0, 0)
    assert reader.suppressed(1, 0)
    reader.close()
    writer.close()


def test_another_process_reads_while_the_writer_is_open(path: Path) -> None:
    writer = SqliteStore(path)
    fill(writer)
    told = run("print(SqliteStore(path, read_only=True).count_decisions())", path)
    assert told.stdout.strip() == "9", told.stderr
    writer.close()


def test_another_process_posts_while_the_engine_has_the_file_open(path: Path) -> None:
    engine = SqliteStore(path)
    posted = run("store = SqliteStore(path); store.post([b'one', b'two']); store.close()", path)
    assert posted.returncode == 0, posted.stderr
    with engine.transaction():
        assert engine.take_posted(10) == [b"one", b"two"]
    engine.close()
    again = SqliteStore(path)
    assert again.posted() == 0
    again.close()


def test_a_process_that_dies_with_letters_in_hand_leaves_them_in_the_box(path: Path) -> None:
    store = SqliteStore(path)
    store.post([b"one"])
    store.close()
    died = run(
        "store = SqliteStore(path)\nwith store.transaction():\n    store.take_posted(1)\n    os._exit(9)\n", path
    )
    assert died.returncode == 9, died.stderr
    again = SqliteStore(path)
    assert again.take_posted(1) == [b"one"]
    again.close()


def test_two_senders_never_begin_the_same_attempt(path: Path) -> None:
    senders = [SqliteStore(path) for _ in range(2)]
    senders[0].enqueue([OutboxRow(5, 1, 10, 0, b"m")])
    assert [sender.pending(1, 10)[0].decision_key for sender in senders] == [5, 5]
    assert [sender.begin_attempt(5, 10) for sender in senders] == [1, None]
    for sender in senders:
        sender.close()


def test_keys_that_another_writer_appended_are_known(path: Path) -> None:
    stores = [SqliteStore(path) for _ in range(2)]
    for offset in range(20):
        assert stores[offset % 2].append(one(offset, key=offset + 1, content=offset)) == []
    for store in stores:
        assert store.append(one(20, key=7)) == [Refused(0, 6)]
        store.close()


def test_a_read_only_store_is_not_written(path: Path) -> None:
    SqliteStore(path).close()
    reader = SqliteStore(path, read_only=True)
    with pytest.raises(StoreError, match="readonly"):
        reader.save_meta("m", b"1")
    reader.close()


def test_a_full_disk_is_an_error_that_leaves_what_was_there(path: Path) -> None:
    store = SqliteStore(path)
    store.append(one(0, key=1))
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")

    def write() -> None:
        with store.transaction():
            store.append(one(1, key=2))
            store.save_meta("big", bytes(10**6))

    with pytest.raises(StoreError, match="full: nothing of this transaction was kept"):
        write()
    assert store.last() == (0, 0)
    assert store.append(one(1, key=2)) == []
    store.close()


def test_a_missing_file_cannot_be_opened_for_reading(path: Path) -> None:
    with pytest.raises(StoreError, match=r"store\.sqlite"):
        SqliteStore(path, read_only=True)
    assert not path.exists()


def test_a_newer_schema_is_refused_and_says_what_to_do(path: Path) -> None:
    SqliteStore(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    newer.close()
    with pytest.raises(StoreError, match="upgrade this installation"):
        SqliteStore(path)


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"user_id,kind,at\n" * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(path)
    assert path.read_bytes() == b"user_id,kind,at\n" * 100


@pytest.mark.parametrize(("setting", "level"), [("full", 2), ("normal", 1)])
def test_the_synchronous_setting_reaches_the_file(path: Path, setting: str, level: int) -> None:
    store = SqliteStore(path, synchronous=setting)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (level,)
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()
