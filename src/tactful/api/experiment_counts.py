"""Reports of experiments for the dashboard, counted in the background: each reads a whole log, and no page waits.

What was counted is kept in memory, and counted again when somebody looks an hour later.
"""

import threading
from pathlib import Path

import msgspec

from tactful.clock import HOUR_US
from tactful.errors import TactfulError
from tactful.experiments.comparison import Comparison
from tactful.experiments.design import Experiment
from tactful.runtime.experiment_report import report
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore


class Count(msgspec.Struct, frozen=True):
    """What was found, or why nothing was; asked for at an instant, of an experiment as it was defined then."""

    asked_us: int
    experiment: Experiment
    found: Comparison | None
    fault: str = ""


class _Closed(Exception):
    """Ends a count whose service ends."""


class ExperimentCounts:
    """Counts one experiment at a time, in a thread of its own with a handle of the store of its own."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self._path, self._settings = path, settings
        self._known: dict[str, Count] = {}
        self._under_way: dict[str, threading.Event] = {}
        self._turn = threading.Lock()
        self._closed = threading.Event()

    def latest(self, name: str) -> Count | None:
        """Returns what was counted last of an experiment."""
        return self._known.get(name)

    def ask(self, experiment: Experiment, now_us: int) -> threading.Event | None:
        """Begins a count unless one is under way or the last one still holds; returns what is set when it is over.

        None if nothing is under way. To be called by one thread, that of the requests.
        """
        under_way, last = self._under_way.get(experiment.name), self._known.get(experiment.name)
        if under_way is not None and not under_way.is_set():
            return under_way
        if last is not None and last.experiment == experiment and now_us - last.asked_us < HOUR_US:
            return None
        over = self._under_way[experiment.name] = threading.Event()
        # a daemon: a process that ends does not wait for a long log
        threading.Thread(target=self._count, args=(experiment, now_us, over), name="tactful-count", daemon=True).start()
        return over

    def close(self) -> None:
        """Lets the count that is under way end with the day that it reads."""
        self._closed.set()

    def _count(self, experiment: Experiment, asked_us: int, over: threading.Event) -> None:
        try:
            with self._turn:
                self._known[experiment.name] = self._counted(experiment, asked_us)
        except _Closed:
            pass
        finally:
            over.set()

    def _counted(self, experiment: Experiment, asked_us: int) -> Count:
        self._go_on(0.0)
        store = SqliteStore(self._path, read_only=True)
        try:
            return Count(asked_us, experiment, report(store, experiment, self._settings, progress=self._go_on))
        except TactfulError as error:
            return Count(asked_us, experiment, None, str(error))
        finally:
            store.close()

    def _go_on(self, days: float) -> None:
        if self._closed.is_set():
            raise _Closed
