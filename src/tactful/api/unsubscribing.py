"""One click ends messages: `POST /u/{token}` unsubscribes, `GET` only shows a page with the button.

A mail scanner follows links by GET, so that changes nothing. Who holds a token may end messages and nothing else; what
is answered is the same whether or not the store still knows the message.

Source: RFC 8058.
"""

from typing import Final, get_args

from starlette.requests import Request
from starlette.responses import Response

from tactful import draws
from tactful.api.endpoint import Endpoint
from tactful.api.forms import form_of
from tactful.api.messages import Told, told
from tactful.api.pages import page
from tactful.api.secret import secret_of
from tactful.api.service import Service
from tactful.clock import MINUTE_US, from_us, to_us
from tactful.delivery.unsubscribe import Scope, Unsubscribe, verify_token
from tactful.events.records import CHANNELS, Engagement, Preferences, encode


async def show_page(request: Request, service: Service) -> Response:
    """Asks what to end; changes nothing."""
    claim = verify_token(request.path_params["token"], [secret_of(service)])
    if claim is None:
        return page(request, "unsubscribe", status=400, state="invalid")
    return page(request, "unsubscribe", state="ask", chosen=claim.scope)


async def unsubscribe(request: Request, service: Service) -> Response:
    """Ends what the token names, or what the page's form says instead; a repeated click changes nothing."""
    claim = verify_token(request.path_params["token"], [secret_of(service)])
    if claim is None:
        return page(request, "unsubscribe", status=400, state="invalid")
    wished = (await form_of(request)).get("scope", [])
    scope: Scope = next((known for known in get_args(Scope) if known in wished), claim.scope)
    message = await told(service, claim.decision_id)
    if message is not None and not await _ended(service, message, scope):
        letter = _letter(message, Unsubscribe(claim.decision_id, scope), service.clock.now_us())
        await service.intake.post([encode(letter)])
    return page(request, "unsubscribe", state="done")


async def _ended(service: Service, message: Told, scope: Scope) -> bool:
    """Whether the store knows already that no such message may go out; a type's opt-out is told once more."""
    if scope == "type":
        return False
    codes = [CHANNELS.index(message.channel)] if scope == "channel" else range(len(CHANNELS))
    key = draws.key(message.user_id)
    return await service.ask(lambda store: all(store.suppressed(key, code) for code in codes))


def _letter(message: Told, asked: Unsubscribe, now_us: int) -> Engagement | Preferences:
    """What the engine is told. Clicks within a minute are one: mail programs repeat what was slow to answer."""
    minute_us = max(now_us // MINUTE_US * MINUTE_US, to_us(message.at))
    name, at = f"unsubscribe:{asked.decision_id}:{asked.scope}:{minute_us}", from_us(minute_us)
    if asked.scope == "type":
        return Preferences(preferences_id=name, user_id=message.user_id, at=at, types={message.type: False})
    return Engagement(
        engagement_id=name,
        user_id=message.user_id,
        kind="unsubscribe",
        at=at,
        decision_id=asked.decision_id,
        channel=message.channel if asked.scope == "channel" else None,
    )


ENDPOINTS: Final = (
    Endpoint("GET", "/u/{token}", show_page, None, "Asks what to unsubscribe from; changes nothing.", shown=False),
    Endpoint("POST", "/u/{token}", unsubscribe, None, "Unsubscribes in one click (RFC 8058).", shown=False),
)
