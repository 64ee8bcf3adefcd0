"""What is taken over HTTP is durable, checked, and never takes another down with it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest import EVENT, NOW_US, ask, http, posted, service_over, together
from tactful.api.service import Service
from tactful.clock import from_us
from tactful.events.records import Cancel, Candidate, Engagement, User

NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = service_over(tmp_path / "app.db", batch_rows=5, body_kib=8)
    yield made
    made.close()


def ndjson(*rows: Any) -> bytes:
    return b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)


def test_an_event_is_in_the_mailbox_when_it_is_acknowledged(service: Service) -> None:
    answer = ask(service, "POST", "/v1/events", json=EVENT)
    assert (answer.status_code, answer.json()) == (
        202,
        {"accepted": 1, "ids": ["c1"], "generated": 0, "rejected": []},
    )
    (record,) = posted(service)
    assert isinstance(record, Candidate)
    assert (record.candidate_id, record.created_at, record.source) == ("c1", from_us(NOW_US), "api")


def test_an_event_without_an_id_is_given_one_and_told_so(service: Service) -> None:
    event = {key: value for key, value in EVENT.items() if key != "candidate_id"}
    first, second = (ask(service, "POST", "/v1/events", json=event).json() for _ in range(2))
    assert (first["generated"], second["generated"]) == (1, 1)
    assert first["ids"] != second["ids"]
    assert [record.candidate_id for record in posted(service) if isinstance(record, Candidate)] == [
        *first["ids"],
        *second["ids"],
    ]


def test_a_bad_row_of_a_batch_is_refused_alone_with_its_number(service: Service) -> None:
    other = {**EVENT, "candidate_id": "c2"}
    body = ndjson(EVENT, b"{not json", b"", {**EVENT, "type": "new_folower"}, {**EVENT, "payload": {}}, other)
    answer = ask(service, "POST", "/v1/events", content=body, headers=NDJSON)
    assert answer.status_code == 202
    told = answer.json()
    assert (told["accepted"], told["ids"]) == (2, ["c1", "c2"])
    assert [row["row"] for row in told["rejected"]] == [2, 4, 5]
    assert "no JSON" in told["rejected"][0]["detail"]
    assert "new_follower" in told["rejected"][1]["detail"]
    assert len(posted(service)) == 2


def test_a_batch_of_which_nothing_is_good_is_a_problem_and_nothing_is_kept(service: Service) -> None:
    answer = ask(service, "POST", "/v1/events", content=ndjson({}, b"1"), headers=NDJSON)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [row["row"] for row in answer.json()["rejected"]] == [1, 2]
    assert posted(service) == []


def test_batches_that_arrive_together_keep_their_rows_in_order(service: Service) -> None:
    async def post(name: str) -> Any:
        rows = ndjson(*({**EVENT, "candidate_id": f"{name}{i}"} for i in range(5)))
        async with http(service) as client:
            return await client.post("/v1/events", content=rows, headers=NDJSON)

    assert {each.status_code for each in together(*(post(name) for name in "abcdefgh"))} == {202}
    ids = [record.candidate_id for record in posted(service) if isinstance(record, Candidate)]
    assert sorted(ids) == [f"{name}{i}" for name in "abcdefgh" for i in range(5)]
    assert all([each for each in ids if each[0] == name] == [f"{name}{i}" for i in range(5)] for name in "abcdefgh")


BAD = {
    "no JSON": (b"{", 400),
    "nothing": (b"", 400),
    "no text": (b'{"user_id": "\xff"}', 400),
    "a lone surrogate": (json.dumps({**EVENT, "user_id": "\ud800"}).encode(), 400),
    "a list": (b"[]", 422),
    "an unknown field": (json.dumps({**EVENT, "kind": "x"}).encode(), 422),
    "no user": (json.dumps({**EVENT, "user_id": ""}).encode(), 422),
    "a number for a text": (json.dumps({**EVENT, "user_id": 7}).encode(), 422),
    "a naive time": (json.dumps({**EVENT, "created_at": "2026-01-01T00:00:00"}).encode(), 422),
    "a type that climbs out of its folder": (json.dumps({**EVENT, "type": "../../etc/passwd"}).encode(), 422),
    "a number too large": (json.dumps({**EVENT, "payload": {**EVENT["payload"], "n": 10**40}}).encode(), 422),
    "a category too large": (json.dumps({**EVENT, "items": [{"item_id": "i", "category": 2**40}]}).encode(), 422),
    "too deep to read": (b'{"user_id":"a","type":"b","payload":{"a":' + b"[" * 3000, 400),
    "too deep to keep": (
        json.dumps({**EVENT, "payload": {**EVENT["payload"], "n": json.loads("[" * 40 + "]" * 40)}}).encode(),
        422,
    ),
}


@pytest.mark.parametrize(("body", "status"), BAD.values(), ids=BAD)
def test_what_cannot_be_taken_is_a_problem_that_says_why(service: Service, body: bytes, status: int) -> None:
    answer = ask(service, "POST", "/v1/events", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert posted(service) == []


def test_too_many_rows_and_too_long_a_body_are_refused_whole(service: Service) -> None:
    six = ndjson(*({**EVENT, "candidate_id": f"c{i}"} for i in range(6)))
    assert ask(service, "POST", "/v1/events", content=six, headers=NDJSON).status_code == 413
    long = json.dumps({**EVENT, "group_key": "x" * 9000}).encode()

    async def in_parts() -> Any:
        for start in range(0, len(long), 1000):
            yield long[start : start + 1000]

    for content in (long, in_parts()):
        answer = ask(service, "POST", "/v1/events", content=content, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:tactful:problem:too-long")
    assert posted(service) == []


def test_a_form_is_no_event_since_any_page_may_post_one(service: Service) -> None:
    for media in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = ask(service, "POST", "/v1/events", content=json.dumps(EVENT), headers={"content-type": media})
        assert answer.status_code == 415


def test_engagements_are_taken_alone_and_in_batches(service: Service) -> None:
    act = {"user_id": "ann", "kind": "click", "engagement_id": "e1", "channel": "push", "decision_id": "0" * 16}
    assert ask(service, "POST", "/v1/engagements", json=act).json()["ids"] == ["e1"]
    rows = ndjson({**act, "engagement_id": "e2"}, {**act, "kind": "kick"}, {**act, "value": 1e999})
    told = ask(service, "POST", "/v1/engagements", content=rows, headers=NDJSON).json()
    assert (told["ids"], len(told["rejected"])) == (["e2"], 2)
    assert [record.engagement_id for record in posted(service) if isinstance(record, Engagement)] == ["e1", "e2"]


def test_a_profile_is_taken_under_the_id_of_its_path(service: Service) -> None:
    profile = {"timezone": "Europe/Berlin", "addresses": {"email": "ann@app.invalid"}, "opt_in": ["email"]}
    assert ask(service, "PUT", "/v1/users/ann", json=profile).status_code == 202
    (record,) = posted(service)
    assert record == User(
        user_id="ann", timezone="Europe/Berlin", addresses={"email": "ann@app.invalid"}, opt_in=("email",)
    )
    assert ask(service, "PUT", "/v1/users/ann", json={**profile, "user_id": "bob"}).status_code == 422
    assert ask(service, "PUT", "/v1/users/ann", json={**profile, "timezone": "Berlin"}).status_code == 422
    assert ask(service, "PUT", "/v1/users/" + "a" * 256, json=profile).status_code == 422


def test_events_are_withdrawn_by_id_and_by_cancel_key(service: Service) -> None:
    assert ask(service, "DELETE", "/v1/events/c1?user_id=ann").status_code == 202
    assert ask(service, "DELETE", "/v1/events/c1").status_code == 422
    key = {"user_id": "ann", "cancel_key": "cart-7", "cancel_id": "k1"}
    assert ask(service, "POST", "/v1/cancels", json=key).json()["ids"] == ["k1"]
    assert ask(service, "POST", "/v1/cancels", json={**key, "candidate_id": "c1"}).status_code == 422
    first, second = (record for record in posted(service) if isinstance(record, Cancel))
    assert (first.user_id, first.candidate_id, first.cancel_key) == ("ann", "c1", "")
    assert (second.candidate_id, second.cancel_key) == ("", "cart-7")


def test_paths_and_methods_that_are_not_served_are_problems_too(service: Service) -> None:
    missing, wrong = ask(service, "GET", "/v2/events"), ask(service, "PUT", "/v1/events")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:tactful:problem:no-such-path")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert wrong.headers["content-type"] == "application/problem+json"


def test_a_new_event_type_is_taken_as_soon_as_its_file_is_there(tmp_path: Path) -> None:
    from tactful.events import registry

    folder = tmp_path / "types"
    folder.mkdir()
    shipped = Path(registry.__file__).parent / "types"
    (folder / "new_follower.toml").write_text((shipped / "new_follower.toml").read_text())
    made = service_over(tmp_path / "app.db")
    made.settings = type(made.settings)(event_types=str(folder))
    made.registry = registry.load_folder(folder)
    event = {**EVENT, "type": "follower_digest"}
    assert ask(made, "POST", "/v1/events", json=event).status_code == 422
    (folder / "follower_digest.toml").write_text((shipped / "new_follower.toml").read_text())
    made.clock.set(NOW_US + 2_000_000)
    assert ask(made, "POST", "/v1/events", json=event).status_code == 202
    made.close()
