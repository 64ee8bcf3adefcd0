"""Exports hold what the store holds, to the number, for whoever reads Parquet; days that are over are written once."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from small_app import END, START, inputs, run
from tactful.clock import DAY_US, to_us
from tactful.decision.policy.explore import Exploration
from tactful.errors import CannotExport
from tactful.events.records import Candidate, Decision, Engagement, SlotPlan, User, decode
from tactful.features.ranking_snapshot import opened
from tactful.runtime import exporting
from tactful.runtime.embedded import Engine
from tactful.runtime.exporting import export
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore

SETTINGS = Settings(exploration=Exploration(random_send=0.2, full_history=0.2))
TABLES = ("decisions", "engagements", "slot_plans")
Read = Callable[[Path, str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    run(made, SETTINGS)
    return made


@pytest.fixture(scope="module")
def folder(store: MemoryStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export")
    export(store, path)
    return path


def by_polars(folder: Path, table: str) -> list[dict[str, Any]]:
    return polars.read_parquet(folder / table / "*" / "*.parquet", hive_partitioning=False).to_dicts()


def by_duckdb(folder: Path, table: str) -> list[dict[str, Any]]:
    """Instants are read as microseconds: DuckDB makes zoned datetimes with another package."""
    file = f"read_parquet('{folder}/{table}/*/*.parquet', hive_partitioning=false)"
    with duckdb.connect() as db:
        db.execute("SET timezone = 'UTC'")
        names = {name: kind for name, kind, *_ in db.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()}
        zoned = [name for name, kind in names.items() if kind == "TIMESTAMP WITH TIME ZONE"]
        told = ", ".join(f'"{name}"::TIMESTAMP AS "{name}"' for name in zoned)
        rows = db.execute(f"SELECT * REPLACE ({told}) FROM {file}").fetchall()
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return [{**row, **{name: row[name].replace(tzinfo=UTC) for name in zoned}} for row in found]


READERS: dict[str, Read] = {"polars": by_polars, "duckdb": by_duckdb}


def of_the_store(store: MemoryStore, table: str) -> list[dict[str, Any]]:
    """The records as plain values, in the order of the export."""
    if table == "engagements":
        told = [(line.log_ts_us, decode(line.data)) for line in store.read(-1, 1_000_000)]
        return [
            {**msgspec.structs.asdict(record), "accepted_at": datetime.fromtimestamp(at / 1e6, UTC)}
            for at, record in told
            if isinstance(record, Engagement)
        ]
    rows = store.decisions_between(0, 1 << 62) if table == "decisions" else store.plans_between(0, 1 << 62)
    records = [decode(row.data) for row in rows]
    return [
        msgspec.to_builtins(r, builtin_types=(bytes, datetime)) for r in records if isinstance(r, Decision | SlotPlan)
    ]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Lists for tuples, and the pairs of a map as a dict, whatever a reader calls them."""
    row = {"day" if name == "local_day" else name: listed(value) for name, value in row.items() if name != "record"}
    if isinstance(row.get("features"), list):
        row["features"] = {pair["key"]: pair["value"] for pair in row["features"]}
    return row


def listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: listed(each) for name, each in value.items()}
    return [listed(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("table", TABLES)
def test_what_is_read_back_is_what_the_store_holds(store: MemoryStore, folder: Path, table: str, reader: Read) -> None:
    found = [plain(row) for row in reader(folder, table)]
    expected = [plain(row) for row in of_the_store(store, table)]
    assert len(found) > 20
    assert found == expected


def test_a_column_for_every_field_of_the_records() -> None:
    for schema, kind in (
        (exporting.export_columns.DECISIONS, Decision),
        (exporting.export_columns.ENGAGEMENTS, Engagement),
        (exporting.export_columns.SLOT_PLANS, SlotPlan),
    ):
        renamed = {"local_day": "day"}
        names = {renamed.get(name, name) for name in schema.names} - {"accepted_at"}
        assert names == {field.name for field in msgspec.structs.fields(kind)}


def test_rows_lie_under_their_utc_day(folder: Path) -> None:
    days = sorted(path.parent.name for path in (folder / "decisions").glob("*/part-0.parquet"))
    assert days == [f"day={START.date() + timedelta(days=n)}" for n in range(len(days))]
    for path in folder.glob("*/*/*.parquet"):
        instants = pq.read_table(path)["accepted_at" if "engagements" in str(path) else "at"].to_pylist()
        assert {str(at.date()) for at in instants} == {path.parent.name.removeprefix("day=")}


@pytest.mark.parametrize("table", TABLES)
def test_the_day_of_the_folder_is_a_column_for_readers_who_want_it(folder: Path, table: str) -> None:
    second = "2026-03-03"
    lake = polars.scan_parquet(folder / table, hive_partitioning=True)
    rows = lake.filter(polars.col("day").cast(polars.String) == second).collect()
    with duckdb.connect() as db:
        told = db.execute(f"SELECT count(*) FROM read_parquet('{folder}/{table}/*/*.parquet') WHERE day = '{second}'")
        (count,) = told.fetchone() or (0,)
    assert count == rows.height == pq.read_metadata(folder / table / f"day={second}" / "part-0.parquet").num_rows


def test_snapshots_open_after_an_export(folder: Path) -> None:
    blobs = [row["snapshot"] for row in by_polars(folder, "decisions") if row["snapshot"]]
    assert len(blobs) > 5
    assert opened(blobs).present.any()


def test_no_address_and_no_text_of_a_message_is_exported(folder: Path) -> None:
    told = repr([by_polars(folder, table) for table in TABLES])
    people = [record for _, record in inputs() if isinstance(record, User)]
    messages = [record for _, record in inputs() if isinstance(record, Candidate)]
    private = {address for user in people for address in user.addresses.values()}
    private |= {str(text) for candidate in messages for text in candidate.payload.values()}
    assert len(private) > 20
    assert [text for text in private if text in told] == []


def test_a_day_that_is_over_is_written_once_and_the_present_one_again(tmp_path: Path) -> None:
    store = MemoryStore()
    engine = Engine(store, SETTINGS)
    pairs = inputs()
    engine.submit([record for _, record in pairs], [to_us(at) for at, _ in pairs])
    engine.advance(START + timedelta(hours=36))
    first = export(store, tmp_path)
    assert first.tables["decisions"].days_written == 2
    before = {path: path.read_bytes() for path in tmp_path.glob("decisions/*/*")}
    changed = {path: path.stat().st_mtime_ns for path in before}
    engine.advance(END)
    second = export(store, tmp_path)
    assert second.tables["decisions"].days_kept == 1
    yesterday, today = (
        tmp_path / "decisions" / f"day={START.date() + timedelta(days=n)}/part-0.parquet" for n in (0, 1)
    )
    assert yesterday.stat().st_mtime_ns == changed[yesterday]
    assert pq.read_metadata(today).num_rows > pq.read_metadata(pa.BufferReader(before[today])).num_rows
    whole = tmp_path / "whole"
    export(store, whole)
    assert by_polars(tmp_path, "decisions") == by_polars(whole, "decisions")


def test_overwriting_writes_every_day_anew(store: MemoryStore, folder: Path) -> None:
    done = export(store, folder, overwrite=True)
    assert {table.days_kept for table in done.tables.values()} == {0}
    assert done.tables["decisions"].rows == store.count_decisions()


def test_a_damaged_file_is_written_anew_and_a_foreign_one_is_refused(store: MemoryStore, tmp_path: Path) -> None:
    export(store, tmp_path)
    path = next(iter(tmp_path.glob("decisions/*/part-0.parquet")))
    path.write_bytes(path.read_bytes()[:-20])
    export(store, tmp_path)
    assert pq.read_metadata(path).num_rows
    pq.write_table(pa.table({"mine": [1]}), path)
    with pytest.raises(CannotExport, match="no export of Tactful's"):
        export(store, tmp_path, overwrite=True)


def test_only_the_days_asked_for_are_written(store: MemoryStore, tmp_path: Path) -> None:
    second = date(2026, 3, 3)
    done = export(store, tmp_path, second, second)
    assert (done.first_day, done.last_day) == (second, second)
    assert [path.parent.name for path in tmp_path.glob("decisions/*/*")] == ["day=2026-03-03"]


def test_a_day_comes_in_row_groups_of_bounded_size(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "ROWS_AT_ONCE", 7)
    export(store, tmp_path)
    file = next(iter(tmp_path.glob("decisions/*/*.parquet")))
    found = pq.read_metadata(file)
    assert found.num_row_groups == -(-found.num_rows // 7)
    assert [plain(row) for row in by_polars(tmp_path, "engagements")] == [
        plain(row) for row in of_the_store(store, "engagements")
    ]


def test_an_empty_store_exports_nothing(tmp_path: Path) -> None:
    done = export(MemoryStore(), tmp_path)
    assert done.through is None
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_was_never_decided_on_exports_its_engagements(tmp_path: Path) -> None:
    store = MemoryStore()
    pairs = inputs()
    Engine(store, SETTINGS).submit([record for _, record in pairs], [to_us(at) for at, _ in pairs])
    done = export(store, tmp_path)
    assert done.tables["engagements"].rows == sum(isinstance(record, Engagement) for _, record in pairs)
    assert done.tables["decisions"].rows == 0


def test_a_folder_that_is_a_file_is_refused(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "decisions").write_text("mine")
    with pytest.raises(CannotExport, match="cannot write"):
        export(store, tmp_path)


def test_an_interrupted_day_leaves_no_file_and_is_written_by_the_next_run(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(pq.ParquetWriter, "write_batch", _full_disk)
        with pytest.raises(CannotExport, match="No space left"):
            export(store, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert export(store, tmp_path).tables["decisions"].rows == store.count_decisions()


def _full_disk(self: object, batch: object) -> None:
    raise OSError(28, "No space left on device")


def test_days_are_utc_days() -> None:
    assert exporting._date(to_us(START) // DAY_US) == START.date()
