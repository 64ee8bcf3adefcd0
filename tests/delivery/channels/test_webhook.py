"""The signed webhook against a real receiver that checks what a Standard Webhooks receiver checks."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from http_peer import Asked, Http1Peer, Say, trusting
from tactful.clock import SimulatedClock, to_us
from tactful.delivery.channels.webhook import WebhookChannel, from_settings, sign
from tactful.delivery.protocol import Delivered, Failed, Message, RetryAfter, Unreachable
from tactful.delivery.settings import Webhook
from tactful.errors import InvalidSettings, MissingCredential

NOW = to_us(datetime(2026, 3, 1, 12, tzinfo=UTC))
OLD, NEW = (b"o" * 24, b"n" * 32)
MESSAGE = Message(
    channel="push", address="token", type="news", locale="en", title="Hi", body="世界", link="https://app.example/p"
)


def whsec(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


@contextmanager
def channel(url: str, *secrets: bytes, **options: Any) -> Iterator[WebhookChannel]:
    options = {"allow_private": True, "timeout_s": 2.0, "clock": SimulatedClock(NOW), "tls": trusting(), **options}
    made = WebhookChannel(url, [whsec(each) for each in secrets or (NEW,)], **options)
    yield made
    made.close()


def is_signed_by(key: bytes, asked: Asked) -> bool:
    text = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode() + asked.body
    made = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return f"v1,{made}" in asked.headers["webhook-signature"].split()


def test_a_receiver_can_verify_every_message_and_read_it() -> None:
    with Http1Peer() as peer, channel(peer.url + "/in?x=1") as sending:
        assert sending.send(MESSAGE, "d1") == Delivered("d1")
    (asked,) = peer.asked
    assert asked.path == "/in?x=1"
    assert asked.headers["webhook-id"] == "d1"
    assert asked.headers["webhook-timestamp"] == str(NOW // 1_000_000)
    assert is_signed_by(NEW, asked)
    assert not is_signed_by(OLD, asked)
    told = msgspec.json.decode(asked.body)
    assert told["type"] == "message.send"
    assert told["timestamp"] == "2026-03-01T12:00:00Z"
    assert msgspec.convert(told["data"], Message) == MESSAGE


def test_while_secrets_are_changed_both_sign() -> None:
    with Http1Peer() as peer, channel(peer.url, NEW, OLD) as sending:
        sending.send(MESSAGE, "d1")
    assert all(is_signed_by(key, peer.asked[0]) for key in (OLD, NEW))


def test_the_example_of_the_standard_gives_its_signature() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (Say(204), Delivered("d1")),
        (Say(429, headers={"Retry-After": "90"}), RetryAfter(timedelta(seconds=90), "429")),
        (
            Say(503, headers={"Retry-After": "Sun, 01 Mar 2026 12:02:00 GMT"}),
            RetryAfter(timedelta(minutes=2), "503"),
        ),
        (Say(503, headers={"Retry-After": "soon"}), RetryAfter(detail="503")),
        (Say(500), RetryAfter(detail="500")),
        (Say(302, headers={"Location": "http://127.0.0.1:1/"}), Failed("302")),
        (Say(400), Failed("400")),
        (Say(410), Failed("410")),
    ],
    ids=lambda each: str(each.status) if isinstance(each, Say) else "",
)
def test_what_the_receiver_answers_decides_what_follows(say: Say, expected: object) -> None:
    with Http1Peer(says=[say]) as peer, channel(peer.url) as sending:
        assert sending.send(MESSAGE, "d1") == expected
    assert len(peer.asked) == 1


def test_a_users_own_url_that_is_gone_is_unreachable() -> None:
    with Http1Peer(says=[Say(410)]) as peer, channel("") as sending:
        assert sending.send(msgspec.structs.replace(MESSAGE, address=peer.url), "d1") == Unreachable("410")


@pytest.mark.parametrize("say", [Say(cut=True), Say(hang=True)], ids=["cut", "slow"])
def test_a_call_that_breaks_off_is_in_doubt(say: Say) -> None:
    with Http1Peer(says=[say]) as peer, channel(peer.url, timeout_s=0.3) as sending:
        with pytest.raises(Exception, match=r"disconnected|timed out"):
            sending.send(MESSAGE, "d1")
        assert len(peer.asked) == 1
        assert isinstance(sending.send(MESSAGE, "d1"), Delivered)


@pytest.mark.parametrize("say", [Say(200, drip=0.02), Say(200)], ids=["byte by byte", "never"])
def test_an_answer_whose_text_does_not_end_counts_by_its_status_within_the_time_of_a_call(say: Say) -> None:
    say.headers["Content-Length"] = "60000"
    with Http1Peer(says=[say]) as peer, channel(peer.url, timeout_s=0.3) as sending:
        begun = time.monotonic()
        assert sending.send(MESSAGE, "d1") == Delivered("d1")
        assert time.monotonic() - begun < 10


def test_a_receiver_that_is_away_has_surely_got_nothing() -> None:
    with Http1Peer() as peer:
        url = peer.url
    with channel(url) as sending:
        assert isinstance(sending.send(MESSAGE, "d1"), RetryAfter)


def test_the_connection_is_kept() -> None:
    with Http1Peer() as peer, channel(peer.url) as sending:
        for key in ("d1", "d2", "d3"):
            sending.send(MESSAGE, key)
    assert peer.connections == 1


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "0.0.0.0"],
)
def test_private_networks_are_out_of_bounds(host: str) -> None:
    with channel(f"https://{host}:9/", allow_private=False) as sending:
        outcome = sending.send(MESSAGE, "d1")
    assert isinstance(outcome, Failed)
    assert "private network" in outcome.detail


def test_a_private_receiver_gets_no_connection_even_if_it_listens() -> None:
    with Http1Peer(tls=True) as peer, channel(peer.url, allow_private=False) as sending:
        assert isinstance(sending.send(MESSAGE, "d1"), Failed)
    assert peer.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "file:///etc/passwd",
        "https://",
        "gopher://x.example/",
        "https://a@127.0.0.1/",
        "https://x.example/\r\nX: y",
        "https://[::1",
        "",
    ],
)
def test_what_is_no_https_url_is_not_called(url: str) -> None:
    with channel("", allow_private=False) as sending:
        assert isinstance(sending.send(msgspec.structs.replace(MESSAGE, address=url), "d1"), Unreachable)


def test_secrets_come_from_the_environment_and_are_checked() -> None:
    given = Webhook(url="https://hooks.example.com/", secrets_env="HOOK")
    with pytest.raises(MissingCredential, match="HOOK is not set"):
        from_settings(given, {}, SimulatedClock())
    for wrong in ("whsec_short", "plain", whsec(b"x" * 8)):
        with pytest.raises(MissingCredential, match="whsec_"):
            from_settings(given, {"HOOK": wrong}, SimulatedClock())
    with pytest.raises(InvalidSettings, match="http:"):
        from_settings(
            Webhook(url="http://platform.internal/", secrets_env="HOOK"), {"HOOK": whsec(NEW)}, SimulatedClock()
        )
    made = from_settings(given, {"HOOK": f"{whsec(NEW)} {whsec(OLD)}"}, SimulatedClock())
    assert made.honours_idempotency
