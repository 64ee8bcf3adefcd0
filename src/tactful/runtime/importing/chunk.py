"""What a reader of one format yields: some rows of a file, column by column, each with its line number."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Int64

from tactful.errors import UnreadableInput
from tactful.events.declaration import nearest

BLOCK_BYTES = 8 << 20
MAX_LINE_BYTES = 32 << 20

Refused: TypeAlias = list[tuple[int, str]]
"""Lines that could not be split into columns, and why."""


@dataclass(frozen=True, eq=False, slots=True)
class Chunk:
    """Rows of a file: an Arrow array for each mapped column, and the rows that could not be split into columns.

    `raw` gives a row by its line number, as it stands in the file. `bytes_done` counts from the file's start.
    """

    columns: dict[str, Any]
    lines: Int64[np.ndarray, " n"]
    raw: Callable[[int], object]
    bytes_done: int
    refused: Refused = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Block:
    """Whole lines of a text file; `first_line` counts from 1."""

    text: bytes
    first_line: int
    bytes_done: int

    @cached_property
    def lines(self) -> list[bytes]:
        """The lines without their ends."""
        return [line.removesuffix(b"\r") for line in self.text.removesuffix(b"\n").split(b"\n")]

    @property
    def count(self) -> int:
        """How many lines there are."""
        return self.text.count(b"\n") + (not self.text.endswith(b"\n"))

    def raw(self, line: int) -> str:
        """Returns a line by its number in the file."""
        return self.lines[line - self.first_line].decode(errors="replace")


def blocks(path: Path, header: bool) -> Iterator[Block]:
    """Yields a text file as blocks of whole lines; a header line is a block of its own.

    Raises:
        UnreadableInput: for a line of more than 32 MiB.
    """
    with path.open("rb") as file:
        line, done = 1, 0
        size = 0 if header else BLOCK_BYTES
        while text := file.read(size) + file.readline(MAX_LINE_BYTES):
            if len(text) >= size + MAX_LINE_BYTES:
                raise UnreadableInput(f"{path}: got a line of over {MAX_LINE_BYTES >> 20} MiB; is it a text file?")
            done += len(text)
            block = Block(text, line, done)
            yield block
            line += block.count
            size = BLOCK_BYTES


def require_columns(path: Path, wanted: Sequence[str], there: Sequence[str]) -> None:
    """Returns if every mapped column is in the file, once.

    Raises:
        UnreadableInput: naming the missing column, what is there, and the nearest spelling.
    """
    for column in wanted:
        if column not in there:
            raise UnreadableInput(
                f"{path}: got no column {column!r}, which the mapping names; expected {nearest(column, there)}"
            )
        if there.count(column) > 1:
            raise UnreadableInput(f"{path}: got {there.count(column)} columns {column!r}, expected one")
