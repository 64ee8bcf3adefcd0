"""Operational counters, written by the runtime and read by whoever exports them. No personal data enters."""

from collections import Counter
from collections.abc import Mapping


class Telemetry:
    """Counts named occurrences in memory; `snapshot` gives them to an exporter or a test."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, name: str, amount: int = 1) -> None:
        """Adds to a counter; names are dotted (`engine.inputs_applied`)."""
        self._counts[name] += amount

    def snapshot(self) -> Mapping[str, int]:
        """Returns a copy of all counters."""
        return dict(self._counts)
