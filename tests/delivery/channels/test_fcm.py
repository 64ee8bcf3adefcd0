"""FCM against an HTTP/2 server that grants tokens and gives Google's documented answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from google_peer import Google, account, rsa_key
from http_peer import Http2Peer, Say, trusting
from tactful.clock import HOUR_US, MINUTE_US, SimulatedClock, from_us, to_us
from tactful.delivery.channels.fcm import SCOPE, FcmChannel, from_settings
from tactful.delivery.google_token import service_account
from tactful.delivery.protocol import Delivered, Failed, Message, RetryAfter, Unreachable
from tactful.delivery.settings import Fcm
from tactful.delivery.signed_tokens import decoded
from tactful.errors import InvalidSettings, MissingCredential

NOW = to_us(datetime(2026, 3, 1, 12, tzinfo=UTC))
MESSAGE = Message(
    channel="push",
    address="device-1",
    type="news",
    locale="en",
    title="Grüße",
    body="世界",
    link="https://app.example/p",
    decision_id="d1",
    expires_at=from_us(NOW) + timedelta(minutes=30),
    collapse_key="post-1",
)


@contextmanager
def channel(google: Google, clock: SimulatedClock | None = None, timeout_s: float = 2.0) -> Iterator[FcmChannel]:
    with Http2Peer(google) as peer:
        made = FcmChannel(
            account(peer.url + "/token"), "", timeout_s, clock or SimulatedClock(NOW), peer.url, trusting()
        )
        yield made
        made.close()


def error(http: int, code: str = "", **more: Any) -> Say:
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    details: list[Any] = [{"@type": kind, "errorCode": code}] if code else []
    if field := more.pop("field", ""):
        violation = {"field": field, "description": "wrong"}
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]})
    told = {"error": {"code": http, "message": "m", "status": more.pop("status", ""), "details": details}}
    return Say(http, msgspec.json.encode(told), **more)


def test_the_app_gets_the_message_with_its_decision_and_where_it_leads() -> None:
    google = Google()
    with channel(google) as sending:
        assert sending.send(MESSAGE, "d1") == Delivered("projects/example-app/messages/1")
    (asked,) = google.messages
    assert asked.path == "/v1/projects/example-app/messages:send"
    assert asked.headers["authorization"] == "Bearer t1"
    assert msgspec.json.decode(asked.body)["message"] == {
        "token": "device-1",
        "notification": {"title": "Grüße", "body": "世界"},
        "data": {"decision_id": "d1", "link": "https://app.example/p", "type": "news"},
        "android": {"ttl": "1800s", "collapse_key": "post-1", "notification": {"tag": "post-1"}},
        "apns": {
            "headers": {"apns-expiration": str(NOW // 1_000_000 + 1800), "apns-collapse-id": "post-1"},
        },
    }


def test_the_token_is_asked_for_with_a_signature_and_kept_until_shortly_before_it_ends() -> None:
    google, clock = Google(), SimulatedClock(NOW)
    with channel(google, clock) as sending:
        for minutes in (0, 54, 56):
            clock.set(NOW + minutes * MINUTE_US)
            sending.send(MESSAGE, "d1")
    assert [asked.headers["authorization"] for asked in google.messages] == ["Bearer t1", "Bearer t1", "Bearer t2"]
    assertion = parse_qs(google.tokens[0].body.decode())["assertion"][0]
    text, _, signature = assertion.rpartition(".")
    rsa_key().public_key().verify(decoded(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    header, claims = (msgspec.json.decode(decoded(part)) for part in text.split("."))
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    assert (claims["iss"], claims["scope"]) == ("app@example.iam", SCOPE)
    assert claims["exp"] - claims["iat"] == HOUR_US // 1_000_000


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (error(404, "UNREGISTERED"), Unreachable("404 UNREGISTERED")),
        (error(404, status="NOT_FOUND"), Failed("404 NOT_FOUND")),
        (error(400, "INVALID_ARGUMENT"), Failed("400 INVALID_ARGUMENT")),
        (error(400, "INVALID_ARGUMENT", field="message.token"), Unreachable("400 INVALID_ARGUMENT")),
        (error(400, "INVALID_ARGUMENT", field="message.android.ttl"), Failed("400 INVALID_ARGUMENT")),
        (error(403, "SENDER_ID_MISMATCH"), Failed("403 SENDER_ID_MISMATCH")),
        (error(403, status="PERMISSION_DENIED"), RetryAfter(detail="403 PERMISSION_DENIED")),
        (
            error(429, "QUOTA_EXCEEDED", headers={"Retry-After": "90"}),
            RetryAfter(timedelta(seconds=90), "429 QUOTA_EXCEEDED"),
        ),
        (error(429, "QUOTA_EXCEEDED"), RetryAfter(timedelta(minutes=1), "429 QUOTA_EXCEEDED")),
        (error(500, "INTERNAL"), RetryAfter(detail="500 INTERNAL")),
        (error(503, "UNAVAILABLE"), RetryAfter(detail="503 UNAVAILABLE")),
        (Say(503, b"<html>"), RetryAfter(detail="503")),
        (Say(400, b"{"), Failed("400")),
        (Say(400, b'{"error": "text"}'), Failed("400")),
        (Say(200, b"{"), Delivered("")),
    ],
)
def test_what_google_answers_decides_what_follows(say: Say, expected: object) -> None:
    google = Google(say)
    with channel(google) as sending:
        assert sending.send(MESSAGE, "d1") == expected
    assert len(google.messages) == 1


def test_a_token_that_is_refused_is_renewed_once() -> None:
    google = Google(error(401, "THIRD_PARTY_AUTH_ERROR"))
    with channel(google) as sending:
        assert isinstance(sending.send(MESSAGE, "d1"), Delivered)
    assert [asked.headers["authorization"] for asked in google.messages] == ["Bearer t1", "Bearer t2"]
    google = Google(*(error(401, status="UNAUTHENTICATED") for _ in range(3)))
    with channel(google) as sending:
        assert sending.send(MESSAGE, "d1") == RetryAfter(detail="401 UNAUTHENTICATED")
    assert len(google.messages) == 2


@pytest.mark.parametrize("say", [Say(cut=True), Say(hang=True)], ids=["cut", "slow"])
def test_a_call_that_breaks_off_is_in_doubt_and_the_next_one_goes_through(say: Say) -> None:
    with channel(Google(say), timeout_s=0.5) as sending:
        with pytest.raises(Exception, match=r"disconnected|timed out|Connection"):
            sending.send(MESSAGE, "d1")
        assert isinstance(sending.send(MESSAGE, "d2"), Delivered)


@pytest.mark.parametrize(
    "grant", [Say(400, b'{"error": "invalid_grant"}'), Say(200, b"{"), Say(503), Say(cut=True)], ids=range(4)
)
def test_without_a_token_no_message_leaves_and_none_is_lost(grant: Say) -> None:
    google = Google(grant=grant)
    with channel(google) as sending:
        assert isinstance(sending.send(MESSAGE, "d1"), RetryAfter)
    assert google.messages == []


def test_many_threads_share_one_token_and_few_connections() -> None:
    google, outcomes = Google(), []
    with channel(google) as sending:
        threads = [
            threading.Thread(target=lambda i=i: outcomes.append(sending.send(MESSAGE, f"d{i}"))) for i in range(8)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join(10)
    assert [type(outcome) for outcome in outcomes] == [Delivered] * 8
    assert len(google.tokens) == 1


def test_credentials_are_checked_when_the_channel_is_made(tmp_path: Path) -> None:
    given, file = Fcm(credentials_env="KEY"), tmp_path / "key.json"
    env = {"KEY": str(file)}
    with pytest.raises(MissingCredential, match="KEY is not set"):
        from_settings(given, {}, SimulatedClock())
    with pytest.raises(MissingCredential, match="cannot be read"):
        from_settings(given, env, SimulatedClock())
    file.write_text("{}")
    with pytest.raises(MissingCredential, match="service account"):
        from_settings(given, env, SimulatedClock())
    right = account("https://token.example")
    file.write_bytes(msgspec.json.encode(right))
    assert service_account(file.read_text()) == right
    assert "PRIVATE" not in repr(right)
    from_settings(given, env, SimulatedClock()).close()
    with pytest.raises(InvalidSettings, match="project"):
        from_settings(Fcm(credentials_env="KEY", project="a/b"), env, SimulatedClock())
