"""A service that takes in, over an empty store, and one way to ask it; the clock stands until it is moved."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import httpx

from tactful.api.app import create_app
from tactful.api.intake import Intake
from tactful.api.service import Service
from tactful.clock import SimulatedClock
from tactful.events.letters import opened
from tactful.events.records import Record, decode
from tactful.events.registry import Registry
from tactful.runtime.settings import Api, Settings
from tactful.stores.sqlite import SqliteStore

NOW_US = 1_800_000_000_000_000
EVENT = {
    "user_id": "ann",
    "type": "new_follower",
    "candidate_id": "c1",
    "payload": {"follower_name": "Ada", "url": "https://app.invalid/1"},
}


def service_over(path: Path, **limits: Any) -> Service:
    """Returns a service; `limits` are fields of `[api]`."""
    settings = Settings(api=Api(**limits))
    return Service(path, settings, SimulatedClock(NOW_US), Registry.shipped(), Intake(path))


def http(service: Service, **more: Any) -> httpx.AsyncClient:
    """Returns a client that asks the service without a socket between."""
    transport = httpx.ASGITransport(create_app(service), raise_app_exceptions=False, client=("10.0.0.7", 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://here", **more)


def ask(service: Service, method: str, url: str, **more: Any) -> httpx.Response:
    """Returns one answer."""

    async def run() -> httpx.Response:
        async with http(service) as client:
            return await client.request(method, url, **more)

    return asyncio.run(run())


def together(*asked: Coroutine[Any, Any, httpx.Response]) -> list[httpx.Response]:
    """Returns the answers to requests that are under way at once."""

    async def run() -> list[httpx.Response]:
        return list(await asyncio.gather(*asked))

    return asyncio.run(run())


def posted(service: Service) -> list[Record]:
    """Returns what waits in the mailbox, in order, and leaves it there."""
    store = SqliteStore(service.path)
    letters = store.take_posted(1_000_000)
    store.post(letters)
    store.close()
    return [decode(data) for letter in letters for data in opened(letter)]
