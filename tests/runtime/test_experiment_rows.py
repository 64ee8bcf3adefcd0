"""Rows of users from a store: what they count is what a plain count of the records gives, at every look."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest

from small_app import END, START, run
from tactful import draws
from tactful.clock import DAY_US, to_us
from tactful.errors import InvalidExperiment
from tactful.events.records import ACTIVE_KINDS, Decision, Engagement, decode
from tactful.runtime.embedded import Engine
from tactful.runtime.experiment_rows import METRICS, UserRows, daily_rows
from tactful.runtime.log_spans import accepted, through
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore

KINDS = {
    "session": "sessions", "open": "opens", "click": "clicks", "conversion": "conversions",
    "unsubscribe": "unsubscribes", "disable": "unsubscribes", "uninstall": "unsubscribes", "complaint": "complaints",
}  # fmt: skip
BEGIN = to_us(START + timedelta(hours=30))


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    """The small app, whose people also open, click and leave."""
    made = MemoryStore()
    engine = run(made)
    sent = [d for row in made.decisions_between(0, 1 << 62) if isinstance(d := decode(row.data), Decision)]
    kinds = ("open", "click", "unsubscribe", "complaint", "conversion", "disable", "receipt", "uninstall")
    acts = [
        Engagement(engagement_id=f"x{i}", user_id=each.user_id, kind=kinds[i % len(kinds)], at=END)
        for i, each in enumerate(sent)
    ]
    engine.submit(acts, [to_us(END) + i * 1_800_000_000 for i in range(len(acts))])
    engine.advance(END + timedelta(hours=len(acts) / 2 + 1))
    return made


def counted(store: MemoryStore, since_us: int, until_us: int) -> dict[int, Counter[str]]:
    """The metrics of everybody, one record after the other."""
    found: dict[int, Counter[str]] = {}
    days = set()
    for line in store.read(-1, 1_000_000):
        record = decode(line.data)
        if isinstance(record, Engagement) and since_us <= line.log_ts_us < until_us:
            one = found.setdefault(line.user_key, Counter())
            if record.kind in KINDS:
                one[KINDS[record.kind]] += 1
            if record.kind in ACTIVE_KINDS:
                days.add((line.user_key, (line.log_ts_us - BEGIN) // DAY_US))
    for user, _ in days:
        found[user]["active_days"] += 1
    for user, _ in {(user, day // 7) for user, day in days}:
        found[user]["active_weeks"] += 1
    for row in store.decisions_between(since_us, until_us):
        record = decode(row.data)
        assert isinstance(record, Decision)
        if record.action == "send":
            found.setdefault(draws.key(record.user_id), Counter())["sends"] += 1
    return found


def agrees(rows: np.ndarray, keys: np.ndarray, expected: dict[int, Counter[str]]) -> None:
    for i, key in enumerate(keys.tolist()):
        told = dict(zip(METRICS, rows[i].tolist(), strict=True))
        assert {k: v for k, v in told.items() if v} == {k: v for k, v in expected.get(key, {}).items() if v}
    assert rows.sum() == sum(sum(one.values()) for one in expected.values())


def test_rows_are_those_of_a_plain_count_at_every_look(store: MemoryStore) -> None:
    until = through(store) + 1
    looks = list(daily_rows(store, BEGIN, until, days_before=1))
    assert [look.days for look in looks[:-1]] == list(range(1, len(looks)))
    assert len(looks) - 1 < looks[-1].days <= len(looks)
    for look in looks:
        end = min(BEGIN + round(look.days * DAY_US), until)
        agrees(look.since, look.user_key, counted(store, BEGIN, end))
        agrees(look.before, look.user_key, counted(store, BEGIN - DAY_US, BEGIN))
    assert all((looks[-1].since.sum(axis=0) > 0).tolist()), "the test must meet every metric"


def test_a_look_back_at_a_day_gives_what_a_look_on_that_day_gave(store: MemoryStore) -> None:
    later = next(iter(daily_rows(store, BEGIN, through(store) + 1, 1)))
    *_, then = daily_rows(store, BEGIN, BEGIN + DAY_US, 1)
    for name in ("user_key", "before", "since", "decided"):
        np.testing.assert_array_equal(getattr(later, name), getattr(then, name))


def test_everybody_with_a_decision_or_an_input_is_among_the_rows_once(store: MemoryStore) -> None:
    until = through(store) + 1
    *_, last = daily_rows(store, BEGIN, until, 1)
    told = [line.user_key for line in accepted(store, BEGIN - DAY_US, until)]
    decided = [row.user_key for row in store.decisions_between(BEGIN - DAY_US, until)]
    assert set(last.user_key.tolist()) == {*told, *decided}
    assert len(np.unique(last.user_key)) == len(last.user_key)
    since = {row.user_key for row in store.decisions_between(BEGIN, until)}
    assert set(last.user_key[last.decided].tolist()) == since


def test_more_users_than_there_was_room_for_at_first_are_all_counted() -> None:
    store = MemoryStore()
    engine = Engine(store, Settings())
    acts = [Engagement(engagement_id=f"e{i}", user_id=f"u{i % 2500}", kind="session", at=START) for i in range(5000)]
    engine.submit(acts, [to_us(START) + i for i in range(5000)])
    engine.advance(START + timedelta(hours=1))
    (rows,) = daily_rows(store, to_us(START), to_us(START + timedelta(hours=1)), 0)
    assert isinstance(rows, UserRows)
    assert rows.since[:, METRICS.index("sessions")].tolist() == [2.0] * 2500
    assert rows.since[:, METRICS.index("active_days")].tolist() == [1.0] * 2500


def test_an_experiment_that_has_not_begun_is_refused(store: MemoryStore) -> None:
    with pytest.raises(InvalidExperiment, match="not begun"):
        next(iter(daily_rows(store, BEGIN, BEGIN, 1)))
