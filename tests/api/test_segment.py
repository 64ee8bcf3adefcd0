"""Calls of Segment's libraries become profiles, candidates and engagements, or are left out with a reason."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from served_app import ask, served
from tactful.api import segment
from tactful.api.keys import Keyring, make_key
from tactful.errors import InvalidRecord
from tactful.events.records import Candidate, Engagement, User, decode
from tactful.events.registry import Registry
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ANN = User(
    user_id="ann", timezone="Asia/Kolkata", addresses={"push": "t"}, opt_in=("push",), attributes={"plan": "free"}
)


def read(call: segment.Call, **fields: Any) -> Any:
    data = msgspec.json.encode({"userId": "ann", "messageId": "m1"} | fields)
    return segment.read(data, NOW, call=call, registry=Registry.shipped(), known={"ann": ANN}).record


def test_identify_lays_its_traits_over_the_profile_on_record() -> None:
    traits = {"email": "ann@app.example", "plan": "pro", "age": 7, "beta": True, "pets": ["cat"], "locale": "pt-BR"}
    assert read("identify", traits=traits, context={"device": {"token": "new"}}) == User(
        user_id="ann",
        timezone="Asia/Kolkata",
        locale="pt-BR",
        addresses={"push": "new", "email": "ann@app.example"},
        opt_in=("push",),
        attributes={"plan": "pro", "age": 7.0, "beta": 1.0},
    )


def test_an_address_opts_nobody_in() -> None:
    assert "email" not in read("identify", traits={"email": "ann@app.example"}).opt_in
    assert read("identify", traits={"opt_in": ["email"]}).opt_in == ("email",)


def test_a_track_named_like_an_event_type_is_a_candidate() -> None:
    told = {"follower_name": "Ada", "url": "https://app.example/2", "group_key": "g"}
    assert read("track", event="New Follower", properties=told, timestamp="2026-03-01T12:00:00Z") == Candidate(
        candidate_id="m1",
        user_id="ann",
        type="new_follower",
        created_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        payload={"follower_name": "Ada", "url": "https://app.example/2"},
        group_key="g",
        source="segment",
    )


@pytest.mark.parametrize("name", sorted(segment.ACTS))
def test_events_of_the_specification_are_engagements(name: str) -> None:
    kind, channel = segment.ACTS[name]
    act = read("track", event=name.replace("_", " ").title(), properties={"decision_id": "d1", "revenue": 9.5})
    assert act == Engagement(
        engagement_id="m1",
        user_id="ann",
        kind=kind,
        at=NOW,
        channel=channel,
        decision_id="d1",
        value=9.5 if kind == "conversion" else 0.0,
    )


def test_a_page_is_a_view() -> None:
    assert read("page", name="Home").kind == read("screen", name="Home").kind == "view"


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        ("track", {"userId": None, "anonymousId": "x", "event": "Application Opened"}),
        ("track", {"event": "Something Else"}),
        ("group", {}),
        ("alias", {}),
        ("identify", {"traits": {"opt_in": "email"}}),
        ("identify", {"traits": {"email": 7}}),
    ],
)
def test_what_says_nothing_is_left_out_with_a_reason(call: segment.Call, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match="got"):
        read(call, **fields)


def test_a_batch_is_taken_by_the_key_as_user_name(tmp_path: Path) -> None:
    service = served(tmp_path / "app.db")
    key, token = make_key(["ingest"], "segment", 0)
    service.keys = Keyring([key])
    name = base64.b64encode(f"{token}:".encode()).decode()
    batch = [
        {"type": "identify", "userId": "ann", "traits": {"plan": "pro"}},
        {"type": "identify", "userId": "ann", "traits": {"email": "ann@app.example"}},
        {"type": "track", "userId": "ann", "event": "Application Opened", "messageId": "m2"},
        {"type": "group", "userId": "ann"},
    ]

    def post(url: str, body: object, authorization: str) -> Any:
        headers = {"authorization": authorization, "content-type": "text/plain"}
        content = msgspec.json.encode(body)
        return ask(service, segment.ENDPOINTS, "POST", f"/v1/segment/{url}", content=content, headers=headers)

    answer = post("batch", {"batch": batch}, f"Basic {name}")
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 3
    assert [one["row"] for one in answer.json()["rejected"]] == [4]
    assert post("track", batch[2], f"Basic {name}").status_code == 202
    assert post("batch", {"batch": {}}, f"Basic {name}").status_code == 400
    for wrong in (f"Basic {name[:-8]}", "Basic ?", "Basic", "Digest x"):
        assert post("batch", {"batch": batch}, wrong).status_code == 401
    service.close()
    Engine.open(service.path, Settings()).close()
    records = [decode(logged.data) for logged in SqliteStore(service.path).read(-1, 10)]
    last = [r for r in records if isinstance(r, User)][-1]
    assert (last.addresses, last.attributes) == ({"email": "ann@app.example"}, {"plan": "pro"})
    assert sum(isinstance(r, Engagement) for r in records) == 1
