"""All endpoints as one ASGI application: routing, rights, and errors as problem documents."""

from collections.abc import Iterable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tactful.api.endpoint import Endpoint
from tactful.api.problems import Problem
from tactful.api.service import Service

ENDPOINTS: Final[tuple[Endpoint, ...]] = ()
"""Every endpoint; each file of this room adds its own."""


def create_app(service: Service, endpoints: Iterable[Endpoint] = ENDPOINTS) -> Starlette:
    """Returns the application over a service."""
    app = Starlette(routes=[_route(one, service) for one in endpoints])
    app.add_exception_handler(Problem, _told)
    return app


def _route(endpoint: Endpoint, service: Service) -> Route:
    async def handle(request: Request) -> Response:
        return await endpoint.handler(request, service)

    return Route(endpoint.path, handle, methods=[endpoint.method])


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()
