"""Deals exported days to parts by person, so that all of one person lies in one part and a part fits into memory.

Polars reads a day as a stream and writes what a ranker learns from, a folder a part. A person's part is a hash of her
id, which Polars may change between versions: its version is among the settings of the job.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from tactful.stores.partitions import PartitionedJob, partition_files, whole

DEALT: Final = "dealt"
_ROWS: Final = 8_192
"""Rows of a group: what Polars holds of every part while it writes."""

Tell = Callable[[str, int, int], None]
"""Told (stage, files or parts done, of how many)."""


def sends_with_snapshots(days: pl.LazyFrame) -> pl.LazyFrame:
    """Returns the messages of exported decisions that can be learned from, with what the join reads of them."""
    codes = pl.col("reasons").list.eval(pl.element().struct.field("code"))
    return (
        days.filter(
            (pl.col("action") == "send") & (pl.col("snapshot").bin.size() > 0) & (pl.col("snapshot_place") >= 0)
        )
        .filter(~codes.list.contains("transactional"))
        .select(
            *("decision_id", "user_id", "at", "channel", "type", "snapshot", "snapshot_place"),
            random=(pl.col("bucket") == "random_send") & codes.list.contains("random_send"),
            keep="log_probability",
        )
    )


def what_people_did(days: pl.LazyFrame) -> pl.LazyFrame:
    """Returns exported engagements as the join reads them: times are the client's, no later than their acceptance."""
    at = pl.min_horizontal("at", "accepted_at")
    return days.select("user_id", "kind", "channel", "decision_id", at=at)


TABLES: Final[Mapping[str, Callable[[pl.LazyFrame], pl.LazyFrame]]] = {
    "decisions": sends_with_snapshots,
    "engagements": what_people_did,
}


@dataclass(frozen=True)
class Dealt:
    """One exported file as it was dealt: its table, the folder of its parts, the key of what that was made from."""

    table: str
    folder: Path
    key: str
    now: bool


def deal(job: PartitionedJob, lake: Path, parts: int, tell: Tell) -> list[Dealt]:
    """Deals the days that are not dealt, or not from these bytes, and returns all of them.

    Args:
        job: where to deal them, below `DEALT`.
        lake: folder of an export, with `decisions/` and `engagements/`.
        parts: how many parts.
        tell: is told of each day.

    Raises:
        UnreadableInput: a table has no file.
    """
    dealt = []
    files = [(table, path) for table in TABLES for path in partition_files(lake / table)]
    for number, (table, path) in enumerate(files, 1):
        output = f"{DEALT}/{path.relative_to(lake).with_suffix('').as_posix()}"
        key = job.key(output, job.print_of(path))
        new = job.told(output, key) is None
        if new:
            with whole(job.folder / output) as partial:
                partial.mkdir()
                _write_parts(TABLES[table](pl.scan_parquet(path)), partial, parts)
            job.note(output, key)
        dealt.append(Dealt(table, job.folder / output, key, new))
        tell("dealing days", number, len(files))
    job.note_inputs()
    return dealt


def dealt_part(days: Sequence[Dealt], table: str, part: int) -> pl.DataFrame:
    """Returns all rows of a table in one part, without columns if there is none."""
    files = [file for day in days if day.table == table for file in sorted(day.folder.glob(f"part={part}/*.parquet"))]
    return pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files]) if files else pl.DataFrame()


def _write_parts(rows: pl.LazyFrame, folder: Path, parts: int) -> None:
    part = (pl.col("user_id").hash(0) % parts).cast(pl.UInt32).alias("part")
    rows.with_columns(part).sink_parquet(
        pl.PartitionBy(folder, key="part", include_key=False),
        compression="zstd",
        compression_level=1,
        row_group_size=_ROWS,
        engine="streaming",
    )
