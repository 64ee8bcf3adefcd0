"""The in-app inbox over HTTP: what a person sees, what she does, and that nobody else may look."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from tactful.api import inbox
from tactful.api.app import create_app
from tactful.api.inbox_watch import InboxWatch
from tactful.api.intake import Intake
from tactful.api.keys import Keyring, make_key
from tactful.api.service import Service
from tactful.api.tokens import issue
from tactful.clock import DAY_US, HOUR_US, SimulatedClock, from_us
from tactful.delivery.channels.inbox import InboxChannel
from tactful.delivery.protocol import Message
from tactful.events.records import Engagement, decode
from tactful.events.registry import Registry
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore

NOW = 1_772_400_000_000_000
READ, READER = make_key(["read"], "", 0)
INGEST, WRITER = make_key(["ingest"], "", 0)
ANN = "/v1/users/ann/inbox"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setenv("TACTFUL_SECRET", "0123456789abcdef")
    path = tmp_path / "app.db"
    intake = Intake(path)
    made = Service(path, Settings(), SimulatedClock(NOW), Registry.shipped(), intake, keys=Keyring([READ, INGEST]))
    made.inbox = InboxWatch(look_s=0.01)
    return made


def put(service: Service, *decisions: str, user_id: str = "ann", until_us: int = NOW + DAY_US) -> None:
    channel = InboxChannel(service.path, service.clock)
    for each in decisions:
        channel.send(
            Message(
                channel="in_app",
                address="ann",
                type="news",
                locale="en",
                title=f"About {each}",
                body="<b>",
                link="https://app.example/x",
                user_id=user_id,
                expires_at=from_us(until_us),
            ),
            each,
        )
    channel.close()


def run(service: Service, story: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
    async def told() -> Any:
        transport = httpx.ASGITransport(create_app(service, inbox.ENDPOINTS))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
            try:
                return await story(http)
            finally:
                service.close()

    return asyncio.run(told())


def by(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def posted(service: Service) -> list[Engagement]:
    store = SqliteStore(service.path)
    found = [decode(letter) for letter in store.take_posted(99)]
    store.close()
    return [each for each in found if isinstance(each, Engagement)]


def test_she_sees_her_messages_newest_first_page_by_page_and_how_many_are_unread(service: Service) -> None:
    put(service, "d1", "d2", "d3")
    put(service, "other", user_id="bob")
    put(service, "gone", until_us=NOW)

    async def story(http: httpx.AsyncClient) -> list[Any]:
        first = (await http.get(ANN, params={"limit": 2}, headers=by(READER))).json()
        second = (await http.get(ANN, params={"before": first["next_before"]}, headers=by(READER))).json()
        return [first, second]

    first, second = run(service, story)
    assert [[m["decision_id"] for m in page["messages"]] for page in (first, second)] == [["d3", "d2"], ["d1"]]
    assert (first["unread"], second["next_before"]) == (3, None)
    assert first["messages"][0]["title"] == "About d3"
    assert first["messages"][0]["read_at"] is None


def test_what_she_does_is_noted_once_and_the_engine_hears_of_it(service: Service) -> None:
    put(service, "d1")

    async def story(http: httpx.AsyncClient) -> list[Any]:
        answers = [(await http.post(f"{ANN}/d1/{word}", headers=by(WRITER))).json() for word in ("seen", "read")]
        service.clock.set(NOW + HOUR_US)
        answers += [(await http.post(f"{ANN}/d1/{word}", headers=by(WRITER))).json() for word in ("read", "click")]
        return [*answers, (await http.get(ANN, headers=by(READER))).json()]

    *answers, page = run(service, story)
    assert page["unread"] == 0
    assert answers[2]["read_at"] == answers[1]["read_at"] != answers[3]["clicked_at"]
    told = posted(service)
    assert [(each.kind, each.decision_id, each.channel) for each in told] == [
        ("view", "d1", "in_app"),
        ("open", "d1", "in_app"),
        ("open", "d1", "in_app"),
        ("click", "d1", "in_app"),
    ]
    assert told[1] == told[2]  # the engine takes it once
    assert told[3].at == from_us(NOW + HOUR_US)


def test_nobody_marks_what_is_not_hers(service: Service) -> None:
    put(service, "d1", user_id="bob")

    async def story(http: httpx.AsyncClient) -> int:
        return (await http.post(f"{ANN}/d1/read", headers=by(WRITER))).status_code

    assert run(service, story) == 404
    assert posted(service) == []


def test_a_persons_token_opens_her_inbox_and_no_other(service: Service) -> None:
    put(service, "d1")
    secret = b"0123456789abcdef"
    token, forged = issue(secret, "client", "ann", NOW), issue(b"fedcba9876543210", "client", "ann", NOW)

    async def story(http: httpx.AsyncClient) -> list[int]:
        answers = [
            await http.get(ANN, headers=by(token)),
            await http.get(ANN, params={"token": token}),
            await http.post(f"{ANN}/d1/read", headers=by(token)),
            await http.get("/v1/users/bob/inbox", headers=by(token)),
            await http.get(ANN, headers=by(forged)),
            await http.get(ANN, headers=by(issue(secret, "preferences", "ann", NOW))),
        ]
        service.clock.set(NOW + 365 * DAY_US)
        return [each.status_code for each in [*answers, await http.get(ANN, headers=by(token))]]

    assert run(service, story) == [200, 200, 200, 403, 401, 401, 401]


def test_a_key_has_to_have_the_right(service: Service) -> None:
    async def story(http: httpx.AsyncClient) -> list[int]:
        return [
            (await http.get(ANN)).status_code,
            (await http.get(ANN, headers=by(WRITER))).status_code,
            (await http.post(f"{ANN}/d1/read", headers=by(READER))).status_code,
        ]

    assert run(service, story) == [401, 403, 403]


async def streamed(service: Service, last: str = "") -> Any:
    """The chunks of the stream, as the handler gives them: httpx's transport would wait for the end of it."""
    headers = [(b"authorization", f"Bearer {READER}".encode()), (b"last-event-id", last.encode())]
    scope = {"type": "http", "method": "GET", "path": f"{ANN}/stream", "query_string": b"",
             "headers": headers, "path_params": {"user_id": "ann"}}  # fmt: skip

    response: Any = await inbox.stream_inbox(Request(scope), service)
    return response.body_iterator


async def following(chunks: AsyncIterator[bytes]) -> tuple[str, Any, str]:
    """Event, data and id of the next event."""
    text = (await asyncio.wait_for(anext(chunks), 20)).decode()
    lines = dict(line.split(": ", 1) for line in text.strip().splitlines())
    return lines["event"], json.loads(lines["data"]), lines.get("id", "")


def test_a_stream_tells_of_new_messages_and_of_what_is_unread(service: Service) -> None:
    put(service, "before")

    async def story(http: httpx.AsyncClient) -> list[Any]:
        chunks = await streamed(service)
        found = [await following(chunks)]
        await asyncio.to_thread(put, service, "d1")
        found += [await following(chunks), await following(chunks)]
        await http.post(f"{ANN}/d1/read", headers=by(WRITER))
        found.append(await following(chunks))
        await chunks.aclose()
        return found

    first, message, unread, after = run(service, story)
    assert first[:2] == ("unread", {"unread": 1})
    assert (message[0], message[1]["decision_id"], message[2]) == ("message", "d1", str(message[1]["seq"]))
    assert unread[:2] == ("unread", {"unread": 2})
    assert after[:2] == ("unread", {"unread": 1})


def test_a_stream_goes_on_behind_the_last_event_that_was_heard(service: Service) -> None:
    put(service, "d1", "d2", "d3")

    async def story(http: httpx.AsyncClient) -> list[str]:
        chunks = await streamed(service, last="1")
        found = [(await following(chunks))[1]["decision_id"] for _ in range(2)]
        await chunks.aclose()
        return found

    assert run(service, story) == ["d2", "d3"]


def test_nobody_is_looked_for_when_nobody_listens(service: Service) -> None:
    async def story(http: httpx.AsyncClient) -> bool:
        chunks = await streamed(service)
        await following(chunks)
        listening = bool(service.inbox._listening)
        await chunks.aclose()
        return listening and not service.inbox._listening and service.inbox._looking is None

    assert run(service, story)
