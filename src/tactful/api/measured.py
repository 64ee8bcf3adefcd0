"""What requests took, counted as they end: by method, route and status. Routes are templates, so labels stay few."""

from bisect import bisect_left
from collections import Counter
from typing import Final, NamedTuple

EDGES_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the classes of durations, seconds."""


class Route(NamedTuple):
    """A method of a path, as the endpoints have it."""

    method: str
    path: str


class Durations:
    """How many requests of a route fell into each class of durations (the last is open), and all their seconds."""

    def __init__(self) -> None:
        self.counts = [0] * (len(EDGES_S) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Counts one request.

        >>> durations = Durations()
        >>> durations.add(0.001), durations.add(99.0), durations.counts[0], durations.counts[-1]
        (None, None, 1, 1)
        """
        self.counts[bisect_left(EDGES_S, seconds)] += 1
        self.seconds += seconds


class Requests:
    """All requests since the service began.

    Attributes:
        answered: by route and status.
        durations: by route.
    """

    def __init__(self) -> None:
        self.answered: Counter[tuple[Route, int]] = Counter()
        self.durations: dict[Route, Durations] = {}

    def note(self, route: Route, status: int, seconds: float) -> None:
        """Counts one request."""
        self.answered[route, status] += 1
        known = self.durations.get(route)
        if known is None:
            known = self.durations[route] = Durations()
        known.add(seconds)
