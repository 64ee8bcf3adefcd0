"""Which files are logs, and who reads each format."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from tactful.errors import UnreadableInput
from tactful.events.declaration import nearest
from tactful.runtime.importing.chunk import Chunk
from tactful.runtime.importing.delimited import read_delimited
from tactful.runtime.importing.ndjson import read_ndjson
from tactful.runtime.importing.parquet import read_parquet

_READERS: dict[str, Callable[[Path, Sequence[str]], Iterator[Chunk]]] = {
    ".csv": partial(read_delimited, delimiter=","),
    ".tsv": partial(read_delimited, delimiter="\t"),
    ".ndjson": read_ndjson,
    ".jsonl": read_ndjson,
    ".parquet": read_parquet,
}


def log_files(path: Path) -> list[Path]:
    """Returns the file itself, or the log files of a folder in the order of their names.

    Raises:
        UnreadableInput: if there is none, it is empty, or of an unknown format.
    """
    if not path.exists():
        raise UnreadableInput(f"{path} is not there; check the path")
    if path.is_dir():
        found = sorted(each for each in path.iterdir() if each.suffix.lower() in _READERS and each.is_file())
        if not found:
            raise UnreadableInput(f"{path} holds no log; expected files named *{', *'.join(_READERS)}")
        return found
    if path.suffix.lower() not in _READERS:
        raise UnreadableInput(f"{path}: got the suffix {path.suffix!r}, expected {nearest(path.suffix, _READERS)}")
    return [path]


def read_chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Yields a file's rows with these columns, in bounded memory.

    Raises:
        UnreadableInput: if the file is empty, lacks a column, or is damaged so that nothing can be read.
    """
    if path.stat().st_size == 0:
        raise UnreadableInput(f"{path} is empty; expected rows")
    return _READERS[path.suffix.lower()](path, columns)
