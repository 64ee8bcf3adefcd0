"""What tests of the service's pages and links need: ann, one message that she was sent by e-mail, and a service."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec

from stage import CALM, App, at, person, told
from tactful.api.app import create_app
from tactful.api.endpoint import Endpoint
from tactful.api.intake import Intake
from tactful.api.service import Service
from tactful.clock import from_us, to_us
from tactful.events.records import Input, decode
from tactful.events.registry import Registry
from tactful.runtime.settings import Api
from tactful.stores.sqlite import SqliteStore

SECRET = "a secret of the tests"
LATER = at(30)
"""When the service's clock stands at first: the message has been sent."""


class Served:
    """A store in which ann was sent one message by e-mail, an engine that may go on, and a service over it."""

    def __init__(self, folder: Path, endpoints: Iterable[Endpoint], **api: Any) -> None:
        self.settings = msgspec.structs.replace(CALM, api=Api(**api))
        path = folder / "app.db"
        self.app = App(self.settings, SqliteStore(path, synchronous="normal"))
        self.app.submit(at(1), person("ann", "email", "push", locale="pt"), person("bob", "push"))
        self.app.submit(at(1.5), person("ann", "email", locale="pt"))
        self.app.submit(at(2), told("c1", created=at(2)))
        self.app.run(at(29))
        (self.sent,) = self.app.of("send")
        self.app.clock.set(to_us(LATER))
        self.service = Service(path, self.settings, self.app.clock, Registry.shipped(), Intake(path))
        self._http = create_app(self.service, tuple(endpoints))

    def call(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """Makes one request and returns the answer."""

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self._http)
            async with httpx.AsyncClient(transport=transport, base_url="https://here") as http:
                return await http.request(method, path, **parts)

        return asyncio.run(run())

    def taken(self) -> list[Input]:
        """Lets the engine take and apply what was posted, in two seconds; returns what is new in its log."""
        before, _ = self.app.store.last()
        for _ in range(2):
            self.app.run(self.wait(seconds=1))
        new = [decode(line.data) for line in self.app.store.read(before, 1000)]
        return [one for one in new if isinstance(one, Input)]

    def wait(self, **length: float) -> datetime:
        """Moves the clock on."""
        self.app.clock.set(to_us(from_us(self.app.clock.now_us()) + timedelta(**length)))
        return from_us(self.app.clock.now_us())

    def close(self) -> None:
        """Ends the service."""
        self.service.close()
        self.app.store.close()
