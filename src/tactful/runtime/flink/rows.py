"""Accepted inputs as lines of files: NDJSON with the record as JSON, or Parquet with the record as msgpack.

Both have the same columns: `offset`, `log_us`, `user_key` (0 for what concerns everybody), `dedupe_key`, `content` (the
hash of the record's msgpack), `kind`, `record`. What cannot be read, was written by a later version, or is not what its
hash says, becomes a `Rejected` with the reason and never an exception: a poisoned line must not stop a job.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from tactful import draws
from tactful.errors import UnreadableInput
from tactful.events.records import SCHEMA_VERSION, Input, decode, encode
from tactful.stores.protocols import LoggedInput

_COLUMNS: Final = pa.schema(
    [
        ("offset", pa.int64()),
        ("log_us", pa.int64()),
        ("user_key", pa.uint64()),
        ("dedupe_key", pa.uint64()),
        ("content", pa.uint64()),
        ("kind", pa.int64()),
        ("record", pa.binary()),
    ]
)
_SHOWN: Final = 2_000
"""Bytes of a rejected line that are kept for a person to look at."""


class Rejected(msgspec.Struct, frozen=True):
    """A line or an input that was not taken: from where, why, and what it was."""

    source: str
    reason: str
    data: bytes


class _Line(msgspec.Struct, frozen=True, gc=False):
    offset: int
    log_us: int
    user_key: int
    dedupe_key: int
    content: int
    kind: int
    record: msgspec.Raw


class _Head(msgspec.Struct, frozen=True, gc=False):
    schema_version: int = 1


_LINE: Final = msgspec.json.Decoder(_Line)
_RECORD: Final[msgspec.json.Decoder[Input]] = msgspec.json.Decoder(Input)
_JSON_HEAD: Final = msgspec.json.Decoder(_Head)
_PACKED_HEAD: Final = msgspec.msgpack.Decoder(_Head)


def line_of(row: LoggedInput) -> bytes:
    """Returns an accepted input as one line of JSON, without its end."""
    record = msgspec.Raw(msgspec.json.encode(decode(row.data)))
    line = _Line(row.offset, row.log_ts_us, row.user_key, row.dedupe_key, row.content_hash, row.kind, record)
    return msgspec.json.encode(line)


def input_of(line: bytes) -> LoggedInput:
    """Returns the accepted input of one line of JSON.

    Raises:
        UnreadableInput: it is none, a later version wrote it, or its record is not what its hash says.
    """
    try:
        told = _LINE.decode(line)
        _check_version(_JSON_HEAD.decode(told.record))
        data = encode(_RECORD.decode(told.record))
    except msgspec.MsgspecError as error:
        raise UnreadableInput(
            f"got a line that is no accepted input ({error}), expected one of `tactful flink export`"
        ) from error
    if draws.key(data) != told.content:
        raise UnreadableInput(
            f"the record at offset {told.offset} has hash {draws.key(data)}, expected {told.content}: it was changed "
            "after it was accepted; export it again"
        )
    return LoggedInput(told.offset, told.log_us, told.user_key, told.dedupe_key, told.content, told.kind, data)


def _check_version(head: _Head) -> None:
    if head.schema_version > SCHEMA_VERSION:
        raise UnreadableInput(
            f"got a record of schema {head.schema_version}, expected {SCHEMA_VERSION} or earlier: a later version "
            "wrote it; upgrade the job before what writes its inputs"
        )


def write(path: Path, rows: list[LoggedInput]) -> None:
    """Writes inputs to a file, NDJSON or Parquet by its suffix; it gets its place when it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    if path.suffix == ".parquet":
        columns = list(zip(*rows, strict=True))
        order = (0, 1, 2, 3, 4, 5, 6)
        table = pa.table([pa.array(columns[i], f.type) for i, f in zip(order, _COLUMNS, strict=True)], schema=_COLUMNS)
        pq.write_table(table, partial, compression="zstd")
    else:
        partial.write_bytes(b"".join(line_of(row) + b"\n" for row in rows))
    partial.replace(path)


def read(path: Path) -> Iterator[LoggedInput | Rejected]:
    """Yields the inputs of a file in its order, and what of it cannot be read; a missing file is one `Rejected`."""
    try:
        yield from _parquet(path) if path.suffix == ".parquet" else _ndjson(path)
    except (OSError, pa.ArrowInvalid) as error:
        yield Rejected(str(path), f"the file cannot be read ({error}); export it again", b"")


def _ndjson(path: Path) -> Iterator[LoggedInput | Rejected]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield input_of(line)
            except UnreadableInput as error:
                yield Rejected(f"{path}:{number}", str(error), line[:_SHOWN])


def _parquet(path: Path) -> Iterator[LoggedInput | Rejected]:
    file = pq.ParquetFile(path)
    for batch in file.iter_batches(columns=_COLUMNS.names):
        for number, values in enumerate(zip(*batch.to_pydict().values(), strict=True), 1):
            yield _checked(LoggedInput(*values), f"{path}:{number}")


def _checked(row: LoggedInput, source: str) -> LoggedInput | Rejected:
    try:
        _check_version(_PACKED_HEAD.decode(row.data))
    except (UnreadableInput, msgspec.MsgspecError) as error:
        return Rejected(source, str(error), row.data[:_SHOWN])
    if draws.key(row.data) != row.content_hash:
        return Rejected(source, f"the record at offset {row.offset} is not what its hash says", row.data[:_SHOWN])
    return row


_INPUTS: Final = msgspec.msgpack.Decoder(list[LoggedInput])


def packed(rows: Iterable[LoggedInput]) -> bytes:
    """Returns inputs as the bytes that travel between two operators."""
    return msgspec.msgpack.encode(list(rows))


def unpacked(data: bytes) -> list[LoggedInput]:
    """Returns the inputs that `packed` wrote."""
    return _INPUTS.decode(data)


def told(record: Any) -> str:
    """Returns a record or a row as one line of JSON, for a sink of text."""
    return msgspec.json.encode(record).decode()
