"""Logs as JSON lines on stderr: one for each request, without people, payloads or secrets."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final, Protocol, runtime_checkable

import msgspec

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 200
"""Lines written together; fewer wait until somebody flushes."""


@runtime_checkable
class Sink(Protocol):
    """What lines are written to: a text stream."""

    def write(self, text: str, /) -> object:
        """Takes text."""
        ...

    def flush(self) -> object:
        """Passes it on."""
        ...


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `route` is the template of its path, so that no id of anybody is in it."""

    at: datetime
    level: str
    method: str
    route: str
    status: int
    ms: float
    key: str
    request_id: str
    event: str = "request"


class RequestLog:
    """Collects lines and writes many at a time; without a stream it keeps silent."""

    def __init__(self, stream: Sink | None = None) -> None:
        self._stream = stream
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []

    def write(self, line: RequestLine) -> None:
        """Takes a line."""
        if self._stream is None:
            return
        self._lines.append(self._encode(line))
        if len(self._lines) >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Writes what was collected."""
        if self._lines and self._stream is not None:
            text = b"\n".join(self._lines).decode()
            self._lines.clear()
            try:
                self._stream.write(text + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # a closed pipe must not end the service
                self._stream = None


class JsonLines(logging.Formatter):
    """A record as one line of JSON. Of an exception only its type and place are told: its text may hold anything."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        told: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[1] is not None:
            told["error"] = type(record.exc_info[1]).__name__
            frames = traceback.extract_tb(record.exc_info[2])[-5:]
            told["where"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        return msgspec.json.encode(told).decode()


def log_as_json() -> None:
    """Sends all logging of this process to stderr as JSON lines, from level info on.

    Libraries tell addresses and links in their own lines, so of those only warnings are let through.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("tactful").setLevel(logging.INFO)
