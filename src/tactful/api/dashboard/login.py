"""Where somebody enters an API key once, and where she leaves."""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tactful.api.dashboard.access import COOKIE, LOGIN, Visitor, guarded, remember
from tactful.api.dashboard.frame import HEADERS, page
from tactful.api.endpoint import Endpoint
from tactful.api.forms import form_of
from tactful.api.problems import too_many
from tactful.api.service import Service


async def show_login(request: Request, service: Service) -> Response:
    """Asks for a key."""
    return page("login", None, refused=False)


async def enter(request: Request, service: Service) -> Response:
    """Takes a key; wrong ones are limited by address."""
    token = (await form_of(request)).get("key", [""])[0].strip()
    key = service.keys.find(f"Bearer {token}")
    if key is None:
        service.telemetry.count("api.wrong_keys")
        address = request.client.host if request.client else ""
        if wait_s := service.wrong_keys.take(address, service.clock.now_us()):
            raise too_many("wrong-keys", "got too many wrong keys from this address; check the key, then wait", wait_s)
        return page("login", None, 401, refused=True)
    response = RedirectResponse("/dashboard", 303, HEADERS)
    remember(response, request, service, key.key_id)
    return response


async def leave(request: Request, service: Service, visitor: Visitor) -> Response:
    """Forgets the key."""
    response = RedirectResponse(LOGIN, 303, HEADERS)
    response.delete_cookie(COOKIE, path="/dashboard")
    return response


ENDPOINTS: Final = (
    Endpoint("GET", LOGIN, show_login, None, "Asks for an API key.", shown=False),
    Endpoint("POST", LOGIN, enter, None, "Takes an API key.", shown=False),
    Endpoint("POST", "/dashboard/logout", guarded(leave), None, "Forgets the key.", shown=False),
)
