"""The way in: records into the store's mailbox, many requests in one commit, answered when that is durable."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from tactful.events.letters import bundle
from tactful.stores.sqlite import SqliteStore

T = TypeVar("T")

_LETTER_RECORDS: Final = 4096
"""Records in one letter at most: the engine takes letters whole."""

_Write = Callable[[SqliteStore], Any]
_Done = asyncio.Future[Any]


class Intake:
    """Groups what arrives while a commit runs into the next one.

    One thread owns the store's handle and writes. What a group posts becomes one letter, so that the interpreter's lock
    changes hands a few times a group and not a few times a request.
    """

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, "tactful-write")
        self._store = self._thread.submit(SqliteStore, path).result()
        self._posted: list[tuple[Sequence[bytes], _Done]] = []
        self._writes: list[tuple[_Write, _Done]] = []
        self._draining: asyncio.Task[None] | None = None

    async def post(self, records: Sequence[bytes]) -> None:
        """Returns when the encoded inputs are durable: the engine will take them.

        Raises:
            StoreError: the commit failed; none of them was kept.
        """
        done = asyncio.get_running_loop().create_future()
        self._posted.append((records, done))
        self._drain_soon()
        await done

    async def write(self, write: Callable[[SqliteStore], T]) -> T:
        """Returns what something done to the store returns, when what it wrote is durable.

        It runs inside the transaction of a group, and may run again by itself if another of the group fails.

        Raises:
            StoreError: the commit failed; nothing of it was kept.
        """
        done = asyncio.get_running_loop().create_future()
        self._writes.append((write, done))
        self._drain_soon()
        result: T = await done
        return result

    def _drain_soon(self) -> None:
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._posted or self._writes:
            posted, self._posted = self._posted, []
            writes, self._writes = self._writes, []
            records = [record for each, _ in posted for record in each]
            group = [write for write, _ in writes]
            failed, results = await loop.run_in_executor(self._thread, self._commit, records, group)
            for _, done in posted:
                _tell(done, failed)
            for (_, done), result in zip(writes, results, strict=True):
                _tell(done, result)
        self._draining = None

    def _commit(self, records: list[bytes], writes: list[_Write]) -> tuple[Exception | None, list[Any]]:
        """Why the records were not kept (None: they are), and what each write returned or raised."""
        try:
            return None, self._together(records, writes)
        except Exception as error:
            alone = len(writes) + bool(records) == 1
            if alone or isinstance(error.__cause__, sqlite3.Error):  # the file, not one of the group: all wait no more
                return error, [error] * len(writes)
        # One of the group spoilt it for the others: each by itself, then.
        failed, _ = self._commit(records, []) if records else (None, [])
        return failed, [self._commit([], [write])[1][0] for write in writes]

    def _together(self, records: list[bytes], writes: list[_Write]) -> list[Any]:
        with self._store.transaction():
            if records:
                starts = range(0, len(records), _LETTER_RECORDS)
                self._store.post([bundle(records[start : start + _LETTER_RECORDS]) for start in starts])
            return [write(self._store) for write in writes]

    def close(self) -> None:
        """Waits for what is under way and lets go of the file."""
        self._thread.submit(self._store.close)
        self._thread.shutdown(wait=True)


def _tell(done: _Done, result: Any) -> None:
    if done.cancelled():
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
