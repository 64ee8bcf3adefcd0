"""A worker of Flink in plain Python: states by key, timers that a test rings, and a clock that stands still."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from shards import embedded, everything
from stage import App
from streams import BUSY, START
from tactful.clock import HOUR_US, to_us
from tactful.events.records import Decision, encode
from tactful.runtime.flink.groups import LAST_MS, Groups, Output, Plan
from tactful.runtime.flink.reading import Part, Prices, Reader
from tactful.telemetry import Telemetry

GROUPS = 2
END = to_us(START) + 12 * HOUR_US


def half_a_day() -> App:
    """Returns an engine that has decided over the log that the operators are given, up to the end."""
    return embedded([pair for pair in everything(3, 12, 0.4) if pair[0] <= END], BUSY, END)


class Descriptors:
    """Names stand for descriptors."""

    def value(self, name: str) -> str:
        return name

    def table(self, name: str) -> str:
        return name


class Cell:
    """A value or a map of whatever key is at hand, as Flink gives one."""

    def __init__(self, worker: "Worker", empty: Any) -> None:
        self._worker, self._empty = worker, empty
        self.by_key: dict[Any, Any] = {}

    @property
    def here(self) -> dict[Any, Any]:
        known: dict[Any, Any] = self.by_key.setdefault(self._worker.key, {})
        return known

    def value(self) -> Any:
        return self.here.get(0)

    def update(self, value: Any) -> None:
        self.here[0] = value

    def get(self, name: Any) -> Any:
        return self.here.get(name)

    def put(self, name: Any, value: Any) -> None:
        self.here[name] = value

    def remove(self, name: Any) -> None:
        self.here.pop(name, None)

    def keys(self) -> list[Any]:
        return list(self.here)

    def values(self) -> list[Any]:
        return list(self.here.values())

    def items(self) -> list[tuple[Any, Any]]:
        return list(self.here.items())


class Metrics:
    """Counters by name, as a group of Flink's metrics."""

    def __init__(self) -> None:
        self.telemetry = Telemetry()

    def add_group(self, _: str) -> "Metrics":
        return self

    def counter(self, name: str) -> Any:
        telemetry = self.telemetry

        class Counter:
            @staticmethod
            def inc(number: int) -> None:
                telemetry.count(name, number)

        return Counter


class Worker:
    """One worker: states by key, timers by instant, and a clock that stands still."""

    def __init__(self) -> None:
        self.key: Any = None
        self.states: dict[str, Cell] = {}
        self.broadcast: dict[str, list[bytes]] = {}
        self.timers: list[tuple[int, Any]] = []
        self.by_clock: list[tuple[int, Any]] = []
        self.metrics = Metrics()
        self.watermark = -1

    def get_state(self, name: str) -> Cell:
        return self.states.setdefault(name, Cell(self, None))

    get_map_state = get_state

    def get_metrics_group(self) -> "Metrics":
        return self.metrics

    def timer_service(self) -> "Worker":
        return self

    def get_current_key(self) -> Any:
        return self.key

    def get_broadcast_state(self, _: Any) -> Any:
        worker = self

        class Known:
            get = staticmethod(worker.broadcast.get)
            put = staticmethod(worker.broadcast.__setitem__)

        return Known

    def current_processing_time(self) -> int:
        return 0

    def current_watermark(self) -> int:
        return self.watermark

    def register_event_time_timer(self, timestamp: int) -> None:
        self.timers.append((timestamp, self.key))

    def register_processing_time_timer(self, timestamp: int) -> None:
        self.by_clock.append((timestamp, self.key))

    def ring(self, operator: Groups) -> Iterator[Output]:
        """Rings the timers that are set, the earliest first, and those of the clock after them; the last at the end."""
        ended = self.watermark >= LAST_MS
        timers = sorted(one for one in self.timers if ended or one[0] < LAST_MS)
        self.timers = [] if ended else [one for one in self.timers if one[0] == LAST_MS]
        clock, self.by_clock = self.by_clock, []
        for timestamp, key in [*timers, *clock]:
            self.key = key
            yield from operator.on_timer(timestamp, self)


def parts_of(folder: Path) -> list[Part]:
    reader = Reader(str(folder / "inputs"), GROUPS)
    lines = (folder / "inputs" / "manifest.tsv").read_text().splitlines()
    return [part for line in lines for part in reader.flat_map(line)]


def prices_of(folder: Path) -> list[Part]:
    return [part for file in sorted((folder / "controls").iterdir()) for part in Prices().flat_map(file.read_text())]


def opened(worker: Worker, plan: Plan) -> Groups:
    operator = Groups(plan, Descriptors())
    operator.open(worker)
    return operator


def feed(worker: Worker, operator: Groups, parts: list[Part]) -> None:
    for part in parts:
        worker.key = part.group
        said = operator.process_element if part.group >= 0 else operator.process_broadcast_element
        assert list(said(tuple(part), worker)) == []


def decisions(made: list[Output]) -> list[bytes]:
    lines = [line for kind, text in made if kind == "decisions" for line in text.split("\n")]
    return sorted(encode(msgspec.json.decode(line, type=Decision)) for line in lines)
