"""What a payload may be: finite numbers only, of limited size, and as its type's JSON Schema says."""

from collections.abc import Iterable
from math import isfinite
from typing import Any, NoReturn

import jsonschema_rs
import msgspec

MAX_PAYLOAD_BYTES = 64 * 1024
"""The largest payload accepted, as stored (msgpack): it is kept in the user's state until it expires."""

MAX_DEPTH = 32
"""How deeply containers may be nested: what was stored must be readable from any depth of the stack."""

_CONTAINERS = (dict, list, tuple)
_SHOWN_ERRORS = 5
_SHOWN_CHARACTERS = 200

_encode = msgspec.msgpack.Encoder().encode


def compile_schema(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Returns the compiled form of a payload's JSON Schema (draft 2020-12); formats are enforced.

    Raises:
        ValueError: for what is no JSON Schema, an unknown format, or a reference to another document.

    >>> compile_schema({"type": "object", "required": ["title"]}).is_valid({"title": "Hello"})
    True
    """
    return jsonschema_rs.Draft202012Validator(
        schema, validate_formats=True, ignore_unknown_formats=False, retriever=_refuse_retrieval
    )


def payload_fault(payload: dict[str, Any], schema: jsonschema_rs.Draft202012Validator) -> str:
    """Returns why a payload is refused, or "" if it is accepted. The size comes first: it bounds the rest.

    >>> payload_fault({"score": float("nan")}, compile_schema({}))
    'payload.score: got nan, expected a finite number'
    """
    try:
        size = len(_encode(payload))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return f"payload: got a value that cannot be stored ({error}), expected JSON"
    if size > MAX_PAYLOAD_BYTES:
        return (
            f"payload: got {size:,} bytes, expected at most {MAX_PAYLOAD_BYTES:,}; "
            "send a reference (an id, a URL) in place of the content"
        )
    if fault := _depth_or_number_fault(payload):
        return fault
    try:
        return "" if schema.is_valid(payload) else _schema_faults(payload, schema)
    except ValueError as error:
        return f"payload: got a value that is not JSON ({error}), expected JSON"


def _depth_or_number_fault(payload: dict[str, Any]) -> str:
    """Returns where NaN or an infinity stands, or that it is nested too deeply, or ""; goes level by level."""
    level: list[Iterable[Any]] = [payload.values()]
    for _ in range(MAX_DEPTH):
        below: list[Iterable[Any]] = []
        for values in level:
            for value in values:
                if isinstance(value, str):
                    continue
                if isinstance(value, float):
                    if not isfinite(value):
                        return f"{_place(payload, value)}: got {value}, expected a finite number"
                elif isinstance(value, _CONTAINERS):
                    below.append(value.values() if isinstance(value, dict) else value)
        if not below:
            return ""
        level = below
    return f"payload: got more than {MAX_DEPTH} levels of nesting, expected at most {MAX_DEPTH}"


def _place(payload: dict[str, Any], sought: float) -> str:
    """Returns the path to a value that stands somewhere in the payload; searched for only to complain about it."""
    unread: list[tuple[str, Any]] = [("payload", payload)]
    for at, value in unread:
        if value is sought:
            return at
        if isinstance(value, _CONTAINERS):
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            unread.extend((f"{at}.{key}", each) for key, each in inner)
    return "payload"


def _schema_faults(payload: dict[str, Any], schema: jsonschema_rs.Draft202012Validator) -> str:
    faults = []
    for error in schema.iter_errors(payload):
        at = ".".join(["payload", *map(str, error.instance_path)])
        faults.append(f"{at}: {error.message[:_SHOWN_CHARACTERS]}")
    return "; ".join(faults[:_SHOWN_ERRORS])


def _refuse_retrieval(uri: str) -> NoReturn:
    """A schema stands by itself: reading an event type never opens a connection."""
    raise ValueError(f"{uri} is another document; write what it says into the file")
