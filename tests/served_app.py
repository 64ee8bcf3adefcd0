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
from tactful.events.records import Control, encode
from tactful.events.registry import Registry
from tactful.experiments.design import Experiment, ExperimentArm
from tactful.experiments.schedule import KEY, value
from tactful.runtime.settings import Settings
from tactful.stores.protocols import ControlRow
from tactful.stores.sqlite import SqliteStore

HALVES = (ExperimentArm("control", 0.5), ExperimentArm("new", 0.5))


def decided(path: Path) -> Path:
    """Returns the store at a path, in which the small app was run to its end."""
    small_app.run(SqliteStore(path, "normal")).close()
    return path


def with_experiments(path: Path) -> Path:
    """Puts two experiments, which began with the small app, on record: halves, and one of which an arm has nobody."""
    few = (ExperimentArm("control", 0.999), ExperimentArm("new", 0.001))
    told = (
        Experiment(name="the same", arms=HALVES, metrics=("sessions", "sends")),
        Experiment(name="few", layer="app", arms=few, metrics=("sessions",)),
    )
    begun = small_app.START
    controls = (Control(version=v, effective_at=begun, key=KEY, value=value(one)) for v, one in enumerate(told, 1))
    store = SqliteStore(path)
    store.append_controls([ControlRow(one.version, to_us(begun), KEY, encode(one)) for one in controls])
    store.close()
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
