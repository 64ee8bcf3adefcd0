"""What the operators touch of Flink, as protocols: so that they are plain Python, and run in tests without it."""

import threading
from collections.abc import Iterable
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

V = TypeVar("V")
ALONE: Final = threading.RLock()
"""Held while an operator computes. In thread mode several of them are threads of one process, and not all that they
call may begin in two threads at once: msgspec learns a type when it first meets it, and others see the half of it."""


@runtime_checkable
class Value(Protocol[V]):
    """One value a key; None until it was set."""

    def value(self) -> V | None:
        """Returns it."""
        ...

    def update(self, value: V) -> None:
        """Sets it."""
        ...


@runtime_checkable
class Table(Protocol[V]):
    """A map a key."""

    def get(self, name: Any) -> V | None:
        """Returns what is under a name, None if nothing is."""
        ...

    def put(self, name: Any, value: V) -> None:
        """Puts something there."""
        ...

    def remove(self, name: Any) -> None:
        """Takes it away."""
        ...

    def keys(self) -> Iterable[Any]:
        """Returns all names."""
        ...

    def values(self) -> Iterable[V]:
        """Returns what is under them."""
        ...

    def items(self) -> Iterable[tuple[Any, V]]:
        """Returns all pairs."""
        ...


@runtime_checkable
class Timers(Protocol):
    """Timers of the current key, in milliseconds."""

    def current_processing_time(self) -> int:
        """Returns the clock of the machine."""
        ...

    def current_watermark(self) -> int:
        """Returns the instant before which no input can come any more."""
        ...

    def register_event_time_timer(self, timestamp: int) -> None:
        """Rings when no input before it can come any more."""
        ...

    def register_processing_time_timer(self, timestamp: int) -> None:
        """Rings by the clock of the machine."""
        ...


@runtime_checkable
class States(Protocol):
    """Where an operator gets its states when it opens; descriptors are Flink's."""

    def get_state(self, descriptor: Any) -> Any:
        """Returns a value."""
        ...

    def get_map_state(self, descriptor: Any) -> Any:
        """Returns a map."""
        ...

    def get_metrics_group(self) -> Any:
        """Returns where counters are made: `add_group(name)`, then `counter(name).inc(number)`."""
        ...


@runtime_checkable
class Context(Protocol):
    """What an operator knows of the element or the timer at hand."""

    def timer_service(self) -> Timers:
        """Returns the timers of the current key."""
        ...

    def get_current_key(self) -> Any:
        """Returns the key at hand."""
        ...

    def get_broadcast_state(self, descriptor: Any) -> Any:
        """Returns the map that everybody reads; of a read-only one only `get` works."""
        ...


@runtime_checkable
class Descriptors(Protocol):
    """Makes Flink's descriptors of states; each state's name is for life, since savepoints hold it."""

    def value(self, name: str) -> Any:
        """Returns the descriptor of a pickled value."""
        ...

    def table(self, name: str) -> Any:
        """Returns the descriptor of a map from a text to pickled values."""
        ...
