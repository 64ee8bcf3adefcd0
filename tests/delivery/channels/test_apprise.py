"""Apprise against a real receiver of its `json://` posts."""

from typing import Any

import msgspec
import pytest

from http_peer import Http1Peer, Say
from tactful.clock import SimulatedClock
from tactful.delivery.channels.apprise import AppriseChannel, from_settings
from tactful.delivery.protocol import Delivered, Failed, Message
from tactful.delivery.settings import Apprise
from tactful.errors import InvalidSettings, MissingCredential

MESSAGE = Message(
    channel="push", address="", type="news", locale="en", title="Grüße", body="世界", link="https://app.example/p"
)


def to(url: str, **changes: Any) -> Message:
    return msgspec.structs.replace(MESSAGE, address=url.replace("http://", "json://"), **changes)


def test_title_body_and_link_arrive() -> None:
    with Http1Peer() as peer:
        assert AppriseChannel(["json"]).send(to(peer.url), "d1") == Delivered()
    (asked,) = peer.asked
    told = msgspec.json.decode(asked.body)
    assert (told["title"], told["message"]) == ("Grüße", "世界\nhttps://app.example/p")


@pytest.mark.parametrize("say", [Say(500), Say(404), Say(cut=True), Say(hang=True)], ids=["500", "404", "cut", "slow"])
def test_a_no_is_final_so_that_nothing_arrives_twice(say: Say) -> None:
    with Http1Peer(says=[say]) as peer:
        assert isinstance(AppriseChannel(["json"], timeout_s=0.3).send(to(peer.url), "d1"), Failed)
    assert len(peer.asked) == 1


@pytest.mark.parametrize("address", ["xml://127.0.0.1:9/", "file:///etc/passwd", "JSONS://x", "json", "", "json://\nx"])
def test_only_schemes_that_are_named_are_called(address: str) -> None:
    assert isinstance(AppriseChannel(["json"]).send(to(address), "d1"), Failed)


def test_a_url_of_its_own_takes_everything() -> None:
    with Http1Peer() as peer:
        url = peer.url.replace("http://", "json://")
        made = from_settings(Apprise(schemes=("json",), url_env="URL"), {"URL": url}, SimulatedClock())
        assert made.send(to("slack://somebody"), "d1") == Delivered()
    assert len(peer.asked) == 1


def test_settings_are_checked_when_the_channel_is_made() -> None:
    with pytest.raises(MissingCredential, match="URL is not set"):
        from_settings(Apprise(schemes=("json",), url_env="URL"), {}, SimulatedClock())
    with pytest.raises(InvalidSettings, match="nonsense"):
        AppriseChannel(["nonsense"])
    with pytest.raises(InvalidSettings, match="schemes"):
        AppriseChannel(["json"], "xml://127.0.0.1/")
