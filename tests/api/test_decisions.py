"""Reading over HTTP: decisions by filters and pages, one person's timeline, explanations."""

from collections.abc import Iterator
from typing import Any

import pytest

import small_app
from served_app import ask, decided, served
from tactful.api import decisions, timeline
from tactful.api.service import Service
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.send import Sender
from tactful.events.records import CHANNELS, Decision, decode
from tactful.stores.sqlite import SqliteStore

ENDPOINTS = (*decisions.ENDPOINTS, *timeline.ENDPOINTS)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = decided(tmp_path_factory.mktemp("read") / "app.db")
    store = SqliteStore(path)
    channel = MemoryChannel()
    service = served(path)
    Sender(store, dict.fromkeys(CHANNELS, channel), service.registry).run(service.clock.now_us(), 100)
    store.close()
    yield service
    service.close()


@pytest.fixture(scope="module")
def known(service: Service) -> list[Decision]:
    """Everything decided, the latest first."""
    store = SqliteStore(service.path, read_only=True)
    found = [decode(row.data) for row in store.decisions_between(0, 2**62)]
    store.close()
    return [one for one in reversed(found) if isinstance(one, Decision)]


def pages(service: Service, url: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        page = ask(service, ENDPOINTS, "GET", url + (f"&cursor={cursor}" if cursor else "")).json()
        yield page
        cursor = page["next"]


def test_pages_hold_every_decision_once_the_latest_first(service: Service, known: list[Decision]) -> None:
    found = [one["decision_id"] for page in pages(service, "/v1/decisions?limit=50") for one in page["decisions"]]
    assert found == [one.decision_id for one in known]


def test_pages_of_a_small_part_of_the_log_come_to_an_end(
    service: Service, known: list[Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "_EXAMINED", 20)
    monkeypatch.setattr(decisions, "_AT_ONCE", 10)
    read = list(pages(service, "/v1/decisions?action=send&limit=5"))
    found = [one["decision_id"] for page in read for one in page["decisions"]]
    assert found == [one.decision_id for one in known if one.action == "send"]
    assert len(read) > len(found) / 5


@pytest.mark.parametrize("part", ["action=send", "channel=push", "type=new_follower", "user=u003"])
def test_a_filter_leaves_what_fits(service: Service, known: list[Decision], part: str) -> None:
    name, _, word = part.partition("=")
    field = "user_id" if name == "user" else name
    found = [one for page in pages(service, f"/v1/decisions?{part}&limit=7") for one in page["decisions"]]
    expected = [one for one in known if getattr(one, field) == word]
    assert [one["decision_id"] for one in found] == [one.decision_id for one in expected]
    assert 0 < len(found) < len(known)


def test_decisions_lie_between_the_instants_asked_for(service: Service, known: list[Decision]) -> None:
    since, until = known[-20].at, known[20].at
    url = f"/v1/decisions?limit=1000&since={since.isoformat()}&until={until.isoformat()}".replace("+", "%2B")
    found = ask(service, ENDPOINTS, "GET", url).json()["decisions"]
    assert [one["decision_id"] for one in found] == [one.decision_id for one in known if since <= one.at < until]


def test_one_decision_is_shown_with_its_reasons(service: Service, known: list[Decision]) -> None:
    found = ask(service, ENDPOINTS, "GET", f"/v1/decisions/{known[0].decision_id}").json()
    assert found["decision_id"] == known[0].decision_id
    assert [one["code"] for one in found["reasons"]] == [one.code for one in known[0].reasons]


@pytest.mark.parametrize("name", ["0" * 16, "x", "-000000000000001", "0x00000000000001", "00 0000000000001"])
def test_an_unknown_decision_is_not_found(service: Service, name: str) -> None:
    assert ask(service, ENDPOINTS, "GET", f"/v1/decisions/{name}").status_code == 404


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=ten", "action=sned", "since=2026-03-01", "cursor=7", "usr=u1", "user=a&user=b"]
)
def test_a_mistaken_parameter_is_refused_with_what_was_expected(service: Service, query: str) -> None:
    found = ask(service, ENDPOINTS, "GET", f"/v1/decisions?{query}")
    assert found.status_code == 422
    assert query.split("=")[0] in found.json()["detail"]


def test_a_timeline_tells_what_came_what_was_decided_and_how_it_fared(service: Service, known: list[Decision]) -> None:
    store = SqliteStore(service.path, read_only=True)
    sent = next(one for one in known if one.action == "send" and tried(store, one))
    store.close()
    read = pages(service, f"/v1/users/{sent.user_id}/timeline?limit=10")
    entries = [entry for page in read for entry in page["entries"]]
    instants = [entry["at"] for entry in entries]
    assert instants == sorted(instants, reverse=True)
    assert {"profile", "candidate", "engagement", "decision", "plan"} <= {entry["what"] for entry in entries}
    made = [e for e in entries if e["what"] == "decision"]
    assert [e["decision"]["decision_id"] for e in made] == [d.decision_id for d in known if d.user_id == sent.user_id]
    tries = {e["decision"]["decision_id"]: e["tries"] for e in made}
    assert [one["number"] for one in tries[sent.decision_id]] == [1]
    assert tries[sent.decision_id][0]["outcome"] is not None


def tried(store: SqliteStore, decision: Decision) -> bool:
    entry = store.outbox_of(int(decision.decision_id, 16))
    return entry is not None and len(entry.attempts) == 1


def test_a_timeline_of_nobody_is_not_found(service: Service) -> None:
    assert ask(service, ENDPOINTS, "GET", "/v1/users/nobody/timeline").status_code == 404


def test_an_explanation_says_why_and_stores_nothing(service: Service, known: list[Decision]) -> None:
    before = service.path.read_bytes()
    one = known[0]
    body = {"user_id": one.user_id, "decision_id": one.decision_id}
    found = ask(service, ENDPOINTS, "POST", "/v1/explain", json=body).json()
    assert found["decision"]["decision_id"] == one.decision_id
    assert len(found["trace"]) == len(one.reasons)
    assert ask(service, ENDPOINTS, "POST", "/v1/explain", json={"user_id": small_app.QUIET}).json()["decision"] is None
    assert service.path.read_bytes() == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"user_id": "nobody"}, 404),
        ({"user_id": "u001", "decision_id": "0" * 16}, 404),
        ({"user_id": "u001", "decision_id": "\N{CAT}"}, 404),
        ({}, 422),
        ({"user_id": "u001", "att": "x"}, 422),
        ({"user_id": "u001", "at": "2026-03-02T00:00:00"}, 422),
        ({"user_id": "u001", "at": "9999-12-31T23:59:59-14:00"}, 422),
        ({"user_id": "u001", "at": "0001-01-01T00:00:00+14:00"}, 422),
    ],
)
def test_a_question_about_nobody_or_without_sense_is_a_problem(
    service: Service, body: dict[str, str], status: int
) -> None:
    assert ask(service, ENDPOINTS, "POST", "/v1/explain", json=body).status_code == status


def test_instants_at_the_ends_of_time_are_answered(service: Service) -> None:
    for at in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert ask(service, ENDPOINTS, "POST", "/v1/explain", json={"user_id": "u001", "at": at}).status_code == 200
        for url in ("/v1/decisions?until=", "/v1/users/u001/timeline?until=", "/v1/users/u001/timeline?since="):
            assert ask(service, ENDPOINTS, "GET", url + at).status_code == 200
