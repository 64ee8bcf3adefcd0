"""The sender of the service: channels, question and pace as the settings say, and a stop that finishes."""

import base64
import threading
from pathlib import Path

import pytest

from delivery_stage import NOW, enqueue, outcomes
from http_peer import Asked, Http1Peer, Say
from served_app import ask, served
from tactful.api import metrics
from tactful.api.sending import SenderThread
from tactful.clock import SimulatedClock, WallClock, from_us
from tactful.delivery.breaker import BreakerPolicy
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.loop import Loop
from tactful.delivery.protocol import RetryAfter
from tactful.delivery.send import Sender
from tactful.delivery.settings import Channels, Delivery, Revalidate, Webhook
from tactful.errors import MissingCredential
from tactful.events.registry import Registry
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.sqlite import SqliteStore

ENV = {"HOOK": "whsec_" + base64.b64encode(bytes(24)).decode()}
LATE = from_us(2**53)
POLICY = BreakerPolicy(min_calls=2)


def test_what_waits_in_the_outbox_is_asked_about_and_leaves_through_the_channel_of_the_settings(tmp_path: Path) -> None:
    asked: list[str] = []
    arrived = threading.Event()

    def app(request: Asked) -> Say:
        asked.append(request.path)
        if request.path == "/push":
            arrived.set()
        return Say()

    store = SqliteStore(tmp_path / "app.db")
    enqueue(store, 0xA, expires_at=LATE)
    with Http1Peer(app) as peer:
        hook = Webhook(url=f"{peer.url}/push", secrets_env="HOOK", allow_private=True)
        question = Revalidate(url=f"{peer.url}/still", secrets_env="HOOK")
        settings = Settings(channels=Channels(push=hook), delivery=Delivery(revalidate=question, threads={"push": 2}))
        sender = SenderThread(tmp_path / "app.db", settings, WallClock(), ENV)
        sender.start()
        came = arrived.wait(60)
        sender.stop()
    assert came
    assert asked == ["/still", "/push"]
    assert outcomes(store, 0xA) == ["delivered"]
    assert sender.telemetry.snapshot()["delivery.results.push.delivered"] == 1
    store.close()


def test_a_breaker_that_opened_is_told_in_the_metrics(tmp_path: Path) -> None:
    service, outbox = served(tmp_path / "app.db"), MemoryStore()
    service.sender = SenderThread(service.path, Settings(), WallClock(), ENV)
    for key in range(1, 3):
        enqueue(outbox, key)
    ill = MemoryChannel([RetryAfter(), RetryAfter()])
    loop = Loop(Sender(outbox, {"push": ill}, Registry.shipped()), SimulatedClock(NOW), breaker=POLICY)
    service.sender.loop = loop
    loop.turn()
    before = ask(service, metrics.ENDPOINTS, "GET", "/metrics").text
    loop.finish()
    after = ask(service, metrics.ENDPOINTS, "GET", "/metrics").text
    loop.close()
    assert 'tactful_breaker_open{channel="push"} 0.0' in before
    assert 'tactful_breaker_open{channel="push"} 1.0' in after
    assert 'tactful_breaker_open{channel="email"} 0.0' in after
    service.close()


def test_a_secret_that_is_missing_is_told_before_anything_begins(tmp_path: Path) -> None:
    for settings in (
        Settings(channels=Channels(push=Webhook(url="https://app.example/", secrets_env="HOOK"))),
        Settings(delivery=Delivery(revalidate=Revalidate(url="https://app.example/", secrets_env="HOOK"))),
    ):
        with pytest.raises(MissingCredential, match="HOOK"):
            SenderThread(tmp_path / "app.db", settings, WallClock(), {})
