"""Writes `reference/http.md` from the OpenAPI document of the service.

Run `python docs/generate_http.py` after changing an endpoint; a test fails while the page differs from the code.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tactful.api.app import ENDPOINTS
from tactful.api.openapi import document

PAGE = Path(__file__).parent / "reference" / "http.md"
INTRO = """\
# HTTP

What `tactful serve` answers. `GET /openapi.json` gives the same as an OpenAPI 3.1 document, with all schemas.

Where a right is named, send `Authorization: Bearer <key>` with a key of `tactful key new` that has it, or the key as
user name of HTTP basic. A person's own token is a bearer, too, or the parameter `token`. Errors are problem documents
(RFC 9457, `application/problem+json`): `type` ends in a stable word, `detail` says what was got, what was expected and
what to do. Anything may be answered with 500 and 503, what needs a key with 401, 403 and 429 (with `Retry-After`), a
body with 400, 408, 413, 415 and 422; these are not repeated below.
Where records are taken (`Taken`), `Idempotency-Key` makes a repeated request harmless for 24 hours.

`GET /metrics` (right `read`) gives the service in numbers, for Prometheus. Links in messages and pages for people are
not listed.

This page is made from the code by `python docs/generate_http.py`; a test fails when they differ.
"""


def page() -> str:
    """Returns the page."""
    told = document(ENDPOINTS)
    parts = [INTRO]
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            parts += [f"## `{method.upper()} {path}`\n", *_operation(operation, told["components"]["schemas"])]
    return "\n".join(parts)


def _operation(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    right = operation.get("description", "").removeprefix("Needs a key with the right ").rstrip(".")
    yield operation["summary"] + (f" Right: {right}." if right else " Needs no key.") + "\n"
    asked = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
    if asked:
        yield "| parameter | meaning |\n| --- | --- |"
        yield "\n".join(f"| `{each['name']}` | {each['description']} |" for each in asked) + "\n"
    if "requestBody" in operation:
        yield from _body(operation["requestBody"]["content"], schemas)
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        if "application/problem+json" not in content:
            schema = content.get("application/json", {}).get("schema", {})
            words = schemas.get(_name(schema), {}).get("description", "").split("\n\n")[0].replace("\n", " ")
            name = f" `{_name(schema)}`" if _name(schema) else ""
            yield f"Answers {status}{name}{': ' + words if words else ''}\n"


def _body(content: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    first = next(iter(content.values()))["schema"]
    name = _name(first)
    if not name:
        yield f"Body: {_kind(first)}, as {' or '.join(f'`{each}`' for each in content)}.\n"
        return
    yield f"Body `{name}` as {' or '.join(f'`{each}`' for each in content)}:\n"
    schema = schemas[name]
    rows = [
        f"| `{field}` | {_kind(told)} | {'required' if field in schema['required'] else _default(told)} |"
        for field, told in schema["properties"].items()
    ]
    yield "| field | type | default |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return f"`{_name(schema)}`"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    kind = str(schema.get("format") or schema.get("type", "anything"))
    if kind == "array" and isinstance(schema.get("items"), dict):
        return f"list of {_kind(schema['items'])}"
    return kind


def _default(schema: Mapping[str, Any]) -> str:
    return f"`{json.dumps(schema.get('default'))}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
