"""Encrypts a message for one browser and posts it to that browser's push service. The address is the subscription.

The page's service worker gets `{"title", "body", "link", "type", "decision_id", "collapse_key"}` as JSON.

Source: RFC 8030 (Web Push), RFC 8291 (encryption), RFC 8292 (VAPID).
"""

import ssl
from collections.abc import Mapping
from typing import Literal, TypeAlias

import http_ece
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tactful.clock import DAY_US, HOUR_US, SECOND_US, Clock, WallClock, to_us
from tactful.delivery import settings
from tactful.delivery.calls import Answer, Caller, asked_wait, url_parts
from tactful.delivery.collapse import topic
from tactful.delivery.credentials import secret
from tactful.delivery.protocol import Delivered, Failed, Limits, Message, Outcome, RetryAfter, Unreachable
from tactful.delivery.signed_tokens import decoded, encoded, key_of_bytes, signed
from tactful.errors import InvalidSettings

Urgency: TypeAlias = Literal["very-low", "low", "normal", "high"]

_TOKEN_US = 12 * HOUR_US
"""RFC 8292 allows a day; half of it leaves room for a push service's clock."""
_LONGEST_TTL_US = 28 * DAY_US
_ENCRYPTED_BYTES = 4096 - 16 - 86 - 1
"""What fits into one record beside its tag, its head and its padding."""


class _Keys(msgspec.Struct, frozen=True):
    p256dh: str
    auth: str


class _Subscription(msgspec.Struct, frozen=True):
    endpoint: str
    keys: _Keys


class WebPushChannel:
    """Posts encrypted messages, signed with the app's VAPID key.

    A 404 or 410 ends the subscription, and so does an address that is none. Busy (429, 5xx) is tried again, and so is
    401: a token that is not taken is for the operator to mend. What else is refused is final. A push service drops a
    message that it could not hand over by its expiry, and keeps one a collapse key.

    Args:
        key: the VAPID private key; browsers subscribed with its public half.
        contact: whom a push service may write to, `mailto:...` or `https://...`.
        urgency: how much a phone's battery may be spent.
        allow_private: whether a subscription may lead into a private network.
        timeout_s: how long a call may take.
        tls: whom to trust; by default whom the machine trusts.

    Raises:
        InvalidSettings: for a contact of another form.
    """

    limits = Limits(title_chars=200, body_bytes=2800)
    honours_idempotency = False

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        contact: str,
        urgency: Urgency = "normal",
        allow_private: bool = False,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if not contact.startswith(("mailto:", "https://")):
            raise InvalidSettings(f"got contact = {contact!r}, expected 'mailto:ops@example.com' or an https address")
        self._key = key
        self._contact = contact
        self._urgency = urgency
        self._clock = clock or WallClock()
        self._caller = Caller(timeout_s, guarded=not allow_private, tls=tls)

    @property
    def public_key(self) -> str:
        """What a page gives to `pushManager.subscribe` as `applicationServerKey`."""
        return encoded(self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Encrypts and posts one message."""
        now_us = self._clock.now_us()
        try:
            subscription = msgspec.json.decode(message.address, type=_Subscription)
            parts = url_parts(subscription.endpoint)
            public_half, shared = decoded(subscription.keys.p256dh), decoded(subscription.keys.auth)
        except (ValueError, msgspec.MsgspecError):
            return Unreachable("the address is no subscription to web push")
        text = _text(message)
        if len(text) > _ENCRYPTED_BYTES:
            return Failed(f"got {len(text)} bytes with link and title, a push service takes {_ENCRYPTED_BYTES}")
        try:
            body = http_ece.encrypt(
                text, private_key=ec.generate_private_key(ec.SECP256R1()), dh=public_half, auth_secret=shared
            )
        except (ValueError, http_ece.ECEException):
            return Unreachable("the subscription's keys are none")
        origin = f"https://{parts.netloc}"
        answer = self._caller.post(subscription.endpoint, self._headers(message, origin, now_us), body)
        return answer if isinstance(answer, RetryAfter | Failed) else _outcome(answer, now_us)

    def close(self) -> None:
        """Ends the connections."""
        self._caller.close()

    def _headers(self, message: Message, origin: str, now_us: int) -> dict[str, str]:
        expires = (now_us + _TOKEN_US) // SECOND_US
        claims: dict[str, str | int] = {"aud": origin, "exp": expires, "sub": self._contact}
        headers = {
            "authorization": f"vapid t={signed(self._key, {'typ': 'JWT'}, claims)}, k={self.public_key}",
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(_ttl_us(message, now_us) // SECOND_US),
            "urgency": self._urgency,
        }
        if message.collapse_key:
            headers["topic"] = topic(message.collapse_key)
        return headers


def _text(message: Message) -> bytes:
    told = {
        "title": message.title or message.subject,
        "body": message.body,
        "link": message.link,
        "type": message.type,
        "decision_id": message.decision_id,
        "collapse_key": message.collapse_key,
    }
    return msgspec.json.encode(told)


def _ttl_us(message: Message, now_us: int) -> int:
    """How long the message is worth something; without an expiry, a day."""
    left = to_us(message.expires_at) - now_us if message.expires_at else DAY_US
    return min(max(left, 0), _LONGEST_TTL_US)


def _outcome(answer: Answer, now_us: int) -> Outcome:
    if answer.status in (200, 201, 202):
        return Delivered(answer.headers.get("location", "")[:500])
    if answer.is_busy or answer.status == 401:
        return RetryAfter(asked_wait(answer, now_us), str(answer.status))
    if answer.status in (404, 410):
        return Unreachable(str(answer.status))
    return Failed(str(answer.status))


def from_settings(given: settings.WebPush, env: Mapping[str, str], clock: Clock) -> WebPushChannel:
    """Returns the channel of a settings table.

    Raises:
        MissingCredential: if the VAPID key is not set, or is none.
        InvalidSettings: for a contact of another form.
    """
    key = key_of_bytes(secret(env, given.private_key_env, "the VAPID private key, 32 bytes in URL-safe base64"))
    return WebPushChannel(key, given.contact, given.urgency, given.allow_private, given.timeout_s, clock)
