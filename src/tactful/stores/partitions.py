"""Jobs over partitioned files: what was made of which bytes, so that a job that was killed goes on where it stopped.

A job's folder holds a `manifest.json` (what the job is, its settings, its inputs with a print of their bytes) and a
receipt for each output. A receipt names the settings and the inputs that its output was made from; an output whose
receipt names others is made again, and no other is. An output gets its place, whole, before its receipt is written.
"""

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from tactful.errors import CannotExport, UnreadableInput

_FORMAT: Final = "tactful.partitions.1"
_AT_ONCE: Final = 1 << 22


def partition_files(folder: Path) -> list[Path]:
    """Returns the Parquet files of a folder and of the folders in it, by name.

    Raises:
        UnreadableInput: there is none.
    """
    found = sorted(path for path in folder.rglob("*.parquet") if path.is_file())
    if not found:
        raise UnreadableInput(f"got {folder} without a Parquet file, expected one a partition; check the path")
    return found


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yields where to write a file or a folder that takes its place, as a whole, when the block is left in peace."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    _remove(partial)
    yield partial
    if partial.is_dir():
        _remove(path)
    partial.replace(path)


class PartitionedJob:
    """A job's folder, held by one process at a time; to be used with `with`."""

    def __init__(self, folder: Path, job: str, settings: Mapping[str, Any]) -> None:
        """Takes the folder to write to, the name of the job, and all settings that change what it makes.

        Raises:
            CannotExport: the folder is another job's or nobody's, or another process works in it.
        """
        self.folder = folder
        self._manifest = folder / "manifest.json"
        known = self._known(job)
        self._inputs: dict[str, dict[str, Any]] = known.get("inputs", {})
        self._settings = {"job": job, **settings}
        self._seen: dict[str, dict[str, Any]] = {}
        (folder / "receipts").mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise CannotExport(f"another process works in {folder}; wait until it is done") from None
        self._write_manifest(self._inputs)

    def __enter__(self) -> "PartitionedJob":
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._lock)

    def print_of(self, path: Path) -> str:
        """Returns a print of a file's bytes, which are read again only if its size or its time has changed."""
        stat, name = path.stat(), str(path)
        told = self._inputs.get(name)
        if told is None or (told["bytes"], told["mtime_ns"]) != (stat.st_size, stat.st_mtime_ns):
            told = {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "print": _print(path)}
        self._seen[name] = self._inputs[name] = told
        return str(told["print"])

    def note_inputs(self) -> None:
        """Writes into the manifest which inputs there are: those whose print was asked for."""
        self._write_manifest(self._seen)

    def key(self, *made_from: object) -> str:
        """Returns what names an output made from these with the job's settings."""
        said = json.dumps([_FORMAT, self._settings, [str(one) for one in made_from]], sort_keys=True)
        return blake2b(said.encode(), digest_size=16).hexdigest()

    def told(self, output: str, key: str, of: str = "") -> dict[str, Any] | None:
        """Returns what was noted of an output that stands as this key names it, else None.

        Args:
            output: a file or folder in the job's folder.
            key: of what it is to be made from.
            of: which part of it, where several inputs write to one.
        """
        try:
            receipt: dict[str, Any] = json.loads(self._receipt(output, of).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return receipt["told"] if receipt["key"] == key and (self.folder / output).exists() else None

    def note(self, output: str, key: str, of: str = "", **told: Any) -> None:
        """Notes that an output stands, and what a later run wants to know of it without reading it."""
        _write_json(self._receipt(output, of), {"output": output, "of": of, "key": key, "told": told})

    def forget(self, output: str) -> None:
        """Takes back what was noted of an output, before it is made anew."""
        for receipt in (self.folder / "receipts").glob(f"{output.replace('/', '-')}*.json"):
            receipt.unlink()

    def keep_only(self, folder: str, outputs: Collection[str]) -> None:
        """Takes away the Parquet files of a folder that an earlier run made and this one has no more."""
        kept = {self.folder / output for output in outputs}
        for path in (self.folder / folder).rglob("*.parquet"):
            if path not in kept:
                path.unlink()

    def _receipt(self, output: str, of: str) -> Path:
        name = "--".join(part.replace("/", "-") for part in (output, of) if part)
        return self.folder / "receipts" / f"{name}.json"

    def _known(self, job: str) -> dict[str, Any]:
        if not self.folder.exists() or not any(self.folder.iterdir()):
            return {}
        try:
            known: dict[str, Any] = json.loads(self._manifest.read_bytes())
        except (FileNotFoundError, ValueError):
            known = {}
        if known.get("format") != _FORMAT or known.get("settings", {}).get("job") != job:
            raise CannotExport(
                f"got {self.folder}, which has files but no manifest of {job}; give a folder that is empty or new"
            )
        return known

    def _write_manifest(self, inputs: Mapping[str, Any]) -> None:
        _write_json(self._manifest, {"format": _FORMAT, "settings": self._settings, "inputs": inputs})


def _print(path: Path) -> str:
    state = blake2b(digest_size=16)
    with path.open("rb") as file:
        while part := file.read(_AT_ONCE):
            state.update(part)
    return state.hexdigest()


def _write_json(path: Path, said: Any) -> None:
    with whole(path) as partial:
        partial.write_text(json.dumps(said, indent=1, sort_keys=True), encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir():
        for below in path.iterdir():
            _remove(below)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
