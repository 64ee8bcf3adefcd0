"""Slots of the local day: each user her own rows, nothing of today, whatever order the events come in."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.clock import DAY_US, HOUR_US, to_us
from tactful.errors import InvalidFeatures
from tactful.events.records import KINDS
from tactful.features.context import Zones
from tactful.features.slots import FEATURES, active_slot_counts, day_slots

SAO_PAULO = "America/Sao_Paulo"
ZONES = Zones.of(("UTC", SAO_PAULO, "Europe/Berlin"))
TODAY = (date(2017, 10, 20) - date(1970, 1, 1)).days
CLICKS, WATCHED, ACTIVE = FEATURES.index("clicks"), FEATURES.index("watch_log1p_seconds"), FEATURES.index("active")


def _at(*instants: datetime) -> np.ndarray:
    return np.array([to_us(instant) for instant in instants], dtype=np.int64)


def _extract(at_us: np.ndarray, kind: str = "click", zone: int = 0, value: float = 0.0, **more: int) -> np.ndarray:
    """One user's events of one kind."""
    e = len(at_us)
    kinds, values = np.full(e, KINDS.index(kind)), np.full(e, value)
    one = np.zeros(1, dtype=np.int64)
    return day_slots(np.zeros(e, dtype=np.int64), at_us, kinds, values, one + zone, one + TODAY, ZONES, **more)[0]


def test_a_user_without_history_has_zeros() -> None:
    x = _extract(np.zeros(0, dtype=np.int64))
    assert x.shape == (24, 28, len(FEATURES))
    assert not x.any()


def test_one_event_is_one_cell_of_her_own_clock() -> None:
    x = _extract(_at(datetime(2017, 10, 19, 1, 30, tzinfo=UTC)), zone=1)  # 23:30 on the 18th in summer time
    assert np.argwhere(x).tolist() == [[23, 1, CLICKS], [23, 1, ACTIVE]]


def test_all_events_in_one_minute_are_one_active_cell_with_their_count() -> None:
    x = _extract(np.full(500, _at(datetime(2017, 10, 19, 9, 30, tzinfo=UTC))[0]))
    assert x[9, 0, CLICKS] == 500
    assert x[9, 0, ACTIVE] == 1
    assert np.count_nonzero(x) == 2


def test_today_the_future_and_what_is_too_old_are_left_out() -> None:
    midnight = TODAY * DAY_US
    x = _extract(np.array([midnight, midnight + HOUR_US, midnight + 3 * DAY_US, midnight - 7 * DAY_US - 1]), n_days=7)
    assert not x.any()
    assert _extract(np.array([midnight - 1, midnight - 7 * DAY_US]), n_days=7)[:, :, CLICKS].sum() == 2


@pytest.mark.parametrize(("zone", "day", "hours"), [(1, date(2017, 10, 15), 23), (2, date(2017, 10, 29), 25)])
def test_a_day_of_23_or_25_hours_loses_no_event_and_reads_the_wall_clock(zone: int, day: date, hours: int) -> None:
    number = (day - date(1970, 1, 1)).days
    rows, days = np.array([zone]), np.array([number])
    start = int(ZONES.day_start_us(rows, days)[0])
    assert int(ZONES.day_start_us(rows, days + 1)[0]) - start == hours * HOUR_US
    at_us = start + np.arange(hours) * HOUR_US
    shift = np.zeros(hours, dtype=np.int64)
    x = day_slots(shift, at_us, shift + KINDS.index("click"), shift * 0.0, rows, days + 1, ZONES, n_days=1)[0, :, 0]
    wall = [datetime.fromtimestamp(int(at) // 1_000_000, ZoneInfo(ZONES.names[zone])).hour for at in at_us]
    assert x[:, CLICKS].tolist() == np.bincount(wall, minlength=24).tolist()
    assert x[:, CLICKS].sum() == hours


def test_watched_seconds_are_summed_before_the_logarithm() -> None:
    x = _extract(_at(*[datetime(2017, 10, 19, 9, m, tzinfo=UTC) for m in (1, 2, 3)]), "effective_view", value=20.0)
    assert x[9, 0, WATCHED] == pytest.approx(np.log(61.0))
    assert x[9, 0, FEATURES.index("effective_views")] == 3


def test_a_received_message_shows_nobody_active() -> None:
    x = _extract(_at(datetime(2017, 10, 19, 9, tzinfo=UTC)), "receipt")
    assert x[9, 0, FEATURES.index("receipts")] == 1
    assert not x[:, :, ACTIVE].any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.sampled_from([6, 24, 48]))
def test_order_does_not_matter_and_each_user_has_what_she_has_alone(seed: int, e: int, n_slots: int) -> None:
    rng = np.random.default_rng(seed)
    user = rng.integers(0, 3, e)
    at_us = (TODAY - 4) * DAY_US + rng.integers(0, 5 * DAY_US, e)
    kind, value = rng.integers(0, len(KINDS), e), rng.random(e) * 1000.0
    zone, today = np.array([0, 1, 2]), np.array([TODAY, TODAY - 1, TODAY])
    whole = day_slots(user, at_us, kind, value, zone, today, ZONES, 5, n_slots)
    mixed = rng.permutation(e)
    other = day_slots(user[mixed], at_us[mixed], kind[mixed], value[mixed], zone, today, ZONES, 5, n_slots)
    assert whole.tobytes() == other.tobytes()
    for u in range(3):
        mine, none = user == u, np.zeros(int((user == u).sum()), dtype=np.int64)
        own = (at_us[mine], kind[mine], value[mine], zone[u : u + 1], today[u : u + 1])
        assert day_slots(none, *own, ZONES, 5, n_slots)[0].tobytes() == whole[u].tobytes()


def test_the_window_of_one_day_is_that_of_the_next_moved_by_one() -> None:
    rng = np.random.default_rng(3)
    at_us = (TODAY - 9) * DAY_US + rng.integers(0, 12 * DAY_US, 400)
    user, kind, value = rng.integers(0, 4, 400), rng.integers(0, len(KINDS), 400), rng.random(400)
    zone, today = np.array([0, 1, 2, 1]), np.full(4, TODAY)
    before, after = (day_slots(user, at_us, kind, value, zone, today + d, ZONES, 6) for d in (0, 1))
    assert after[:, :, 1:].tobytes() == before[:, :, :-1].tobytes()


@pytest.mark.parametrize(
    ("user", "kind", "value", "n_slots", "said"),
    [
        (1, 0, 0.0, 24, "got user 1 .. 1"),
        (0, 99, 0.0, 24, "got kind 99"),
        (0, KINDS.index("view"), float("nan"), 24, "seconds watched in row 0"),
        (0, KINDS.index("view"), -1.0, 24, "seconds watched in row 0"),
        (0, 0, 0.0, 7, "divisor of 1440"),
    ],
)
def test_what_cannot_be_counted_is_refused(user: int, kind: int, value: float, n_slots: int, said: str) -> None:
    at_us = np.array([(TODAY - 1) * DAY_US])
    with pytest.raises(InvalidFeatures, match=said):
        day_slots(
            *(np.array([user]), at_us, np.array([kind]), np.array([value])),
            *(np.array([0]), np.array([TODAY]), ZONES),
            n_slots=n_slots,
        )


def test_a_slot_counts_once_a_day_however_much_happens_in_it() -> None:
    user, day, slot = np.zeros(6, dtype=int), np.array([1, 2, 1, 2, 2, 1]), np.array([9, 9, 9, 9, 10, 23])
    counts = active_slot_counts(user, day, slot, n_users=1)[0]
    assert counts[[9, 10, 23]].tolist() == [2.0, 1.0, 1.0]
    assert counts.sum() == 4.0


def test_counts_equal_a_set_of_user_day_slot_on_random_input() -> None:
    rng = np.random.default_rng(1)
    user, day, slot = rng.integers(0, 9, 3000), rng.integers(-3, 4, 3000), rng.integers(0, 24, 3000)
    counts = active_slot_counts(user, day, slot, n_users=10)
    expected = np.zeros((10, 24))
    for u, _, s in set(zip(user.tolist(), day.tolist(), slot.tolist(), strict=True)):
        expected[u, s] += 1
    assert counts.tolist() == expected.tolist()


def test_no_engagements_give_zeros() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert active_slot_counts(none, none, none, n_users=2, n_slots=48).tolist() == [[0.0] * 48] * 2


def test_active_days_by_slot_are_the_sum_of_the_active_cells() -> None:
    rng = np.random.default_rng(2)
    at_us = (TODAY - 5) * DAY_US + np.sort(rng.integers(0, 5 * DAY_US, 300))
    x = _extract(at_us, n_days=5)
    first = datetime(1970, 1, 1, tzinfo=UTC)
    when = [first + timedelta(microseconds=int(at)) for at in at_us]
    days, slots = np.array([(w - first).days for w in when]), np.array([w.hour for w in when])
    counts = active_slot_counts(np.zeros(300, dtype=int), days, slots, n_users=1)
    assert x[:, :, ACTIVE].sum(axis=1).tolist() == counts[0].tolist()
