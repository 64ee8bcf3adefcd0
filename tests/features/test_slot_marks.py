"""Marks of half hours: what the engine keeps of a past gives slot models the same numbers as the log, to the bit."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.clock import DAY_US, HOUR_US, to_us
from tactful.errors import InvalidFeatures
from tactful.events.records import KINDS
from tactful.features import standing
from tactful.features.context import Zones
from tactful.features.history import EngagementRows, UserTable, layout, observe
from tactful.features.slot_marks import HALF_HOUR_US, HISTORY_DAYS, thinned
from tactful.features.slot_past import nobody, slot_past
from tactful.features.slots import FEATURES, day_slots

ZONES = Zones.of(("UTC", "America/Sao_Paulo", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Kiritimati"))
TODAY = (date(2017, 10, 30) - date(1970, 1, 1)).days
"""After the clocks went forward in Sao Paulo (15 October) and back in Berlin (29 October)."""
BEGAN_US = (TODAY - 40) * DAY_US
ACTIVE = FEATURES.index("active")

kinds = st.sampled_from([KINDS.index(k) for k in ("session", "receipt", "view", "effective_view", "click", "open",
                                                   "conversion", "dismiss")])  # fmt: skip
late_us = st.one_of(st.just(0), st.integers(0, 3 * DAY_US))
acts = st.tuples(st.integers(0, 39 * 48 - 1), st.integers(0, HALF_HOUR_US - 1), kinds, st.floats(0, 200), late_us)


def table(zone: int) -> UserTable:
    made = UserTable()
    made.ensure(np.array([7], dtype=np.uint64), np.array([BEGAN_US]))
    made.rows["zone"] = zone
    return made


def rows(at_us: list[int], kind: list[int], value: list[float], log_us: list[int], key: list[int]) -> EngagementRows:
    m = len(at_us)
    zero, minus = np.zeros(m, dtype=np.int64), np.full(m, -1)
    return EngagementRows(
        zero, np.array(at_us, dtype=np.int64), np.array(key, dtype=np.uint64), np.array(log_us, dtype=np.int64),
        np.array(key, dtype=np.uint64), np.array(kind, dtype=np.int64), minus, minus, np.array(value, dtype=np.float64),
    )  # fmt: skip


def live(made: UserTable, zone: int, done: list[tuple[int, int, float, int, int]], until_us: int) -> None:
    """Folds engagements (at, kind, value, log, key) in the order of the log, with a plan at every local midnight."""
    first = int(ZONES.local_day(np.array([zone]), np.array([BEGAN_US]))[0])
    midnights = [int(ZONES.day_start_us(np.array([zone]), np.array([first + d]))[0]) for d in range(1, 60)]
    todo = sorted(done, key=lambda act: act[3])
    for midnight in [m for m in midnights if m < until_us] + [until_us]:
        now = [act for act in todo if act[3] <= midnight]
        todo = todo[len(now) :]
        if now:
            observe(made.rows, rows(*map(list, zip(*[(a, k, v, t, i) for a, k, v, t, i in now], strict=True))))
        if midnight < until_us:
            standing.fade(made.rows, np.array([midnight]), 28.0)


@given(st.integers(0, 5), st.lists(acts, max_size=40), st.integers(1, HISTORY_DAYS), st.integers(0, 23))
@settings(max_examples=60, deadline=None)
def test_what_the_rows_give_back_is_the_thinned_log_bit_for_bit(
    zone: int, done: list[tuple[int, int, int, float, int]], n_days: int, hour: int
) -> None:
    """Whatever the zone and its clock, however late or how often an engagement arrives, at midnight or later."""
    one = np.array([zone])
    now = int(ZONES.day_start_us(one, np.array([TODAY]))[0]) + hour * HOUR_US
    at_us = [BEGAN_US + half * HALF_HOUR_US + within for half, within, *_ in done]
    log = [(a, k, v, a + late, i) for i, (a, (_, _, k, v, late)) in enumerate(zip(at_us, done, strict=True))]
    log = [act for act in log if act[3] <= now]
    made = table(zone)
    live(made, zone, log + [(a, k, v, t + 5, i) for a, k, v, t, i in log[::3] if t + 5 <= now], now)
    ours = slot_past(made.rows.copy(), np.array([now]), ZONES).history(n_days)

    zero = np.zeros(len(log), dtype=np.int64)
    a, k, v = (np.array(column) for column in zip(*[act[:3] for act in log], strict=True)) if log else (zero,) * 3
    want = day_slots(*thinned(zero, a, k, v.astype(np.float64)), one, np.array([TODAY]), ZONES, n_days)
    assert ours.tobytes() == want.tobytes()


def test_a_mark_says_at_least_once_and_views_of_a_minute_are_watched_once() -> None:
    view, at_us = KINDS.index("view"), to_us(datetime(2017, 10, 29, 10, 5, tzinfo=UTC))
    made = table(0)
    standing.fade(made.rows, np.array([TODAY * DAY_US - HOUR_US]), 28.0)
    instants = [at_us, at_us + 1, at_us + 2, at_us + HALF_HOUR_US]
    observe(made.rows, rows(instants, [view] * 4, [90.0, 70.0, 3.0, 59.9], [at_us + DAY_US] * 4, [1, 2, 3, 4]))
    x = slot_past(made.rows, np.array([TODAY * DAY_US]), ZONES).history(1)[0, :, 0]
    assert np.argwhere(x).tolist() == [[10, FEATURES.index("watch_log1p_seconds")], [10, ACTIVE]]
    assert x[10].max() == np.float32(np.log(61.0))


def test_opened_mail_leaves_no_mark_and_a_conversion_shows_her_there() -> None:
    for kind, seen in (("open", False), ("dismiss", False), ("conversion", True)):
        made = table(0)
        standing.fade(made.rows, np.array([TODAY * DAY_US - HOUR_US]), 28.0)
        at_us = TODAY * DAY_US - 2 * HOUR_US
        observe(made.rows, rows([at_us], [KINDS.index(kind)], [500.0], [at_us], [1]))
        x = slot_past(made.rows, np.array([TODAY * DAY_US]), ZONES).history(2)
        assert bool(x[..., ACTIVE].any()) is seen
        assert not x[..., FEATURES.index("watch_log1p_seconds")].any()


@pytest.mark.parametrize("zone", range(6))
def test_nothing_of_today_passes_for_yesterdays(zone: int) -> None:
    made, one, today = table(zone), np.array([zone]), np.array([TODAY])
    start = int(ZONES.day_start_us(one, today)[0])
    standing.fade(made.rows, np.array([start]), 28.0)
    instants = [start + minute * 60_000_000 for minute in range(0, 600, 5)]
    observe(made.rows, rows(instants, [KINDS.index("session")] * 120, [0.0] * 120, instants, list(range(120))))
    assert not slot_past(made.rows, np.array([start + 11 * HOUR_US]), ZONES).history(HISTORY_DAYS).any()


def test_days_before_sign_up_or_the_first_input_are_unknown() -> None:
    made = table(0)
    now = np.array([TODAY * DAY_US])
    made.rows["signup"] = (TODAY - 3) * DAY_US + 5
    assert slot_past(made.rows, now, ZONES).known(5).tolist() == [[True, True, True, False, False]]
    made.rows["signup"], made.rows["marked_from"] = 0, TODAY - 2
    assert slot_past(made.rows, now, ZONES).known(5).tolist() == [[True, True, False, False, False]]
    assert not nobody().known(28).any()


def test_days_of_rest_are_those_of_the_country() -> None:
    made, now = table(1), np.array([(TODAY - 16) * DAY_US + 12 * HOUR_US])  # Saturday 14 October 2017
    assert slot_past(made.rows, now, ZONES, "BR").rest(3).tolist() == [[0, 1, 0]]  # Friday, Our Lady, Wednesday
    assert slot_past(made.rows, now, ZONES).rest(3).tolist() == [[0, 0, 0]]
    assert slot_past(made.rows, now, ZONES).today_rest.tolist() == [1]


def test_more_days_than_are_kept_are_refused() -> None:
    with pytest.raises(InvalidFeatures, match="expected 1 to 28"):
        nobody().history(29)


def test_rows_saved_before_there_were_marks_load_with_their_past_unknown() -> None:
    made = table(0)
    made.rows["active_base"] = TODAY
    fields = [field for field in layout() if field[0] not in ("marks", "marked_from")]
    old = np.zeros(1, dtype=np.dtype([(n, t, tuple(s)) for n, t, s in fields]))
    for name, *_ in fields:
        old[name] = made.rows[name]
    again = UserTable()
    again.load([old.tobytes()], fields)
    assert not again.rows["marks"].any()
    past = slot_past(again.rows, np.array([(TODAY + 2) * DAY_US]), ZONES)
    assert past.known(4).tolist() == [[True, True, False, False]]
