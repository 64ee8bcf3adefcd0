"""Who looks at the dashboard: whoever entered an API key once, which a signed cookie remembers for half a day.

The cookie names the key and nothing else, so a revoked key ends its sessions. On this machine, while no key was ever
made, everybody may look. A form carries a token of its own, so that another site's page cannot send one.
"""

import hashlib
import os
from collections.abc import Awaitable, Callable
from typing import Final, Literal, NamedTuple, TypeAlias

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tactful.api.dashboard.frame import HEADERS
from tactful.api.endpoint import KEY, Handler, Scope, header
from tactful.api.forms import form_of
from tactful.api.keys import SCOPES
from tactful.api.limits import is_foreign
from tactful.api.problems import Problem
from tactful.api.service import Service
from tactful.clock import SECOND_US
from tactful.delivery.unsubscribe import MIN_SECRET_BYTES

COOKIE: Final = "tactful_session"
HOURS: Final = 12
LOGIN: Final = "/dashboard/login"
_Use: TypeAlias = Literal["session", "form"]


class Visitor(NamedTuple):
    """Who looks: the id of her key ("" where none is asked for), what it may do, and the token of her forms."""

    key_id: str
    scopes: tuple[str, ...]
    form_token: str

    @property
    def may_stop(self) -> bool:
        """Whether she may turn kill switches."""
        return "admin" in self.scopes


Page: TypeAlias = Callable[[Request, Service, Visitor], Awaitable[Response]]


def guarded(page: Page, scope: Scope = "read") -> Handler:
    """Returns the handler of a page for those whose key has a right (`admin` may read, too); others go to the login.

    What is sent by POST must carry the visitor's form token.
    """

    async def handler(request: Request, service: Service) -> Response:
        visitor = visitor_of(request, service)
        if visitor is None:
            return RedirectResponse(LOGIN, 303, HEADERS)
        request.scope[KEY] = visitor.key_id
        if scope not in visitor.scopes and not visitor.may_stop:
            raise Problem(403, "no-right", f"got key {visitor.key_id}, expected one with {scope}; enter another key")
        if request.method == "POST":
            given = (await form_of(request)).get("token", [""])[0]
            if _whose(service, "form", given) != visitor.key_id:
                raise Problem(403, "stale-form", "got a form without its token, or an old one; load the page again")
        return await page(request, service, visitor)

    return handler


def visitor_of(request: Request, service: Service) -> Visitor | None:
    """Returns who looks, None if nobody knows.

    Raises:
        Problem: 403, by a public name while no key is asked for.
    """
    if service.keys.is_open:
        if is_foreign(header(request, b"host")):
            why = "got a public host name, expected this machine's while no key is there; make one: tactful key new"
            raise Problem(403, "foreign-host", why)
        return Visitor("", SCOPES, _signed(service, "form", ""))
    key_id = _whose(service, "session", request.cookies.get(COOKIE, ""))
    key = service.keys.named(key_id) if key_id else None
    return None if key is None else Visitor(key.key_id, key.scopes, _signed(service, "form", key.key_id))


def remember(response: Response, request: Request, service: Service, key_id: str) -> None:
    """Sets the cookie of somebody who has shown her key."""
    response.set_cookie(
        COOKIE,
        _signed(service, "session", key_id),
        max_age=HOURS * 3600,
        path="/dashboard",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def _signed(service: Service, use: _Use, key_id: str) -> str:
    until_s = service.clock.now_us() // SECOND_US + HOURS * 3600
    return str(_serializer(service, use).dumps([key_id, until_s]))


def _whose(service: Service, use: _Use, token: str) -> str | None:
    try:
        key_id, until_s = _serializer(service, use).loads(token)
    except BadData:
        return None
    return str(key_id) if service.clock.now_us() < until_s * SECOND_US else None


def _serializer(service: Service, use: _Use) -> URLSafeSerializer:
    named = os.environ.get(service.settings.api.secret_env, "").encode()
    secret = named if len(named) >= MIN_SECRET_BYTES else service.session_secret
    kinds = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(secret, f"tactful dashboard {use} 1", signer_kwargs=kinds)
