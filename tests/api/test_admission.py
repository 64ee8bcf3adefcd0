"""Who may come, how often, and what happens when the engine does not keep up; what is written about it."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ingest import EVENT, NOW_US, ask, posted, service_over
from tactful.api.endpoint import Scope
from tactful.api.keys import Keyring, make_key
from tactful.api.logs import RequestLog
from tactful.api.pulse import beat
from tactful.api.service import Service
from tactful.clock import MINUTE_US, SECOND_US, SimulatedClock
from tactful.stores.sqlite import SqliteStore


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = service_over(
        tmp_path / "app.db", requests_per_second=2.0, wrong_keys_per_minute=3.0, behind_letters=3, behind_minutes=5.0
    )
    yield made
    made.close()


def with_key(service: Service, *scopes: Scope) -> dict[str, str]:
    """Makes a key in the store, lets the service see it, and returns the header that names it."""
    key, token = make_key(scopes, "test", NOW_US)
    store = SqliteStore(service.path)
    store.add_api_key(key)
    store.close()
    asyncio.run(beat(service))
    return {"Authorization": f"Bearer {token}"}


def kind(service: Service, headers: dict[str, str]) -> str:
    answer = ask(service, "POST", "/v1/events", json=EVENT, headers=headers)
    return "" if answer.status_code == 202 else f"{answer.status_code} {answer.json()['type'].rpartition(':')[2]}"


def later(service: Service, us: int) -> None:
    assert isinstance(service.clock, SimulatedClock)
    service.clock.set(service.clock.now_us() + us)


def test_without_any_key_the_service_is_open_only_if_it_may_be(service: Service) -> None:
    assert kind(service, {}) == ""
    service.keys = Keyring([], may_be_open=False)
    assert kind(service, {}) == "401 no-key"


def test_while_it_is_open_no_page_of_another_host_gets_in_by_its_name(service: Service) -> None:
    for host in ("evil.example", "10.0.0.7:8000", "[2001:db8::1]:80"):
        answer = ask(service, "POST", "/v1/events", json=EVENT, headers={"Host": host})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:tactful:problem:foreign-host")
    assert kind(service, {"Host": "127.0.0.1:8000"}) == kind(service, {"Host": "[::1]"}) == ""


def test_the_first_key_shuts_the_door_and_revoking_it_does_not_open_it_again(service: Service) -> None:
    header = with_key(service, "ingest")
    assert kind(service, {}) == "401 no-key"
    assert kind(service, header) == ""
    store = SqliteStore(service.path)
    store.revoke_api_key(store.api_keys()[0].key_id, NOW_US)
    store.close()
    asyncio.run(beat(service))
    assert kind(service, header) == "401 no-key"
    assert kind(service, {}) == "401 no-key"


def test_a_key_does_what_its_scope_says_and_no_more(service: Service) -> None:
    assert kind(service, with_key(service, "read", "admin")) == "403 no-right"


def test_a_token_is_not_kept(service: Service) -> None:
    token = with_key(service, "ingest")["Authorization"].partition(" ")[2]
    assert token.rpartition("_")[2].encode() not in service.path.read_bytes()


def test_wrong_keys_are_limited_by_address_and_right_ones_pass(service: Service) -> None:
    right = with_key(service, "ingest")
    wrong = {"Authorization": right["Authorization"][:-1] + ("a" if right["Authorization"][-1] != "a" else "b")}
    assert [kind(service, wrong) for _ in range(5)] == ["401 no-key"] * 3 + ["429 wrong-keys"] * 2
    assert kind(service, right) == ""
    later(service, 20 * SECOND_US)
    assert kind(service, wrong) == "401 no-key"


def test_each_key_has_a_pace_of_its_own(service: Service) -> None:
    fast, calm = with_key(service, "ingest"), with_key(service, "ingest")
    service.settings = type(service.settings)()
    assert [kind(service, fast) for _ in range(5)] == ["", "", "", "", "429 too-fast"]
    answer = ask(service, "POST", "/v1/events", json=EVENT, headers=fast)
    assert int(answer.headers["Retry-After"]) >= 1
    assert kind(service, calm) == ""
    later(service, SECOND_US)
    assert [kind(service, fast) for _ in range(3)] == ["", "", "429 too-fast"]


def test_events_are_refused_while_too_many_wait_and_nothing_that_was_taken_is_lost(service: Service) -> None:
    for _ in range(4):
        assert kind(service, {}) == ""
        later(service, SECOND_US)
    asyncio.run(beat(service))
    assert kind(service, {}) == "429 behind"
    assert ask(service, "GET", "/readyz").status_code == 503
    assert len(posted(service)) == 4
    store = SqliteStore(service.path)
    store.take_posted(9)
    store.close()
    asyncio.run(beat(service))
    assert kind(service, {}) == ""


def test_events_are_refused_while_the_engine_lies_too_far_behind(service: Service) -> None:
    store = SqliteStore(service.path)
    store.save_meta("committed", str(NOW_US).encode())
    store.close()
    asyncio.run(beat(service))
    later(service, 4 * MINUTE_US)
    assert kind(service, {}) == ""
    later(service, 2 * MINUTE_US)
    assert kind(service, {}) == "429 behind"


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    service = service_over(tmp_path / "app.db", body_seconds=0.05)

    async def silent() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async def dripping() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0)

    for body in (silent, dripping):
        answer = ask(service, "POST", "/v1/events", content=body(), headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["type"]) == (408, "urn:tactful:problem:too-slow")
        assert answer.headers["connection"] == "close"
    assert posted(service) == []
    service.close()


def test_the_service_is_alive_without_a_key_and_says_when_it_is_ready(service: Service) -> None:
    with_key(service, "ingest")
    assert ask(service, "GET", "/healthz").json() == {"status": "ok"}
    assert ask(service, "HEAD", "/healthz").status_code == 200
    assert ask(service, "GET", "/readyz").json() == {"status": "ready", "waiting": 0, "lag_seconds": 0.0}
    service.pulse.fault = "disk full"
    answer = ask(service, "GET", "/readyz")
    assert (answer.status_code, answer.json()["wrong"]) == (503, ["the store cannot be written to: disk full"])


def test_a_request_is_logged_without_people_payloads_or_tokens(service: Service) -> None:
    header, told = with_key(service, "ingest"), io.StringIO()
    service.log = RequestLog(told)
    ask(service, "PUT", "/v1/users/ann-smith", json={}, headers={**header, "X-Request-Id": "abc-1"})
    answer = ask(service, "DELETE", "/v1/events/secret-event?user_id=ann-smith", headers={"X-Request-Id": "a\x09b"})
    service.log.flush()
    first, second = map(json.loads, told.getvalue().splitlines())
    assert (first["route"], first["status"], first["request_id"]) == ("/v1/users/{user_id}", 202, "abc-1")
    assert first["key"] == header["Authorization"].split("_")[1]
    assert (second["status"], second["request_id"]) == (401, answer.headers["X-Request-Id"])
    assert second["request_id"] != "a\tb"
    for word in ("ann", "secret", header["Authorization"].rpartition("_")[2]):
        assert word not in told.getvalue()
