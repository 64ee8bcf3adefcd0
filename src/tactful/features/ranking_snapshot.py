"""What a ranker read of one rank job, as bytes: frozen at the decision, read again in training, bit for bit.

A blob is little endian: the person, the entries that her three sequences have, and the candidates. It names its schema
and how long each part is; an identifier takes one byte where its values fit. The blobs of many jobs are written and
read together, column by column. Not here: which decisions keep one (`decision/policy/explore.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from tactful.errors import InvalidFeatures
from tactful.features import ranking
from tactful.features.ranking import SCHEMA, RankInputs

Entries: TypeAlias = NDArray[Any]
"""One part of n blobs as records, [n, width]; what lies behind a row's length means nothing."""


def _columns(ids: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(name, "u1" if values <= 256 else "<u2") for name, values in ids.items()]


_PERSON: Final = np.dtype(
    [
        *(("schema", "<u8"), ("content", "u1"), ("sends", "u1"), ("answers", "u1"), ("pool", "<u2")),
        *(("user", "<f4", (len(ranking.USER),)), ("user_ids", "<i2", (len(ranking.USER_IDS),))),
    ]
)
_SEQUENCES: Final = {
    "content": np.dtype(_columns(ranking.CONTENT_IDS)),
    "sends": np.dtype(_columns(ranking.SEND_IDS)),
    "answers": np.dtype(_columns(ranking.ANSWER_IDS)),
}
_CANDIDATE: Final = np.dtype(
    [("present", "?"), ("candidate", "<f4", (len(ranking.CANDIDATE),)), *_columns(ranking.CANDIDATE_IDS)]
)
_PARTS: Final = {"person": _PERSON, **_SEQUENCES, "pool": _CANDIDATE}
"""What a blob is made of, in this order."""
_WIDTHS: Final = {"person": 1, "content": ranking.CONTENT, "sends": ranking.SENDS, "answers": ranking.ANSWERS}
_SCHEMA: Final = np.uint64(int(SCHEMA, 16))


def snapshots(
    inputs: RankInputs, rows: Int[np.ndarray, " m"], place: Int[np.ndarray, " m"] | None = None
) -> list[bytes]:
    """Returns the blobs of some rank jobs of a request.

    Args:
        inputs: what the decisions read.
        rows: which of its jobs.
        place: keeps only the candidate at this place of each job, and none where it is -1. By default the whole pool is
            kept, every candidate at its place.
    """
    pool, lengths = _pool(inputs, rows), {"person": np.ones(len(rows), dtype=np.int64)}
    if place is None:
        lengths["pool"] = _until_last(pool["present"])
    else:
        pool = pool[np.arange(len(rows)), place][:, None]
        lengths["pool"] = (place >= 0).astype(np.int64)
    parts = {"person": np.zeros((len(rows), 1), dtype=_PERSON), "pool": pool}
    for name, dtype in _SEQUENCES.items():
        ids = getattr(inputs, name)[rows]
        parts[name], lengths[name] = _records(ids, dtype), _until_last(ids.any(axis=2))
    person = parts["person"][:, 0]
    person["schema"], person["user"], person["user_ids"] = _SCHEMA, inputs.user[rows], inputs.user_ids[rows]
    for name in (*_SEQUENCES, "pool"):
        person[name] = lengths[name]
    return _joined(parts, lengths)


def opened(blobs: Sequence[bytes]) -> RankInputs:
    """Returns what was frozen, one row a blob; pools are padded to the largest of them, and to one place at least.

    Raises:
        InvalidFeatures: a blob of another schema, or one that was cut short.
    """
    data = np.frombuffer(b"".join(blobs), dtype=np.uint8)
    size = np.array([len(blob) for blob in blobs], dtype=np.int64)
    start = np.cumsum(size) - size
    _refuse(size < _PERSON.itemsize, size, "bytes", f"at least {_PERSON.itemsize}: it was cut short")
    lengths = {"person": np.ones(len(blobs), dtype=np.int64)}
    person = _read(data, start, lengths["person"], 1, _PERSON)[:, 0]
    of_another = person["schema"] != _SCHEMA
    _refuse(of_another, person["schema"], "as its schema", f"{_SCHEMA}: take the version that wrote it")
    lengths |= {name: person[name].astype(np.int64) for name in (*_SEQUENCES, "pool")}
    whole = sum(lengths[name] * dtype.itemsize for name, dtype in _PARTS.items())
    _refuse(size != whole, size, "bytes", "as many as its parts have: it was cut short or altered")
    parts = {}
    for name, dtype in _PARTS.items():
        width = _WIDTHS[name] if name in _WIDTHS else max(int(lengths[name].max(initial=0)), 1)
        parts[name] = _read(data, start, lengths[name], width, dtype)
        start = start + lengths[name] * dtype.itemsize
    pool = parts["pool"]
    return RankInputs(
        user=person["user"].astype(np.float32),
        user_ids=person["user_ids"].astype(np.int16),
        content=_numbers(parts["content"], ranking.CONTENT_IDS),
        sends=_numbers(parts["sends"], ranking.SEND_IDS),
        answers=_numbers(parts["answers"], ranking.ANSWER_IDS),
        candidate=pool["candidate"].astype(np.float32),
        candidate_ids=_numbers(pool, ranking.CANDIDATE_IDS),
        present=pool["present"].copy(),
    )


def schema_of(blob: bytes) -> str:
    """Returns the schema that a snapshot names, written as `ranking.SCHEMA` is."""
    return f"{int.from_bytes(blob[:8], 'little'):016x}"


def _pool(inputs: RankInputs, rows: NDArray[np.int64]) -> Entries:
    pool = _records(inputs.candidate_ids[rows], _CANDIDATE, tuple(ranking.CANDIDATE_IDS))
    pool["present"], pool["candidate"] = inputs.present[rows], inputs.candidate[rows]
    return pool


def _records(ids: NDArray[np.int16], dtype: np.dtype[Any], names: tuple[str, ...] | None = None) -> Entries:
    """Identifiers by column ([n, width, columns]) as records."""
    records = np.zeros(ids.shape[:2], dtype=dtype)
    for j, name in enumerate(names or dtype.names or ()):
        records[name] = ids[:, :, j]
    return records


def _numbers(records: Entries, ids: Mapping[str, int]) -> NDArray[np.int16]:
    return np.stack([records[name] for name in ids], axis=2, dtype=np.int64).astype(np.int16)


def _until_last(there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many places each row has up to the last that is there."""
    lengths: NDArray[np.int64] = np.where(there, 1 + np.arange(there.shape[1]), 0).max(axis=1, initial=0)
    return lengths


def _joined(parts: Mapping[str, Entries], lengths: Mapping[str, NDArray[np.int64]]) -> list[bytes]:
    """The parts of each row behind one another, in the order of `_PARTS`."""
    columns = []
    for name, dtype in _PARTS.items():
        data, row_size = parts[name].tobytes(), parts[name].shape[1] * dtype.itemsize
        start = np.arange(len(lengths[name])) * row_size
        ends = (start + lengths[name] * dtype.itemsize).tolist()
        columns.append([data[a:b] for a, b in zip(start.tolist(), ends, strict=True)])
    return [b"".join(row) for row in zip(*columns, strict=True)]


def _read(
    data: NDArray[np.uint8], start: NDArray[np.int64], lengths: NDArray[np.int64], width: int, dtype: np.dtype[Any]
) -> Entries:
    """One part of every blob, zeros behind its end."""
    found = np.zeros((len(start), width), dtype=dtype)
    row, place = _entries(lengths)
    found[row, place] = data[_bytes_of(start, row, place, dtype)].view(dtype)[:, 0]
    return found


def _entries(lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and place of every entry of rows of these lengths."""
    row = np.repeat(np.arange(len(lengths)), lengths)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def _bytes_of(
    start: NDArray[np.int64], row: NDArray[np.int64], place: NDArray[np.int64], dtype: np.dtype[Any]
) -> NDArray[np.int64]:
    """Where the bytes of each entry are: [entries, bytes of one]."""
    where: NDArray[np.int64] = (start[row] + place * dtype.itemsize)[:, None] + np.arange(dtype.itemsize)
    return where


def _refuse(wrong: NDArray[np.bool_], got: NDArray[Any], what: str, expected: str) -> None:
    if wrong.any():
        i = int(wrong.argmax())
        raise InvalidFeatures(f"snapshot {i}: got {got[i]} {what}, expected {expected}")
