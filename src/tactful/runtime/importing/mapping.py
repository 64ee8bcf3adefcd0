"""Which column of a log is what: one small TOML file, parsed into frozen structs.

Every mistake in the file is found here, before a row is read: unknown keys (with the nearest spelling), unknown
kinds and channels, unknown time zones, malformed durations.
"""

import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from tactful.errors import InvalidMapping
from tactful.events.declaration import duration, nearest
from tactful.events.records import Channel, EngagementKind, User
from tactful.features.context import Zones

Name = TypeVar("Name")
Column = Annotated[str, Meta(min_length=1)]


class Time(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When it happened. `unit` says how numbers count since 1970; `iso` is text such as 2026-03-01T08:00:00Z.

    `timezone` is the zone of times that carry none; without it such rows are refused, for nobody knows their
    instant. A wall time that clocks skip becomes the end of the gap, one that they repeat its first occurrence.
    """

    column: Column
    unit: Literal["iso", "s", "ms", "us"] = "iso"
    timezone: str | None = None


class Choice(msgspec.Struct, Generic[Name], frozen=True, forbid_unknown_fields=True):
    """A name that is the same for all rows (`constant`), or read from a column.

    `values` translates the column's words; a word that is one of ours already needs no entry. Rows with a word in
    `ignore` are left out and not counted as refused.
    """

    column: Column | None = None
    constant: Name | None = None
    values: dict[str, Name] = {}
    ignore: tuple[str, ...] = ()


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole number, divided by `divide_by` and rounded down; a negative or missing one is unknown (-1)."""

    column: Column
    divide_by: Annotated[int, Meta(ge=1)] = 1


class Sessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Derives a `session` at a user's first activity after a gap of at least this long (`30m`)."""

    gap: str

    @property
    def length(self) -> timedelta:
        """The gap."""
        return duration(self.gap)


class Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is assumed of every user in the log, who is otherwise known by her id only.

    `addresses = "user_id"` makes the id her address on every channel in `opt_in` (enough for the console and the
    file channel); `none` leaves her unreachable until a profile is sent.
    """

    timezone: str = "UTC"
    locale: str = "en"
    opt_in: tuple[Channel, ...] = ()
    addresses: Literal["none", "user_id"] = "none"

    def user(self, user_id: str) -> User:
        """Returns the profile that she gets."""
        reachable = self.opt_in if self.addresses == "user_id" else ()
        return User(
            user_id=user_id,
            timezone=self.timezone,
            locale=self.locale,
            addresses=dict.fromkeys(reachable, user_id),
            opt_in=self.opt_in,
        )


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which column is what. Without `id`, an engagement's id is a hash of (user, time, kind, item)."""

    user: Column
    time: Time
    kind: Choice[EngagementKind]
    item: Column | None = None
    category: Column | Category | None = None
    id: Column | None = None
    value: Column | None = None
    channel: Choice[Channel] | None = None
    users: Defaults = Defaults()
    sessions: Sessions | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, each once."""
        channel = self.channel.column if self.channel else None
        category = self.category.column if isinstance(self.category, Category) else self.category
        named = (self.user, self.time.column, self.kind.column, self.item, category, self.id, self.value, channel)
        return tuple(dict.fromkeys(column for column in named if column is not None))


def load_mapping(path: Path) -> Mapping:
    """Returns the mapping in a TOML file.

    Raises:
        InvalidMapping: naming file and key, what was got and what was expected.
        UnknownTimeZone: for a zone that is not in the IANA data base.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidMapping(f"{path}: got {error}, expected a readable TOML file") from error
    for fault in _unknown_keys(table, Mapping, ""):
        raise InvalidMapping(f"{path}: {fault}")
    try:
        mapping = msgspec.convert(table, Mapping)
    except msgspec.ValidationError as error:
        raise InvalidMapping(f"{path}: {error}") from error
    for fault in _contradictions(mapping):
        raise InvalidMapping(f"{path}: {fault}")
    Zones.of((mapping.users.timezone, mapping.time.timezone or "UTC"))
    return mapping


def _unknown_keys(table: dict[str, Any], struct: type[msgspec.Struct], at: str) -> Iterator[str]:
    known = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for key, value in table.items():
        if key not in known:
            yield f"{at}{key}: got an unknown key, expected {nearest(key, known)}"
        elif isinstance(value, dict):
            for inner in _structs(known[key]):
                yield from _unknown_keys(value, inner, f"{at}{key}.")


def _structs(kind: Any) -> list[type[msgspec.Struct]]:
    """The structs that a field may hold: `Time`, or `Category` in `Column | Category | None`."""
    plain = [get_origin(each) or each for each in (kind, *get_args(kind))]
    return [each for each in plain if isinstance(each, type) and issubclass(each, msgspec.Struct)]


def _contradictions(mapping: Mapping) -> Iterator[str]:
    for key, choice in (("kind", mapping.kind), ("channel", mapping.channel)):
        if choice is not None and (choice.column is None) == (choice.constant is None):
            yield f"{key}: got both or neither of column and constant, expected one of them"
    if mapping.sessions is None:
        return
    try:
        duration(mapping.sessions.gap)
    except ValueError as error:
        yield f'sessions.gap: got {error}, expected a duration such as "30m"'
    if "session" in (mapping.kind.constant, *mapping.kind.values.values()):
        yield "sessions: got a log that has sessions of its own, expected no [sessions] table then"
