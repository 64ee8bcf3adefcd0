"""Wakes the streams of in-app inboxes: one look at the store for all of them, not one each."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol, TypeVar, runtime_checkable

from tactful.stores.protocols import InboxRow
from tactful.stores.sqlite import SqliteStore

T = TypeVar("T")
_LOG: Final = logging.getLogger(__name__)
_LOOK_S: Final = 0.5
"""How long a new message may go unnoticed."""
_AT_ONCE: Final = 1000


@runtime_checkable
class Asks(Protocol):
    """Whoever puts questions to the store: the service."""

    async def ask(self, question: Callable[[SqliteStore], T]) -> T:
        """Returns what a question to the store finds."""
        ...


class InboxWatch:
    """Who listens to whose inbox. While somebody does, the store is asked for what is new."""

    def __init__(self, look_s: float = _LOOK_S) -> None:
        self._look_s = look_s
        self._listening: dict[int, set[asyncio.Event]] = {}
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def listen(self, user_key: int, service: Asks) -> Iterator[asyncio.Event]:
        """Gives an event that is set whenever something changes in a user's inbox."""
        changed = asyncio.Event()
        self._listening.setdefault(user_key, set()).add(changed)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(service))
        try:
            yield changed
        finally:
            others = self._listening[user_key]
            others.discard(changed)
            if not others:
                del self._listening[user_key]
            if not self._listening and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def wake(self, user_key: int) -> None:
        """Says that a user's inbox changed: she read something, on this device or another."""
        for changed in self._listening.get(user_key, ()):
            changed.set()

    async def _look(self, service: Asks) -> None:
        after = await service.ask(lambda store: store.inbox_last())
        for user_key in list(self._listening):  # what came before this first look
            self.wake(user_key)
        while True:
            rows: list[InboxRow] = []
            try:
                rows = await service.ask(partial(_behind, after))
            except Exception:
                _LOG.exception("the inboxes could not be looked into; it is tried again")
            for row in rows:
                self.wake(row.user_key)
                after = row.seq
            if len(rows) < _AT_ONCE:
                await asyncio.sleep(self._look_s)


def _behind(seq: int, store: SqliteStore) -> list[InboxRow]:
    return store.inbox_after(seq, _AT_ONCE)
