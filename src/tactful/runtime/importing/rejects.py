"""What an import refuses, kept for a person: one NDJSON line a row, with file, line, reason and the row itself.

The file holds what the log held, personal data included.
"""

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec


class Reject(msgspec.Struct, frozen=True):
    """A row that was not taken. `line` counts from 1, in Parquet it is the row."""

    file: str
    line: int
    reason: str
    row: object


class Rejects:
    """Counts rejects by reason and writes them, if there is a path; an earlier file is replaced."""

    def __init__(self, path: Path | None) -> None:
        self.reasons: Counter[str] = Counter()
        self._file: IO[bytes] | None = path.open("wb") if path else None

    def add(self, reject: Reject) -> None:
        """Counts and writes one."""
        self.reasons[reject.reason] += 1
        if self._file:
            self._file.write(msgspec.json.encode(reject, enc_hook=str) + b"\n")

    def __enter__(self) -> "Rejects":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()
