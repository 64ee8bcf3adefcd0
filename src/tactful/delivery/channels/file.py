"""Appends messages to an NDJSON file, for another program to send or a person to read."""

import errno
import os
import threading
from pathlib import Path

import msgspec

from tactful.delivery.protocol import Delivered, Failed, Limits, Message, Outcome, RetryAfter
from tactful.errors import UnreadableInput

_PASSES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.EMFILE})
"""Errors that may be gone at the next try: the disk is full, the device is busy."""


class _Line(msgspec.Struct, frozen=True):
    key: str
    message: Message


class FileChannel:
    """Writes one line a message, `{"key": ..., "message": {...}}`; it is on disk before it counts as sent.

    The file holds addresses: it is readable by its owner only. A key that already stands in the file is not
    written again, also after a crash; half a line that a crash left behind is cut off. One process writes.

    Raises:
        UnreadableInput: if the file exists and holds something else.
    """

    limits = Limits()
    honours_idempotency = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: set[str] = set()
        self._lock = threading.Lock()
        if path.is_file():
            self._recover()

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Appends the message; a full disk asks for a retry, a missing folder or right is final."""
        with self._lock:  # half a line is cut off before another one is begun
            if idempotency_key in self._keys:
                return Delivered(idempotency_key)
            try:
                self._append(msgspec.json.encode(_Line(idempotency_key, message)) + b"\n")
            except OSError as error:
                reason = errno.errorcode.get(error.errno or 0, "OSError")
                return RetryAfter(detail=reason) if error.errno in _PASSES else Failed(detail=reason)
            self._keys.add(idempotency_key)
            return Delivered(idempotency_key)

    def _append(self, line: bytes) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            before = os.fstat(handle).st_size
            try:
                _write_all(handle, line)
                os.fsync(handle)
            except OSError:
                _cut(handle, before)
                raise
        finally:
            os.close(handle)

    def _recover(self) -> None:
        keep = 0
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._keys.add(self._key_of(line))
                keep += len(line)
        os.truncate(self._path, keep)

    def _key_of(self, line: bytes) -> str:
        try:
            return msgspec.json.decode(line, type=_Line).key
        except msgspec.MsgspecError as error:
            raise UnreadableInput(
                f"{self._path} holds a line that is no message of ours ({error}); "
                "give the file channel a path of its own"
            ) from error


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _cut(handle: int, size: int) -> None:
    """Takes half a line back; a device that cannot be cut (/dev/full) has kept nothing either."""
    try:
        os.ftruncate(handle, size)
    except OSError:
        return
