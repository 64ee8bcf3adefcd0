"""Clicks and opens of e-mail: `GET /r/{token}` leads on to where a link leads, `GET /o/{token}` is an empty image.

A person's becomes an engagement that names the decision; a machine's is on record as such, and teaches nothing.
"""

import base64
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tactful.api.endpoint import Endpoint
from tactful.api.machines import AT_ONCE_S, machine
from tactful.api.messages import Told, told
from tactful.api.problems import Problem
from tactful.api.secret import secret_of
from tactful.api.service import Service
from tactful.clock import MINUTE_US, from_us, to_us
from tactful.delivery.links import allowed, read_click, read_open
from tactful.events.records import Engagement, MachineTouch, encode

_EMPTY_IMAGE: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_UNKEPT: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


async def follow(request: Request, service: Service) -> Response:
    """Leads on to a listed host and tells the engine of the click."""
    click = read_click(request.path_params["token"], secret_of(service))
    if click is None:
        raise _forged()
    if not allowed(click.url, service.settings.api.link_hosts):
        raise Problem(400, "host-not-listed", "got a link to a host that is not listed; see api.link_hosts")
    now_us = service.clock.now_us()
    burst = request.method != "HEAD" and service.bursts.another(click.decision_id, click.url, now_us)
    await _tell(request, service, click.decision_id, "click", f"another link within {AT_ONCE_S} s" if burst else None)
    return RedirectResponse(click.url, 302, _UNKEPT)


async def open_image(request: Request, service: Service) -> Response:
    """Returns an empty image and tells the engine of the open."""
    decision_id = read_open(request.path_params["token"], secret_of(service))
    if decision_id is None:
        raise _forged()
    await _tell(request, service, decision_id, "open", None)
    return Response(_EMPTY_IMAGE, 200, _UNKEPT, "image/gif")


async def _tell(
    request: Request, service: Service, decision_id: str, kind: Literal["open", "click"], why: str | None
) -> None:
    """Posts what happened to a message that the store knows; what repeats within a minute is one."""
    message = await told(service, decision_id)
    if message is None:
        return
    now_us = service.clock.now_us()
    why = machine(request, now_us, message.handed_over_us) or why
    await service.intake.post([encode(_record(message, kind, why, now_us))])


def _record(message: Told, kind: Literal["open", "click"], why: str | None, now_us: int) -> Engagement | MachineTouch:
    minute_us = max(now_us // MINUTE_US * MINUTE_US, to_us(message.at))
    name, at = f"{kind}:{message.decision_id}:{minute_us}", from_us(minute_us)
    if why is None:
        return Engagement(
            engagement_id=name,
            user_id=message.user_id,
            kind=kind,
            at=at,
            decision_id=message.decision_id,
            channel=message.channel,
        )
    return MachineTouch(
        touch_id=f"{name}:{why}",
        user_id=message.user_id,
        kind=kind,
        at=at,
        decision_id=message.decision_id,
        channel=message.channel,
        why=why,
    )


def _forged() -> Problem:
    return Problem(400, "invalid-token", "got a token that is none of ours; open the link from the message, whole")


ENDPOINTS: Final = (
    Endpoint("GET", "/r/{token}", follow, None, "Counts a click and leads on.", shown=False),
    Endpoint("GET", "/o/{token}", open_image, None, "Counts an open.", shown=False),
)
