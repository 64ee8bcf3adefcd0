"""A file of any released schema opens for ever and reads as it did."""

import runpy
import shutil
from pathlib import Path

import pytest

from tactful.stores.schema import MIGRATIONS
from tactful.stores.sqlite import SqliteStore

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.mark.parametrize("schema", range(1, len(MIGRATIONS) + 1))
def test_a_store_of_every_schema_reads_as_it_did(schema: int, tmp_path: Path) -> None:
    name = f"store_schema_{schema}"
    story = runpy.run_path(str(FIXTURES / f"make_{name}.py"))
    copy = tmp_path / "store.sqlite"
    shutil.copy(FIXTURES / f"{name}.sqlite", copy)
    store = SqliteStore(copy)
    assert story["as_json"](story["everything"](store)) + "\n" == (FIXTURES / f"{name}.json").read_text()
    store.close()


def test_an_old_store_takes_new_records(tmp_path: Path) -> None:
    copy = tmp_path / "store.sqlite"
    shutil.copy(FIXTURES / "store_schema_1.sqlite", copy)
    story = runpy.run_path(str(FIXTURES / "make_store_schema_1.py"))
    store, fresh = SqliteStore(copy), SqliteStore(tmp_path / "fresh.sqlite")
    story["fill"](fresh)
    last_offset, last_us = store.last()
    for each in (store, fresh):
        rows = [row._replace(offset=last_offset + 1, log_ts_us=last_us) for row in each.read(4, 1)]
        assert len(each.append(rows)) == 1
        each.save_meta("watermark", b"99")
    assert story["everything"](store) == story["everything"](fresh)
    store.close()
    fresh.close()


def test_a_store_without_a_mailbox_opens_and_gets_one_and_may_be_read_as_it_is(tmp_path: Path) -> None:
    copy = tmp_path / "store.sqlite"
    shutil.copy(FIXTURES / "store_schema_1.sqlite", copy)
    reader = SqliteStore(copy, read_only=True)
    assert reader.count_decisions() == 9
    reader.close()
    store = SqliteStore(copy)
    store.post([b"letter"])
    assert store.take_posted(2) == [b"letter"]
    store.close()
