"""CloudEvents 1.0 in all modes become records, or are refused with what was got and expected."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from served_app import ask, served
from tactful.api import cloudevents
from tactful.errors import InvalidRecord
from tactful.events.records import Cancel, Candidate, Engagement, User, decode
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore

NOW = datetime(2026, 3, 2, tzinfo=UTC)
FOLLOWER: dict[str, Any] = {
    "specversion": "1.0",
    "id": "7",
    "source": "/followers",
    "type": "com.example.new_follower",
    "subject": "ann",
    "time": "2026-03-01T12:00:00Z",
    "data": {"follower_name": "Ada", "url": "https://app.example/2"},
    "cancelkey": "follow-ada",
}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}


def read(**changes: Any) -> Any:
    event = {name: value for name, value in (FOLLOWER | changes).items() if value is not None}
    return cloudevents.read_structured(json.dumps(event).encode(), NOW).record


def test_an_event_is_a_candidate_of_the_type_that_its_last_part_names() -> None:
    assert read() == Candidate(
        candidate_id="/followers#7",
        user_id="ann",
        type="new_follower",
        created_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        payload={"follower_name": "Ada", "url": "https://app.example/2"},
        cancel_key="follow-ada",
        source="/followers",
    )


def test_binary_mode_says_the_same_as_structured() -> None:
    headers = {f"ce-{name}": value for name, value in FOLLOWER.items() if name != "data"}
    headers |= {"content-type": "application/json", "ce-source": "/followers%20"}
    body = json.dumps(FOLLOWER["data"]).encode()
    assert cloudevents.read_binary(headers, body, NOW).record == read(source="/followers ")


def test_data_may_be_base64() -> None:
    data = base64.b64encode(json.dumps(FOLLOWER["data"]).encode()).decode()
    assert read(data=None, data_base64=data) == read()


def test_types_of_ours_are_engagements_users_and_cancels() -> None:
    act = read(type="tactful.engagement", data={"kind": "click", "decision_id": "d1"})
    assert isinstance(act, Engagement)
    assert (act.engagement_id, act.user_id, act.kind, act.decision_id) == ("/followers#7", "ann", "click", "d1")
    user = read(type="tactful.user", data={"opt_in": ["push"], "addresses": {"push": "t"}})
    assert user == User(user_id="ann", opt_in=("push",), addresses={"push": "t"})
    cancel = read(type="tactful.cancel", data={"cancel_key": "follow-ada"})
    assert isinstance(cancel, Cancel)
    assert cancel.cancel_key == "follow-ada"


def test_a_long_id_is_hashed_and_a_missing_time_is_now() -> None:
    one, other = read(id="x" * 250), read(id="x" * 249 + "y")
    assert len(one.candidate_id) == len(other.candidate_id) == 32
    assert one.candidate_id != other.candidate_id
    assert read(time=None).created_at == NOW


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "0.3"},
        {"subject": None},
        {"subject": "x" * 256},
        {"datacontenttype": "text/plain"},
        {"data_base64": "§"},
        {"type": "tactful.engagement", "data": {"kind": "clack"}},
    ],
)
def test_what_cannot_be_a_record_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match="got"):
        read(**changes)


def test_every_mode_is_taken_and_a_bad_member_takes_no_good_one_with_it(tmp_path: Path) -> None:
    service = served(tmp_path / "app.db")

    def post(content: bytes, headers: dict[str, str]) -> Any:
        return ask(service, cloudevents.ENDPOINTS, "POST", "/v1/cloudevents", content=content, headers=headers)

    whole = json.dumps(FOLLOWER).encode()
    assert post(whole, STRUCTURED).json()["ids"] == ["/followers#7"]
    batch = json.dumps([FOLLOWER | {"id": "8"}, FOLLOWER | {"subject": ""}, FOLLOWER | {"type": "no_such"}]).encode()
    answer = post(batch, {"content-type": cloudevents.BATCHED})
    assert answer.status_code == 202
    assert [one["row"] for one in answer.json()["rejected"]] == [2, 3]
    binary = {f"ce-{name}": value for name, value in (FOLLOWER | {"id": "9"}).items() if name != "data"}
    assert post(json.dumps(FOLLOWER["data"]).encode(), binary | {"content-type": "application/json"}).status_code == 202
    assert post(whole, {"content-type": "application/json"}).status_code == 415
    assert post(b"{}", {"content-type": cloudevents.BATCHED}).status_code == 400
    assert post(b"[]", {"content-type": cloudevents.BATCHED}).status_code == 400
    assert post(b"{", STRUCTURED).status_code == 400
    service.close()
    Engine.open(service.path, Settings()).close()
    records = [decode(logged.data) for logged in SqliteStore(service.path).read(-1, 10)]
    assert [r.candidate_id for r in records if isinstance(r, Candidate)] == [f"/followers#{n}" for n in (7, 8, 9)]
