"""Writes a store's decisions, engagements and slot plans to Parquet, one file a table and UTC day.

`decisions/day=2026-11-22/part-0.parquet`: a day that is over is written once and kept by later runs; the day that is
still running is written again by each. A file gets its place when it is whole. Decisions and plans belong to the day on
which they were made, engagements to the day on which they were accepted: a day that is over gets no more of them.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from tactful.clock import DAY_US, EPOCH, from_us, to_us
from tactful.errors import CannotExport
from tactful.events.records import Decision, Engagement, SlotPlan, decode
from tactful.runtime import export_columns, log_spans
from tactful.stores.protocols import Store

T = TypeVar("T")
Batches = Iterator[Any]
"""Record batches of `pyarrow`."""
Progress = Callable[[int, int], None]
"""Told (days done, days in all)."""

ROWS_AT_ONCE: Final = 8_192
"""Rows held in memory, and of a row group: with all that is made of them about 110 MB, however large the day."""
_FORMAT: Final = b"tactful.export"
_THROUGH: Final = b"tactful.through_us"
_VERSION: Final = b"1"


class Table(msgspec.Struct):
    """What became of one table: days written and kept as they were, with the rows and bytes of the written ones."""

    days_written: int = 0
    days_kept: int = 0
    rows: int = 0
    bytes: int = 0


class Exported(msgspec.Struct, frozen=True):
    """What an export did; `through` is the instant up to which the store was decided, None for an empty one."""

    folder: str
    through: datetime | None
    first_day: date | None
    last_day: date | None
    tables: dict[str, Table]


def export(
    store: Store,
    folder: Path,
    first: date | None = None,
    last: date | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Writes the days of a store that are not exported yet, and returns what was written.

    Args:
        store: of an engine, which may be running; it is only read.
        folder: made if it is not there.
        first, last: UTC days, both included; by default from the first to the present one.
        overwrite: writes days anew that are over and exported.
        progress: told after every day.

    Raises:
        CannotExport: the folder cannot be written to, or has a file of that name that is not an export of ours.
    """
    through_us = log_spans.through(store)
    tables = {name: Table() for name in _TABLES}
    days = _days(store, through_us, first, last)
    try:
        for number, day in enumerate(days):
            for name, table in tables.items():
                _export_day(store, folder, name, day, through_us, overwrite, table)
            if progress:
                progress(number + 1, len(days))
    except OSError as error:
        raise CannotExport(
            f"cannot write to {folder}: {error}; give a folder with room and the right to write"
        ) from error
    return Exported(
        folder=str(folder),
        through=from_us(through_us) if through_us >= 0 else None,
        first_day=_date(days[0]) if days else None,
        last_day=_date(days[-1]) if days else None,
        tables=tables,
    )


def _days(store: Store, through_us: int, first: date | None, last: date | None) -> range:
    """Numbers of the days to export, counted from 1970."""
    inputs, decided = store.read(-1, 1), next(store.decisions_between(0, through_us + 1), None)
    begins = [row.log_ts_us for row in inputs] + ([decided.at_us] if decided else [])
    if not begins or through_us < 0:
        return range(0)
    lowest, highest = min(begins) // DAY_US, through_us // DAY_US
    return range(
        lowest if first is None else max(lowest, _number(first)),
        1 + (highest if last is None else min(highest, _number(last))),
    )


def _export_day(
    store: Store, folder: Path, name: str, day: int, through_us: int, overwrite: bool, table: Table
) -> None:
    path = folder / name / f"day={_date(day):%Y-%m-%d}" / "part-0.parquet"
    written = _written_through(path)
    if written >= (day + 1) * DAY_US - 1 and not overwrite:
        table.days_kept += 1
        return
    schema, batches = _TABLES[name]
    until_us = min((day + 1) * DAY_US, through_us + 1)
    rows = _write(path, schema, batches(store, day * DAY_US, until_us), through_us)
    if rows:
        table.days_written += 1
        table.rows += rows
        table.bytes += path.stat().st_size


def _written_through(path: Path) -> int:
    """The instant up to which a file holds its day, -1 where there is none or it is damaged."""
    if not path.exists():
        return -1
    try:
        found = pq.read_metadata(path).metadata or {}
    except pa.ArrowInvalid:
        found = {_FORMAT: _VERSION}
    if _FORMAT not in found:
        raise CannotExport(f"{path} is a file, but no export of Tactful's; give another folder, or move it away")
    return int(found.get(_THROUGH, b"-1")) if found[_FORMAT] == _VERSION else -1


def _write(path: Path, schema: Any, batches: Batches, through_us: int) -> int:
    """Writes a file elsewhere first, and none if there is no row; returns the number of rows."""
    rows = 0
    first = next(batches, None)
    if first is None:
        path.unlink(missing_ok=True)
        return rows
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parents[2] / f".{path.parents[1].name}-{os.getpid()}.partial"
    noted = schema.with_metadata({_FORMAT: _VERSION, _THROUGH: str(through_us).encode()})
    try:
        with pq.ParquetWriter(partial, noted, compression="zstd") as writer:
            for batch in chain([first], batches):
                writer.write_batch(batch)
                rows += batch.num_rows
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _decisions(store: Store, since_us: int, until_us: int) -> Batches:
    rows = store.decisions_between(since_us, until_us)
    for part in _parts(row.data for row in rows):
        yield export_columns.decisions([d for d in map(decode, part) if isinstance(d, Decision)])


def _slot_plans(store: Store, since_us: int, until_us: int) -> Batches:
    rows = store.plans_between(since_us, until_us)
    for part in _parts(row.data for row in rows):
        yield export_columns.slot_plans([p for p in map(decode, part) if isinstance(p, SlotPlan)])


def _engagements(store: Store, since_us: int, until_us: int) -> Batches:
    told = ((line.log_ts_us, decode(line.data)) for line in log_spans.accepted(store, since_us, until_us))
    for part in _parts((at, record) for at, record in told if isinstance(record, Engagement)):
        yield export_columns.engagements([record for _, record in part], [at for at, _ in part])


def _parts(rows: Iterator[T]) -> Iterator[list[T]]:
    while part := list(islice(rows, ROWS_AT_ONCE)):
        yield part


def _number(day: date) -> int:
    return to_us(datetime(day.year, day.month, day.day, tzinfo=UTC)) // DAY_US


def _date(number: int) -> date:
    return (EPOCH + timedelta(days=number)).date()


_TABLES: Final[dict[str, tuple[Any, Callable[[Store, int, int], Batches]]]] = {
    "decisions": (export_columns.DECISIONS, _decisions),
    "engagements": (export_columns.ENGAGEMENTS, _engagements),
    "slot_plans": (export_columns.SLOT_PLANS, _slot_plans),
}
