"""The mistakes of an event-type file that show only when several of its keys are seen together.

Each check gets the values that could be read, by key, and yields (key, what was got and what was expected). A
key that is itself mistaken is absent, and a check that needs it keeps silent.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

from tactful.events.event_type import COUNT, DEFAULT_LOCALE, TEMPLATE_FIELDS, Template, placeholders
from tactful.events.payload import compile_schema
from tactful.events.records import Channel

Values: TypeAlias = Mapping[str, Any]
Findings: TypeAlias = Iterator[tuple[str, str]]

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_UNPRINTABLE = {"object", "array", "boolean", "null"}


def contradictions(values: Values) -> Findings:
    """Yields every mistake between the keys of one file."""
    for check in _CHECKS:
        yield from check(values)


def _channels(values: Values) -> Findings:
    channels = values.get("channels", ())
    if len(set(channels)) < len(channels):
        yield "channels", f"got {', '.join(channels)}, expected each channel once, the preferred one first"


def _waiting(values: Values) -> Findings:
    at_once = values.get("wake") == "now"
    max_wait, lifetime = values.get("max_wait"), values.get("lifetime")
    if values.get("ranked") is False and values.get("wake") == "slot":
        yield "wake", 'got "slot" with ranked = false, expected "now": a transactional type is sent at once'
    if at_once and max_wait:
        yield "max_wait", 'got a wait with wake = "now", expected none: the candidate is decided on arrival'
    if max_wait and lifetime and max_wait > lifetime:
        yield "max_wait", f"got {_hours(max_wait)}, expected at most the lifetime of {_hours(lifetime)}"


def _aggregation(values: Values) -> Findings:
    aggregation, lifetime = values.get("aggregation"), values.get("lifetime")
    if aggregation is None:
        return
    if values.get("ranked") is False:
        yield (
            "aggregation",
            "got it with ranked = false, expected none: a transactional type waits for no others",
        )
    if lifetime and aggregation.window > lifetime:
        yield (
            "aggregation.window",
            f"got {_hours(aggregation.window)}, expected at most the lifetime of {_hours(lifetime)}: "
            "its candidates would expire while they wait",
        )


def _caps(values: Values) -> Findings:
    caps = values.get("caps")
    if caps is None:
        return
    if values.get("critical") is True and (caps.daily or caps.weekly):
        yield "caps", "got a cap with critical = true, expected none: a critical type passes caps"
    if caps.daily and caps.weekly and caps.weekly < caps.daily:
        yield "caps.weekly", f"got {caps.weekly}, expected 0 or at least the daily cap of {caps.daily}"


def _templates(values: Values) -> Findings:
    if "templates" not in values:
        return
    templates: dict[Channel, dict[str, Template]] = values["templates"]
    for channel in values.get("channels", ()):
        if DEFAULT_LOCALE not in templates.get(channel, {}):
            fields = " and ".join(TEMPLATE_FIELDS[channel])
            yield f"templates.{channel}.{DEFAULT_LOCALE}", f"got nothing, expected a table with {fields}"
    for channel in templates:
        if channel not in values.get("channels", (channel,)):
            yield (
                f"templates.{channel}",
                "got templates for a channel that is not in `channels`, expected none",
            )
    for channel, at, template in _each(templates):
        locale = at.rpartition(".")[2]
        if not _LOCALE.fullmatch(locale):
            yield at, f'got the locale "{locale}", expected a language tag such as "en" or "pt-BR"'
        yield from _texts(channel, at, template)


def _texts(channel: Channel, at: str, template: Template) -> Findings:
    """Each channel's message has its own texts: all of them, no others."""
    expected = TEMPLATE_FIELDS[channel]
    for field in Template.__struct_fields__:
        if field in expected and not getattr(template, field):
            yield f"{at}.{field}", "got nothing, expected text"
        if field not in expected and getattr(template, field):
            yield f"{at}.{field}", f"got text, expected none: {channel} shows {' and '.join(expected)}"


def _placeholders(values: Values) -> Findings:
    """A message is never sent with a hole in it: every valid payload has each placeholder as text."""
    if "payload" not in values:
        return
    declared, required = values["payload"].get("properties", {}), values["payload"].get("required", [])
    if not isinstance(declared, dict) or not isinstance(required, list):
        return  # No JSON Schema; the check of the schema says so.
    if values.get("templating") == "jinja":
        yield from _jinja(values, declared, required)
        return
    for _, at, template in _each(values.get("templates", {})):
        for field in Template.__struct_fields__:
            try:
                names = placeholders(getattr(template, field))
            except ValueError as error:
                fault = f"got a malformed placeholder ({error}), expected {{name}}, or {{{{ for a brace"
                yield f"{at}.{field}", fault
                continue
            for name in names:
                if fault := _placeholder_fault(name, declared, required):
                    yield f"{at}.{field}", f"got the placeholder {{{name}}}, expected {fault}"


def _jinja(values: Values, declared: dict[str, Any], required: list[Any]) -> Findings:
    try:
        from tactful.events import jinja
    except ImportError:
        yield "templating", 'got "jinja" without its package, expected it; pip install "tactful[serve]"'
        return
    for _, at, template in _each(values.get("templates", {})):
        for field in Template.__struct_fields__:
            for fault in jinja.faults(getattr(template, field), declared, required, COUNT):
                yield f"{at}.{field}", fault


def _placeholder_fault(name: str, declared: dict[str, Any], required: list[Any]) -> str:
    if name == COUNT:
        return ""
    if name not in declared:
        return f"one that payload.properties declares ({', '.join([*declared, COUNT])})"
    if name not in required:
        return f'"{name}" in payload.required, since a message cannot do without it'
    kind = declared[name].get("type") if isinstance(declared[name], dict) else None
    if not isinstance(kind, str) or kind in _UNPRINTABLE:
        return f'payload.properties.{name}.type to be "string", "integer" or "number"'
    return ""


def _schema(values: Values) -> Findings:
    if "payload" not in values:
        return
    declared = values["payload"].get("properties")
    if isinstance(declared, dict) and COUNT in declared:
        yield f"payload.properties.{COUNT}", f"got a property that hides {{{COUNT}}}, expected another name"
    try:
        compile_schema(values["payload"])
    except ValueError as error:
        at = ".".join(["payload", *map(str, getattr(error, "instance_path", ()))])
        yield at, f"got no JSON Schema ({getattr(error, 'message', error)}), expected draft 2020-12"


def _each(templates: Mapping[Channel, Mapping[str, Template]]) -> Iterator[tuple[Channel, str, Template]]:
    for channel, by_locale in templates.items():
        for locale, template in by_locale.items():
            yield channel, f"templates.{channel}.{locale}", template


def _hours(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):g}h"


_CHECKS: tuple[Callable[[Values], Findings], ...] = (
    _channels,
    _waiting,
    _aggregation,
    _caps,
    _templates,
    _schema,
    _placeholders,
)
