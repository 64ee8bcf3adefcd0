"""What a payload may be: finite numbers only, of limited size, and as its type's JSON Schema says."""

from math import isfinite
from typing import Any, NoReturn

import jsonschema_rs
import msgspec

MAX_PAYLOAD_BYTES = 64 * 1024
"""The largest payload accepted, as stored (msgpack): it is kept in the user's state until it expires."""

MAX_DEPTH = 32
"""How deeply containers may be nested: what was stored must be readable from any depth of the stack."""

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
    """Returns where NaN or an infinity stands, or that it is nested too deeply, or ""."""
    unread: list[tuple[str, Any, int]] = [("payload", payload, 1)]
    while unread:
        at, container, depth = unread.pop()
        if depth > MAX_DEPTH:
            return f"payload: got more than {MAX_DEPTH} levels of nesting, expected at most {MAX_DEPTH}"
        for key, value in container.items() if isinstance(container, dict) else enumerate(container):
            if isinstance(value, str):
                continue
            if isinstance(value, float):
                if not isfinite(value):
                    return f"{at}.{key}: got {value}, expected a finite number"
            elif isinstance(value, dict | list | tuple):
                unread.append((f"{at}.{key}", value, depth + 1))
    return ""


def _schema_faults(payload: dict[str, Any], schema: jsonschema_rs.Draft202012Validator) -> str:
    faults = []
    for error in schema.iter_errors(payload):
        at = ".".join(["payload", *map(str, error.instance_path)])
        faults.append(f"{at}: {error.message[:_SHOWN_CHARACTERS]}")
    return "; ".join(faults[:_SHOWN_ERRORS])


def _refuse_retrieval(uri: str) -> NoReturn:
    """A schema stands by itself: reading an event type never opens a connection."""
    raise ValueError(f"{uri} is another document; write what it says into the file")
