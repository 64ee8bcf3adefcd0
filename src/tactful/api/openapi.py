"""`GET /openapi.json`: what the service answers, made from the endpoints themselves. Source: OpenAPI 3.1.0.

Beside what an endpoint declares, everyone may be refused in the ways that stand before its handler (`api/limits.py`):
those are told here, once.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

import tactful
from tactful.api.endpoint import OWN_TOKEN, Endpoint
from tactful.api.problems import MEDIA_TYPE, Problem
from tactful.api.rows import BATCH_TYPES, Taken
from tactful.api.service import Service

_REF: Final = "#/components/schemas/{name}"
_PROBLEM: Final = {
    "type": "object",
    "description": "What was got, what was expected and what to do (RFC 9457); some kinds have further members.",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "urn:tactful:problem: and a stable word."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}
_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of `tactful key new`."},
    "basic": {"type": "http", "scheme": "basic", "description": "The key as user name, as Segment sends it."},
}
_OWN_SCHEMES: Final = {
    "own": {"type": "http", "scheme": "bearer", "description": "The `client_token` that a person was given."},
    "own_in_query": {
        "type": "apiKey",
        "in": "query",
        "name": OWN_TOKEN,
        "description": "The same, for an `EventSource`.",
    },
}
_TEXT: Final = {"type": "string", "minLength": 1}
_UNKEYED: Final[Mapping[int, str]] = {
    500: "A fault of the service.",
    503: "The store, or a secret, cannot be used now.",
}
_KEYED: Final[Mapping[int, str]] = {
    401: "No key in force.",
    403: "The key has not the right.",
    429: "Too fast, or faster than the engine; `Retry-After` says when to come again.",
}
_BODIED: Final[Mapping[int, str]] = {
    400: "The body cannot be read.",
    408: "The body takes too long to come.",
    409: "A request with this Idempotency-Key is under way.",
    413: "The body is too long.",
    415: "The body has another media type.",
    422: "Nothing of the body was taken, with reasons.",
}


async def show(request: Request, service: Service) -> Response:
    """Answers with the document."""
    return Response(_told(), media_type="application/json")


@cache
def _told() -> bytes:
    """The document of all endpoints, made once: anybody may ask, and it takes a while."""
    from tactful.api.app import ENDPOINTS as ALL  # it holds these, too

    return msgspec.json.encode(document(ALL))


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Returns the OpenAPI document of endpoints; those that are pages for people are left out."""
    told = [one for one in endpoints if one.shown]
    types = {id(kind): kind for one in told for kind in (one.body, *one.answers.values()) if _is_type(kind)}
    schemas, components = msgspec.json.schema_components(types.values(), schema_hook=_anything, ref_template=_REF)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in told:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tactful",
            "version": tactful.__version__,
            "description": "Decides, for every user of an app, what to notify about, when, and through which channel.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": {**components, "Problem": _PROBLEM}, "securitySchemes": {**_SCHEMES, **_OWN_SCHEMES}},
    }


def _anything(kind: type) -> dict[str, Any]:
    """The schema of what may be anything, which has none of its own."""
    if kind is object:
        return {"description": "Anything."}
    raise NotImplementedError(f"got {kind}, expected a type that msgspec knows")


def _is_type(kind: Any) -> bool:
    return kind is not None and kind is not Problem


def _operation(one: Endpoint, schema_of: Mapping[int, Any]) -> dict[str, Any]:
    name = re.sub(r"\W+", "_", f"{one.method.lower()}{one.path}").strip("_")
    told: dict[str, Any] = {"operationId": name, "summary": one.summary, "responses": _responses(one, schema_of)}
    places = [_parameter(each, "path", "") for each in re.findall(r"{(\w+)", one.path)]
    asked = [_parameter(each, "query", words) for each, words in one.query.items()]
    once = [_IDEMPOTENCY] if _is_once(one) else []
    if places or asked or once:
        told["parameters"] = [*places, *asked, *once]
    if one.scope is not None:
        told["security"] = [{scheme: []} for scheme in _SCHEMES]
        told["description"] = f"Needs a key with the right `{one.scope}`."
    if one.or_own is not None:
        told["security"] = [{scheme: []} for scheme in (*_SCHEMES, *_OWN_SCHEMES)]
        told["description"] = f"Needs a key with the right `{one.or_own}`, or the person's own token."
    if one.body is not None:
        schema = schema_of[id(one.body)]
        content = {media: {"schema": schema} for media in one.media}
        if _is_once(one) and one.media == ("application/json",):
            content[BATCH_TYPES[0]] = {"schema": {"type": "string", "description": "One such object a line."}}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _responses(one: Endpoint, schema_of: Mapping[int, Any]) -> dict[str, Any]:
    found: dict[int, Any] = {}
    for status, words in (_refusals(one)).items():
        found[status] = _problem(words)
    for status, kind in one.answers.items():
        words = HTTPStatus(status).phrase
        if kind is Problem:
            found[status] = _problem(words)
        elif kind is None:
            found[status] = {"description": words}
        else:
            found[status] = {"description": words, "content": {"application/json": {"schema": schema_of[id(kind)]}}}
    return {str(status): found[status] for status in sorted(found)}


def _refusals(one: Endpoint) -> Mapping[int, str]:
    """What may be answered before, or whatever, the handler does."""
    keyed = {} if one.scope is None and one.or_own is None else _KEYED
    bodied = _BODIED if one.body is not None or _is_once(one) else {}
    asked = {422: "A parameter is mistaken."} if keyed else {}
    return {**_UNKEYED, **keyed, **asked, **bodied}


def _is_once(one: Endpoint) -> bool:
    """Whether it heeds an Idempotency-Key: all do that take records for the engine."""
    return one.answers.get(202) is Taken


def _problem(words: str) -> dict[str, Any]:
    return {"description": words, "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}}


def _parameter(name: str, where: str, words: str) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "in": where, "required": where == "path", "schema": _TEXT}
    return {**told, "description": words} if words else told


_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "Names this request for 24 hours: sent again, it is answered as before and does nothing.",
}

ENDPOINTS: Final = (
    Endpoint("GET", "/openapi.json", show, None, "Gives this document.", answers={200: dict[str, Any]}),
)
"""What this file adds to the service."""
