"""An engine that runs by itself: a thread takes what was posted, decides what is due, and goes on after an error."""

import logging
import threading
from pathlib import Path
from typing import Final

from tactful.clock import SECOND_US, Clock, from_us
from tactful.errors import (
    InvalidEventType,
    InvalidModel,
    InvalidSettings,
    OtherDecidingVersion,
    ReplayMismatch,
    StoreError,
)
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.telemetry import Tracer

_LOG: Final = logging.getLogger(__name__)
_LONGEST_WAIT_S: Final = 30.0
_TELLABLE: Final = (InvalidEventType, InvalidModel, InvalidSettings, OtherDecidingVersion, ReplayMismatch, StoreError)
"""Errors whose text names files and figures, and nobody."""


class EngineThread:
    """Runs an engine over a store, one handle of which it owns.

    After an error it opens the engine again, the first time after a second, then after twice as long each time.

    Attributes:
        moved_us: when a step ended last; None before the first.
        fault: what is wrong, "" if nothing is: the kind of error, never its text.
        tracer: times its batches; to be set before it starts.
        engine: the engine, while one is open; other threads may read its counters, and nothing else.
    """

    def __init__(self, path: Path, settings: Settings, clock: Clock, tick_s: float) -> None:
        """Names what is to be run; `tick_s` is the time between two looks into the mailbox."""
        self._path, self._settings, self._clock, self._tick_s = path, settings, clock, tick_s
        self.tracer: Tracer | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tactful-engine")
        self._wait_s = 1.0
        self.moved_us: int | None = None
        self.fault = ""
        self.engine: Engine | None = None

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the batch that is under way is committed and the store is closed."""
        self._stop.set()
        self._thread.join()

    def unready(self, now_us: int, patience_us: int) -> str:
        """Returns why nothing is decided, "" if all is well."""
        if self.fault:
            return f"the engine stopped by {self.fault} and is opened again"
        if self.moved_us is None:
            return "the engine is being opened"
        still_us = now_us - self.moved_us
        return f"the engine has not moved for {still_us / SECOND_US:.0f} s" if still_us > patience_us else ""

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._live()
            except Exception as error:
                self.fault = type(error).__name__
                why = str(error) if isinstance(error, _TELLABLE) else self.fault
                _LOG.error("the engine stopped: %s; it is opened again in %.0f s", why, self._wait_s, exc_info=True)
                self._stop.wait(self._wait_s)
                self._wait_s = min(2.0 * self._wait_s, _LONGEST_WAIT_S)

    def _live(self) -> None:
        """One engine, from opening to closing."""
        engine = Engine.open(self._path, self._settings, clock=self._clock)
        engine.telemetry.tracer = self.tracer
        self.engine = engine
        _LOG.info("the engine is open")
        try:
            while not self._stop.is_set():
                now_us = self._clock.now_us()
                engine.advance(from_us(now_us))
                self.moved_us, self.fault, self._wait_s = now_us, "", 1.0
                self._stop.wait(self._tick_s)
        finally:
            self.engine = None
            engine.close()
