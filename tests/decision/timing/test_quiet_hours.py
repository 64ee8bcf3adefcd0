"""Quiet hours on the clock and on slots, and what happens to interest inside them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.decision.timing.quiet_hours import in_quiet, quiet_slots, shift_quiet_mass
from tactful.errors import InvalidScores

minutes = st.integers(0, 1439)


def one(number: int) -> np.ndarray:
    return np.array([number])


@pytest.mark.parametrize(
    ("start", "end", "quiet"),
    [
        (22 * 60, 7 * 60, [22 * 60, 23 * 60 + 59, 0, 6 * 60 + 59]),
        (9 * 60, 17 * 60, [9 * 60, 16 * 60 + 59]),
        (0, 60, [0, 59]),
    ],
)
def test_window_holds_its_start_but_not_its_end(start: int, end: int, quiet: list[int]) -> None:
    assert all(in_quiet(one(minute), one(start), one(end))[0] for minute in quiet)
    assert not in_quiet(one(end), one(start), one(end))[0]
    assert not in_quiet(one((start - 1) % 1440), one(start), one(end))[0]


@given(minutes, minutes)
def test_equal_start_and_end_mean_no_quiet_hours(minute: int, edge: int) -> None:
    assert not in_quiet(one(minute), one(edge), one(edge))[0]
    assert not quiet_slots(one(edge), one(edge)).any()


@given(minutes, minutes, st.sampled_from([1, 3, 24, 48, 96]))
def test_slot_is_quiet_if_any_of_its_minutes_is(start: int, end: int, slots: int) -> None:
    by_minute = in_quiet(np.arange(1440), one(start), one(end)).reshape(slots, -1)
    assert (quiet_slots(one(start), one(end), slots)[0] == by_minute.any(axis=1)).all()


def test_each_user_has_her_own_window() -> None:
    quiet = quiet_slots(np.array([22 * 60, 0, 12 * 60]), np.array([6 * 60, 0, 13 * 60]))
    assert quiet.sum(axis=1).tolist() == [8, 0, 1]


def test_slots_that_do_not_cut_the_day_evenly_are_refused() -> None:
    with pytest.raises(InvalidScores, match="divisor of 1440"):
        quiet_slots(one(0), one(60), slots=7)


NIGHT = ~quiet_slots(one(22 * 60), one(8 * 60))


@pytest.mark.parametrize(
    ("wanted", "mode", "slot"),
    [(23, "nearest", 21), (2, "nearest", 21), (3, "nearest", 8), (23, "end", 8), (7, "end", 8), (12, "end", 12)],
)
def test_interest_at_night_moves_to_the_edge_asked_for(wanted: int, mode: str, slot: int) -> None:
    p = np.zeros((1, 24), dtype=np.float32)
    p[0, wanted] = 1.0
    moved = shift_quiet_mass(p, NIGHT, "end" if mode == "end" else "nearest")
    assert moved.nonzero()[1].tolist() == [slot]
    assert moved.dtype == np.float32


def test_interest_at_night_is_dropped_if_so_set() -> None:
    p = np.full((1, 24), 1 / 24)
    moved = shift_quiet_mass(p, NIGHT, "skip")
    assert moved[NIGHT].sum() == pytest.approx(14 / 24)
    assert not moved[~NIGHT].any()


@given(st.integers(1, 30), st.sampled_from(["nearest", "end"]), st.data())
def test_moving_keeps_the_mass_and_leaves_none_in_quiet_slots(slots: int, mode: str, data: st.DataObject) -> None:
    p = np.array([data.draw(st.lists(st.floats(0, 1), min_size=slots, max_size=slots))])
    allowed = np.array([data.draw(st.lists(st.booleans(), min_size=slots, max_size=slots))])
    moved = shift_quiet_mass(p, allowed, "end" if mode == "end" else "nearest")
    assert not moved[~allowed].any()
    assert moved.sum() == pytest.approx(p.sum() if allowed.any() else 0.0)
    assert (moved[allowed] >= p[allowed]).all()
