"""A day through another policy: it begins where the recorded day began, and only what the policy changes differs."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from small_app import inputs
from stage import with_rules
from tactful.clock import to_us
from tactful.errors import InvalidSettings, NotEnoughData
from tactful.events.records import Decision, decode
from tactful.runtime.embedded import Engine
from tactful.runtime.replaying_day import HOWS, DayComparison, compare_day
from tactful.runtime.settings import Settings, Volume
from tactful.stores.memory import MemoryStore

DAY = date(2026, 3, 3)
SETTINGS = with_rules(Settings(volume=Volume(per_user_per_week=6.0)), price="none")


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    store = MemoryStore()
    engine = Engine(store, SETTINGS)
    pairs = inputs()
    engine.submit([record for _, record in pairs], [to_us(when) for when, _ in pairs])
    engine.advance(datetime(2026, 3, 5, tzinfo=UTC))
    return store


def sent(store: MemoryStore, day: date) -> list[Decision]:
    records = [decode(row.data) for row in store.decisions_between(0, 1 << 62)]
    return [d for d in records if isinstance(d, Decision) and d.action == "send" and d.at.date() == day]


def test_the_recorded_settings_change_nothing(store: MemoryStore) -> None:
    found = compare_day(store, SETTINGS, DAY)
    assert found.counts["same"] == len(sent(store, DAY)) > 5
    assert found.changes == ()
    assert found.recorded == found.replayed


def total(found: DayComparison) -> int:
    return sum(found.counts[how] for how in ("same", "other_hour", "other_channel", "other_candidate"))


def test_every_message_of_both_runs_is_counted_once(store: MemoryStore) -> None:
    found = compare_day(store, with_rules(SETTINGS, gap_minutes=600, daily_cap=1), DAY)
    assert set(found.counts) == set(HOWS)
    assert total(found) + found.counts["not_sent"] == found.recorded.sends == len(sent(store, DAY))
    assert total(found) + found.counts["sent_only_now"] == found.replayed.sends
    assert found.counts["not_sent"] > 0
    assert not found.other_weights


def test_other_weights_choose_otherwise_and_their_utilities_are_not_compared(store: MemoryStore) -> None:
    weights = {**SETTINGS.rules.weights, "click": 0.0}
    found = compare_day(store, with_rules(SETTINGS, weights=weights), DAY)
    assert found.other_weights
    assert found.changes
    assert all((one.recorded is None) == (one.how == "sent_only_now") for one in found.changes)
    assert all((one.replayed is None) == (one.how == "not_sent") for one in found.changes)


def test_the_last_whole_day_is_taken_by_default_and_others_must_be_on_record(store: MemoryStore) -> None:
    assert compare_day(store, SETTINGS).day == date(2026, 3, 4)
    with pytest.raises(NotEnoughData, match="expected a whole day"):
        compare_day(store, SETTINGS, date(2026, 3, 9))
    with pytest.raises(InvalidSettings, match="replay without --day"):
        compare_day(store, msgspec.structs.replace(SETTINGS, event_types="elsewhere"), DAY)
