"""All endpoints as one ASGI application: routing, rights, and errors as problem documents."""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import Lifespan, Receive, Scope, Send

from tactful.api import (
    cancels,
    client,
    cloudevents,
    dashboard,
    decisions,
    engagements,
    events,
    feedback,
    health,
    inbox,
    metrics,
    openapi,
    person,
    preference_page,
    preferences,
    segment,
    shadow,
    timeline,
    tokens,
    tracking,
    unsubscribing,
    users,
)
from tactful.api.endpoint import KEY, Endpoint, header
from tactful.api.limits import admit, limited, refuse_long
from tactful.api.logs import RequestLine
from tactful.api.measured import Route as Measured
from tactful.api.problems import Problem
from tactful.api.service import Service
from tactful.clock import from_us
from tactful.errors import StoreError

_LOG: Final = logging.getLogger(__name__)
_REQUEST_ID: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)
_NOWHERE: Final = "(no such path)"
_GONE: Final = 499
"""Logged for a client that went away; nobody hears it."""

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *events.ENDPOINTS,
    *engagements.ENDPOINTS,
    *users.ENDPOINTS,
    *cancels.ENDPOINTS,
    *decisions.ENDPOINTS,
    *timeline.ENDPOINTS,
    *person.ENDPOINTS,
    *inbox.ENDPOINTS,
    *health.ENDPOINTS,
    *openapi.ENDPOINTS,
    *metrics.ENDPOINTS,
    *cloudevents.ENDPOINTS,
    *segment.ENDPOINTS,
    *shadow.ENDPOINTS,
    *unsubscribing.ENDPOINTS,
    *tracking.ENDPOINTS,
    *preferences.ENDPOINTS,
    *preference_page.ENDPOINTS,
    *tokens.ENDPOINTS,
    *feedback.ENDPOINTS,
    *client.ENDPOINTS,
    *dashboard.ENDPOINTS,
)
"""Every endpoint; each file of this room adds its own."""


class Application:
    """The endpoints over a service, as ASGI."""

    def __init__(self, service: Service, endpoints: Iterable[Endpoint], lifespan: Lifespan[Any] | None = None) -> None:
        by_path: dict[str, dict[str, Endpoint]] = {}
        for one in endpoints:
            by_path.setdefault(one.path, {})[one.method] = one
        paths = {path: _Path(service, path, methods) for path, methods in by_path.items()}
        self._plain = {path: answers for path, answers in paths.items() if "{" not in path}
        routes = [Route(path, answers) for path, answers in paths.items() if "{" in path]
        self._router = Router(routes, redirect_slashes=False, default=_Path(service, _NOWHERE, {}), lifespan=lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; a path without parameters is found at once."""
        answers = self._plain.get(scope["path"]) if scope["type"] == "http" else None
        await (answers or self._router)(scope, receive, send)


def create_app(
    service: Service, endpoints: Iterable[Endpoint] = ENDPOINTS, lifespan: Lifespan[Any] | None = None
) -> Application:
    """Returns the application over a service."""
    return Application(service, endpoints, lifespan)


class _Path:
    """What answers at one path, by method."""

    def __init__(self, service: Service, path: str, methods: Mapping[str, Endpoint]) -> None:
        self._service, self._path, self._methods = service, path, dict(methods)
        self._most_bytes = service.settings.api.body_kib * 1024
        self._most_seconds = service.settings.api.body_seconds
        if "GET" in methods:
            self._methods["HEAD"] = methods["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admits, answers, and notes one request."""
        started, now_us = perf_counter(), self._service.clock.now_us()
        request = Request(scope, limited(receive, self._most_bytes, self._most_seconds), send)
        told = header(request, b"x-request-id")
        request_id = told if told and _REQUEST_ID.fullmatch(told) else os.urandom(8).hex()
        status, answered = _GONE, None
        try:
            response = await self._answer(request, now_us, request_id)
            response.raw_headers.append((b"x-request-id", request_id.encode()))
            status = response.status_code
            if isinstance(response, StreamingResponse):
                answered = perf_counter()  # how long somebody listens is no latency
            await response(scope, receive, send)
        except ClientDisconnect:
            pass
        finally:
            seconds, method = (answered or perf_counter()) - started, scope["method"]
            known = method if method in self._methods else "other"
            self._service.requests.note(Measured(known, self._path), status, seconds)
            self._service.log.write(
                RequestLine(
                    at=from_us(now_us),
                    level="info" if status < 500 else "error",
                    method=method,
                    route=self._path,
                    status=status,
                    ms=round(seconds * 1000.0, 2),
                    key=scope.get(KEY, ""),
                    request_id=request_id,
                )
            )

    async def _answer(self, request: Request, now_us: int, request_id: str) -> Response:
        try:
            endpoint = self._endpoint(request.method)
            request.scope[KEY] = admit(request, endpoint.scope, self._service, now_us)
            refuse_long(request, self._most_bytes)
            with self._service.telemetry.span(f"{endpoint.method} {self._path}"):
                return await endpoint.handler(request, self._service)
        except Problem as problem:
            return problem.response()
        except ClientDisconnect:
            raise
        except StoreError:
            _LOG.exception("%s %s found no store, request %s", request.method, self._path, request_id)
            why = "the store cannot be used now; nothing of this request was taken: send it again later"
            return Problem(503, "store", why, headers={"Retry-After": "5"}).response()
        except Exception:
            _LOG.exception("%s %s failed, request %s", request.method, self._path, request_id)
            self._service.telemetry.count("api.errors")
            why = "the service could not answer; see its log by the X-Request-Id of this answer"
            return Problem(500, "fault", why).response()

    def _endpoint(self, method: str) -> Endpoint:
        if not self._methods:
            raise Problem(404, "no-such-path", "got a path that is not served; see docs/how-to/serve-over-http.md")
        if method not in self._methods:
            allowed = ", ".join(sorted(self._methods))
            raise Problem(405, "no-such-method", f"got {method}, expected {allowed}", headers={"Allow": allowed})
        return self._methods[method]
