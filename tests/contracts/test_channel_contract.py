"""What every channel promises. A class in `tactful.delivery.channels` that is a `Channel` must have a rig here.

A rig makes the channel, says what has arrived at its far end, and makes one whose far end is out of order.
"""

import importlib
import inspect
import io
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

import tactful.delivery.channels
from browser import VAPID, Browser
from google_peer import Google, account
from http_peer import Asked, Http1Peer, Http2Peer, Say, trusting
from mail_peer import MailPeer
from tactful import draws
from tactful.clock import to_us
from tactful.delivery.channels import close
from tactful.delivery.channels.apns import ApnsChannel
from tactful.delivery.channels.apprise import AppriseChannel
from tactful.delivery.channels.console import ConsoleChannel
from tactful.delivery.channels.fcm import FcmChannel
from tactful.delivery.channels.file import FileChannel
from tactful.delivery.channels.inbox import InboxChannel
from tactful.delivery.channels.inbox import decode as kept
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.channels.smtp import SmtpChannel
from tactful.delivery.channels.web_push import WebPushChannel
from tactful.delivery.channels.webhook import WebhookChannel
from tactful.delivery.outbox import OutboxMessage, encode
from tactful.delivery.protocol import Channel, Delivered, Failed, Limits, Message, Outcome, RetryAfter
from tactful.delivery.send import Sender
from tactful.delivery.unsubscribe import OneClick
from tactful.errors import UnreadableInput
from tactful.events.records import CHANNELS
from tactful.events.registry import Registry
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import OutboxRow
from tactful.stores.sqlite import SqliteStore

MESSAGE = Message(
    channel="email",
    address="person@example.com",
    type="news",
    locale="en",
    subject="Subject line",
    body="<p>Grüße, 世界\nline two</p>",
    headers={"List-Unsubscribe": "<https://app.example/u/token>"},
)


@dataclass
class Rig:
    """A channel under test: `arrived` lists the idempotency keys at the far end, repeats included.

    `address_of` a channel is an address that leads to its far end; `close` ends connections and peers.
    """

    channel: Channel
    arrived: Callable[[], list[str]]
    restarted: Callable[[], Channel]
    busy: Channel | None = None
    refusing: Channel | None = None
    address_of: Callable[[Channel], str] = lambda channel: MESSAGE.address
    close: Callable[[], None] = lambda: None

    def send(self, channel: Channel, key: str) -> Outcome:
        """Sends a message, under its decision's id as the sender does."""
        return channel.send(msgspec.structs.replace(MESSAGE, address=self.address_of(channel), decision_id=key), key)


def console(tmp_path: Path) -> Rig:
    stream, closed = io.StringIO(), io.StringIO()
    closed.close()

    def keys() -> list[str]:
        return [line.split()[-1] for line in stream.getvalue().splitlines() if line.startswith("[")]

    return Rig(ConsoleChannel(stream), keys, lambda: ConsoleChannel(stream), busy=ConsoleChannel(closed))


def file(tmp_path: Path) -> Rig:
    path = tmp_path / "messages.ndjson"

    def keys() -> list[str]:
        return [msgspec.json.decode(line)["key"] for line in path.read_bytes().splitlines()] if path.exists() else []

    return Rig(
        FileChannel(path),
        keys,
        lambda: FileChannel(path),
        busy=FileChannel(Path("/dev/full")),
        refusing=FileChannel(tmp_path / "no such folder" / "messages.ndjson"),
    )


def memory(tmp_path: Path) -> Rig:
    channel = MemoryChannel()
    return Rig(
        channel,
        lambda: [*channel.arrived, *channel.repeats],
        lambda: channel,
        busy=MemoryChannel([RetryAfter()]),
        refusing=MemoryChannel([Failed()]),
    )


def behind(
    peers: tuple[Http1Peer | Http2Peer, ...],
    made: Callable[[str], Channel],
    key_of: Callable[[Asked], str],
    address: Callable[[str], str] = lambda url: MESSAGE.address,
) -> Rig:
    """The rig of a provider over HTTP: one peer that takes, one that is busy, one that refuses."""
    open_peers = ExitStack()
    taking, *out_of_order = [open_peers.enter_context(each) for each in peers]
    channel, busy, refusing = made(taking.url), *(made(each.url) for each in out_of_order)
    leads_to = {id(each): peer.url for each, peer in zip((busy, refusing), out_of_order, strict=True)}
    for each in (channel, busy, refusing):
        open_peers.callback(close, {"email": each})

    def restarted() -> Channel:
        again = made(taking.url)
        open_peers.callback(close, {"email": again})
        return again

    return Rig(
        channel,
        lambda: [key_of(each) for each in taking.asked],
        restarted,
        busy,
        refusing,
        lambda each: address(leads_to.get(id(each), taking.url)),
        open_peers.close,
    )


def http1(status: int, tls: bool = False) -> Http1Peer:
    return Http1Peer(lambda asked: Say(status), tls=tls)


def webhook(tmp_path: Path) -> Rig:
    peers = http1(204), http1(503), http1(422)

    def made(url: str) -> Channel:
        return WebhookChannel(url, ["whsec_" + "QUJD" * 8], allow_private=True, tls=trusting())

    rig = behind(peers, made, lambda asked: asked.headers["webhook-id"])
    calls = rig.arrived

    # The receiver drops an id that it has seen: that is what the channel was told of it.
    rig.arrived = lambda: list(dict.fromkeys(calls()))
    return rig


def smtp(tmp_path: Path) -> Rig:
    servers = ExitStack()
    taking, busy, refusing = (
        servers.enter_context(MailPeer(**says)) for says in ({}, {"rcpt": "450 later"}, {"data": "554 no"})
    )

    def made(peer: MailPeer) -> Channel:
        channel = SmtpChannel("127.0.0.1", peer.port, "app@example.com", security="none", tls=trusting())
        servers.callback(channel.close)
        return channel

    def keys() -> list[str]:
        return [took.mail["Message-ID"].split("@")[0].removeprefix("<") for took in taking.took]

    return Rig(made(taking), keys, lambda: made(taking), made(busy), made(refusing), close=servers.close)


def inbox(tmp_path: Path) -> Rig:
    made = [InboxChannel(tmp_path / "store.sqlite"), InboxChannel(tmp_path / "no such folder" / "store.sqlite")]

    def keys() -> list[str]:
        store = SqliteStore(tmp_path / "store.sqlite")
        found = [kept(row.data).decision_id for row in store.inbox_after(0, 99)]
        store.close()
        return found

    def restarted() -> Channel:
        made.append(InboxChannel(tmp_path / "store.sqlite"))
        return made[-1]

    return Rig(made[0], keys, restarted, busy=made[1], close=lambda: [each.close() for each in made])


def web_push(tmp_path: Path) -> Rig:
    browser = Browser()

    def made(url: str) -> Channel:
        return WebPushChannel(VAPID, "mailto:ops@example.com", allow_private=True, tls=trusting())

    def key_of(asked: Asked) -> str:
        return str(msgspec.json.decode(browser.read(asked.body))["decision_id"])

    peers = http1(201, tls=True), http1(503, tls=True), http1(413, tls=True)
    return behind(peers, made, key_of, lambda url: browser.subscription(url + "/send/abc"))


def fcm(tmp_path: Path) -> Rig:
    def made(url: str) -> Channel:
        return FcmChannel(account(url + "/token"), endpoint=url, tls=trusting())

    def key_of(asked: Asked) -> str:
        return str(msgspec.json.decode(asked.body)["message"]["data"]["decision_id"])

    taking = Google()
    rig = behind(tuple(map(Http2Peer, (taking, Google(Say(503)), Google(Say(400))))), made, key_of)
    rig.arrived = lambda: [key_of(each) for each in taking.messages]
    return rig


def apns(tmp_path: Path) -> Rig:
    def made(url: str) -> Channel:
        return ApnsChannel(VAPID, "KEY1234567", "TEAM123456", "com.example.app", endpoint=url, tls=trusting())

    def key_of(asked: Asked) -> str:
        return str(msgspec.json.decode(asked.body)["decision_id"])

    peers = tuple(Http2Peer(lambda asked, status=status: Say(status)) for status in (200, 503, 400))
    return behind(peers, made, key_of, lambda url: "ab12" * 16)


def apprise(tmp_path: Path) -> Rig:
    def made(url: str) -> Channel:
        return AppriseChannel(["json"], url.replace("http://", "json://"))

    rig = behind((http1(200), http1(503), http1(503)), made, lambda asked: "")
    calls = rig.arrived
    # Apprise hands no key on: what arrived is counted. It does not say either whether a far end was busy.
    rig.arrived = lambda: [f"d{i}" for i, _ in enumerate(calls(), start=1)]
    rig.busy = None
    return rig


RIGS: dict[type, Callable[[Path], Rig]] = {
    ConsoleChannel: console,
    FileChannel: file,
    InboxChannel: inbox,
    MemoryChannel: memory,
    SmtpChannel: smtp,
    ApnsChannel: apns,
    AppriseChannel: apprise,
    FcmChannel: fcm,
    WebPushChannel: web_push,
    WebhookChannel: webhook,
}


@pytest.fixture(params=list(RIGS), ids=lambda each: each.__name__)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    made = RIGS[request.param](tmp_path)
    yield made
    made.close()


def sent_through(channel: Channel, suppress: bool = False, address: str = MESSAGE.address) -> str:
    """Sends one mail from an outbox through the channel; returns how it fared."""
    store, now_us = MemoryStore(), to_us(datetime(2026, 3, 1, tzinfo=UTC))
    waiting = OutboxMessage(
        decision_id="d1",
        user_id="u1",
        channel="email",
        address=address,
        type="comment_digest",
        locale="en",
        candidate_id="c1",
        candidate_log_ts_us=now_us,
        payload={"post_title": "t", "url": "https://app.example"},
        expires_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    store.enqueue([OutboxRow(1, draws.key("u1"), now_us, CHANNELS.index("email"), encode(waiting))])
    if suppress:
        store.suppress(draws.key("u1"), CHANNELS.index("email"), now_us, False)
    one_click = OneClick("https://app.example/u", b"0123456789abcdef")
    (sent,) = Sender(store, {"email": channel}, Registry.shipped(), one_click).run(now_us, 10).messages
    return sent.result


def test_every_channel_of_the_package_has_a_rig() -> None:
    found = set()
    for module in pkgutil.iter_modules(tactful.delivery.channels.__path__, "tactful.delivery.channels."):
        for _, each in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if each.__module__ == module.name and hasattr(each, "send"):
                found.add(each)
    assert found == set(RIGS)


def test_it_is_a_channel_and_states_its_limits(rig: Rig) -> None:
    assert isinstance(rig.channel, Channel)
    assert isinstance(rig.channel.limits, Limits)
    assert isinstance(rig.channel.honours_idempotency, bool)


def test_a_message_arrives_under_its_key(rig: Rig) -> None:
    assert isinstance(rig.send(rig.channel, "d1"), Delivered)
    assert isinstance(rig.send(rig.channel, "d2"), Delivered)
    assert rig.arrived() == ["d1", "d2"]


def test_where_idempotency_is_promised_a_repeated_key_arrives_once_even_after_a_restart(rig: Rig) -> None:
    if not rig.channel.honours_idempotency:
        return
    rig.send(rig.channel, "d1")
    assert isinstance(rig.send(rig.channel, "d1"), Delivered)
    assert isinstance(rig.send(rig.restarted(), "d1"), Delivered)
    assert rig.arrived() == ["d1"]


def test_a_far_end_that_is_busy_asks_for_a_retry_and_one_that_refuses_is_final(rig: Rig) -> None:
    for channel, expected in ((rig.busy, RetryAfter), (rig.refusing, Failed)):
        if channel is not None:
            assert isinstance(rig.send(channel, "d1"), expected)


def test_every_rig_has_a_far_end_out_of_order(rig: Rig) -> None:
    assert rig.busy is not None or rig.refusing is not None


def test_who_unsubscribed_is_not_reached(rig: Rig) -> None:
    assert sent_through(rig.channel, suppress=True, address=rig.address_of(rig.channel)) == "suppressed"
    assert rig.arrived() == []
    assert sent_through(rig.channel, address=rig.address_of(rig.channel)) == "delivered"
    assert rig.arrived() == ["d1"]


def test_unsubscribe_headers_reach_the_far_end_of_a_file(tmp_path: Path) -> None:
    sent_through(FileChannel(tmp_path / "messages.ndjson"))
    line = msgspec.json.decode((tmp_path / "messages.ndjson").read_bytes())
    assert set(line["message"]["headers"]) == {"List-Unsubscribe", "List-Unsubscribe-Post"}


def test_half_a_line_left_by_a_crash_is_cut_off_and_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "messages.ndjson"
    for key in ("d1", "d2"):
        FileChannel(path).send(MESSAGE, key)
    path.write_bytes(path.read_bytes()[:-9])
    assert isinstance(FileChannel(path).send(MESSAGE, "d2"), Delivered)
    assert [msgspec.json.decode(line)["key"] for line in path.read_bytes().splitlines()] == ["d1", "d2"]


def test_a_file_of_another_kind_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n")
    with pytest.raises(UnreadableInput, match="path of its own"):
        FileChannel(path)
    assert path.read_text() == "my notes\n"


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "messages.ndjson"
    FileChannel(path).send(MESSAGE, "d1")
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_console_shows_no_address(tmp_path: Path) -> None:
    stream = io.StringIO()
    ConsoleChannel(stream).send(MESSAGE, "d1")
    assert "Subject line" in stream.getvalue()
    assert "person@example.com" not in stream.getvalue()
