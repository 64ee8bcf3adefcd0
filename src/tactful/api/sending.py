"""A thread that empties the outbox while the service runs, through the channels and at the pace of the settings."""

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tactful.api.secret import one_click, redirects
from tactful.clock import Clock
from tactful.delivery import channels as all_channels
from tactful.delivery.attempt import Revalidation
from tactful.delivery.loop import Loop
from tactful.delivery.send import Sender
from tactful.runtime import event_types
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore
from tactful.telemetry import Telemetry

_LOG: Final = logging.getLogger(__name__)
_AGAIN_S: Final = 1.0


class SenderThread:
    """Sends what is due, with a handle of the store of its own.

    Attributes:
        telemetry: counts of results.
        loop: what sends, while it runs; other threads may ask for its breakers, and nothing else.

    Raises:
        InvalidSettings: a channel, the address of links or the question before a send cannot be set up as told.
        MissingExtra: a channel needs packages that are not installed.
    """

    def __init__(self, path: Path, settings: Settings, clock: Clock, env: Mapping[str, str] = os.environ) -> None:
        """Sets up all channels; nothing is called yet.

        Args:
            env: where secrets are.
        """
        self._path, self._settings, self._clock = path, settings, clock
        self._channels = all_channels.build(settings.channels, env, clock, path)
        self._one_click, self._redirects = one_click(settings.api, env), redirects(settings.api, env)
        self._revalidation = _revalidation(settings, env, clock)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tactful-sender")
        self.telemetry = Telemetry()
        self.loop: Loop | None = None

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the messages that are under way are sent and noted."""
        self._stop.set()
        self._thread.join()
        all_channels.close(self._channels)
        if isinstance(self._revalidation, all_channels.Closable):
            self._revalidation.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._live()
            except Exception:
                _LOG.exception("the sender stumbled; it begins anew")
                self._stop.wait(_AGAIN_S)

    def _live(self) -> None:
        """One sender, from opening its store to closing it."""
        store, given = SqliteStore(self._path), self._settings.delivery
        try:
            sender = Sender(
                store,
                self._channels,
                event_types.by_now(store, self._settings),
                one_click=self._one_click,
                redirects=self._redirects,
                revalidation=self._revalidation,
                warm_up=given.warm_up,
                types=lambda: event_types.by_now(store, self._settings),
            )
            loop = Loop(sender, self._clock, given.pace(), given.breaker, given.batch, self.telemetry)
            self.loop = loop
            try:
                loop.run(self._stop)
            finally:
                self.loop = None
                loop.close()
        finally:
            store.close()


def _revalidation(settings: Settings, env: Mapping[str, str], clock: Clock) -> Revalidation | None:
    if not settings.delivery.revalidate.url:
        return None
    from tactful.delivery import revalidate  # needs the extra `channels`

    return revalidate.from_settings(settings.delivery.revalidate, env, clock)
