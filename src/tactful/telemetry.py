"""Operational counters and spans, written by the runtime and read by whoever exports them. No personal data enters."""

from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Tracer(Protocol):
    """Times named stretches of work; a tracer of OpenTelemetry is one."""

    def start_as_current_span(self, name: str) -> AbstractContextManager[Any]:
        """Returns what times the work inside it."""
        ...


class Telemetry:
    """Counts named occurrences in memory; `snapshot` gives them to an exporter or a test.

    Attributes:
        tracer: times spans; None times nothing.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._counts: Counter[str] = Counter()
        self.tracer = tracer

    def count(self, name: str, amount: int = 1) -> None:
        """Adds to a counter; names are dotted (`engine.inputs_applied`)."""
        self._counts[name] += amount

    def span(self, name: str) -> AbstractContextManager[Any]:
        """Returns what times the work inside it under a name that names nobody."""
        return self.tracer.start_as_current_span(name) if self.tracer else nullcontext()

    def snapshot(self) -> Mapping[str, int]:
        """Returns a copy of all counters."""
        return dict(self._counts)
