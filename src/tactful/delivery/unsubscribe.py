"""One-click unsubscribe: signed tokens that say nothing about the person, and the headers that carry them.

A token names a decision (itself a hash) and how much it unsubscribes; who that was, the store knows. It never
expires, for a link in an old mail must work. The web address behind it is served by the API.

Source: RFC 8058 (one-click), RFC 2369 (List-Unsubscribe), RFC 2104 (HMAC).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from tactful.errors import InvalidSettings

Scope: TypeAlias = Literal["channel", "type", "all"]
"""What one click ends: the message's channel, its event type, or everything."""

MIN_SECRET_BYTES = 16
_SCOPES: tuple[Scope, ...] = get_args(Scope)
_SIGNATURE_BYTES = 16
_CONTEXT = b"tactful unsubscribe 1:"


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """What a valid token asks for."""

    decision_id: str
    scope: Scope


def create_token(secret: bytes, decision_id: str, scope: Scope = "channel") -> str:
    """Returns a token for the messages of a decision, safe inside a URL.

    Raises:
        InvalidSettings: for a secret of fewer than 16 bytes.

    >>> token = create_token(b"0123456789abcdef", "d1")
    >>> verify_token(token, [b"0123456789abcdef"])
    Unsubscribe(decision_id='d1', scope='channel')
    """
    claim = bytes([_SCOPES.index(scope)]) + decision_id.encode()
    return base64.urlsafe_b64encode(_sign(secret, claim) + claim).rstrip(b"=").decode()


def verify_token(token: str, secrets: Sequence[bytes]) -> Unsubscribe | None:
    """Returns what a token asks for, None if it is mutilated or none of the secrets signed it.

    Several secrets are accepted so that a new one can be introduced while old mails keep working.

    Raises:
        InvalidSettings: for a secret of fewer than 16 bytes.
    """
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    signature, claim = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    # Not any(): every secret is compared, so the time taken does not tell which of them is in use.
    if not sum(hmac.compare_digest(signature, _sign(secret, claim)) for secret in secrets):
        return None
    return Unsubscribe(claim[1:].decode(), _SCOPES[claim[0]])


@dataclass(frozen=True, slots=True)
class OneClick:
    """Where unsubscribe links lead, and the secret that signs them (never shown by `repr`).

    Raises:
        InvalidSettings: if `url` is not https (RFC 8058 asks for it), or the secret is too short.
    """

    url: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" or not parts.netloc or parts.query or parts.fragment:
            raise InvalidSettings(
                f"got the unsubscribe address {self.url!r}, expected https://<host>/<path> without query; "
                "mail providers follow no other"
            )
        _sign(self.secret, b"")

    def headers(self, decision_id: str) -> dict[str, str]:
        """Returns the headers that let a mail program unsubscribe in one click.

        A DKIM signature of the mail must cover both headers.
        """
        link = f"{self.url.rstrip('/')}/{create_token(self.secret, decision_id)}"
        return {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _sign(secret: bytes, claim: bytes) -> bytes:
    if len(secret) < MIN_SECRET_BYTES:
        raise InvalidSettings(
            f"got an unsubscribe secret of {len(secret)} bytes, expected at least {MIN_SECRET_BYTES} random ones"
        )
    return hmac.new(secret, _CONTEXT + claim, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
