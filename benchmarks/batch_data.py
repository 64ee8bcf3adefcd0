"""Made-up days of decisions and engagements, as `tactful export` lays them out: for measuring what reads them.

Everything follows from a hash of (seed, day, row), so that the same call writes the same rows. Ids, times, scores and
snapshots hardly compress, as real ones do not; what the rows say means nothing.
"""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import UInt64
from numpy.typing import NDArray

from tactful.clock import DAY_US, EPOCH
from tactful.draws import bits
from tactful.features.ranking import SCHEMA
from tactful.runtime.export_columns import DECISIONS, ENGAGEMENTS

FIRST_DAY: Final = 20_500
TYPES: Final = ("comment_digest", "new_follower", "recommendation")
_SEED: Final = 20261122
_ROWS: Final = 100_000
_SNAPSHOT: Final = 200
_INSTANT: Final = pa.timestamp("us", tz="UTC")


def write(folder: Path, decisions: int, days: int, users: int, distinct: int = 4) -> None:
    """Writes `decisions` rows over so many days, and half as many engagements; a day that is there is left alone.

    Only the first `distinct` days are made, the others are copies of their files: it saves minutes.
    """
    through = {b"tactful.export": b"1", b"tactful.through_us": str((FIRST_DAY + days) * DAY_US - 1).encode()}
    for day in range(FIRST_DAY, FIRST_DAY + days):
        n = decisions // days
        for name, schema, parts in (
            ("decisions", DECISIONS, _decisions(day, n, users)),
            ("engagements", ENGAGEMENTS, _engagements(day, n // 2, users)),
        ):
            path = _path(folder, name, day)
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if day >= FIRST_DAY + distinct:
                shutil.copyfile(_path(folder, name, FIRST_DAY + (day - FIRST_DAY) % distinct), path)
                continue
            with pq.ParquetWriter(
                path.with_suffix(".partial"), schema.with_metadata(through), compression="zstd"
            ) as to:
                for part in parts:
                    to.write_batch(part)
            path.with_suffix(".partial").rename(path)


def _path(folder: Path, name: str, day: int) -> Path:
    return folder / name / f"day={EPOCH + timedelta(days=day):%Y-%m-%d}" / "part-0.parquet"


def _decisions(day: int, n: int, users: int) -> Iterator[Any]:
    for start in range(0, n, _ROWS):
        row = np.arange(start, min(start + _ROWS, n))
        yield _decided(day, row, n, users)


def _decided(day: int, row: NDArray[np.int64], n: int, users: int) -> Any:
    m, luck = len(row), bits(_SEED, row, day, "action")
    share = _share(luck)
    sent, drawn = share < 0.3, _share(bits(_SEED, row, day, "bucket")) < 0.01
    kept = sent & (drawn | (_share(bits(_SEED, row, day, "logged")) < 0.1))
    scores = np.round(_share(bits(_SEED, np.arange(2 * m) + 2 * row[0], day, "scores")), 4)
    text, number = pa.string(), pa.float64()
    reasons = pa.StructArray.from_arrays(
        [_chosen(["threshold", "gap_minutes", "quiet_hours"], luck), pa.array(scores[:m]), pa.array(np.full(m, 0.5))],
        fields=list(DECISIONS.field("reasons").type.value_type),
    )
    option = DECISIONS.field("feasible").type.value_type
    candidate = _ids("c", bits(_SEED, row, day, "candidate") % np.uint64(10**10))
    channel = _chosen(["email", "push"], bits(_SEED, row, day, "channel"))
    options = pa.StructArray.from_arrays(
        [candidate, channel, _lists(pa.array(scores), m), pa.array(scores[:m]), pa.array(np.full(m, 0.1))],
        fields=list(option),
    )
    made = {
        "decision_id": _hex(bits(_SEED, row, day, "decision")),
        "user_id": _ids("u", bits(_SEED, row, day, "user") % np.uint64(users)),
        "at": _instants(day, row, n),
        "action": pa.array(np.where(sent, "send", np.where(share < 0.9, "hold", "drop"))),
        "channel": channel,
        "candidate_id": candidate,
        "type": _chosen(list(TYPES), bits(_SEED, row, day, "type")),
        "reasons": _lists(reasons, m),
        "heads": _lists(pa.array(np.tile(["click", "unsubscribe"], m)), m),
        "scores": _lists(pa.array(scores), m),
        "utility": pa.array(scores[:m]),
        "threshold": pa.array(np.full(m, 0.1)),
        "feasible": _lists(options, m),
        "bucket": pa.array(np.where(drawn, "random_send", "production")),
        "features": pa.MapArray.from_arrays(_offsets(m, m), pa.array(np.full(m, "click_rate")), pa.array(scores[:m])),
        "snapshot": _blobs(day, row, kept),
        "snapshot_place": pa.array(np.where(kept, 0, -1), pa.int32()),
        "log_probability": pa.array(np.where(kept, np.where(drawn, 1.0, 0.1), 0.0)),
    }
    empty = {text: "", number: 1.0}
    columns = [
        made[f.name] if f.name in made else pa.array(np.full(m, empty.get(f.type, 1))).cast(f.type) for f in DECISIONS
    ]
    return pa.record_batch(columns, schema=DECISIONS)


def _engagements(day: int, n: int, users: int) -> Iterator[Any]:
    for start in range(0, n, _ROWS):
        row = np.arange(start, min(start + _ROWS, n))
        at, m = _instants(day, row, n), len(row)
        made = {
            "engagement_id": _hex(bits(_SEED, row, day, "engagement")),
            "user_id": _ids("u", bits(_SEED, row, day, "engaged") % np.uint64(users)),
            "kind": _chosen(["session", "open", "click", "unsubscribe"], bits(_SEED, row, day, "kind")),
            "at": at,
            "accepted_at": at,
            "decision_id": pa.nulls(m, pa.string()),
            "channel": pa.nulls(m, pa.string()),
        }
        columns = [
            made[f.name] if f.name in made else pa.array(["" if f.type == pa.string() else 1] * m).cast(f.type)
            for f in ENGAGEMENTS
        ]
        yield pa.record_batch(columns, schema=ENGAGEMENTS)


def _share(luck: UInt64[np.ndarray, " n"]) -> NDArray[np.float64]:
    return (luck >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _instants(day: int, row: NDArray[np.int64], n: int) -> Any:
    return pa.array(day * DAY_US + row * DAY_US // n).cast(_INSTANT)


def _chosen(names: list[str], luck: UInt64[np.ndarray, " n"]) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array((luck % np.uint64(len(names))).astype(np.int32)), names).cast(
        pa.string()
    )


def _ids(letter: str, number: UInt64[np.ndarray, " n"]) -> Any:
    """A letter and ten digits, without a Python string a row."""
    digits = number[:, None] // np.uint64(10) ** np.arange(9, -1, -1, dtype=np.uint64) % np.uint64(10) + np.uint64(48)
    text = np.concatenate([np.full((len(number), 1), ord(letter), dtype=np.uint8), digits.astype(np.uint8)], axis=1)
    return _texts(text.tobytes(), len(number), 11)


def _hex(number: UInt64[np.ndarray, " n"]) -> Any:
    return _texts(number.astype(">u8").tobytes().hex().encode(), len(number), 16)


def _texts(letters: bytes, n: int, width: int) -> Any:
    offsets = pa.py_buffer(np.arange(n + 1, dtype=np.int32) * width)
    return pa.StringArray.from_buffers(n, offsets, pa.py_buffer(letters))


def _blobs(day: int, row: NDArray[np.int64], kept: NDArray[np.bool_]) -> Any:
    words = _SNAPSHOT // 8
    numbers = (row[kept][:, None] * words + np.arange(words)).ravel()
    length = np.append(0, np.cumsum(np.where(kept, _SNAPSHOT, 0))).astype(np.int32)
    blobs = bits(_SEED, numbers, day, "snapshot").reshape(-1, words)
    blobs[:, 0] = int(SCHEMA, 16)
    data = pa.py_buffer(blobs.tobytes())
    return pa.Array.from_buffers(pa.binary(), len(row), [None, pa.py_buffer(length), data])


def _lists(values: Any, rows: int) -> Any:
    return pa.ListArray.from_arrays(_offsets(rows, len(values)), values)


def _offsets(rows: int, values: int) -> Any:
    return pa.array(np.arange(rows + 1) * (values // rows), pa.int32())
