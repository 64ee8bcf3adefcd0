"""The hours in which an app sends at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.decision.rules import Rules
from tactful.decision.timing.send_windows import minutes_until, open_minutes, open_slots
from tactful.errors import InvalidSettings

minutes = st.integers(0, 1439)


def window(start: int, end: int) -> str:
    return f"{start // 60}:{start % 60:02}-{end // 60:02}:{end % 60:02}"


@given(minutes, minutes)
def test_a_window_holds_its_start_and_lasts_up_to_its_end(start: int, end: int) -> None:
    if start == end:
        with pytest.raises(InvalidSettings, match="no length"):
            open_minutes((window(start, end),))
        return
    is_open = open_minutes((window(start, end),))
    assert is_open[start]
    assert not is_open[end]
    assert is_open.sum() == (end - start) % 1440


def test_several_windows_are_their_union_and_none_is_the_whole_day() -> None:
    assert open_minutes(("9:00-12:00", "11:00-13:00")).nonzero()[0].tolist() == list(range(540, 780))
    assert open_minutes(()).all()


def test_a_slot_is_open_if_every_minute_of_it_is() -> None:
    assert open_slots(("8:59-12:00", "12:00-20:01")).nonzero()[0].tolist() == list(range(9, 20))
    assert open_slots(("9:15-10:00",), slots=96).nonzero()[0].tolist() == [37, 38, 39]


@given(minutes, minutes, minutes)
def test_the_minutes_until_are_those_that_a_clock_would_count(start: int, end: int, now: int) -> None:
    if start == end:
        return
    windows = (window(start, end),)
    for opens in (True, False):
        passed = int(minutes_until(windows, opens)[now])
        then = [bool(open_minutes(windows)[(now + m) % 1440]) for m in range(passed + 1)]
        assert then == [not opens] * passed + [opens]


def test_what_never_comes_is_farther_than_any_week() -> None:
    assert (minutes_until((), opens=False) > 7 * 1440).all()
    assert not minutes_until((), opens=True).any()


@pytest.mark.parametrize("wrong", ["9-20", "9:00", "9:00-24:00", "nine-ten", "9:60-10:00", ""])
def test_a_window_that_nobody_can_read_is_refused_where_it_is_set(wrong: str) -> None:
    with pytest.raises(InvalidSettings, match="9:00-20:00"):
        Rules(send_windows=(wrong,))


def test_windows_are_shared_and_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        np.logical_not(open_minutes(()), out=open_minutes(()))
