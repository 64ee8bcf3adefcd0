"""What every handler is given: the store to read, the way in, settings and the clock; and who may come how often."""

import os
import threading
from asyncio import get_running_loop
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tactful.api.experiment_counts import ExperimentCounts
from tactful.api.inbox_watch import InboxWatch
from tactful.api.intake import Intake
from tactful.api.keys import Keyring
from tactful.api.limits import Buckets
from tactful.api.logs import RequestLog
from tactful.api.machines import Bursts
from tactful.api.measured import Requests
from tactful.api.pulse import Pulse
from tactful.api.sending import SenderThread
from tactful.api.sns import Fetch, fetch
from tactful.clock import SECOND_US, Clock
from tactful.events.registry import Registry
from tactful.runtime import event_types
from tactful.runtime.running import EngineThread
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore
from tactful.telemetry import Telemetry

T = TypeVar("T")
_READERS = 4


@dataclass
class Service:
    """One running service over one store.

    `registry` holds the event types by now; whoever learns of a change replaces it. Writes go through `intake` alone.
    `engine` and `sender` are those that run in this process, None where others do.
    """

    path: Path
    settings: Settings
    clock: Clock
    registry: Registry
    intake: Intake
    telemetry: Telemetry = field(default_factory=Telemetry)
    keys: Keyring = field(default_factory=Keyring)
    log: RequestLog = field(default_factory=RequestLog)
    engine: EngineThread | None = None
    sender: SenderThread | None = None
    pulse: Pulse = field(default_factory=Pulse)
    inbox: InboxWatch = field(default_factory=InboxWatch)
    requests: Requests = field(default_factory=Requests)
    bursts: Bursts = field(default_factory=Bursts)
    fetch: Fetch = fetch
    answering: set[bytes] = field(default_factory=set)
    """Idempotency keys of requests that are under way."""
    session_secret: bytes = field(default_factory=lambda: os.urandom(32), repr=False)
    """Signs the dashboard's sessions where the environment has no secret: they end with the process."""

    def __post_init__(self) -> None:
        limits = self.settings.api
        self.pace = Buckets(limits.requests_per_second, 2.0 * limits.requests_per_second)
        self.wrong_keys = Buckets(limits.wrong_keys_per_minute / 60.0, limits.wrong_keys_per_minute)
        self.experiment_counts = ExperimentCounts(self.path, self.settings)
        self.client_pace = Buckets(limits.client_requests_per_minute / 60.0, limits.client_requests_per_minute)
        self._threads = ThreadPoolExecutor(_READERS, "tactful-read")
        self._own = threading.local()
        self._types_us = -SECOND_US

    async def ask(self, question: Callable[[SqliteStore], T]) -> T:
        """Returns what a question to the store finds; it runs in a thread of its own, and never writes."""
        return await get_running_loop().run_in_executor(self._threads, lambda: question(self._reader()))

    async def reload_types(self) -> None:
        """Takes the event types that the engine has taken, and those of files that it will take when they are used."""
        settings = self.settings
        self.registry = await self.ask(lambda store: event_types.soon(store, settings))

    async def types_changed(self) -> bool:
        """Reads the event types again, at most once a second; returns whether it did."""
        if self.clock.now_us() < self._types_us + SECOND_US:
            return False
        self._types_us = self.clock.now_us()
        await self.reload_types()
        return True

    def _reader(self) -> SqliteStore:
        if not hasattr(self._own, "store"):
            self._own.store = SqliteStore(self.path, read_only=True)
        store: SqliteStore = self._own.store
        return store

    def close(self) -> None:
        """Ends the readers and the way in."""
        self.experiment_counts.close()
        self._threads.shutdown(wait=True)
        self.intake.close()
        self.log.flush()
