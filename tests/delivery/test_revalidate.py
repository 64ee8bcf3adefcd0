"""Whether a message still holds is asked right before it is sent, of a server that answers as the app might."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from delivery_stage import NOW, enqueue, outcomes
from http_peer import Http1Peer, Say
from tactful.clock import HOUR_US, SECOND_US, SimulatedClock
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.channels.webhook import sign
from tactful.delivery.revalidate import ASKED_AGAIN, Revalidator, from_settings
from tactful.delivery.send import Sender
from tactful.delivery.settings import Revalidate
from tactful.errors import MissingCredential
from tactful.events.registry import Registry
from tactful.stores.memory import MemoryStore
from tactful.stores.sqlite import SqliteStore

KEY = bytes(range(24))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CLOCK = SimulatedClock(NOW)


class App:
    """Answers that all still holds, but for what it is told to say next."""

    def __init__(self) -> None:
        self.says: list[Say] = []
        self.peer = Http1Peer(lambda _: self.says.pop(0) if self.says else Say())

    def then(self, say: Say) -> None:
        self.says.append(say)


@pytest.fixture
def app() -> Iterator[App]:
    made = App()
    with made.peer:
        yield made


def asking(app: App, hold: bool = True, timeout_s: float = 5.0) -> Revalidator:
    return Revalidator(f"{app.peer.url}/still", [SECRET], CLOCK, hold, timeout_s)


def send(store: MemoryStore, ask: Revalidator, now_us: int = NOW) -> MemoryChannel:
    channel = MemoryChannel()
    Sender(store, {"push": channel}, Registry.shipped(), revalidation=ask).run(now_us, 10)
    ask.close()
    return channel


def one() -> MemoryStore:
    store = MemoryStore()
    enqueue(store)
    return store


def test_the_question_names_decision_and_candidate_and_is_signed(app: App) -> None:
    assert len(send(one(), asking(app)).arrived) == 1
    (asked,) = app.peer.asked
    assert msgspec.json.decode(asked.body) == {
        "decision_id": "d1",
        "candidate_id": "c1",
        "user_id": "u1",
        "type": "comment_digest",
        "channel": "push",
    }
    assert asked.headers["webhook-signature"] == sign(KEY, "d1", NOW // SECOND_US, asked.body)
    assert b"secret-device-token" not in asked.body


@pytest.mark.parametrize("status", [409, 410])
def test_what_does_not_hold_any_more_is_withdrawn_for_good(app: App, status: int) -> None:
    app.then(Say(status))
    store = one()
    assert send(store, asking(app)).arrived == {}
    assert outcomes(store) == ["withdrawn"]
    assert store.posted() == 1  # the engine is told, which takes the send back
    assert send(store, asking(app), NOW + HOUR_US // 2).arrived == {}


@pytest.mark.parametrize("say", [Say(500), Say(404), Say(302), Say(cut=True)])
def test_without_an_answer_a_message_waits_and_uses_up_no_attempt(app: App, say: Say) -> None:
    store = one()
    wait_us = ASKED_AGAIN // timedelta(microseconds=1)
    for again in range(9):
        app.then(say)
        assert send(store, asking(app), NOW + again * wait_us).arrived == {}
    assert len(send(store, asking(app), NOW + 9 * wait_us).arrived) == 1
    assert outcomes(store) == ["held"] * 9 + ["delivered"]


def test_an_app_that_never_answers_lets_the_message_expire_and_the_record_says_why(app: App) -> None:
    store = one()
    app.then(Say(503))
    send(store, asking(app), NOW + HOUR_US - SECOND_US)
    entry = store.outbox_of(1)
    assert entry is not None
    assert (entry.next_try_us, entry.attempts[0].outcome) == (None, "expired")
    assert "503" in entry.attempts[0].detail


def test_where_silence_means_go_it_is_sent(app: App) -> None:
    app.then(Say(500))
    assert len(send(one(), asking(app, hold=False)).arrived) == 1
    app.then(Say(410))
    assert send(one(), asking(app, hold=False)).arrived == {}


def test_an_app_that_hangs_is_not_waited_for_longer_than_told(app: App) -> None:
    app.then(Say(hang=True))
    store = one()
    assert send(store, asking(app, timeout_s=0.05)).arrived == {}
    assert outcomes(store) == ["held"]


def test_the_attempt_is_on_record_before_the_app_is_asked(tmp_path: Path, app: App) -> None:
    store, seen = SqliteStore(tmp_path / "store.db"), []
    enqueue(store)

    class Watching(Revalidator):
        def __call__(self, waiting: object) -> None:
            other = SqliteStore(tmp_path / "store.db", read_only=True)
            seen.append(len(other.in_doubt()))
            other.close()

    watching = Watching("http://127.0.0.1/", [SECRET], CLOCK)
    Sender(store, {"push": MemoryChannel()}, Registry.shipped(), revalidation=watching).run(NOW, 10)
    store.close()
    assert seen == [1]


def test_a_secret_that_is_not_set_is_told_before_any_send() -> None:
    with pytest.raises(MissingCredential, match="REVALIDATE"):
        from_settings(Revalidate(url="http://127.0.0.1/", secrets_env="REVALIDATE"), {}, CLOCK)
