"""The access token of a Google service account: asked for once an hour, shared by all threads.

It is the two calls' worth of `google-auth` that is needed here, on our clock and without its sleeps.

Source: RFC 7523 (JWT bearer grant).
"""

import threading
from urllib.parse import urlencode

import msgspec

from tactful.clock import HOUR_US, MINUTE_US, SECOND_US, Clock
from tactful.delivery.calls import Answer, Caller
from tactful.delivery.protocol import Failed, RetryAfter
from tactful.delivery.signed_tokens import key_of_pem, signed
from tactful.errors import MissingCredential

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EARLY_US = 5 * MINUTE_US
"""A token is renewed before it ends, so that none ends on its way."""


class ServiceAccount(msgspec.Struct, frozen=True):
    """What we read of a service account's key file."""

    client_email: str
    private_key: str
    project_id: str = ""
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"

    def __repr__(self) -> str:
        return f"ServiceAccount(client_email={self.client_email!r})"


def service_account(text: str) -> ServiceAccount:
    """Returns the account of a key file's text.

    Raises:
        MissingCredential: if it is no key file of a service account.
    """
    try:
        return msgspec.json.decode(text, type=ServiceAccount)
    except msgspec.MsgspecError as error:
        raise MissingCredential(
            f"the credentials are no service account's key file ({error}); make one in the Firebase console"
        ) from error


class GoogleToken:
    """Keeps an access token and renews it in time.

    Args:
        account: whose token.
        scope: what it must be good for.
        caller: what calls Google.
        clock: says when a token is over.

    Raises:
        MissingCredential: if the account's key is none.
    """

    def __init__(self, account: ServiceAccount, scope: str, caller: Caller, clock: Clock) -> None:
        self._account = account
        self._key = key_of_pem(account.private_key)
        self._scope = scope
        self._caller = caller
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_us = 0

    def current(self) -> str | RetryAfter:
        """Returns a token, or why there is none now."""
        with self._lock:
            now_us = self._clock.now_us()
            if not self._token or now_us >= self._renew_us:
                granted = self._ask(now_us)
                if isinstance(granted, RetryAfter):
                    return granted
                self._token, self._renew_us = granted
            return self._token

    def refused(self, token: str) -> None:
        """Takes note that a token was refused; another thread may have renewed it already."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _ask(self, now_us: int) -> tuple[str, int] | RetryAfter:
        """A new token and when to renew it. That this call breaks off leaves no doubt about a message."""
        second = now_us // SECOND_US
        claims: dict[str, str | int] = {
            "iss": self._account.client_email,
            "scope": self._scope,
            "aud": self._account.token_uri,
            "iat": second,
            "exp": second + HOUR_US // SECOND_US,
        }
        assertion = signed(self._key, {"typ": "JWT", "kid": self._account.private_key_id}, claims)
        body = urlencode({"grant_type": _GRANT, "assertion": assertion}).encode()
        try:
            answer = self._caller.post(
                self._account.token_uri, {"content-type": "application/x-www-form-urlencoded"}, body
            )
        except Exception as error:  # whatever broke, no message was on its way
            return RetryAfter(detail=f"token: {type(error).__name__}")
        if isinstance(answer, RetryAfter | Failed):
            return RetryAfter(detail=f"token: {answer.detail}")
        return _granted(answer, now_us)


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: int


def _granted(answer: Answer, now_us: int) -> tuple[str, int] | RetryAfter:
    """A refusal here is for the operator to mend (a key withdrawn, a clock that is wrong), so messages wait."""
    try:
        grant = msgspec.json.decode(answer.body, type=_Grant) if answer.status == 200 else None
    except msgspec.MsgspecError:
        grant = None
    if grant is None or not (grant.access_token.isascii() and grant.access_token.isprintable()):
        return RetryAfter(detail=f"token: {answer.status}")
    return grant.access_token, now_us + max(grant.expires_in * SECOND_US - _EARLY_US, 0)
