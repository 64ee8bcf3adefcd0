"""Web push against a receiver that does what a browser does: it decrypts, and checks who sent."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from browser import CURVE, VAPID, Browser, point
from http_peer import Asked, Http1Peer, Say, trusting
from tactful.clock import SimulatedClock, from_us, to_us
from tactful.delivery.channels.web_push import WebPushChannel, from_settings
from tactful.delivery.protocol import Delivered, Failed, Message, RetryAfter, Unreachable
from tactful.delivery.settings import WebPush
from tactful.delivery.signed_tokens import decoded, encoded
from tactful.errors import InvalidSettings, MissingCredential

NOW = to_us(datetime(2026, 3, 1, 12, tzinfo=UTC))
MESSAGE = Message(
    channel="web_push",
    address="",
    type="news",
    locale="en",
    title="Grüße",
    body="世界",
    link="https://app.example/p",
    decision_id="d1",
    expires_at=from_us(NOW) + timedelta(minutes=30),
    collapse_key="post-1",
)


BROWSER = Browser()


@contextmanager
def channel(**options: Any) -> Iterator[WebPushChannel]:
    given = {"allow_private": True, "timeout_s": 2.0, "clock": SimulatedClock(NOW), "tls": trusting(), **options}
    made = WebPushChannel(VAPID, "mailto:ops@example.com", **given)
    yield made
    made.close()


def to(peer: Http1Peer, **changes: Any) -> Message:
    return msgspec.structs.replace(MESSAGE, address=BROWSER.subscription(peer.url + "/send/abc"), **changes)


def verified(asked: Asked) -> dict[str, Any]:
    """The claims of the VAPID token, after its signature was checked."""
    scheme, _, rest = asked.headers["authorization"].partition(" ")
    given = dict(part.strip().split("=", 1) for part in rest.split(","))
    text, _, signature = given["t"].rpartition(".")
    half = decoded(signature)
    public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, decoded(given["k"]))
    r, s = (int.from_bytes(part, "big") for part in (half[:32], half[32:]))
    public.verify(encode_dss_signature(r, s), text.encode(), ec.ECDSA(hashes.SHA256()))
    assert (scheme, decoded(given["k"])) == ("vapid", point(VAPID))
    found: dict[str, Any] = msgspec.json.decode(decoded(text.split(".")[1]))
    return found


def test_the_browser_reads_what_was_sent_and_the_push_service_cannot() -> None:
    with Http1Peer(lambda asked: Say(201, headers={"Location": "/m/1"}), tls=True) as peer, channel() as sending:
        assert sending.send(to(peer), "d1") == Delivered("/m/1")
    (asked,) = peer.asked
    assert msgspec.json.decode(BROWSER.read(asked.body)) == {
        "title": "Grüße",
        "body": "世界",
        "link": "https://app.example/p",
        "type": "news",
        "decision_id": "d1",
        "collapse_key": "post-1",
    }
    assert b"app.example" not in asked.body
    assert asked.headers["content-encoding"] == "aes128gcm"
    assert (asked.headers["ttl"], asked.headers["urgency"]) == ("1800", "normal")
    assert asked.headers["topic"] == "OLphaBcGF3EF1CbBiQsIOxxlMuATU6IO"
    claims = verified(asked)
    assert claims == {"aud": peer.url, "exp": NOW // 1_000_000 + 12 * 3600, "sub": "mailto:ops@example.com"}


@pytest.mark.parametrize(
    ("left", "ttl"), [(timedelta(seconds=-5), "0"), (timedelta(days=90), "2419200"), (None, "86400")]
)
def test_the_push_service_keeps_it_no_longer_than_it_is_worth_something(left: timedelta | None, ttl: str) -> None:
    with Http1Peer(tls=True) as peer, channel() as sending:
        sending.send(to(peer, expires_at=from_us(NOW) + left if left else None, collapse_key=""), "d1")
    assert peer.asked[0].headers["ttl"] == ttl
    assert "topic" not in peer.asked[0].headers


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (Say(404), Unreachable("404")),
        (Say(410), Unreachable("410")),
        (Say(413), Failed("413")),
        (Say(429, headers={"Retry-After": "60"}), RetryAfter(timedelta(seconds=60), "429")),
        (Say(503), RetryAfter(detail="503")),
        (Say(401), RetryAfter(detail="401")),
        (Say(403), Failed("403")),
        (Say(307, headers={"Location": "https://127.0.0.1:1/"}), Failed("307")),
    ],
    ids=lambda each: str(each.status) if isinstance(each, Say) else "",
)
def test_what_the_push_service_answers_decides_what_follows(say: Say, expected: object) -> None:
    with Http1Peer(says=[say], tls=True) as peer, channel() as sending:
        assert sending.send(to(peer), "d1") == expected
    assert len(peer.asked) == 1


def test_a_call_that_is_cut_is_in_doubt() -> None:
    with (
        Http1Peer(says=[Say(cut=True)], tls=True) as peer,
        channel() as sending,
        pytest.raises(Exception, match="disc"),
    ):
        sending.send(to(peer), "d1")


def test_a_subscription_into_a_private_network_is_not_called() -> None:
    with Http1Peer(tls=True) as peer, channel(allow_private=False) as sending:
        outcome = sending.send(to(peer), "d1")
    assert isinstance(outcome, Failed)
    assert "private network" in outcome.detail
    assert peer.connections == 0


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://push.example/abc",
        "[]",
        '{"endpoint": "https://push.example/abc"}',
        BROWSER.subscription("http://push.example/abc"),
        BROWSER.subscription("https://push.example/a b"),
        BROWSER.subscription("https://push.example/a").replace('"auth":"', '"auth":"***'),
        BROWSER.subscription("https://push.example/a").replace('"p256dh":"B', '"p256dh":"C'),
    ],
    ids=range(8),
)
def test_what_is_no_subscription_reaches_nobody(address: str) -> None:
    with channel() as sending:
        outcome = sending.send(msgspec.structs.replace(MESSAGE, address=address), "d1")
    assert isinstance(outcome, Unreachable)


def test_the_longest_message_goes_through_and_a_longer_one_is_refused() -> None:
    with Http1Peer(tls=True) as peer, channel() as sending:
        sending.send(to(peer, body=""), "d1")
        room = 3993 - len(BROWSER.read(peer.asked[0].body))
        assert isinstance(sending.send(to(peer, body="x" * room), "d2"), Delivered)
        assert isinstance(sending.send(to(peer, body="x" * (room + 1)), "d3"), Failed)
    assert [len(asked.body) for asked in peer.asked[1:]] == [4096]
    assert b"x" * room in BROWSER.read(peer.asked[1].body)


def test_the_key_comes_from_the_environment_and_is_checked() -> None:
    given = WebPush(private_key_env="VAPID", contact="mailto:ops@example.com")
    with pytest.raises(MissingCredential, match="VAPID is not set"):
        from_settings(given, {}, SimulatedClock())
    for wrong in ("abc", "***", encoded(b"\0" * 32)):
        with pytest.raises(MissingCredential, match="32 bytes"):
            from_settings(given, {"VAPID": wrong}, SimulatedClock())
    right = {"VAPID": base64.urlsafe_b64encode((7).to_bytes(32, "big")).decode()}
    made = from_settings(given, right, SimulatedClock())
    assert decoded(made.public_key) == point(VAPID)
    with pytest.raises(InvalidSettings, match="mailto"):
        from_settings(msgspec.structs.replace(given, contact="ops@example.com"), right, SimulatedClock())
