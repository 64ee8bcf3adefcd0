"""Reads CSV and TSV: a block at once where rows and lines match one to one, else line by line.

Line by line costs time, but then a bad line (a quote that is never closed, bytes that are not UTF-8) costs itself
only. A value cannot hold a line break.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from tactful.errors import UnreadableInput
from tactful.runtime.importing.chunk import Block, Chunk, Refused, blocks, require_columns

_BLANK_LINES = (b"\n\n", b"\n\r\n")


def read_delimited(path: Path, columns: Sequence[str], delimiter: str) -> Iterator[Chunk]:
    """Yields the rows of a file with a header line; all values are text, an empty one is missing.

    Raises:
        UnreadableInput: if the header cannot be read or lacks a column.
    """
    parts = blocks(path, header=True)
    names = _header(path, next(parts), delimiter)
    require_columns(path, columns, names)
    for block in parts:
        yield _at_once(block, names, columns, delimiter) or _by_line(block, names, columns, delimiter)


def _header(path: Path, block: Block, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([block.lines[0].decode("utf-8-sig")], delimiter=delimiter, strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableInput(f"{path}: got a header that cannot be read ({error}), expected names") from error


def _at_once(block: Block, names: list[str], columns: Sequence[str], delimiter: str) -> Chunk | None:
    if block.text.startswith((b"\n", b"\r\n")) or any(blank in block.text for blank in _BLANK_LINES):
        return None
    bad: list[int] = []

    def note(row: Any) -> str:
        bad.append(row.number - 1)
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            pa.py_buffer(block.text),
            # Rows are numbered by one thread only, and within one block.
            read_options=pyarrow.csv.ReadOptions(column_names=names, block_size=len(block.text) + 1, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, invalid_row_handler=note, ignore_empty_lines=False
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=list(columns),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows + len(bad) != block.count:
        return None
    arrays = {name: table.column(name).combine_chunks() for name in columns}
    lines = np.delete(np.arange(block.count, dtype=np.int64), bad) + block.first_line
    refused = [(block.first_line + row, _width_reason(names)) for row in bad]
    return Chunk(arrays, lines, block.raw, block.bytes_done, refused)


def _by_line(block: Block, names: list[str], columns: Sequence[str], delimiter: str) -> Chunk:
    places = [names.index(column) for column in columns]
    rows: list[list[str | None]] = []
    lines: list[int] = []
    refused: Refused = []
    for number, line in enumerate(block.lines, block.first_line):
        if not line:
            continue
        try:
            cells = next(csv.reader([line.decode()], delimiter=delimiter, strict=True))
        except UnicodeDecodeError:
            refused.append((number, "the line is not UTF-8"))
        except csv.Error as error:
            refused.append((number, f"the line is not well formed: {error}"))
        else:
            if len(cells) == len(names):
                rows.append([cells[place] or None for place in places])
                lines.append(number)
            else:
                refused.append((number, _width_reason(names)))
    arrays = {name: pa.array([row[i] for row in rows], type=pa.string()) for i, name in enumerate(columns)}
    return Chunk(arrays, np.array(lines, dtype=np.int64), block.raw, block.bytes_done, refused)


def _width_reason(names: list[str]) -> str:
    return f"the line does not have the header's {len(names)} columns"
