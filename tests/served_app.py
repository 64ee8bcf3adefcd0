"""The HTTP service over the small app of `small_app`, and one way to ask it something."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

import small_app
from tactful.api.app import create_app
from tactful.api.endpoint import Endpoint
from tactful.api.intake import Intake
from tactful.api.service import Service
from tactful.clock import SimulatedClock, to_us
from tactful.events.registry import Registry
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore


def decided(path: Path) -> Path:
    """Returns the store at a path, in which the small app was run to its end."""
    small_app.run(SqliteStore(path, "normal")).close()
    return path


def served(path: Path) -> Service:
    """Returns a service over a store, whose clock stands at the small app's end."""
    return Service(path, Settings(), SimulatedClock(to_us(small_app.END)), Registry.shipped(), Intake(path))


def ask(service: Service, endpoints: tuple[Endpoint, ...], method: str, url: str, **more: Any) -> httpx.Response:
    """Returns what these endpoints answer, without a socket between."""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(service, endpoints))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
            return await http.request(method, url, **more)

    return asyncio.run(run())
