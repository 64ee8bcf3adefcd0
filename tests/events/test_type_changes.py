"""A registry that changes keeps the number of every type, and the change survives the log."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tactful.errors import InvalidEventType, InvalidRecord, UnknownEventType
from tactful.events import type_changes
from tactful.events.event_type import EventType
from tactful.events.records import Candidate
from tactful.events.registry import Registry
from tactful.events.type_changes import TypeChange, change_between, changed

SHIPPED = Registry.shipped()


def named(name: str, **changes: object) -> EventType:
    return msgspec.structs.replace(SHIPPED.types[0], name=name, **changes)


def without(name: str) -> Registry:
    return Registry([each for each in SHIPPED.types if each.name != name])


def test_a_type_whose_name_sorts_first_moves_no_other() -> None:
    change = change_between(SHIPPED, Registry([*SHIPPED.types, named("a_first")]))
    assert change is not None
    assert [each.name for each in change.declared] == ["a_first"]
    after = changed(SHIPPED, change)
    assert after.names == (*SHIPPED.names, "a_first")
    assert [after.index(name) for name in SHIPPED.names] == [SHIPPED.index(name) for name in SHIPPED.names]
    before, now = SHIPPED.columns(), after.columns()
    for name, column in vars(before).items():
        assert (getattr(now, name)[: len(SHIPPED.names)] == column).all(), name


def test_a_type_that_says_something_else_keeps_its_number() -> None:
    louder = msgspec.structs.replace(SHIPPED.types[1], priority=0.99)
    change = change_between(SHIPPED, Registry([louder, *(t for t in SHIPPED.types if t.name != louder.name)]))
    assert change == TypeChange(declared=(louder,))
    after = changed(SHIPPED, change)
    assert after.names == SHIPPED.names
    assert after.types[1].priority == 0.99


def test_a_type_whose_file_is_gone_keeps_its_number_and_takes_no_candidates_until_it_is_back() -> None:
    change = change_between(SHIPPED, without("win_back"))
    assert change == TypeChange(retired=("win_back",))
    gone = changed(SHIPPED, change)
    candidate = Candidate(
        candidate_id="c",
        user_id="u",
        type="win_back",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        payload={"title": "A", "url": "https://app.invalid"},
    )
    assert gone.names == SHIPPED.names
    with pytest.raises(UnknownEventType, match=r"put win_back\.toml back"):
        gone.validate(candidate)
    assert change_between(gone, without("win_back")) is None
    back = change_between(gone, SHIPPED)
    assert back is not None
    again = changed(gone, back)
    again.validate(candidate)
    assert change_between(again, SHIPPED) is None


def test_nothing_changes_between_equal_registries_whatever_their_order() -> None:
    turned = Registry.numbered(reversed(SHIPPED.types))
    assert change_between(SHIPPED, turned) is None


def test_a_change_and_a_registry_survive_the_log(tmp_path: Path) -> None:
    change = TypeChange(declared=(named("a_first", priority=0.1),), retired=("win_back",))
    assert type_changes.read(msgspec.msgpack.decode(msgspec.msgpack.encode(type_changes.value(change)))) == change
    after = changed(SHIPPED, change)
    kept = type_changes.from_bytes(type_changes.to_bytes(after))
    assert (kept.names, kept.retired, kept.types) == (after.names, after.retired, after.types)


def test_what_is_no_change_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="cannot be read"):
        type_changes.read({"declared": [{"name": "x"}]})
    with pytest.raises(InvalidRecord, match="event type x: wake"):
        type_changes.read(type_changes.value(TypeChange(declared=(named("x", ranked=False, wake="slot"),))))


def test_retired_types_count_to_the_largest_number() -> None:
    full = Registry([named(f"t{i:02d}") for i in range(64)])
    with pytest.raises(InvalidEventType, match="those that were retired included"):
        changed(full, TypeChange(declared=(named("one_more"),), retired=("t00",)))
