"""Requests that nobody in their right mind would send, each made from a number: for `api/test_fuzzed.py`.

Half right, half wrong: the address of an endpoint with odd words in it,
a body that fits with one or two places spoilt or
its bytes damaged, headers that are missing, doubled or no text. What is made does not depend on what came before.
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final, NamedTuple
from urllib.parse import quote, quote_from_bytes

import msgspec
import numpy as np

from ingest import EVENT
from tactful.api.endpoint import Endpoint

DATES: Final = (
    "2026-03-01T18:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30T00:00:00Z",
    "2026-03-01T18:00:00",
    "1969-12-31T23:59:59.999999999Z",
    "2026-06-30T23:59:60Z",
)
ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400, 0.1, -0.0, 5e-324, 1.7e308,
    1e999, "", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", "\ufeff", "\u202eabc", "é" * 300, "x" * 5000,
    "Z" * 70_000, "-", ".", "..", "../../etc/passwd", "%00", "%", "{}", "{{7*7}}", "{% raw %}",
    "<script>alert(1)</script>", "'; DROP TABLE outbox; --", "NaN", "null", "true", "1e5", "٣", "٣.٤", "user:1",
    "a/b", "ann", "u003", "email", "push", "Europe/Berlin", "Etc/Nowhere", "en", "de-DE-x-y-z", "http://127.0.0.1/",
    "javascript:alert(1)", "a@b", *DATES, [], [[]], {}, {"": {}}, {"a": None}, [None] * 50, [1, "a", {}],
)  # fmt: skip
"""Values for any place; 1e999 is written as Infinity, which is no JSON."""
FIELDS: Final = ("user_id", "type", "at", "id", "events", "payload", "kind", "token", "value", "__proto__")
MEDIA: Final = (
    b"application/json", b"application/x-ndjson", b"application/cloudevents+json",
    b"application/cloudevents-batch+json", b"text/plain", b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x", b"multipart/form-data", b"", b"application/json; charset=utf-16",
    b"\xff/\xfe", b"text/plain; charset=\x00",
)  # fmt: skip
HEADERS: Final = (
    b"idempotency-key", b"x-request-id", b"last-event-id", b"host", b"content-length", b"origin", b"cookie",
    b"user-agent", b"ce-id", b"ce-type", b"ce-source", b"ce-specversion", b"ce-subject", b"ce-time",
    b"x-twilio-email-event-webhook-signature", b"x-twilio-email-event-webhook-timestamp", b"x-amz-sns-message-type",
    b"x-forwarded-for", b"accept-language", b"range",
)  # fmt: skip
BYTES: Final = (
    b"", b"1", b"abc", b"a" * 300, b"\xff\xfe", b"\xc3\xa9", b"[::1", b"[", b"here:99999", b"a b", b"%zz", b"-1",
    b"9" * 30, b"\x00", b"2026-03-01T18:00:00Z", b"1.0", b"app.comment", b"tactful=x; tactful=y", b"=;=",
    b"127.0.0.1", b"evil.example",
)  # fmt: skip
GOOD: Final[dict[str, Any]] = {
    "/v1/events": {**EVENT, "user_id": "u003", "created_at": DATES[0], "items": [{"item_id": "i1"}], "group_key": "g"},
    "/v1/engagements": {"user_id": "u003", "kind": "click", "engagement_id": "e1", "at": DATES[0], "channel": "email"},
    "/v1/users/{user_id}": {
        "timezone": "Europe/Berlin", "locale": "de", "addresses": {"email": "a@app.invalid"}, "opt_in": ["email"],
        "quiet_hours": {"start_minute": 60, "end_minute": 120}, "attributes": {"a": 1.5, "b": "c"},
        "signup_at": DATES[0],
    },
    "/v1/cancels": {"user_id": "u003", "cancel_key": "k", "cancel_id": "c"},
    "/v1/explain": {"user_id": "u003", "at": DATES[0]},
    "/v1/cloudevents": {
        "specversion": "1.0", "id": "1", "source": "/app", "type": "new_follower", "subject": "u003", "time": DATES[0],
        "data": EVENT["payload"],
    },
    "/v1/segment/batch": {"batch": [
        {"type": "track", "userId": "u003", "event": "new_follower", "messageId": "m1", "properties": EVENT["payload"]},
        {"type": "identify", "userId": "u003", "traits": {"email": "a@app.invalid"}, "timestamp": DATES[0]},
    ]},
    "/v1/feedback/plain": [{"kind": "bounce", "address": "email-3@app.invalid", "at": DATES[0]}],
    "/v1/feedback/ses": {
        "Type": "Notification", "MessageId": "m", "TopicArn": "arn", "Message": "{}", "Timestamp": DATES[0],
        "SignatureVersion": "1", "Signature": "AAAA", "SigningCertURL": "https://sns.x.amazonaws.com/x.pem",
    },
    "/v1/feedback/sendgrid": [{"event": "bounce", "email": "email-3@app.invalid", "timestamp": 1}],
    "/v1/users/{user_id}/preferences": {"channels": {"email": False}, "types": {"recommendation": True}, "per_week": 2},
}  # fmt: skip
"""Bodies that fit, or nearly; of other endpoints all fields of their type are made up."""


class Fuzzed(NamedTuple):
    """One request as a server hands it on."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


def fuzzed(number: int, endpoints: Sequence[Endpoint], token: str, cookie: bytes, words: Sequence[str]) -> Fuzzed:
    """Returns the request of a number.

    Args:
        token: a key that may do everything.
        cookie: a session of the dashboard.
        words: ids and tokens that mean something to the service, for addresses and bodies.
    """
    luck = _Luck(np.random.default_rng([8, number]))
    one = endpoints[luck.below(len(endpoints))]
    method = luck.mostly(one.method, ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "get", "\xe9"))
    path, query = _address(one, luck, words)
    body = _body(one, luck, words) if one.method in ("POST", "PUT") or luck.chance(0.05) else b""
    headers = [(b"content-type", luck.mostly(one.media[0].encode(), MEDIA))]
    if luck.chance(0.93):
        headers.append((b"authorization", f"Bearer {token}".encode()))
    elif luck.chance(0.7):
        headers.append(
            (b"authorization", luck.of((b"Bearer", b"Bearer \xff", b"Basic !!", b"Basic Og==", b"x" * 9000)))
        )
    headers += [(luck.of(HEADERS), luck.of(BYTES)) for _ in range(luck.below(3))]
    if one.path.startswith("/dashboard") and luck.chance(0.9):
        headers.append((b"cookie", cookie))
    return Fuzzed(method, path, query, headers, body)


class _Luck:
    """Draws of one request."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def below(self, n: int) -> int:
        """A number below another."""
        return int(self._rng.integers(n))

    def chance(self, p: float) -> bool:
        """True so often."""
        return bool(self._rng.random() < p)

    def of(self, values: Sequence[Any]) -> Any:
        """One of some values."""
        return values[self.below(len(values))]

    def odd(self) -> Any:
        """An odd value of one's own: what is made of it is no other request's business."""
        return deepcopy(self.of(ODD))

    def mostly(self, usual: Any, others: Sequence[Any]) -> Any:
        """The usual value, nine times of ten."""
        return usual if self.chance(0.9) else self.of(others)


def _address(one: Endpoint, luck: _Luck, words: Sequence[str]) -> tuple[str, bytes]:
    parts = [_word(luck, words) if part.startswith("{") else part for part in one.path.split("/")]
    path = "/".join(parts) + ("/" if luck.chance(0.02) else "")
    asked = []
    for name in (*one.query, "token", "x"):
        if luck.chance(0.3 if name in one.query else 0.05):
            asked += [f"{quote(luck.mostly(name, FIELDS))}={quote(_word(luck, words), safe='')}".encode()] * (
                2 if luck.chance(0.05) else 1
            )
    if luck.chance(0.05):
        asked.append(
            luck.of((b"%", b"%ff=%fe", b"&&=", b"=", b"a" * 9000, quote_from_bytes(bytes(range(256))).encode()))
        )
    return path, b"&".join(asked)


def _word(luck: _Luck, words: Sequence[str]) -> str:
    """A word that means something, or one that does not; a server replaces what is no UTF-8."""
    told = luck.of(words) if luck.chance(0.6) else str(luck.of(ODD))[:600]
    return str(told).encode("utf-8", "replace").decode()


def _body(one: Endpoint, luck: _Luck, words: Sequence[str]) -> bytes:
    body = deepcopy(GOOD[one.path]) if one.path in GOOD else _made_up(one.body, luck)
    for _ in range(luck.below(4)):
        body = _spoilt(body, luck, words)
    rows = 1 + luck.below(4) if luck.chance(0.1) else 1
    data = b"\n".join([json.dumps(body).encode()] * rows)
    return _damaged(data, luck) if luck.chance(0.15) else data


def _made_up(kind: Any, luck: _Luck) -> Any:
    names = [field.encode_name for field in msgspec.structs.fields(kind)] if isinstance(kind, type) else list(FIELDS)
    return {name: luck.odd() for name in names if luck.chance(0.8)}


def _spoilt(body: Any, luck: _Luck, words: Sequence[str]) -> Any:
    """The body with one place of it changed."""
    if luck.chance(0.2) or not isinstance(body, dict | list) or not body:
        return luck.of(words) if luck.chance(0.3) else luck.odd() if luck.chance(0.95) else _deep(luck.below(400))
    place = luck.of(list(body)) if isinstance(body, dict) else luck.below(len(body))
    if luck.chance(0.15):
        body.pop(place)
    elif isinstance(body, dict) and luck.chance(0.1):
        body[luck.of(FIELDS)] = luck.odd()
    else:
        body[place] = _spoilt(body[place], luck, words)
    return body


def _deep(levels: int) -> Any:
    told: Any = []
    for _ in range(levels):  # what Python itself writes; deeper ones are made of bytes
        told = [told]
    return told


def _damaged(data: bytes, luck: _Luck) -> bytes:
    cut = luck.below(len(data) + 1)
    return luck.of((
        data[:cut],
        data[:cut] + bytes([luck.below(256)]) + data[cut + 1 :],
        b"\xef\xbb\xbf" + data,
        data.decode().encode("utf-16"),
        b"[" * 20_000,
        b'{"a":' * 20_000,
        data * 2,
        data[:cut] + b"\x00" * 3 + data[cut:],
        b"a=1&b=%ff&c",
        b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--",
    ))  # fmt: skip
