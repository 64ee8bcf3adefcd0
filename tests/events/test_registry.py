"""The registry finds types, refuses bad candidates with a reason, and gives one row of numbers a type."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import tactful.events
from tactful.errors import InvalidEventType, InvalidRecord, UnknownEventType
from tactful.events.records import CHANNELS, Candidate, Item
from tactful.events.registry import NOT_ALLOWED, EventType, Registry, load_folder

SHIPPED = Path(tactful.events.__file__).parent / "types"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REGISTRY = Registry.shipped()


def candidate(**changes: Any) -> Candidate:
    usual = Candidate(
        candidate_id="c1",
        user_id="u1",
        type="recommendation",
        created_at=NOON,
        payload={"title": "Hello", "url": "https://example.org/1"},
    )
    return msgspec.structs.replace(usual, **changes)


def event_type(name: str) -> EventType:
    return msgspec.structs.replace(REGISTRY.types[0], name=name)


def test_types_are_ordered_by_name_whatever_order_they_come_in() -> None:
    registry = Registry([event_type("b"), event_type("a")])
    assert registry.names == ("a", "b")
    assert [registry.index(name) for name in registry.names] == [0, 1]


def test_unknown_type_is_refused_with_the_known_ones_and_the_nearest_spelling() -> None:
    with pytest.raises(UnknownEventType) as caught:
        REGISTRY.index("recomendation")
    message = str(caught.value)
    assert 'got the event type "recomendation"' in message
    assert 'did you mean "recommendation"?' in message
    assert all(name in message for name in REGISTRY.names)


def test_two_types_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidEventType, match="two event types named a"):
        Registry([event_type("a"), event_type("a")])


def test_64_types_fit_and_65_do_not() -> None:
    assert len(Registry([event_type(f"t{i}") for i in range(64)]).types) == 64
    with pytest.raises(InvalidEventType, match="got 65 event types, expected at most 64"):
        Registry([event_type(f"t{i}") for i in range(65)])


def test_type_built_in_code_with_a_mistaken_schema_is_refused() -> None:
    with pytest.raises(InvalidEventType, match="no JSON Schema"):
        Registry([msgspec.structs.replace(event_type("a"), payload={"type": "objekt"})])


def test_folder_reports_the_mistakes_of_all_its_files(tmp_path: Path) -> None:
    for file in SHIPPED.glob("*.toml"):
        shutil.copy(file, tmp_path)
    (tmp_path / "win_back.toml").write_text('channels = ["sms"]')
    (tmp_path / "recommendation.toml").write_text("lifetime = 3")
    with pytest.raises(InvalidEventType) as caught:
        load_folder(tmp_path)
    lines = str(caught.value).splitlines()
    assert any(line.startswith(f"{tmp_path}/win_back.toml: channels[0]: ") for line in lines)
    assert any(line.startswith(f"{tmp_path}/recommendation.toml: lifetime: ") for line in lines)


def test_folder_without_types_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidEventType, match=r"got no \*\.toml file"):
        load_folder(tmp_path)
    with pytest.raises(InvalidEventType, match=r"got no \*\.toml file"):
        load_folder(tmp_path / "absent")


def test_good_candidate_is_accepted() -> None:
    REGISTRY.validate(candidate())
    REGISTRY.validate(candidate(expires_at=NOON, items=(Item("i1", quality=1.0),)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"payload": {"title": "Hello"}}, 'payload: "url" is a required property'),
        ({"payload": {"title": 3, "url": "u"}}, 'payload.title: 3 is not of type "string"'),
        ({"payload": {"title": "T", "url": "u", "x": float("nan")}}, "payload.x: got nan"),
        ({"payload": {"title": "T", "url": "u", "x": "x" * 1_000_000}}, "expected at most 65,536"),
        ({"expires_at": NOON - timedelta(seconds=1)}, "expires_at: got 2026-03-01T11:59:59"),
        ({"created_at": NOON.replace(tzinfo=None)}, "created_at: got the naive time"),
        ({"expires_at": NOON.replace(tzinfo=None)}, "expires_at: got the naive time"),
        ({"items": (Item("a"), Item("b", quality=float("nan")))}, "items[1].quality: got nan"),
        ({"items": (Item("a", quality=1.5),)}, "items[0].quality: got 1.5"),
    ],
)
def test_bad_candidate_is_refused_with_its_id_type_and_reason(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        REGISTRY.validate(candidate(**changes))
    assert str(caught.value).startswith("candidate c1 (recommendation): ")
    assert message in str(caught.value)


def test_candidate_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(UnknownEventType):
        REGISTRY.validate(candidate(type="newsletter"))


def test_columns_say_what_the_types_say() -> None:
    columns = REGISTRY.columns()
    microsecond = timedelta(microseconds=1)
    for row, each in enumerate(REGISTRY.types):
        assert columns.ranked[row] == each.ranked
        assert columns.critical[row] == each.critical
        assert columns.wake_now[row] == (each.wake == "now")
        assert columns.lifetime_us[row] == each.lifetime // microsecond
        assert columns.priority[row] == np.float32(each.priority)
        assert (columns.daily_cap[row], columns.weekly_cap[row]) == (each.caps.daily, each.caps.weekly)
        ranks = columns.channel_rank[row]
        allowed = [CHANNELS[i] for i in np.argsort(ranks, kind="stable") if ranks[i] != NOT_ALLOWED]
        assert tuple(allowed) == each.channels
        in_mask = {channel for i, channel in enumerate(CHANNELS) if columns.channel_mask[row] >> i & 1}
        assert in_mask == set(each.channels)


def test_type_without_aggregation_needs_one_candidate_and_no_window() -> None:
    columns = REGISTRY.columns()
    digest, alert = REGISTRY.index("comment_digest"), REGISTRY.index("security_alert")
    assert (columns.aggregate_window_us[digest], columns.aggregate_min[digest]) == (6 * 3_600_000_000, 3)
    assert (columns.aggregate_window_us[alert], columns.aggregate_min[alert]) == (0, 1)


def test_longest_wait_is_none_on_arrival_and_the_lifetime_where_nothing_is_said() -> None:
    at_once = msgspec.structs.replace(event_type("a"), wake="now", max_wait=None)
    unsaid = msgspec.structs.replace(event_type("b"), wake="slot", max_wait=None)
    said = msgspec.structs.replace(event_type("c"), wake="slot", max_wait=timedelta(minutes=5))
    waits = Registry([at_once, unsaid, said]).columns().max_wait_us
    assert waits.tolist() == [0, unsaid.lifetime // timedelta(microseconds=1), 300_000_000]


def test_columns_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        REGISTRY.columns().priority[0] = 1
