"""Copies of a store's file that are whole whoever writes meanwhile, and the putting of one into its place.

A file that is written to must not be copied with `cp`: what was committed last may rest in its write-ahead log.
SQLite copies pages within one read transaction instead, which holds no writer up. A copy is one plain file.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from tactful.errors import StoreError
from tactful.stores.schema import version_of

_LOCKED_WAIT_S = 30.0


def copy(source: Path, target: Path) -> None:
    """Writes what a store holds at this instant to a new file, durably, and checks that file page by page.

    Raises:
        StoreError: the source is no store, or is damaged; the target is there already, or cannot be written.
    """
    if target.exists():
        raise StoreError(f"{target} is there already, expected a new file: nothing is overwritten; give another name")
    try:
        with closing(_opened(source, "ro")) as read, closing(_opened(target, "rwc")) as written:
            _copy_pages(read, source, written)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error):
            raise StoreError(f"{source} to {target}: {error}; check both files and the room on the disk") from error
        raise


def put_in_place(source: Path, target: Path) -> None:
    """Replaces all that a store holds by what another file holds, in one transaction; the target may be missing.

    A crash on the way leaves the target as it was. Who opens it meanwhile waits.

    Raises:
        StoreError: a process has the target open, or one of the files is no store or damaged.
    """
    try:
        with closing(_opened(source, "ro")) as read, closing(_opened(target, "rwc", wait_s=0.0)) as written:
            version_of(written)
            _take_alone(written, target)
            _copy_pages(read, source, written)
    except sqlite3.Error as error:
        raise StoreError(
            f"{source} to {target}: {error}; if the target is damaged, move it away with its -wal and -shm files"
        ) from error


def refuse_if_open(path: Path) -> None:
    """Returns if no process has a store's file open.

    Raises:
        StoreError: one has, or the file is no store.
    """
    try:
        with closing(_opened(path, "rw", wait_s=0.0)) as connection:
            version_of(connection)
            _take_alone(connection, path)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}; if it is damaged, move it away with its -wal and -shm files") from error


def _opened(path: Path, mode: str, wait_s: float = _LOCKED_WAIT_S) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=wait_s)


def _take_alone(connection: sqlite3.Connection, path: Path) -> None:
    """Takes a file for this connection alone, until it is closed, and empties its write-ahead log.

    The write-ahead log can only be left by the last connection there is: that is how others are found, idle ones too.
    """
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        raise StoreError(f"{path} is open in another process; stop its engine and its service first") from error


def _copy_pages(read: sqlite3.Connection, source: Path, written: sqlite3.Connection) -> None:
    if version_of(read) == 0:
        raise StoreError(f"{source} is empty, expected a store that an engine wrote")
    read.backup(written)
    written.execute("PRAGMA journal_mode = DELETE")
    (found,) = written.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise StoreError(f"{source} is damaged: {found}; take an older copy")
