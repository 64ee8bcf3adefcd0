"""E-mail against a real mail server: what arrives is what was meant, and what breaks off is told apart."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from http_peer import server_tls, trusting
from mail_peer import MailPeer
from tactful.clock import SimulatedClock, to_us
from tactful.delivery.channels.smtp import SmtpChannel, from_settings
from tactful.delivery.protocol import Delivered, Failed, Message, RetryAfter, Unreachable
from tactful.delivery.settings import Smtp
from tactful.errors import InvalidSettings, MissingCredential

NOW = to_us(datetime(2026, 3, 1, 12, tzinfo=UTC))
TOKEN = "<https://app.example/u/" + "t" * 180 + ">"
MESSAGE = Message(
    channel="email",
    address="ana@example.com",
    type="news",
    locale="en",
    subject="Grüße, 世界",
    body='<p>Grüße, 世界</p>\n.\n<p>.<a href="https://app.example/p">Read &amp; answer</a></p>',
    headers={"List-Unsubscribe": TOKEN, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
)


@contextmanager
def channel(peer: MailPeer, **options: Any) -> Iterator[SmtpChannel]:
    given = {"security": "none", "timeout_s": 2.0, "clock": SimulatedClock(NOW), "tls": trusting(), **options}
    sender = given.pop("sender", "Example <news@mail.example.com>")
    made = SmtpChannel("127.0.0.1", peer.port, sender, **given)
    yield made
    made.close()


def changed(**fields: Any) -> Message:
    return msgspec.structs.replace(MESSAGE, **fields)


def test_a_mail_arrives_with_both_bodies_and_every_header() -> None:
    options = {"reply_to": "help@example.com", "return_path": "bounces@mail.example.com"}
    with MailPeer() as peer, channel(peer, **options) as sending:
        assert sending.send(MESSAGE, "d1") == Delivered("2.0.0 queued as 4711")
    (took,) = peer.took
    assert (took.sender, took.recipients) == ("bounces@mail.example.com", ["ana@example.com"])
    mail = took.mail
    assert mail["From"] == "Example <news@mail.example.com>"
    assert mail["To"] == "ana@example.com"
    assert mail["Reply-To"] == "help@example.com"
    assert mail["Subject"] == "Grüße, 世界"
    assert mail["Message-ID"] == "<d1@mail.example.com>"
    assert mail["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    text, html = mail.iter_parts()
    assert text.get_content().split() == ["Grüße,", "世界", ".", ".Read", "&", "answer", "(https://app.example/p)"]
    assert html.get_content().split() == MESSAGE.body.split()


def test_unsubscribe_headers_go_out_unfolded_and_unchanged() -> None:
    with MailPeer() as peer, channel(peer) as sending:
        sending.send(MESSAGE, "d1")
    lines = peer.took[0].raw.split(b"\r\n")
    assert f"List-Unsubscribe: {TOKEN}".encode() in lines
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines


def test_the_same_decision_gives_the_same_bytes() -> None:
    with MailPeer() as peer, channel(peer) as sending:
        for _ in range(2):
            sending.send(MESSAGE, "d1")
    assert peer.took[0].raw == peer.took[1].raw
    assert len({id(session) for session in peer.sessions}) == 1  # and goes over one connection


def test_several_threads_send_at_once() -> None:
    with MailPeer() as peer, channel(peer) as sending, ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda i: sending.send(MESSAGE, f"d{i}"), range(12)))
    assert {type(each) for each in outcomes} == {Delivered}
    assert {took.mail["Message-ID"] for took in peer.took} == {f"<d{i}@mail.example.com>" for i in range(12)}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"rcpt": "421 closing"}, RetryAfter(detail="recipient: 421")),
        ({"rcpt": "450 4.2.1 greylisted"}, RetryAfter(detail="recipient: 450 4.2.1")),
        ({"data": "451 4.3.0 later"}, RetryAfter(detail="text: 451 4.3.0")),
        ({"rcpt": "550 5.1.1 ana@example.com unknown"}, Unreachable("recipient: 550 5.1.1")),
        ({"rcpt": "550 no such user"}, Unreachable("recipient: 550")),
        ({"data": "550 5.1.1 unknown"}, Unreachable("text: 550 5.1.1")),
        ({"rcpt": "550 5.7.1 blocked"}, Failed("recipient: 550 5.7.1")),
        ({"rcpt": "552 5.2.2 full"}, Failed("recipient: 552 5.2.2")),
        ({"mail": "550 5.1.1 sender"}, Failed("sender: 550 5.1.1")),
        ({"data": "554 5.7.1 spam"}, Failed("text: 554 5.7.1")),
        ({"data": "550 refused"}, Failed("text: 550")),
    ],
    ids=lambda each: next(iter(each.items()))[1] if isinstance(each, dict) else "",
)
def test_what_the_server_answers_decides_what_follows(answers: dict[str, str], expected: object) -> None:
    with MailPeer(**answers) as peer, channel(peer) as sending:
        assert sending.send(MESSAGE, "d1") == expected
        assert sending.send(MESSAGE, "d1") == expected  # the connection is usable, or another one is made
    assert peer.took == []


@pytest.mark.parametrize("trouble", [{"cut": "text"}, {"cut": "end"}, {"slow": True}], ids=str)
def test_what_breaks_off_while_the_text_is_under_way_is_in_doubt(trouble: dict[str, Any]) -> None:
    with MailPeer(**trouble) as peer, channel(peer, timeout_s=0.3) as sending, pytest.raises(OSError):
        sending.send(MESSAGE, "d1")


def test_a_server_that_is_away_has_surely_got_nothing() -> None:
    with MailPeer() as peer, channel(peer) as sending:
        sending.send(MESSAGE, "d1")
        peer.stop()
        outcome = sending.send(MESSAGE, "d2")
    assert isinstance(outcome, RetryAfter)


@pytest.mark.parametrize(
    "message",
    [
        changed(subject="Hello\r\nBcc: everyone@example.com"),
        changed(subject="Hello\nX-Evil: 1"),
        changed(headers={"X-A": "1\r\nBcc: everyone@example.com"}),
        changed(headers={"X-A\r\nBcc": "everyone@example.com"}),
        changed(headers={"Bcc": "everyone@example.com"}),
        changed(headers={"X-A": "ü"}),
        changed(address="ana@example.com\r\nRCPT TO:<eve@example.com>"),
        changed(address="ana@example.com, eve@example.com"),
        changed(address="<ana@example.com>"),
        changed(address="ana"),
        changed(address=""),
        changed(body="\ud800"),
    ],
    ids=range(12),
)
def test_nothing_can_be_smuggled_into_a_mail(message: Message) -> None:
    with MailPeer() as peer, channel(peer) as sending:
        assert isinstance(sending.send(message, "d1"), Failed | Unreachable)
        assert isinstance(sending.send(MESSAGE, "d2"), Delivered)
    assert [took.mail["Message-ID"] for took in peer.took] == ["<d2@mail.example.com>"]


def test_a_login_goes_over_tls_and_a_wrong_password_is_for_the_operator_to_mend() -> None:
    with MailPeer(login=("app", "right"), tls=server_tls()) as peer:
        with channel(peer, security="starttls", login=("app", "right")) as sending:
            assert isinstance(sending.send(MESSAGE, "d1"), Delivered)
        with channel(peer, security="starttls", login=("app", "wrong")) as sending:
            assert sending.send(MESSAGE, "d2") == RetryAfter(detail="no connection: SMTPAuthenticationError")
    assert len(peer.took) == 1


def test_without_starttls_on_offer_nothing_is_sent_in_the_clear() -> None:
    with MailPeer() as peer, channel(peer, security="starttls") as sending:
        assert isinstance(sending.send(MESSAGE, "d1"), RetryAfter)
    assert peer.took == []


def test_settings_are_checked_when_the_channel_is_made() -> None:
    given = Smtp(host="mail.example.com", sender="Example <news@example.com>", username="app", password_env="SMTP")
    with pytest.raises(MissingCredential, match="SMTP is not set"):
        from_settings(given, {}, SimulatedClock())
    from_settings(given, {"SMTP": "secret"}, SimulatedClock()).close()
    for wrong in ({"sender": "Example"}, {"return_path": "x"}, {"reply_to": "a b@c"}, {"security": "none"}):
        with pytest.raises(InvalidSettings):
            from_settings(msgspec.structs.replace(given, **wrong), {"SMTP": "secret"}, SimulatedClock())
