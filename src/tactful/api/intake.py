"""The way in: letters into the store's mailbox, many requests in one commit, answered when that is durable."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from tactful.stores.sqlite import SqliteStore

Write: TypeAlias = Callable[[SqliteStore], None]
"""Something done to the store inside the transaction of a group."""


class Intake:
    """Groups what arrives while a commit runs into the next one.

    One thread owns the store's handle and writes; a group is committed whole, or each of its requests hears why not.
    """

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, "tactful-write")
        self._store = self._thread.submit(SqliteStore, path).result()
        self._waiting: list[tuple[Write, asyncio.Future[None]]] = []
        self._draining: asyncio.Task[None] | None = None

    async def post(self, letters: Sequence[bytes]) -> None:
        """Returns when the letters (encoded inputs) are durable."""
        await self.write(lambda store: store.post(letters))

    async def write(self, write: Write) -> None:
        """Returns when what is written is durable.

        Raises:
            StoreError: the commit failed; nothing of it was kept.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((write, done))
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        await done

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            failed = await loop.run_in_executor(self._thread, self._commit, [write for write, _ in group])
            for _, done in group:
                if done.cancelled():
                    continue
                if failed is None:
                    done.set_result(None)
                else:
                    done.set_exception(failed)
        self._draining = None

    def _commit(self, writes: Sequence[Write]) -> Exception | None:
        try:
            with self._store.transaction():
                for write in writes:
                    write(self._store)
        except Exception as error:
            return error
        return None

    def close(self) -> None:
        """Waits for what is under way and lets go of the file."""
        self._thread.submit(self._store.close)
        self._thread.shutdown(wait=True)
