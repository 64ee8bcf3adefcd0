"""What a file of the service declares: its endpoints, as data that routing, rights and OpenAPI all read."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

if TYPE_CHECKING:
    from tactful.api.service import Service

Scope: TypeAlias = Literal["ingest", "read", "admin"]
"""What a key may do: write events and people; read decisions; operate."""

KEY: Final = "tactful.key"
"""Where a request's scope says which API key it came with, by id."""
BODY: Final = "tactful.body"
"""Where a request's scope keeps its body, once that was read."""

OWN_TOKEN: Final = "token"
"""The parameter that holds a person's own token where no header can be sent: a browser's `EventSource` sends none."""

Handler: TypeAlias = "Callable[[Request, Service], Awaitable[Response]]"


@dataclass(frozen=True)
class Endpoint:
    """One method of one path.

    `scope` None is public: the handler checks for itself (a signed token), or there is nothing to guard. `or_own` says
    that the handler takes a key with that right, or the person's own token. `body` is the type of the JSON body (None
    for none or for a form), `answers` maps a status to the type of its JSON body. `query` maps a parameter to a
    sentence about it. `shown` says whether OpenAPI tells of it; pages for people are not. `media` are the media types
    of the body.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    handler: Handler
    scope: Scope | None
    summary: str
    body: Any = None
    answers: Mapping[int, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    shown: bool = True
    or_own: Scope | None = None
    media: tuple[str, ...] = ("application/json",)


def header(request: Request, name: bytes) -> str:
    """Returns a header by its name in small letters, "" if it is not there; reads no other one."""
    for each, value in request.scope["headers"]:
        if each == name:
            text: str = value.decode("latin-1")
            return text
    return ""


async def body_of(request: Request) -> bytes:
    """Returns a request's body, read once, in less time than `Request.body()`, which may have read it before.

    Raises:
        Problem: 413, it is too long.
    """
    known: bytes | None = request.scope.get(BODY) or getattr(request, "_body", None)
    if known is None:
        parts, more = [], True
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        known = request.scope[BODY] = parts[0] if len(parts) == 1 else b"".join(parts)
    return known


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Returns a value as JSON."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")
