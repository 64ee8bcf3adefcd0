"""Tokens that open one person's own things for a while: her preferences, or what her device may report.

A token holds the user id, readable by whoever has it, and when it ends. It is made for one use and good for no other.
"""

import hashlib
from typing import Final, Literal, TypeAlias

import msgspec
from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import Endpoint, answer
from tactful.api.problems import Problem
from tactful.api.secret import secret_of
from tactful.api.service import Service
from tactful.clock import DAY_US, SECOND_US, from_us
from tactful.events.records import Instant

Use: TypeAlias = Literal["preferences", "client"]

DAYS: Final[dict[Use, int]] = {"preferences": 90, "client": 30}
"""How long a token is good: a link in a mail is followed weeks later; an app gets a new token whenever it starts."""
_LONGEST: Final = 255


class Tokens(msgspec.Struct, frozen=True):
    """A person's own tokens: the address of her preferences, and what her device reports with; each ends by itself."""

    preferences_url: str
    preferences_until: Instant
    client_token: str
    client_until: Instant


def issue(secret: bytes, use: Use, user_id: str, now_us: int) -> str:
    """Returns a token for one person and use, safe inside a URL.

    >>> token = issue(b"0123456789abcdef", "client", "ann", 0)
    >>> read(b"0123456789abcdef", "client", token, DAY_US), read(b"0123456789abcdef", "client", token, 31 * DAY_US)
    ('ann', None)
    """
    return str(_serializer(secret, use).dumps([user_id, now_us // SECOND_US + DAYS[use] * 86_400]))


def read(secret: bytes, use: Use, token: str, now_us: int) -> str | None:
    """Returns whose token it is, None if it is over, made for another use, or none of ours."""
    try:
        user_id, until_s = _serializer(secret, use).loads(token)
    except BadData:
        return None
    return str(user_id) if now_us < until_s * SECOND_US else None


async def issue_tokens(request: Request, service: Service) -> Response:
    """Gives a person's own tokens, for the app to hand to her."""
    user_id, now_us = request.path_params["user_id"], service.clock.now_us()
    if len(user_id) > _LONGEST:
        raise Problem(422, "invalid", f"got a user_id of {len(user_id)} characters, expected {_LONGEST} at most")
    secret = secret_of(service)
    until = {use: from_us(now_us + days * DAY_US) for use, days in DAYS.items()}
    page = f"{service.settings.api.public_url.rstrip('/')}/p/{issue(secret, 'preferences', user_id, now_us)}"
    found = Tokens(page, until["preferences"], issue(secret, "client", user_id, now_us), until["client"])
    return answer(found, headers={"Cache-Control": "no-store"})


def _serializer(secret: bytes, use: Use) -> URLSafeSerializer:
    kinds = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(secret, f"tactful {use} 1", signer_kwargs=kinds)


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/v1/users/{user_id}/tokens",
        issue_tokens,
        "ingest",
        "Gives the address of a person's preferences and the token with which her device reports.",
        answers={200: Tokens, 422: Problem, 503: Problem},
    ),
)
