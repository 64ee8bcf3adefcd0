"""The report of the holdout: it finds what messages do, and nothing where people were held out in name only."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from stage import CALM, person, told
from tactful import draws
from tactful.clock import SimulatedClock, to_us
from tactful.errors import InvalidExperiment
from tactful.events.records import Engagement
from tactful.experiments.comparison import Comparison
from tactful.experiments.holdout import held_out
from tactful.runtime.embedded import Engine
from tactful.runtime.experiment_rows import METRICS, daily_rows
from tactful.runtime.holdout_report import holdout_report
from tactful.runtime.settings import Holdout, Settings
from tactful.stores.memory import MemoryStore

START = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE, BEFORE, DAYS, COMES_FOR_A_MESSAGE = 300, 7, 9, 0.4
SETTINGS = msgspec.structs.replace(CALM, holdout=Holdout(share=0.3))
KEYS = np.array([draws.key(f"u{i}") for i in range(PEOPLE)], dtype=np.uint64)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    """A week of visits alone, then messages, too: whoever gets one may come for it."""
    made, clock = MemoryStore(), SimulatedClock(to_us(START))
    engine = Engine(made, SETTINGS, clock=clock)
    engine.submit([person(f"u{i}") for i in range(PEOPLE)])
    for day in range(BEFORE + DAYS):
        begin = START + timedelta(days=day)
        if day >= BEFORE:
            clock.set(to_us(begin + timedelta(hours=9)))
            engine.submit([told(f"c{day}-{i}", user_id=f"u{i}", created=begin) for i in range(PEOPLE)])
        sent = engine.advance(begin + timedelta(hours=20))
        clock.set(to_us(begin + timedelta(hours=20)))
        told_of = {int(one.user_id[1:]) for one in sent if one.action == "send"}
        comes = [i for i in range(PEOPLE) if _comes(day, i) or (i in told_of and _answers(day, i))]
        engine.submit([_visit(day, i, begin + timedelta(hours=20)) for i in comes])
    engine.advance(begin + timedelta(days=1))
    return made


def _comes(day: int, i: int) -> bool:
    """By habit: some nearly every day, some nearly never."""
    return bool(draws.uniform(5, i, day, "visit")[0] < draws.uniform(5, i, 0, "habit")[0] ** 2)


def _answers(day: int, i: int) -> bool:
    return bool(draws.uniform(5, i, day, "answer")[0] < COMES_FOR_A_MESSAGE)


def _visit(day: int, i: int, at: datetime) -> Engagement:
    return Engagement(engagement_id=f"v{day}-{i}", user_id=f"u{i}", kind="session", at=at)


def salted(seed: int) -> Settings:
    """Somebody else is held out in name; the messages were dealt otherwise."""
    return msgspec.structs.replace(SETTINGS, seed=seed)


@pytest.fixture(scope="module")
def found(store: MemoryStore) -> Comparison:
    return holdout_report(store, SETTINGS)


def test_what_messages_bring_is_found_in_days_weeks_and_sessions(found: Comparison) -> None:
    assert found.arms == ("held out", "others")
    assert [one.metric for one in found.measured] == ["active_days", "active_weeks", "sessions"]
    days = found.measured[0]
    assert days.difference.low > 0.0
    assert days.watched is not None
    assert days.watched.low > 0.0
    assert (found.sends[0], found.sends[1] > 5.0) == (0.0, True)


def test_the_held_out_are_those_whom_the_hash_says_and_sizes_fit(found: Comparison) -> None:
    held = int(held_out(KEYS, 0.3, SETTINGS.seed).sum())
    assert found.users == (held, PEOPLE - held)
    assert found.sample_ratio_p > 0.01
    assert found.days == pytest.approx(DAYS, abs=0.5)
    assert not any("equal volume" in one for one in found.warnings)


def test_habit_of_the_days_before_makes_the_interval_narrower(found: Comparison) -> None:
    assert found.measured[0].explained > 0.1


def test_who_was_held_out_in_name_only_differs_as_seldom_as_5_percent_say(store: MemoryStore) -> None:
    looks = [holdout_report(store, salted(100 + salt)).measured[0] for salt in range(20)]
    assert sum(one.p < 0.05 for one in looks) <= 3
    assert not any(one.p_watched < 0.05 for one in looks)


def test_days_that_were_held_out_themselves_are_no_habit(store: MemoryStore) -> None:
    late = holdout_report(store, SETTINGS, since=START + timedelta(days=BEFORE + 4))
    assert any("habit is not taken out" in one for one in late.warnings)
    assert late.measured[0].explained == 0.0
    assert late.measured[0].difference.low > 0.0


def test_active_weeks_are_weeks_with_an_active_day(store: MemoryStore) -> None:
    begin = to_us(START + timedelta(days=BEFORE))
    *_, rows = daily_rows(store, begin, to_us(START + timedelta(days=BEFORE + DAYS)), BEFORE)
    days, weeks = (rows.since[:, METRICS.index(name)] for name in ("active_days", "active_weeks"))
    assert weeks.max() == 2.0
    assert ((weeks > 0) == (days > 0)).all()
    assert (weeks <= days).all()
    assert ((rows.before[:, METRICS.index("active_weeks")] == 1.0) == (rows.before[:, 0] > 0)).all()


def test_without_a_holdout_the_report_says_how_to_have_one(store: MemoryStore) -> None:
    with pytest.raises(InvalidExperiment, match="set `share` in"):
        holdout_report(store, CALM)
    with pytest.raises(InvalidExperiment, match="without a decision"):
        holdout_report(MemoryStore(), SETTINGS)
