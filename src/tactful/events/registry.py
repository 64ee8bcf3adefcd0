"""The event types of an app as one immutable registry: look-up by name, and validation of candidates.

What a type may say is in `event_type`, how its file is read in `declaration`, what a payload may be in
`payload`, the arrays made of the types in `type_columns`, and how a registry becomes another in `type_changes`.
"""

from collections.abc import Collection, Iterable
from functools import lru_cache
from math import isfinite
from pathlib import Path

from tactful.errors import InvalidEventType, InvalidRecord, UnknownEventType
from tactful.events.declaration import declare, nearest
from tactful.events.event_type import Aggregation, Caps, EngagementRule, EventType, Template
from tactful.events.payload import compile_schema, payload_fault
from tactful.events.records import Candidate
from tactful.events.type_columns import NOT_ALLOWED, TypeColumns, type_columns

__all__ = [
    "NOT_ALLOWED",
    "Aggregation",
    "Caps",
    "EngagementRule",
    "EventType",
    "Registry",
    "Template",
    "TypeColumns",
    "load_folder",
]

MAX_CATEGORY = 2**31 - 1
"""States keep categories in 32 bits."""
MAX_TYPES = 64
"""A user's opt-outs are one bit a type in a 64-bit mask."""


class Registry:
    """The event types of an app; a type's index is its row in every array. Immutable.

    Types are ordered by name, unless an order is given (`numbered`): what a store has numbered once keeps its number,
    and what comes later is appended. A type whose file is gone stays, retired: it is worth its number to what is
    stored, and no new candidate of it is accepted.

    >>> registry = Registry.shipped()
    >>> registry.types[registry.index("security_alert")].critical
    True
    """

    __slots__ = ("_columns", "_names", "_positions", "_retired", "_schemas", "_types")

    def __init__(self, types: Iterable[EventType]) -> None:
        """Orders the types and compiles their payload schemas.

        Raises:
            InvalidEventType: for two types of one name, over `MAX_TYPES` of them, or no JSON Schema.
        """
        self._number(tuple(sorted(types, key=lambda each: each.name)), frozenset())

    @classmethod
    def numbered(cls, types: Iterable[EventType], retired: Collection[str] = ()) -> "Registry":
        """Returns the registry of types in the order given; `retired` names those that take no new candidates.

        Raises:
            InvalidEventType: as the constructor.
        """
        registry = cls.__new__(cls)
        registry._number(tuple(types), frozenset(retired))
        return registry

    def _number(self, types: tuple[EventType, ...], retired: frozenset[str]) -> None:
        self._types, self._retired = types, retired
        self._names = tuple(each.name for each in self._types)
        self._positions = {name: i for i, name in enumerate(self._names)}
        if len(self._positions) < len(self._names):
            twice = sorted({name for name in self._names if self._names.count(name) > 1})
            raise InvalidEventType(f"got two event types named {', '.join(twice)}, expected names to differ")
        if len(self._names) > MAX_TYPES:
            raise InvalidEventType(
                f"got {len(self._names)} event types, expected at most {MAX_TYPES}, those that were retired "
                "included; merge those that differ in their payload only"
            )
        try:
            self._schemas = tuple(compile_schema(each.payload) for each in self._types)
        except ValueError as error:
            raise InvalidEventType(f"got a payload that is no JSON Schema: {error}") from None
        self._columns = type_columns(self._types)

    @classmethod
    def shipped(cls) -> "Registry":
        """Returns the types that come with the package: those of a social or content app."""
        return _shipped()

    @property
    def types(self) -> tuple[EventType, ...]:
        """The types by index, retired ones included."""
        return self._types

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the types, in order."""
        return self._names

    @property
    def retired(self) -> frozenset[str]:
        """The names of types that take no new candidates."""
        return self._retired

    def index(self, name: str) -> int:
        """Returns a type's position.

        Raises:
            UnknownEventType: with the known names and the nearest spelling.
        """
        position = self._positions.get(name)
        if position is None:
            raise UnknownEventType(
                f'got the event type "{name}", expected {nearest(name, self._names)}; '
                f"declare a new one in a file {name or '<name>'}.toml"
            )
        return position

    def columns(self) -> TypeColumns:
        """Returns the types as arrays, one row a type."""
        return self._columns

    def validate(self, candidate: Candidate) -> None:
        """Checks that a candidate may be accepted: its type, times, items, and its payload by the schema.

        Raises:
            UnknownEventType: for a type that no file declares, or none any more.
            InvalidRecord: for anything else, with the candidate, the field, what was got and expected.
        """
        if candidate.type in self._retired:
            raise UnknownEventType(
                f'got the event type "{candidate.type}", whose file is gone; put {candidate.type}.toml back, '
                "or send no more of it"
            )
        schema = self._schemas[self.index(candidate.type)]
        fault = _time_fault(candidate) or _item_fault(candidate) or payload_fault(candidate.payload, schema)
        if fault:
            raise InvalidRecord(f"candidate {candidate.candidate_id} ({candidate.type}): {fault}")


def load_folder(path: Path) -> Registry:
    """Returns the registry of all `*.toml` files in a folder, one event type each.

    Raises:
        InvalidEventType: with all mistakes of all files, one line each.
    """
    files = sorted(path.glob("*.toml"))
    if not files:
        raise InvalidEventType(f"{path}: got no *.toml file, expected a folder with one file per event type")
    types: list[EventType] = []
    mistakes: list[str] = []
    for file in files:
        try:
            types.append(declare(file))
        except InvalidEventType as error:
            mistakes.append(str(error))
    if mistakes:
        raise InvalidEventType("\n".join(mistakes))
    return Registry(types)


@lru_cache(maxsize=1)
def _shipped() -> Registry:
    return load_folder(Path(__file__).parent / "types")


def _time_fault(candidate: Candidate) -> str:
    created, expires = candidate.created_at, candidate.expires_at
    for field, at in (("created_at", created), ("expires_at", expires)):
        if at is not None and at.tzinfo is None:
            return f"{field}: got the naive time {at.isoformat()}, expected one with an offset"
    if expires is not None and expires < created:
        return f"expires_at: got {expires.isoformat()}, expected created_at ({created.isoformat()}) or later"
    return ""


def _item_fault(candidate: Candidate) -> str:
    for i, item in enumerate(candidate.items):
        if not (isfinite(item.quality) and 0 <= item.quality <= 1):
            return f"items[{i}].quality: got {item.quality}, expected a number from 0 to 1"
        if not -1 <= item.category <= MAX_CATEGORY:
            return f"items[{i}].category: got {item.category}, expected -1 (unknown) to {MAX_CATEGORY}"
    return ""
