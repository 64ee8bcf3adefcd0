"""The in-app inbox: keeps messages in the store, where the app reads them over HTTP (`api/inbox.py`).

One thread owns the store's handle; what several threads put at once goes into one commit.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from tactful import draws
from tactful.clock import Clock, WallClock, to_us
from tactful.delivery.protocol import Delivered, Limits, Message, Outcome, RetryAfter
from tactful.errors import StoreError
from tactful.stores.protocols import InboxRow
from tactful.stores.sqlite import SqliteStore

NEVER_US: Final = 2**62
"""When a message expires that has no end."""


class InboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What rests in the inbox: the texts, where a tap leads, and the decision that it tells of."""

    decision_id: str
    type: str
    locale: str
    title: str
    body: str
    link: str = ""
    collapse_key: str = ""
    schema_version: int = 1


_DECODER: Final = msgspec.msgpack.Decoder(InboxMessage)


def decode(data: bytes) -> InboxMessage:
    """Returns the message of an inbox row.

    Raises:
        msgspec.DecodeError: if the bytes are no such message.
    """
    return _DECODER.decode(data)


class InboxChannel:
    """Writes into the inbox of a store, the outbox's own. A decision stands there once, also after a crash.

    Args:
        path: the store.
        clock: says since when a message is there; the machine's by default.
    """

    limits = Limits()
    honours_idempotency = True

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self._path, self._clock = path, clock or WallClock()
        self._thread = ThreadPoolExecutor(1, "tactful-inbox")
        self._lock = threading.Lock()
        self._waiting: dict[str, InboxRow] = {}
        self._store: SqliteStore | None = None

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Returns when the message is in the inbox, durably; a store that cannot be written may be later."""
        with self._lock:
            self._waiting[idempotency_key] = self._row(message, idempotency_key)
        try:
            self._thread.submit(self._write).result()
        except StoreError as error:
            return RetryAfter(detail=type(error).__name__)
        return Delivered(idempotency_key)

    def close(self) -> None:
        """Lets go of the store."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=True)

    def _row(self, message: Message, key: str) -> InboxRow:
        data = InboxMessage(
            decision_id=key,
            type=message.type,
            locale=message.locale,
            title=message.title or message.subject,
            body=message.body,
            link=message.link,
            collapse_key=message.collapse_key,
        )
        until_us = to_us(message.expires_at) if message.expires_at else NEVER_US
        return InboxRow(
            seq=0,
            decision_key=draws.key(key),
            user_key=draws.key(message.user_id),
            at_us=self._clock.now_us(),
            expires_us=until_us,
            data=msgspec.msgpack.encode(data),
        )

    def _write(self) -> None:
        """Commits what waits. After a failure it waits on, so that each of its senders hears of it, or of success."""
        with self._lock:
            rows = dict(self._waiting)
        if not rows:
            return
        if self._store is None:
            self._store = SqliteStore(self._path)
        self._store.put_inbox(list(rows.values()))
        with self._lock:
            for key in rows:
                self._waiting.pop(key, None)

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
