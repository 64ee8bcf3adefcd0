"""Training rows as Parquet files: made of exported decisions and engagements of which there are more than memory holds.

Days are dealt to parts by person (`dealing.py`); each part is joined by the functions that join a store's log, so its
rows are those of `rows.rows`. A row is a message whose snapshot was kept: whether each head's outcome came (`open`),
whether that is known yet (`open_known`), the chance that the row is here (`keep`), and the snapshot itself.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl
import pyarrow.parquet as pq
from jaxtyping import Int64
from numpy.typing import NDArray

from tactful import draws
from tactful.errors import InvalidFeatures, NotEnoughData
from tactful.events.event_type import EventType
from tactful.events.records import CHANNELS, KINDS
from tactful.features.join import Sends, Touches, closed, kinds_mask
from tactful.features.ranking import SCHEMA
from tactful.features.ranking_snapshot import schema_of
from tactful.models.protocol import RANK_HEADS
from tactful.stores.partitions import PartitionedJob, partition_files, whole
from tactful.training.ranking.dealing import TABLES, Dealt, Tell, deal, dealt_part
from tactful.training.ranking.labels import labels, windows_us
from tactful.training.ranking.rows import RankRows
from tactful.training.ranking.stored import inputs_sent
from tactful.training.ranking.touches import signed

JOB: Final = "training rows"
PARTS: Final = 64
_ROWS: Final = "rows"
_THROUGH: Final = b"tactful.through_us"
_SCHEMA: Final = "tactful.features"
_KINDS: Final[Mapping[str, int]] = {name: code for code, name in enumerate(KINDS)}
_CHANNELS: Final[Mapping[str, int]] = {name: code for code, name in enumerate(CHANNELS)}


class RowsMade(msgspec.Struct, frozen=True):
    """What became of an export: days (of each table) and parts, those made now; by head rows known, and outcomes."""

    folder: str
    days: int
    days_dealt: int
    parts: int
    parts_made: int
    rows: int
    known: dict[str, int]
    came: dict[str, int]


def make_rows(
    lake: Path, to: Path, types: Sequence[EventType], parts: int = PARTS, tell: Tell = lambda *_: None
) -> RowsMade:
    """Writes the training rows of an export, one Parquet file a part; what stands already is not made again.

    Args:
        lake: folder that `tactful export` wrote.
        to: folder to write to: `rows/`, and below `dealt/` what the next run with further days need not read again.
        types: the event types of the engine; messages of others are left out.
        parts: how many; one part with all its people's engagements must fit into memory.
        tell: is told of the progress.

    Raises:
        UnreadableInput: the export lacks a table.
        CannotExport: the folder is another job's, or another process works in it.
        NotEnoughData: no message has a snapshot of this release's inputs.
    """
    rules = {each.name: (kinds_mask(each.engagement.kinds), _us(each)) for each in types}
    settings = {"parts": parts, "types": rules, "features": SCHEMA, "polars": pl.__version__}
    with PartitionedJob(to, JOB, settings) as job:
        days = deal(job, lake, parts, tell)
        until_us = _until_us(lake)
        key, made, counts = job.key(until_us, *(day.key for day in days)), 0, []
        outputs = [f"{_ROWS}/part-{part:05d}.parquet" for part in range(parts)]
        job.keep_only(_ROWS, outputs)
        for part, output in enumerate(outputs):
            told = job.told(output, key)
            if told is None:
                told = _make_part(job.folder / output, part, days, rules, until_us)
                job.note(output, key, **told)
                made += 1
            counts.append(told)
            tell("joining parts", part + 1, parts)
    rows = sum(one["rows"] for one in counts)
    if not rows:
        raise NotEnoughData(
            f"got no message with a snapshot of this release's inputs in {lake}, expected some; set "
            "exploration.logged_sends above 0, let the engine run, and export again"
        )
    known, came = ({h: sum(one[name][h] for one in counts) for h in RANK_HEADS} for name in ("known", "came"))
    return RowsMade(str(to), len(days), sum(day.now for day in days), parts, made, rows, known, came)


def row_files(folder: Path) -> list[Path]:
    """Returns the files that `make_rows` wrote to a folder.

    Raises:
        UnreadableInput: there is none.
    """
    return partition_files(folder / _ROWS)


def read_rows(path: Path) -> RankRows:
    """Returns the rows of one part, as `rows.rows` makes them of a log.

    Raises:
        InvalidFeatures: the snapshots are those of another release.
    """
    frame = pl.read_parquet(path)
    noted = pl.read_parquet_metadata(path).get(_SCHEMA, "none")
    if noted != SCHEMA:
        raise InvalidFeatures(f"got {path} with inputs of schema {noted}, expected {SCHEMA}; make the rows again")
    label, known = (
        np.stack([frame[f"{head}{suffix}"].to_numpy() for head in RANK_HEADS], axis=1) for suffix in ("", "_known")
    )
    keep = frame["keep"].to_numpy().astype(np.float32)
    return RankRows(
        inputs=inputs_sent(frame["snapshot"].to_list(), frame["snapshot_place"].to_numpy().astype(np.int64)),
        user=frame["user"].to_numpy().astype(np.int64),
        at_us=_instants(frame),
        channel=_codes(frame["channel"], _CHANNELS),
        label=label,
        known=known,
        keep=np.repeat(keep[:, None], len(RANK_HEADS), axis=1),
        random=frame["random"].to_numpy(),
    )


def _make_part(
    path: Path, part: int, days: Sequence[Dealt], rules: Mapping[str, tuple[int, int]], until_us: int
) -> dict[str, Any]:
    """Joins one part; returns its counts."""
    sent, did = (dealt_part(days, table, part) for table in TABLES)
    frame, touches = _sent(sent, did, rules), _touches(did, sent)
    sends = Sends(
        user=frame["user"].to_numpy(),
        at_us=_instants(frame),
        window_us=np.array([rules[name][1] for name in frame["type"]], dtype=np.int64),
        kinds=np.array([rules[name][0] for name in frame["type"]], dtype=np.int64),
        channel=_codes(frame["channel"], _CHANNELS),
        decision=frame["decision"].to_numpy(),
    )
    came = labels(sends, touches)
    known = np.stack([closed(sends.at_us, window, until_us) for window in windows_us(sends).T], axis=1)
    columns = {head: came[:, i] for i, head in enumerate(RANK_HEADS)}
    columns |= {f"{head}_known": known[:, i] for i, head in enumerate(RANK_HEADS)}
    with whole(path) as partial:
        frame.drop("decision").with_columns(
            **{name: pl.Series(column) for name, column in columns.items()}
        ).write_parquet(partial, compression="zstd", metadata={_SCHEMA: SCHEMA})
    return {"rows": len(frame), "known": _by_head(known), "came": _by_head(came & known)}


def _sent(sent: pl.DataFrame, did: pl.DataFrame, rules: Mapping[str, Any]) -> pl.DataFrame:
    """The messages that are learned from, sorted as the join needs them: none that failed, none of another release."""
    if sent.is_empty():
        return _NOTHING_SENT
    frame = sent.filter(
        pl.col("type").is_in(list(rules)),
        pl.Series([schema_of(blob) == SCHEMA for blob in sent["snapshot"]], dtype=pl.Boolean),
    )
    if not did.is_empty():
        frame = frame.join(did.filter(pl.col("kind") == "failure"), on=["user_id", "at"], how="anti")
    user, decision = _user_keys(frame["user_id"]), _decision_keys(frame["decision_id"])
    frame = frame.with_columns(user=pl.Series(user, dtype=pl.Int64), decision=pl.Series(decision, dtype=pl.UInt64))
    return frame.sort("user", "at", "decision")


def _touches(did: pl.DataFrame, sent: pl.DataFrame) -> Touches:
    """What the people of these messages did."""
    none = did.is_empty() or sent.is_empty()
    some = _NOTHING_DONE if none else did.join(sent.select("user_id").unique(), on="user_id", how="semi")
    return Touches(
        user=_user_keys(some["user_id"]),
        at_us=_instants(some),
        kind=_codes(some["kind"], _KINDS),
        channel=_codes(some["channel"], _CHANNELS),
        decision=_decision_keys(some["decision_id"]),
    )


def _user_keys(ids: pl.Series) -> Int64[np.ndarray, " n"]:
    """The signed keys of ids, each id hashed once."""
    keys = {one: draws.key(one) for one in ids.unique()}
    return signed(np.array([keys[one] for one in ids], dtype=np.uint64))


def _decision_keys(ids: pl.Series) -> NDArray[np.uint64]:
    """The keys of an engine's decision ids, 0 for none and for those that another system gave."""
    found: NDArray[np.uint64] = ids.str.to_integer(base=16, dtype=pl.UInt64, strict=False).fill_null(0).to_numpy()
    return found


def _codes(names: pl.Series, codes: Mapping[str, int]) -> Int64[np.ndarray, " n"]:
    found: NDArray[np.int64] = names.replace_strict(codes, default=-1, return_dtype=pl.Int64).cast(pl.Int64).to_numpy()
    return found


def _instants(frame: pl.DataFrame) -> Int64[np.ndarray, " n"]:
    found: NDArray[np.int64] = frame["at"].dt.epoch("us").to_numpy()
    return found


def _by_head(cells: NDArray[np.bool_]) -> dict[str, int]:
    return dict(zip(RANK_HEADS, cells.sum(axis=0).tolist(), strict=True))


def _us(each: EventType) -> int:
    return round(each.engagement.within.total_seconds() * 1e6)


def _until_us(lake: Path) -> int:
    """The end of what was exported: what closes later is unknown."""
    files = [path for table in TABLES for path in partition_files(lake / table)]
    return 1 + max(int((pq.read_metadata(path).metadata or {}).get(_THROUGH, b"-1")) for path in files)


_AT: Final = pl.Datetime("us", "UTC")
_NOTHING_SENT: Final = pl.DataFrame(
    schema={
        **dict.fromkeys(("decision_id", "user_id"), pl.String),
        **{"at": _AT, "channel": pl.String, "type": pl.String, "snapshot": pl.Binary, "snapshot_place": pl.Int32},
        **{"random": pl.Boolean, "keep": pl.Float64, "user": pl.Int64, "decision": pl.UInt64},
    }
)
_NOTHING_DONE: Final = pl.DataFrame(
    schema={**dict.fromkeys(("user_id", "kind", "channel", "decision_id"), pl.String), "at": _AT}
)
