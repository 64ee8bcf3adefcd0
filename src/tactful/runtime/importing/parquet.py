"""Reads Parquet, a few columns and row groups at a time; rows are numbered from 1."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from tactful.errors import UnreadableInput
from tactful.runtime.importing.chunk import Chunk, require_columns

_ROWS = 1 << 19


def read_parquet(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Yields the rows of a file with the types that it states.

    Raises:
        UnreadableInput: if the file is cut or damaged (its directory stands at the end), or lacks a column.
    """
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            require_columns(path, columns, file.schema_arrow.names)
            yield from _chunks(file, columns, path.stat().st_size)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableInput(f"{path}: got {error}; expected a whole Parquet file, copy it again") from error


def _chunks(file: Any, columns: Sequence[str], size: int) -> Iterator[Chunk]:
    done = 0
    for batch in file.iter_batches(batch_size=_ROWS, columns=list(columns)):
        first, done = done + 1, done + batch.num_rows

        def raw(row: int, batch: Any = batch, first: int = first) -> object:
            return batch.slice(row - first, 1).to_pylist()[0]

        lines = np.arange(first, done + 1, dtype=np.int64)
        columns_read = {name: batch.column(name) for name in columns}
        yield Chunk(columns_read, lines, raw, size * done // max(file.metadata.num_rows, 1))
