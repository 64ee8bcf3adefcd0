"""Firebase Cloud Messaging, HTTP v1: to Android, and through Firebase to iOS. The address is a registration token.

The app gets title and body to show, and `decision_id`, `link` and `type` as data.

Source: FCM HTTP v1, `projects.messages.send` and its `ErrorCode`.
"""

import re
import ssl
from collections.abc import Mapping
from datetime import timedelta

import msgspec

from tactful.clock import DAY_US, SECOND_US, Clock, WallClock, to_us
from tactful.delivery import settings
from tactful.delivery.calls import Answer, Caller, asked_wait
from tactful.delivery.collapse import apple_collapse_id
from tactful.delivery.credentials import secret_file
from tactful.delivery.google_token import GoogleToken, ServiceAccount, service_account
from tactful.delivery.protocol import Delivered, Failed, Limits, Message, Outcome, RetryAfter, Unreachable
from tactful.errors import InvalidSettings

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
ENDPOINT = "https://fcm.googleapis.com"

_LONGEST_TTL_US = 28 * DAY_US
_QUOTA_WAIT = timedelta(minutes=1)
"""What Google asks for where a 429 names no wait."""
_PROJECT = re.compile(r"[a-z0-9][a-z0-9:.-]*")


class FcmChannel:
    """Sends to one device a message.

    A token that is no longer registered ends the address. 429 and 5xx are tried again, and so is what is for the
    operator to mend: credentials that are refused. Google promises nothing about a message sent twice.

    Args:
        account: the service account that may send.
        project: the Firebase project; "" for the account's own.
        timeout_s: how long a call may take.
        endpoint: where Google listens.
        tls: whom to trust; by default whom the machine trusts.

    Raises:
        InvalidSettings: if there is no project, or its id is none.
        MissingCredential: if the account's key is none.
    """

    limits = Limits(title_chars=200, body_bytes=3000)
    honours_idempotency = False

    def __init__(
        self,
        account: ServiceAccount,
        project: str = "",
        timeout_s: float = 10.0,
        clock: Clock | None = None,
        endpoint: str = ENDPOINT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        name = project or account.project_id
        if not _PROJECT.fullmatch(name):
            raise InvalidSettings(f"got the Firebase project {name!r}, expected an id such as 'example-app-1a2b3'")
        self._url = f"{endpoint}/v1/projects/{name}/messages:send"
        self._clock = clock or WallClock()
        self._caller = Caller(timeout_s, http2=True, tls=tls)
        self._token = GoogleToken(account, SCOPE, self._caller, self._clock)

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Sends one message; a token that is refused is renewed once."""
        now_us = self._clock.now_us()
        body = msgspec.json.encode({"message": _told(message, now_us)})
        answer = self._post(body)
        if isinstance(answer, Answer) and answer.status == 401:
            answer = self._post(body)
        return answer if isinstance(answer, RetryAfter | Failed) else _outcome(answer, now_us)

    def close(self) -> None:
        """Ends the connections."""
        self._caller.close()

    def _post(self, body: bytes) -> Answer | RetryAfter | Failed:
        token = self._token.current()
        if isinstance(token, RetryAfter):
            return token
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        answer = self._caller.post(self._url, headers, body)
        if isinstance(answer, Answer) and answer.status == 401:
            self._token.refused(token)
        return answer


def _told(message: Message, now_us: int) -> dict[str, object]:
    """The message as Google takes it, with its expiry and collapse key for each platform."""
    android: dict[str, object] = {}
    apple: dict[str, str] = {}
    if message.expires_at is not None:
        left_us = min(max(to_us(message.expires_at) - now_us, 0), _LONGEST_TTL_US)
        android["ttl"] = f"{left_us // SECOND_US}s"
        apple["apns-expiration"] = str(to_us(message.expires_at) // SECOND_US)
    if message.collapse_key:
        android |= {"collapse_key": message.collapse_key, "notification": {"tag": message.collapse_key}}
        apple["apns-collapse-id"] = apple_collapse_id(message.collapse_key)
    return {
        "token": message.address,
        "notification": {"title": message.title or message.subject, "body": message.body},
        "data": {"decision_id": message.decision_id, "link": message.link, "type": message.type},
        "android": android,
        "apns": {"headers": apple},
    }


class _Violation(msgspec.Struct):
    field: str = ""


class _Detail(msgspec.Struct, rename={"error_code": "errorCode", "violations": "fieldViolations"}):
    error_code: str = ""
    violations: list[_Violation] = []


class _Error(msgspec.Struct):
    status: str = ""
    details: list[_Detail] = []


class _Said(msgspec.Struct):
    name: str = ""
    error: _Error = msgspec.field(default_factory=_Error)


def _outcome(answer: Answer, now_us: int) -> Outcome:
    """By the error's code where there is one; an answer that cannot be read counts by its status."""
    try:
        said = msgspec.json.decode(answer.body, type=_Said)
    except msgspec.MsgspecError:
        said = _Said()
    if answer.status == 200:
        return Delivered(said.name)
    code = next((each.error_code for each in said.error.details if each.error_code), said.error.status)
    detail = f"{answer.status} {code}".rstrip()
    bad_token = any(each.field == "message.token" for one in said.error.details for each in one.violations)
    if code == "UNREGISTERED" or (answer.status == 400 and bad_token):
        return Unreachable(detail)
    if answer.is_busy:
        return RetryAfter(asked_wait(answer, now_us, _QUOTA_WAIT if answer.status == 429 else timedelta(0)), detail)
    if answer.status == 401 or code == "PERMISSION_DENIED":
        return RetryAfter(detail=detail)
    return Failed(detail)


def from_settings(given: settings.Fcm, env: Mapping[str, str], clock: Clock) -> FcmChannel:
    """Returns the channel of a settings table.

    Raises:
        MissingCredential: if the key file is not named, cannot be read, or is none.
        InvalidSettings: if no project is named.
    """
    account = service_account(secret_file(env, given.credentials_env, "the service account's key file"))
    return FcmChannel(account, given.project, given.timeout_s, clock)
