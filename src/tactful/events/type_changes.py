"""How one registry of event types becomes the next: what is declared anew, and what is retired.

A change is a value that the input log keeps (a control with key `event_types`), so that whoever reads the log knows
from when on a type existed, and what it said then. Numbers never move: known types keep theirs, new ones are appended.
"""

from typing import Any, Final

import msgspec

from tactful.errors import InvalidEventType, InvalidRecord
from tactful.events.coherence import contradictions
from tactful.events.event_type import EventType
from tactful.events.registry import Registry

KEY: Final = "event_types"
"""The key of controls whose value is a change."""


class TypeChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Types that are new, say something else, or are back; and the names of those whose file is gone."""

    declared: tuple[EventType, ...] = ()
    retired: tuple[str, ...] = ()


class _Kept(msgspec.Struct, frozen=True):
    types: tuple[EventType, ...]
    retired: tuple[str, ...]


def change_between(before: Registry, wanted: Registry) -> TypeChange | None:
    """Returns what makes of a registry another that holds the wanted types; None if it holds them already."""
    known = {each.name: msgspec.to_builtins(each) for each in before.types if each.name not in before.retired}
    told = {each.name: each for each in wanted.types if each.name not in wanted.retired}
    declared = tuple(each for name, each in sorted(told.items()) if msgspec.to_builtins(each) != known.get(name))
    retired = tuple(sorted(known.keys() - told.keys()))
    return TypeChange(declared, retired) if declared or retired else None


def changed(before: Registry, change: TypeChange) -> Registry:
    """Returns the registry after a change; every type keeps its index, new ones are appended in the change's order.

    Raises:
        InvalidEventType: the types would be too many, or one is not to be used.

    >>> shipped = Registry.shipped()
    >>> first = msgspec.structs.replace(shipped.types[0], name="a_new_one")
    >>> changed(shipped, TypeChange(declared=(first,))).names == (*shipped.names, "a_new_one")
    True
    """
    types = {each.name: each for each in (*before.types, *change.declared)}
    retired = (before.retired | set(change.retired)) - {each.name for each in change.declared}
    return Registry.numbered(types.values(), retired & types.keys())


def value(change: TypeChange) -> dict[str, Any]:
    """Returns a change as a control's value: tables, lists and text."""
    told: dict[str, Any] = msgspec.to_builtins(change)
    return told


def read(told: object) -> TypeChange:
    """Returns the change that a control's value holds.

    Raises:
        InvalidRecord: it is none, or one of its types contradicts itself.
    """
    try:
        change = msgspec.convert(told, TypeChange)
    except msgspec.ValidationError as error:
        raise InvalidRecord(
            f"got a change of event types that cannot be read ({error}); let `Engine.reload_types` make it of files"
        ) from error
    for each in change.declared:
        for key, mistake in contradictions({f: getattr(each, f) for f in each.__struct_fields__}):
            raise InvalidRecord(f"event type {each.name}: {key}: {mistake}")
    return change


def to_bytes(registry: Registry) -> bytes:
    """Returns a registry as JSON: its types by index, in full."""
    return msgspec.json.encode(_Kept(registry.types, tuple(sorted(registry.retired))))


def from_bytes(data: bytes) -> Registry:
    """Returns the registry that `to_bytes` wrote.

    Raises:
        InvalidEventType: another version wrote what this one does not read.
    """
    try:
        kept = msgspec.json.decode(data, type=_Kept)
    except msgspec.ValidationError as error:
        raise InvalidEventType(f"the store's event types: {error}; another version wrote them") from error
    return Registry.numbered(kept.types, kept.retired)
