"""What every handler is given: the store to read, the way in, settings and the clock; nothing else is shared."""

import threading
from asyncio import get_running_loop
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tactful.api.intake import Intake
from tactful.clock import Clock
from tactful.events.registry import Registry
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore
from tactful.telemetry import Telemetry

T = TypeVar("T")
_READERS = 4


@dataclass
class Service:
    """One running service over one store.

    `registry` holds the event types by now; whoever learns of a change replaces it. Writes go through `intake` alone.
    """

    path: Path
    settings: Settings
    clock: Clock
    registry: Registry
    intake: Intake
    telemetry: Telemetry = field(default_factory=Telemetry)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_READERS, "tactful-read"))
    _own: threading.local = field(default_factory=threading.local)

    async def ask(self, question: Callable[[SqliteStore], T]) -> T:
        """Returns what a question to the store finds; it runs in a thread of its own, and never writes."""
        return await get_running_loop().run_in_executor(self._threads, lambda: question(self._reader()))

    def _reader(self) -> SqliteStore:
        if not hasattr(self._own, "store"):
            self._own.store = SqliteStore(self.path, read_only=True)
        store: SqliteStore = self._own.store
        return store

    def close(self) -> None:
        """Ends the readers and the way in."""
        self._threads.shutdown(wait=True)
        self.intake.close()
