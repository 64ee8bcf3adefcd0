"""A repeated request is answered as the first was, and does nothing; for a day."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ingest import EVENT, NOW_US, ask, http, posted, service_over
from tactful.api.pulse import DAY_S, beat
from tactful.api.service import Service
from tactful.clock import SECOND_US, SimulatedClock
from tactful.stores.sqlite import SqliteStore

KEY = {"Idempotency-Key": "order-7"}
NAMELESS = {key: value for key, value in EVENT.items() if key != "candidate_id"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = service_over(tmp_path / "app.db")
    yield made
    made.close()


def test_a_replay_is_answered_alike_and_posts_nothing(service: Service) -> None:
    first = ask(service, "POST", "/v1/events", json=NAMELESS, headers=KEY)
    again = ask(service, "POST", "/v1/events", json=NAMELESS, headers=KEY)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(posted(service)) == 1


def test_another_body_or_path_under_the_same_key_is_refused(service: Service) -> None:
    ask(service, "POST", "/v1/events", json=EVENT, headers=KEY)
    for path, body in (
        ("/v1/events", {**EVENT, "candidate_id": "c2"}),
        ("/v1/cancels", {"user_id": "a", "cancel_key": "b"}),
    ):
        answer = ask(service, "POST", path, json=body, headers=KEY)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:tactful:problem:key-reused")
    assert len(posted(service)) == 1


def test_a_refused_request_may_be_mended_under_its_key(service: Service) -> None:
    assert ask(service, "POST", "/v1/events", json={**EVENT, "payload": {}}, headers=KEY).status_code == 422
    assert ask(service, "POST", "/v1/events", json=EVENT, headers=KEY).status_code == 202


def test_the_same_request_under_way_is_a_conflict_and_is_answered_when_it_is_done(service: Service) -> None:
    async def run() -> list[httpx.Response]:
        async with http(service) as client:
            both = [client.post("/v1/events", json=EVENT, headers=KEY) for _ in range(2)]
            return [*await asyncio.gather(*both), await client.post("/v1/events", json=EVENT, headers=KEY)]

    first, second, third = asyncio.run(run())
    assert sorted((first.status_code, second.status_code)) == [202, 409]
    assert third.headers["Idempotency-Replayed"] == "true"
    assert len(posted(service)) == 1


def test_a_key_is_free_again_after_a_day_and_its_answer_forgotten(service: Service) -> None:
    ask(service, "POST", "/v1/events", json=EVENT, headers=KEY)
    assert isinstance(service.clock, SimulatedClock)
    service.clock.set(NOW_US + DAY_S * SECOND_US)
    assert "Idempotency-Replayed" not in ask(service, "POST", "/v1/events", json=EVENT, headers=KEY).headers
    service.clock.set(NOW_US + 3 * DAY_S * SECOND_US)
    asyncio.run(beat(service))
    assert SqliteStore(service.path).forget_answers(1 << 62, 99) == 0
    assert len(posted(service)) == 2


def test_a_key_that_is_no_key_is_refused(service: Service) -> None:
    assert ask(service, "POST", "/v1/events", json=EVENT, headers={"Idempotency-Key": "k" * 256}).status_code == 400
    assert posted(service) == []
