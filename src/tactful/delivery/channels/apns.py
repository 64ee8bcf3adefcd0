"""Apple Push Notification service, by provider token over HTTP/2. The address is a device token.

The app gets title and body to show, and `decision_id`, `link` and `type` beside `aps`.

Source: Apple, "Sending notification requests to APNs", "Handling notification responses from APNs" and "Establishing a
token-based connection to APNs".
"""

import re
import ssl
import threading
import uuid
from collections.abc import Mapping
from datetime import timedelta

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from tactful.clock import MINUTE_US, SECOND_US, Clock, WallClock, to_us
from tactful.delivery import settings
from tactful.delivery.calls import Answer, Caller, asked_wait
from tactful.delivery.collapse import apple_collapse_id
from tactful.delivery.credentials import secret_file
from tactful.delivery.protocol import Delivered, Failed, Limits, Message, Outcome, RetryAfter, Unreachable
from tactful.delivery.signed_tokens import key_of_pem, signed
from tactful.errors import InvalidSettings, MissingCredential

ENDPOINT = "https://api.push.apple.com"
SANDBOX = "https://api.sandbox.push.apple.com"

_RENEW_US = 40 * MINUTE_US
"""Apple takes a token for an hour, and no new one within 20 minutes."""
_SOONEST_US = 20 * MINUTE_US
_BUSY_WAIT = timedelta(minutes=1)
_DEVICE = re.compile(r"[0-9A-Fa-f]{2,400}")
_NAME = re.compile(r"[A-Za-z0-9.-]{1,155}")
_OPERATORS = frozenset(
    {"ExpiredProviderToken", "InvalidProviderToken", "MissingProviderToken", "TooManyProviderTokenUpdates"}
)
"""What a person has to mend: no fault of the message, which waits."""


class ApnsChannel:
    """Sends alerts to devices.

    A device token that is dead (410) or none (BadDeviceToken) ends the address. 429 and 5xx are tried again, and so is
    what is for the operator to mend. Apple promises nothing about a message sent twice.

    Args:
        key: the key of the `.p8` file.
        key_id: its id.
        team_id: the team's id.
        topic: the app's bundle id.
        sandbox: whether device tokens come from a development build.
        timeout_s: how long a call may take.
        endpoint: where Apple listens; "" for the one that `sandbox` says.
        tls: whom to trust; by default whom the machine trusts.

    Raises:
        InvalidSettings: for an id that is none.
    """

    limits = Limits(title_chars=200, body_bytes=3000)
    honours_idempotency = False

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        key_id: str,
        team_id: str,
        topic: str,
        sandbox: bool = False,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
        endpoint: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        for name, value in (("key_id", key_id), ("team_id", team_id), ("topic", topic)):
            if not _NAME.fullmatch(value):
                raise InvalidSettings(f"got {name} = {value!r}, expected an id of letters, digits, dots and hyphens")
        self._endpoint = endpoint or (SANDBOX if sandbox else ENDPOINT)
        self._topic = topic
        self._clock = clock or WallClock()
        self._token = ProviderToken(key, key_id, team_id)
        self._caller = Caller(timeout_s, http2=True, tls=tls)

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Sends one message; a provider token that has expired is renewed once."""
        if not _DEVICE.fullmatch(message.address):
            return Unreachable("the address is no device token")
        now_us = self._clock.now_us()
        answer, token = self._post(message, idempotency_key, now_us)
        expired = isinstance(answer, Answer) and _reason(answer) == "ExpiredProviderToken"
        if expired and self._token.renews(token, now_us):
            answer, _ = self._post(message, idempotency_key, now_us)
        return answer if isinstance(answer, RetryAfter | Failed) else _outcome(answer, now_us)

    def close(self) -> None:
        """Ends the connections."""
        self._caller.close()

    def _post(self, message: Message, key: str, now_us: int) -> tuple[Answer | RetryAfter | Failed, str]:
        token = self._token.current(now_us)
        headers = {
            "authorization": f"bearer {token}",
            "apns-id": apns_id(key),
            "apns-push-type": "alert",
            "apns-topic": self._topic,
        }
        if message.expires_at is not None:
            headers["apns-expiration"] = str(max(to_us(message.expires_at) // SECOND_US, 0))
        if message.collapse_key:
            headers["apns-collapse-id"] = apple_collapse_id(message.collapse_key)
        alert = {"title": message.title or message.subject, "body": message.body}
        told = {
            "aps": {"alert": alert, "sound": "default"},
            "decision_id": message.decision_id,
            "link": message.link,
            "type": message.type,
        }
        url = f"{self._endpoint}/3/device/{message.address}"
        return self._caller.post(url, headers, msgspec.json.encode(told)), token


class ProviderToken:
    """The token that says who we are: signed once, used by all threads, renewed after 40 minutes."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, key_id: str, team_id: str) -> None:
        self._key, self._key_id, self._team_id = key, key_id, team_id
        self._lock = threading.Lock()
        self._token, self._signed_us = "", 0

    def current(self, now_us: int) -> str:
        """Returns the token."""
        with self._lock:
            if not self._token or not 0 <= now_us - self._signed_us < _RENEW_US:
                claims: dict[str, str | int] = {"iss": self._team_id, "iat": now_us // SECOND_US}
                self._token, self._signed_us = signed(self._key, {"kid": self._key_id}, claims), now_us
            return self._token

    def renews(self, token: str, now_us: int) -> bool:
        """Returns whether another token follows a refused one; not if it is young, for Apple refuses frequent ones."""
        with self._lock:
            if token == self._token and now_us - self._signed_us >= _SOONEST_US:
                self._token = ""
            return token != self._token


def apns_id(key: str) -> str:
    """Returns the UUID by which Apple knows the message of a decision.

    >>> apns_id("d1")
    'bf7be25f-c26e-5f83-a9c0-9bcd22eb6a6d'
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"tactful:decision:{key}"))


class _Said(msgspec.Struct):
    reason: str = ""


def _reason(answer: Answer) -> str:
    try:
        return msgspec.json.decode(answer.body, type=_Said).reason if answer.body else ""
    except msgspec.MsgspecError:
        return ""


def _outcome(answer: Answer, now_us: int) -> Outcome:
    """By the reason where Apple gives one; an answer that cannot be read counts by its status."""
    if answer.status == 200:
        return Delivered(answer.headers.get("apns-id", ""))
    reason = _reason(answer)
    detail = f"{answer.status} {reason}".rstrip()
    if answer.status == 410 or reason == "BadDeviceToken":
        return Unreachable(detail)
    if answer.is_busy or reason in _OPERATORS:
        return RetryAfter(asked_wait(answer, now_us, _BUSY_WAIT if answer.status == 429 else timedelta(0)), detail)
    return Failed(detail)


def from_settings(given: settings.Apns, env: Mapping[str, str], clock: Clock) -> ApnsChannel:
    """Returns the channel of a settings table.

    Raises:
        MissingCredential: if the key file is not named, cannot be read, or holds no key of Apple's kind.
        InvalidSettings: for an id that is none.
    """
    key = key_of_pem(secret_file(env, given.key_env, "the .p8 key file"))
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise MissingCredential(f"{given.key_env} names an RSA key, expected the .p8 file as Apple gave it")
    return ApnsChannel(key, given.key_id, given.team_id, given.topic, given.sandbox, given.timeout_s, clock)
