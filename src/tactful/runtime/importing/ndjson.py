"""Reads NDJSON: one JSON object a line; a broken line costs itself only."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from tactful.runtime.importing.chunk import Block, Chunk, Refused, blocks, require_columns

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Broken JSON, bytes that are not UTF-8, objects nested without end."""


def read_ndjson(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Yields the rows of a file; the mapped fields hold text, numbers or nothing, all others are passed over.

    Raises:
        UnreadableInput: if there is a mapped field that no row has.
    """
    decoder = msgspec.json.Decoder(_row_type(columns))
    seen: set[str] = set()
    for block in blocks(path, header=False):
        rows, lines, refused = _decode(decoder, block)
        arrays = {}
        for place, column in enumerate(columns):
            values = [getattr(row, f"f{place}") for row in rows]
            if any(value is not msgspec.UNSET for value in values):
                seen.add(column)
            arrays[column] = _array([None if value is msgspec.UNSET else value for value in values])
        yield Chunk(arrays, lines, block.raw, block.bytes_done, refused)
    if seen:
        require_columns(path, columns, sorted(seen))


def _row_type(columns: Sequence[str]) -> type[msgspec.Struct]:
    """A struct of the mapped fields alone; its own field names differ, for a column may be called anything."""
    value = str | int | float | bool | None | msgspec.UnsetType
    names = [f"f{place}" for place in range(len(columns))]
    return msgspec.defstruct(
        "Row", [(name, value, msgspec.UNSET) for name in names], rename=dict(zip(names, columns, strict=True))
    )


def _decode(decoder: msgspec.json.Decoder[Any], block: Block) -> tuple[list[Any], Any, Refused]:
    try:
        rows = decoder.decode_lines(block.text)
    except _UNREADABLE:
        return _decode_by_line(decoder, block)
    if len(rows) != block.count:
        return _decode_by_line(decoder, block)
    return rows, np.arange(len(rows), dtype=np.int64) + block.first_line, []


def _decode_by_line(decoder: msgspec.json.Decoder[Any], block: Block) -> tuple[list[Any], Any, Refused]:
    rows: list[Any] = []
    lines: list[int] = []
    refused: Refused = []
    for number, line in enumerate(block.lines, block.first_line):
        if not line.strip():
            continue
        try:
            rows.append(decoder.decode(line))
            lines.append(number)
        except msgspec.ValidationError:
            refused.append((number, "the line is no object whose mapped fields are texts or numbers"))
        except _UNREADABLE:
            refused.append((number, "the line is not JSON"))
    return rows, np.array(lines, dtype=np.int64), refused


def _array(values: list[Any]) -> Any:
    """Numbers stay numbers; a column of both numbers and texts becomes text."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], type=pa.string())
