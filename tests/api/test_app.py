"""The frame of the service: routing, answers, problems, and a durable way in."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tactful.api.app import create_app
from tactful.api.endpoint import Endpoint, answer
from tactful.api.intake import Intake
from tactful.api.logs import JsonLines
from tactful.api.measured import Route as Measured
from tactful.api.problems import MEDIA_TYPE, Problem
from tactful.api.service import Service
from tactful.clock import SimulatedClock
from tactful.events.letters import opened
from tactful.events.registry import Registry
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore


async def post_word(request: Request, service: Service) -> Response:
    body = await request.body()
    if not body:
        raise Problem(
            422, "empty-body", "got no body, expected a word; send one", {"where": "body"}, {"X-Why": "empty"}
        )
    await service.intake.post([body])
    return answer({"letters": await service.ask(lambda store: store.posted())}, 202)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    path = tmp_path / "app.db"
    return Service(path, Settings(), SimulatedClock(), Registry.shipped(), Intake(path))


def client(service: Service) -> httpx.AsyncClient:
    app = create_app(service, [Endpoint("POST", "/words", post_word, None, "Takes a word.")])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")


def test_what_was_acknowledged_is_in_the_store(service: Service) -> None:
    async def run() -> None:
        async with client(service) as http:
            answers = await asyncio.gather(*(http.post("/words", content=b"x") for _ in range(20)))
            assert {a.status_code for a in answers} == {202}
        service.close()

    asyncio.run(run())
    letters = SqliteStore(service.path).take_posted(99)
    assert [word for letter in letters for word in opened(letter)] == [b"x"] * 20


def test_problem_tells_what_to_do(service: Service) -> None:
    async def run() -> httpx.Response:
        async with client(service) as http:
            found = await http.post("/words")
        service.close()
        return found

    found = asyncio.run(run())
    assert found.status_code == 422
    assert found.headers["content-type"] == MEDIA_TYPE
    assert found.headers["x-why"] == "empty"
    assert found.json() == {
        "type": "urn:tactful:problem:empty-body",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "got no body, expected a word; send one",
        "where": "body",
    }


async def stumble(request: Request, service: Service) -> Response:
    raise ValueError("ann@app.invalid")


def test_a_fault_of_ours_is_told_without_its_text_and_found_in_the_log_by_its_request(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> httpx.Response:
        app = create_app(service, [Endpoint("GET", "/stumble", stumble, None, "Stumbles.")])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
            return await http.get("/stumble")

    found = asyncio.run(run())
    service.close()
    assert (found.status_code, found.json()["type"]) == (500, "urn:tactful:problem:fault")
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    line = JsonLines().format(record)
    assert found.headers["x-request-id"] in line
    assert "ValueError" in line
    assert "ann@app.invalid" not in line + found.text


def test_how_long_somebody_listens_to_a_stream_is_no_latency(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("tactful.api.app.perf_counter", lambda: now[0])

    async def told() -> AsyncIterator[bytes]:
        now[0] += 3600.0
        yield b"news"

    async def stream(request: Request, service: Service) -> Response:
        now[0] += 0.2
        return StreamingResponse(told())

    async def run() -> httpx.Response:
        app = create_app(service, [Endpoint("GET", "/stream", stream, None, "Streams.")])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
            return await http.get("/stream")

    assert asyncio.run(run()).content == b"news"
    service.close()
    assert service.requests.durations[Measured("GET", "/stream")].seconds == 0.2
    assert service.requests.answered[Measured("GET", "/stream"), 200] == 1
