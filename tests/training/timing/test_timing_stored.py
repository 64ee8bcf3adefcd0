"""The timing log of a store: what people did, where they are, what they were sent; features are those of the engine."""

from datetime import timedelta

import numpy as np
import pytest

from tactful import draws
from tactful.clock import DAY_US, HOUR_US, MINUTE_US, SimulatedClock, from_us, to_us
from tactful.errors import NotEnoughData, UnknownTimeZone
from tactful.events.records import KINDS, Decision, Engagement, EngagementKind, Input, User, encode
from tactful.features.slot_marks import HISTORY_DAYS
from tactful.features.slot_past import slot_past
from tactful.features.standing import local_counts
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import DecisionRow, LoggedInput
from tactful.training.timing.days import FEWEST_DAYS, history, split_days
from tactful.training.timing.log import TimingLog
from tactful.training.timing.stored import read_log
from timing_people import FIRST_DAY, START_US, log_of, records, two_habits

ZONES = ("UTC", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Auckland", "Europe/Berlin")
DAYS = 20
MARKED: tuple[EngagementKind, ...] = ("session", "receipt", "view", "effective_view", "open", "click", "conversion")


def engaged(name: str, user: int, kind: EngagementKind, at_us: int, **more: object) -> Engagement:
    return Engagement(engagement_id=name, user_id=f"u{user}", kind=kind, at=from_us(at_us), **more)


def lived(n: int = 18, seed: int = 1) -> tuple[MemoryStore, Engine]:
    """A store and its engine after people in six zones did all kinds of things, some of them told a day late."""
    rng = np.random.default_rng(seed)
    acts: list[tuple[int, Input]] = [
        (START_US + i * 7 * HOUR_US, User(user_id=f"u{i}", timezone=ZONES[i % len(ZONES)])) for i in range(n)
    ]
    for number in range(n * 60):
        at = START_US + int(rng.integers(0, (DAYS - 1) * DAY_US))
        late = int(rng.integers(0, DAY_US)) if number % 5 == 0 else 0
        kind = MARKED[int(rng.integers(0, len(MARKED)))]
        act = engaged(f"e{number}", int(rng.integers(0, n)), kind, at, value=float(rng.integers(0, 120)))
        acts.append((at + late, act))
    acts.sort(key=lambda pair: pair[0])
    store = MemoryStore()
    engine = Engine(store, Settings(seed=3), clock=SimulatedClock(START_US))
    engine.submit([record for _, record in acts], [at for at, _ in acts])
    engine.advance(from_us(START_US + DAYS * DAY_US - 1))
    return store, engine


@pytest.fixture(scope="module")
def both() -> tuple[TimingLog, Engine]:
    store, engine = lived()
    return read_log(store), engine


def known(log: TimingLog, day: int, n_days: int) -> np.ndarray:
    return day - 1 - np.arange(n_days) >= log.known_from[:, None]


def test_features_of_training_are_those_of_the_engine_bit_for_bit(both: tuple[TimingLog, Engine]) -> None:
    log, engine = both
    order = np.argsort(engine.population.table.rows["user_key"])
    rows = engine.population.table.rows[order]
    np.testing.assert_array_equal(rows["user_key"], log.key)
    now = np.full(len(rows), START_US + DAYS * DAY_US - 1)
    past = slot_past(rows, now, engine.population.frame.zones)
    np.testing.assert_array_equal(past.known_from, log.known_from)
    for day in np.unique(past.day).tolist():
        here = past.day == day
        np.testing.assert_array_equal(past.history(15)[here], history(log, day, 15)[here])
        np.testing.assert_array_equal(past.known(15)[here], known(log, day, 15)[here])
    assert (past.history(15) > 0).mean() > 0.005


def test_windows_of_the_split_days_are_those_features_and_what_came_after(both: tuple[TimingLog, Engine]) -> None:
    log, _ = both
    split = split_days(log)
    for day in (split.learned[0], split.learned[-1], split.judged[-1]):
        np.testing.assert_array_equal(day.window.history, history(log, day.number, HISTORY_DAYS))
        after = history(log, day.number + 1, 1)
        np.testing.assert_array_equal(day.sessions, after[:, :, 0, 5])
        np.testing.assert_array_equal(day.window.known, known(log, day.number, HISTORY_DAYS))
    numbers = [day.number for day in (*split.learned, *split.judged)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def sent(key: int, at_us: int, chance: float) -> DecisionRow:
    decision = Decision(
        decision_id=f"{key:016x}", user_id="u0", at=from_us(at_us), action="send", slot=9, slot_probability=chance
    )
    return DecisionRow(key, draws.key("u0"), at_us, 0, encode(decision))


def with_sends() -> MemoryStore:
    """Three sends at nine: clicked in time, clicked by somebody else's count too late, and failed."""
    store = MemoryStore()
    at = START_US + 3 * DAY_US + 9 * HOUR_US
    acts: list[Input] = [
        User(user_id="u0", timezone="Asia/Kolkata", signup_at=from_us(START_US) - timedelta(days=100)),
        engaged("s", 0, "session", START_US + HOUR_US),
        engaged("yes", 0, "click", at + HOUR_US, decision_id=f"{1:016x}"),
        engaged("late", 0, "click", at + 30 * HOUR_US, decision_id=f"{2:016x}"),
        engaged("no", 0, "failure", at + 2 * MINUTE_US, decision_id=f"{3:016x}", channel="push"),
        engaged("other", 0, "click", at + HOUR_US, decision_id="campaign-7"),
    ]
    stamps = [START_US, START_US + HOUR_US, at + HOUR_US, at + 30 * HOUR_US, at + 31 * HOUR_US, at + 31 * HOUR_US]
    user = draws.key("u0")
    lines = zip(acts, stamps, strict=True)
    store.append([LoggedInput(i, s, user, draws.key(f"d{i}"), i + 1, 0, encode(a)) for i, (a, s) in enumerate(lines)])
    store.append_decisions(
        [
            sent(1, at, 0.25),
            sent(2, at + MINUTE_US, 0.5),
            sent(3, at + 2 * MINUTE_US, 0.5),
            sent(4, at + 5 * DAY_US, 0.5),
        ]
    )
    store.save_meta("committed", str(START_US + 9 * DAY_US - 1).encode())
    return store


def test_sends_come_with_their_slot_probability_and_whether_they_were_clicked_in_time() -> None:
    log = read_log(with_sends())
    assert log.s_probability.tolist() == [0.25, 0.5]  # the third failed, the fourth is younger than a day
    assert log.s_clicked.tolist() == [True, False]
    assert log.zones.names == ("Asia/Kolkata",)
    assert log.known_from.tolist() == [FIRST_DAY]  # sign-up lies before the log
    assert [KINDS[kind] for kind in log.e_kind.tolist()].count("click") == 3


def test_an_empty_store_and_one_without_engagements_say_what_is_missing() -> None:
    with pytest.raises(NotEnoughData, match="no decided day"):
        read_log(MemoryStore())
    store = MemoryStore()
    engine = Engine(store, Settings(), clock=SimulatedClock(START_US))
    engine.submit([User(user_id="u0")], [START_US])
    engine.advance(from_us(START_US + 2 * DAY_US))
    with pytest.raises(NotEnoughData, match="no engagement"):
        read_log(store)


def test_a_short_log_says_how_many_days_are_needed() -> None:
    log = read_log(with_sends())
    with pytest.raises(NotEnoughData, match=f"got 8 whole days of log, expected at least {FEWEST_DAYS}"):
        split_days(TimingLog(**{**vars(log), "until_us": log.until_us - DAY_US}))


def test_a_zone_that_the_data_base_lacks_is_named() -> None:
    store = with_sends()
    lost = User(user_id="u0", timezone="Atlantis/Capital")
    last = store.last()
    store.append([LoggedInput(last[0] + 1, last[1], draws.key("u0"), 0, 99, 0, encode(lost))])
    with pytest.raises(UnknownTimeZone, match="Atlantis/Capital"):
        read_log(store)


def test_of_more_people_than_are_wanted_some_are_drawn_and_the_rest_is_counted() -> None:
    store, _ = lived()
    log = read_log(store, seed=7, most_users=5)
    assert (len(log), log.left_out) == (5, 13)
    assert set(log.e_user.tolist()) <= set(range(5))
    assert read_log(store, seed=7, most_users=5).key.tolist() == log.key.tolist()
    assert to_us(from_us(log.until_us)) == START_US + DAYS * DAY_US


def test_sessions_fade_as_the_engine_lets_them() -> None:
    visits = two_habits(10, 12)
    engine = Engine(MemoryStore(), Settings(seed=3), clock=SimulatedClock(START_US))
    engine.submit(*records(visits, 10))
    midnight = START_US + 11 * DAY_US
    engine.advance(from_us(midnight))
    rows = engine.population.table.rows
    kept = local_counts(rows, np.full(len(rows), midnight), engine.population.frame.zones)
    day = split_days(log_of(visits, 10, 12)).judged[-1]
    assert day.number == FIRST_DAY + 11
    np.testing.assert_allclose(day.counts, kept, rtol=0.02, atol=0.002)
    assert kept.sum() > 40
