"""Reads one event-type file (TOML) into an `EventType`, or reports all of its mistakes, one line each.

The fields of `EventType` say what a file may hold, so that this reader knows no key by name. What only shows
when several keys are seen together is in `coherence`.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import inspect

from tactful.errors import InvalidEventType
from tactful.events.coherence import contradictions
from tactful.events.event_type import EventType

MAX_DURATION = timedelta(days=366)

Mistakes: TypeAlias = dict[str, str]
"""What was got and expected, by key; the first finding about a key stands."""

_ABSENT = object()
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SHOWN_CHARACTERS = 60


def declare(path: Path) -> EventType:
    """Returns the event type that a file declares; the file's name is the type's.

    Raises:
        InvalidEventType: with all mistakes, one line each: file, key, what was got and what was expected.
    """
    mistakes: Mistakes = {}
    if not _NAME.fullmatch(path.stem):
        mistakes["(file name)"] = _got(path.stem, "lower-case letters, digits and underscores, a letter first")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidEventType(f"{path}: (file): got text that is not TOML ({error}), expected TOML") from None
    root = inspect.type_info(EventType)
    assert isinstance(root, inspect.StructType)
    keys = [field for field in root.fields if field.name != "name"]
    values = _read_fields(table, keys, "", mistakes)
    for key, mistake in contradictions(values):
        mistakes.setdefault(key, mistake)
    if mistakes:
        raise InvalidEventType("\n".join(f"{path}: {key}: {mistake}" for key, mistake in mistakes.items()))
    return EventType(name=path.stem, **values)


def expectation(kind: inspect.Type) -> str:
    """Returns in words what a key of this kind must hold."""
    match _plain(kind):
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"a whole number from {low} to {high}"
        case inspect.FloatType(ge=low, le=high):
            return f"a number from {low} to {high}"
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(f'"{value}"' for value in values)
        case inspect.VarTupleType(item_type=item):
            return f"a list of one or more, each {expectation(item)}"
        case inspect.TimeDeltaType():
            return 'a duration such as "90m", "24h" or "7d", at most 366 days'
        case inspect.DictType() | inspect.StructType():
            return "a table"
        case _:
            return "text"


def duration(text: str) -> timedelta:
    """Returns the time that a whole number and a unit (s, m, h, d, w) stand for.

    Raises:
        ValueError: for any other text, and for none or more than `MAX_DURATION`.

    >>> duration("90m")
    datetime.timedelta(seconds=5400)
    """
    parts = _DURATION.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text} is not a number and a unit")
    length = timedelta(**{_UNITS[parts[2]]: int(parts[1])})
    if not timedelta(0) < length <= MAX_DURATION:
        raise ValueError(f"{text} is out of range")
    return length


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns a hint at the known words and the nearest spelling, for an error message.

    >>> nearest("lifetme", ["lifetime", "wake"])
    'one of lifetime, wake (did you mean "lifetime"?)'
    """
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1)
    hint = f' (did you mean "{close[0]}"?)' if close else ""
    return f"one of {', '.join(known)}{hint}"


def _read_fields(table: dict[str, Any], fields: Iterable[inspect.Field], at: str, mistakes: Mistakes) -> dict[str, Any]:
    """Returns the values that could be read, with the defaults of what is not there."""
    known = {field.name: field for field in fields}
    for key in table:
        if key not in known:
            mistakes[at + key] = f"got an unknown key, expected {nearest(key, known)}"
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name in table:
            value = _read(table[name], field.type, at + name, mistakes)
            if value is not _ABSENT:
                values[name] = value
        elif field.required:
            mistakes[at + name] = f"got nothing, expected {expectation(field.type)}"
        else:
            values[name] = field.default
    return values


def _read(raw: object, kind: inspect.Type, at: str, mistakes: Mistakes) -> object:
    """Returns a value of the kind, or `_ABSENT` after noting what is wrong."""
    match _plain(kind):
        case inspect.StructType(cls=struct, fields=fields) if isinstance(raw, dict):
            values = _read_fields(raw, fields, at + ".", mistakes)
            complete = all(field.name in values for field in fields if field.required)
            return struct(**values) if complete else _ABSENT
        case inspect.DictType(key_type=key_kind, value_type=value_kind) if isinstance(raw, dict):
            return _read_table(raw, key_kind, value_kind, at, mistakes)
        case inspect.VarTupleType(item_type=item) if isinstance(raw, list) and raw:
            read = [_read(value, item, f"{at}[{i}]", mistakes) for i, value in enumerate(raw)]
            return _ABSENT if _ABSENT in read else tuple(read)
        case inspect.TimeDeltaType() if isinstance(raw, str):
            try:
                return duration(raw)
            except ValueError:
                pass
        case inspect.LiteralType(values=known) if isinstance(raw, str) and raw not in known:
            mistakes[at] = _got(raw, nearest(raw, [str(value) for value in known]))
            return _ABSENT
        case leaf if _fits(raw, leaf):
            return raw
    mistakes[at] = _got(raw, expectation(kind))
    return _ABSENT


def _read_table(
    raw: dict[str, Any], key_kind: inspect.Type, value_kind: inspect.Type, at: str, mistakes: Mistakes
) -> dict[Any, object]:
    """Returns the entries of a table that could be read; its keys are the author's, within `key_kind`."""
    entries = {}
    for key, inner in raw.items():
        if _read(key, key_kind, f"{at}.{key}", mistakes) is _ABSENT:
            continue
        value = _read(inner, value_kind, f"{at}.{key}", mistakes)
        if value is not _ABSENT:
            entries[key] = value
    return entries


def _fits(raw: object, leaf: inspect.Type) -> bool:
    match leaf:
        case inspect.AnyType():
            return True
        case inspect.BoolType():
            return isinstance(raw, bool)
        case inspect.IntType(ge=low, le=high) if type(raw) is int:
            return low is None or high is None or low <= raw <= high
        case inspect.FloatType(ge=low, le=high) if isinstance(raw, int | float) and not isinstance(raw, bool):
            return low is None or high is None or low <= raw <= high
        case inspect.StrType() | inspect.LiteralType():
            return isinstance(raw, str)
        case _:
            return False


def _plain(kind: inspect.Type) -> inspect.Type:
    """A kind without its description and without None, which TOML cannot spell."""
    match kind:
        case inspect.Metadata(type=inner):
            return _plain(inner)
        case inspect.UnionType(types=types):
            return _plain(next(t for t in types if not isinstance(t, inspect.NoneType)))
        case _:
            return kind


def _got(raw: object, expected: str) -> str:
    shown = json.dumps(raw, ensure_ascii=False, default=str)
    if len(shown) > _SHOWN_CHARACTERS:
        shown = shown[:_SHOWN_CHARACTERS] + "…"
    return f"got {shown}, expected {expected}"
