"""Training rows out of exported files: those of the store's own log, however they are dealt, and made once."""

import shutil
from dataclasses import fields
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from ranking_store import fill_store
from tactful.errors import InvalidFeatures, NotEnoughData, UnreadableInput
from tactful.events.registry import Registry
from tactful.runtime.exporting import export
from tactful.stores.sqlite import SqliteStore
from tactful.training.ranking.row_files import RowsMade, make_rows, read_rows, row_files
from tactful.training.ranking.rows import RankRows, rows
from tactful.training.ranking.stored import read_log

TYPES = Registry.shipped().types
PARTS = 5


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, and its export beside it."""
    folder = tmp_path_factory.mktemp("rows")
    fill_store(folder / "app.db", people=40, days=6)
    store = SqliteStore(folder / "app.db", read_only=True)
    export(store, folder / "lake")
    store.close()
    return folder


@pytest.fixture
def lake(app: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(app / "lake", tmp_path / "lake"))


def make(lake: Path, parts: int = PARTS) -> RowsMade:
    return make_rows(lake, lake.parent / "out", TYPES, parts)


def in_files(folder: Path) -> list[RankRows]:
    return [one for one in map(read_rows, row_files(folder)) if len(one)]


def sorted_columns(parts: list[RankRows]) -> dict[str, np.ndarray]:
    columns = {f.name: [getattr(one, f.name) for one in parts] for f in fields(RankRows) if f.name != "inputs"}
    columns |= {f"inputs.{f.name}": [getattr(one.inputs, f.name) for one in parts] for f in fields(parts[0].inputs)}
    joined = {name: np.concatenate(some) for name, some in columns.items() if isinstance(some[0], np.ndarray)}
    order = np.lexsort((joined["channel"], joined["at_us"], joined["user"]))
    return {name: column[order] for name, column in joined.items()}


@pytest.mark.parametrize("parts", [1, PARTS])
def test_rows_of_files_are_those_of_the_store(app: Path, lake: Path, parts: int) -> None:
    told = make(lake, parts)
    store = SqliteStore(app / "app.db", read_only=True)
    learned = rows(read_log(store, TYPES))
    store.close()
    expected, found = sorted_columns([learned]), sorted_columns(in_files(lake.parent / "out"))
    assert told.rows == len(learned) > 50
    assert learned.label.any()
    assert list(told.came.values()) == (learned.label & learned.known).sum(axis=0).tolist()
    assert expected.keys() == found.keys()
    for name, column in expected.items():
        assert np.array_equal(column, found[name]), name


def test_a_second_run_makes_nothing_again(lake: Path) -> None:
    first, second = make(lake), make(lake)
    assert (first.days_dealt, first.parts_made) == (first.days, PARTS)
    assert (second.days_dealt, second.parts_made, second.rows) == (0, 0, first.rows)


def test_a_killed_run_goes_on_where_it_stopped(lake: Path) -> None:
    def killed_at(stage: str, number: int) -> None:
        def tell(now: str, done: int, _: int) -> None:
            if (now, done) == (stage, number):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            make_rows(lake, lake.parent / "out", TYPES, PARTS, tell)

    killed_at("dealing days", 3)
    killed_at("joining parts", 2)
    told = make(lake)
    assert (told.days_dealt, told.parts_made) == (0, PARTS - 2)
    whole = make_rows(lake, lake.parent / "whole", TYPES, PARTS)
    assert told.came == whole.came
    for one, other in zip(row_files(lake.parent / "out"), row_files(lake.parent / "whole"), strict=True):
        assert pl.read_parquet(one).equals(pl.read_parquet(other))


def test_a_further_day_deals_itself_and_joins_all_parts_again(lake: Path) -> None:
    days = sorted((lake / "decisions").iterdir())
    assert date.fromisoformat(days[-1].name.removeprefix("day="))
    shutil.move(days[-1], lake.parent / "later")
    before = make(lake)
    shutil.move(lake.parent / "later", days[-1])
    after = make(lake)
    assert (after.days_dealt, after.parts_made) == (1, PARTS)
    assert after.rows > before.rows


def test_fewer_parts_leave_no_row_behind(lake: Path) -> None:
    before = make(lake)
    after = make(lake, PARTS - 2)
    assert len(row_files(lake.parent / "out")) == PARTS - 2
    assert after.came == before.came
    assert sum(map(len, in_files(lake.parent / "out"))) == before.rows


def test_a_changed_day_is_dealt_again(lake: Path) -> None:
    before = make(lake)
    path = next(iter(sorted((lake / "engagements").glob("*/*.parquet"))))
    table = pq.read_table(path)
    pq.write_table(table.slice(0, len(table) // 2), path)
    after = make(lake)
    assert (after.days_dealt, after.parts_made) == (1, PARTS)
    assert after.rows == before.rows


def test_bad_input_says_what_to_do(lake: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="without a Parquet file"):
        make_rows(tmp_path / "nowhere", tmp_path / "out", TYPES)
    with pytest.raises(NotEnoughData, match=r"exploration\.logged_sends"):
        make_rows(lake, tmp_path / "none", [], PARTS)
    make(lake)
    path = row_files(lake.parent / "out")[0]
    pl.read_parquet(path).write_parquet(path)
    with pytest.raises(InvalidFeatures, match="make the rows again"):
        read_rows(path)
