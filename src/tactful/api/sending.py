"""A thread that empties the outbox while the service runs."""

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tactful.clock import Clock
from tactful.delivery.protocol import Channel
from tactful.delivery.send import Sender
from tactful.events.records import Channel as ChannelName
from tactful.runtime import event_types
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 100
_TICK_S: Final = 0.5


class SenderThread:
    """Sends what is due, with a handle of the store of its own."""

    def __init__(self, path: Path, settings: Settings, clock: Clock, channels: Mapping[ChannelName, Channel]) -> None:
        """Names what is to be sent from, and through what."""
        self._path, self._settings, self._clock, self._channels = path, settings, clock, channels
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tactful-sender")

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the messages that are under way are sent and noted."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        store = SqliteStore(self._path)
        sender = Sender(store, self._channels, event_types.by_now(store, self._settings))
        while not self._stop.is_set():
            try:
                if not sender.run(self._clock.now_us(), _AT_ONCE).messages:
                    self._stop.wait(_TICK_S)
                    sender.registry = event_types.by_now(store, self._settings)
            except Exception:
                _LOG.exception("the sender stumbled; it goes on")
                self._stop.wait(_TICK_S)
        store.close()
