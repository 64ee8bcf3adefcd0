"""APNs against an HTTP/2 server that gives Apple's documented answers."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from google_peer import rsa_key
from http_peer import Asked, Http2Peer, Say, trusting
from tactful.clock import MINUTE_US, SimulatedClock, from_us, to_us
from tactful.delivery.channels.apns import ApnsChannel, apns_id, from_settings
from tactful.delivery.protocol import Delivered, Failed, Message, RetryAfter, Unreachable
from tactful.delivery.settings import Apns
from tactful.delivery.signed_tokens import decoded
from tactful.errors import InvalidSettings, MissingCredential

NOW = to_us(datetime(2026, 3, 1, 12, tzinfo=UTC))
KEY = ec.derive_private_key(5, ec.SECP256R1())
MESSAGE = Message(
    channel="push",
    address="ab12" * 16,
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
def channel(peer: Http2Peer, clock: SimulatedClock | None = None, timeout_s: float = 2.0) -> Iterator[ApnsChannel]:
    made = ApnsChannel(
        KEY,
        "KEY1234567",
        "TEAM123456",
        "com.example.app",
        timeout_s=timeout_s,
        clock=clock or SimulatedClock(NOW),
        endpoint=peer.url,
        tls=trusting(),
    )
    yield made
    made.close()


def refusal(status: int, reason: str, **more: Any) -> Say:
    return Say(status, msgspec.json.encode({"reason": reason}), **more)


def verified(asked: Asked) -> dict[str, Any]:
    """The claims of the provider token, after its signature was checked."""
    scheme, _, token = asked.headers["authorization"].partition(" ")
    text, _, signature = token.rpartition(".")
    r, s = (int.from_bytes(part, "big") for part in (decoded(signature)[:32], decoded(signature)[32:]))
    KEY.public_key().verify(encode_dss_signature(r, s), text.encode(), ec.ECDSA(hashes.SHA256()))
    header, claims = (msgspec.json.decode(decoded(part)) for part in text.split("."))
    assert (scheme, header) == ("bearer", {"alg": "ES256", "kid": "KEY1234567"})
    found: dict[str, Any] = claims
    return found


def test_the_app_gets_the_message_with_its_decision_and_where_it_leads() -> None:
    with Http2Peer(lambda asked: Say(headers={"apns-id": asked.headers["apns-id"]})) as peer, channel(peer) as sending:
        assert sending.send(MESSAGE, "d1") == Delivered(apns_id("d1"))
    (asked,) = peer.asked
    assert asked.path == "/3/device/" + MESSAGE.address
    assert msgspec.json.decode(asked.body) == {
        "aps": {"alert": {"title": "Grüße", "body": "世界"}, "sound": "default"},
        "decision_id": "d1",
        "link": "https://app.example/p",
        "type": "news",
    }
    assert str(uuid.UUID(asked.headers["apns-id"])) == apns_id("d1") != apns_id("d2")
    assert asked.headers["apns-topic"] == "com.example.app"
    assert asked.headers["apns-push-type"] == "alert"
    assert asked.headers["apns-expiration"] == str(NOW // 1_000_000 + 1800)
    assert asked.headers["apns-collapse-id"] == "post-1"
    assert verified(asked) == {"iss": "TEAM123456", "iat": NOW // 1_000_000}


def test_a_collapse_key_is_cut_to_what_apple_takes() -> None:
    with Http2Peer() as peer, channel(peer) as sending:
        for key in ("k" * 65, "ü", "a\r\nb"):
            sending.send(msgspec.structs.replace(MESSAGE, collapse_key=key), "d1")
    sent = [asked.headers["apns-collapse-id"] for asked in peer.asked]
    assert all(len(each) <= 64 and each.isascii() for each in sent)
    assert len(set(sent)) == 3


def test_one_token_serves_for_forty_minutes_over_one_connection() -> None:
    clock = SimulatedClock(NOW)
    with Http2Peer() as peer, channel(peer, clock) as sending:
        for minutes in (0, 39, 41):
            clock.set(NOW + minutes * MINUTE_US)
            sending.send(MESSAGE, "d1")
    first, second, third = [asked.headers["authorization"] for asked in peer.asked]
    assert first == second != third
    assert peer.connections == 1


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (refusal(410, "Unregistered"), Unreachable("410 Unregistered")),
        (refusal(400, "BadDeviceToken"), Unreachable("400 BadDeviceToken")),
        (refusal(400, "DeviceTokenNotForTopic"), Failed("400 DeviceTokenNotForTopic")),
        (refusal(413, "PayloadTooLarge"), Failed("413 PayloadTooLarge")),
        (refusal(403, "InvalidProviderToken"), RetryAfter(detail="403 InvalidProviderToken")),
        (refusal(429, "TooManyRequests"), RetryAfter(timedelta(minutes=1), "429 TooManyRequests")),
        (
            refusal(429, "TooManyProviderTokenUpdates"),
            RetryAfter(timedelta(minutes=1), "429 TooManyProviderTokenUpdates"),
        ),
        (
            refusal(503, "ServiceUnavailable", headers={"retry-after": "30"}),
            RetryAfter(timedelta(seconds=30), "503 ServiceUnavailable"),
        ),
        (refusal(500, "InternalServerError"), RetryAfter(detail="500 InternalServerError")),
        (Say(503, b"<html>"), RetryAfter(detail="503")),
        (Say(400, b'{"reason": 7}'), Failed("400")),
    ],
)
def test_what_apple_answers_decides_what_follows(say: Say, expected: object) -> None:
    with Http2Peer(says=[say]) as peer, channel(peer) as sending:
        assert sending.send(MESSAGE, "d1") == expected
    assert len(peer.asked) == 1


def test_an_expired_token_is_renewed_once_and_a_young_one_is_kept() -> None:
    expired = refusal(403, "ExpiredProviderToken")
    clock = SimulatedClock(NOW)
    with Http2Peer(says=[Say(), expired, Say(), expired]) as peer, channel(peer, clock) as sending:
        sending.send(MESSAGE, "d1")
        clock.set(NOW + 30 * MINUTE_US)
        assert isinstance(sending.send(MESSAGE, "d2"), Delivered)
        assert sending.send(MESSAGE, "d3") == RetryAfter(detail="403 ExpiredProviderToken")
    tokens = [asked.headers["authorization"] for asked in peer.asked]
    assert len(tokens) == 4
    assert tokens[0] == tokens[1] != tokens[2] == tokens[3]


@pytest.mark.parametrize("say", [Say(cut=True), Say(hang=True)], ids=["cut", "slow"])
def test_a_call_that_breaks_off_is_in_doubt_and_the_next_one_goes_through(say: Say) -> None:
    with Http2Peer(says=[say]) as peer, channel(peer, timeout_s=0.5) as sending:
        with pytest.raises(Exception, match=r"disconnected|timed out|Connection"):
            sending.send(MESSAGE, "d1")
        assert isinstance(sending.send(MESSAGE, "d2"), Delivered)


@pytest.mark.parametrize("address", ["", "zz", "ab12/../x", "ab12?x=1", "ab 12"])
def test_what_is_no_device_token_reaches_nobody(address: str) -> None:
    with Http2Peer() as peer, channel(peer) as sending:
        assert isinstance(sending.send(msgspec.structs.replace(MESSAGE, address=address), "d1"), Unreachable)
    assert peer.asked == []


def test_credentials_are_checked_when_the_channel_is_made(tmp_path: Path) -> None:
    given = Apns(key_env="P8", key_id="KEY1234567", team_id="TEAM123456", topic="com.example.app")
    file = tmp_path / "key.p8"
    with pytest.raises(MissingCredential, match="P8 is not set"):
        from_settings(given, {}, SimulatedClock())
    for wrong in (b"no key", rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())):
        file.write_bytes(wrong)
        with pytest.raises(MissingCredential, match="key"):
            from_settings(given, {"P8": str(file)}, SimulatedClock())
    file.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    from_settings(given, {"P8": str(file)}, SimulatedClock()).close()
    with pytest.raises(InvalidSettings, match="key_id"):
        from_settings(msgspec.structs.replace(given, key_id="a b"), {"P8": str(file)}, SimulatedClock())
