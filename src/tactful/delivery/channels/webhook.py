"""Posts each message as signed JSON to a platform that sends it, so that what an app sends with today goes on sending.

Source: Standard Webhooks (headers `webhook-id`, `webhook-timestamp`, `webhook-signature`; secrets `whsec_...`).
"""

import base64
import hashlib
import hmac
import ssl
from collections.abc import Mapping, Sequence

import msgspec

from tactful.clock import SECOND_US, Clock, WallClock, from_us
from tactful.delivery import settings
from tactful.delivery.calls import Caller, asked_wait, url_parts
from tactful.delivery.credentials import secret
from tactful.delivery.protocol import Delivered, Failed, Limits, Message, Outcome, RetryAfter, Unreachable
from tactful.errors import InvalidSettings, MissingCredential

EVENT = "message.send"
"""The `type` of every post."""

_PREFIX = "whsec_"
_SECRET_BYTES = range(24, 65)


class WebhookChannel:
    """Posts `{"type": "message.send", "timestamp": ..., "data": <the message>}`, signed by every secret.

    Any 2xx is taken as delivered. Busy (408, 425, 429, 5xx) is tried again. A 410 from a user's own URL ends that
    address; the channel's one URL is the operator's to mend, so there a 410 is a refusal. No redirect is followed.

    Args:
        url: where everything goes; "" posts to the message's address.
        secrets: `whsec_` and base64 of 24 to 64 bytes, at least one.
        receiver_deduplicates: whether the receiver drops a `webhook-id` that it knows.
        allow_private: whether private networks and plain http may be called.
        timeout_s: how long a call may take.
        tls: whom to trust; by default whom the machine trusts.

    Raises:
        MissingCredential: for a secret that is none.
        InvalidSettings: for a `url` that may not be called.
    """

    limits = Limits()

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        receiver_deduplicates: bool = True,
        allow_private: bool = False,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.honours_idempotency = receiver_deduplicates
        self._url = url
        self._keys = [signing_key(each) for each in secrets]
        self._schemes = ("https", "http") if allow_private else ("https",)
        if url and not self._may_be_called(url):
            raise InvalidSettings(
                f"got url = {url!r}, expected one of {' or '.join(self._schemes)} without a user's name; "
                "allow_private allows http"
            )
        self._clock = clock or WallClock()
        self._caller = Caller(timeout_s, guarded=not allow_private, tls=tls)

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Posts the message; the key is its `webhook-id`."""
        url = self._url or message.address
        if not self._may_be_called(url):
            return Unreachable(f"the address is no URL of {' or '.join(self._schemes)}")
        now_us = self._clock.now_us()
        body = msgspec.json.encode({"type": EVENT, "timestamp": from_us(now_us), "data": message})
        answer = self._caller.post(url, self._headers(idempotency_key, now_us // SECOND_US, body), body)
        if isinstance(answer, RetryAfter | Failed):
            return answer
        if 200 <= answer.status < 300:
            return Delivered(idempotency_key)
        if answer.is_busy:
            return RetryAfter(asked_wait(answer, now_us), str(answer.status))
        if answer.status == 410 and not self._url:
            return Unreachable("410")
        return Failed(str(answer.status))

    def close(self) -> None:
        """Ends the connections."""
        self._caller.close()

    def _may_be_called(self, url: str) -> bool:
        try:
            url_parts(url, self._schemes)
        except ValueError:
            return False
        return True

    def _headers(self, key: str, second: int, body: bytes) -> dict[str, str]:
        signatures = (sign(each, key, second, body) for each in self._keys)
        return {
            "content-type": "application/json",
            "user-agent": "tactful",
            "webhook-id": key,
            "webhook-timestamp": str(second),
            "webhook-signature": " ".join(signatures),
        }


def sign(key: bytes, webhook_id: str, second: int, body: bytes) -> str:
    """Returns `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    text = f"{webhook_id}.{second}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


def from_settings(given: settings.Webhook, env: Mapping[str, str], clock: Clock) -> WebhookChannel:
    """Returns the channel of a settings table.

    Raises:
        MissingCredential: if the secret is not set, or is none.
        InvalidSettings: for a `url` that may not be called.
    """
    secrets = secret(env, given.secrets_env, "the signing secret, whsec_...").split()
    return WebhookChannel(given.url, secrets, given.receiver_deduplicates, given.allow_private, given.timeout_s, clock)


def signing_key(text: str) -> bytes:
    """Returns the key of a secret, `whsec_` and base64 of 24 to 64 bytes.

    Raises:
        MissingCredential: if it is no such secret.
    """
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(_PREFIX) or len(key) not in _SECRET_BYTES:
        raise MissingCredential(
            "got a webhook secret of another form, expected whsec_ and base64 of 24 to 64 random bytes; "
            "`python -c \"import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())\"` makes one"
        )
    return key
