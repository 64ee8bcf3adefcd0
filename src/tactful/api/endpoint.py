"""What a file of the service declares: its endpoints, as data that routing, rights and OpenAPI all read."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from tactful.api.service import Service

Scope: TypeAlias = Literal["ingest", "read", "admin"]
"""What a key may do: write events and people; read decisions; operate."""

KEY: Final = "tactful.key"
"""Where a request's scope says which API key it came with, by id."""

Handler: TypeAlias = "Callable[[Request, Service], Awaitable[Response]]"


@dataclass(frozen=True)
class Endpoint:
    """One method of one path.

    `scope` None is public: the handler checks for itself (a signed token), or there is nothing to guard. `body` is the
    type of the JSON body (None for none or for a form), `answers` maps a status to the type of its JSON body.
    `query` maps a parameter to a sentence about it. `shown` says whether OpenAPI tells of it; pages for people are not.
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


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Returns a value as JSON."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")
