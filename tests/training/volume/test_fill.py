"""How much of a budget is sent, and when that has moved too far from what the models know."""

from dataclasses import replace

import numpy as np
import pytest

from tactful.clock import WEEK_US
from tactful.features.segments import REACHES
from tactful.training.volume.fill import Fill, fill_of, moved
from tactful.training.volume.labels import label
from tactful.training.volume.log import VolumeLog
from volume_logs import CHOICES, START_US, UNSUBSCRIBE, assignments, drawn


def _fill(log: VolumeLog) -> Fill:
    return fill_of(log, label(log))


def _table(rate: float, due: float = 1000.0) -> Fill:
    return Fill((0, 5), ((0.0, rate * due),) * 3, ((0.0, due),) * 3)


def test_the_fill_rate_is_sent_by_due() -> None:
    log = assignments(k=[5, 5, 2, 0, 5], weeks=4)  # reach 0, 1, 2, 0, 1
    fill = _fill(replace(log, sent=np.array([20, 16, 4, 0, 14])))
    assert fill.rate(0, 5) == 1.0
    assert fill.rate(1, 5) == pytest.approx(30 / 40)
    assert fill.rate(2, 2) == pytest.approx(4 / 8)
    assert fill.rate(0, 0) is None  # nothing is due of a budget of nothing
    assert fill.rate(2, 5) is None  # nobody there


def test_who_left_is_due_nothing() -> None:
    log = assignments(k=[5, 5, 5, 5], weeks=4, events=[(3, START_US + WEEK_US, UNSUBSCRIBE)])
    fill = _fill(replace(log, sent=np.array([20, 20, 20, 5])))
    assert fill.rate(0, 5) == 1.0


def test_a_budget_in_force_for_less_than_a_week_says_nothing_yet() -> None:
    assert _fill(assignments(k=[5], until_us=START_US + WEEK_US - 1)).rate(0, 5) is None


def test_the_log_that_sends_everything_is_filled() -> None:
    fill = _fill(drawn(2000, seed=1)[0])
    assert fill.budgets == CHOICES
    assert [fill.rate(r, 10) for r in range(3)] == [1.0, 1.0, 1.0]


def test_the_number_sent_is_expected_between_the_budgets_seen_and_beyond() -> None:
    fill = Fill((2, 4), ((2.0, 3.0), (0.0, 0.0), (2.0, 1.0)), ((2.0, 4.0), (0.0, 0.0), (2.0, 4.0)))
    expected = fill.expected_sent(6)
    assert expected[0].tolist() == [0.0, 1.0, 2.0, 2.5, 3.0, 3.75, 4.5]
    assert expected[1].tolist() == [0, 1, 2, 3, 4, 5, 6]  # no data: what is due
    assert (np.diff(expected, axis=1) >= 0.0).all()  # a cost may not fall, whatever was counted


def test_a_move_of_a_tenth_asks_for_retraining_and_less_does_not() -> None:
    assert moved(_table(0.8), _table(0.8 * 1.09)) == ()
    said = moved(_table(0.8), _table(0.8 * 0.89))
    assert len(said) == len(REACHES)
    assert said[0] == "email_only, budget 5: 0.71 of it is sent, 0.80 at training; train again"


def test_few_messages_have_not_moved() -> None:
    assert moved(_table(0.8), _table(0.4, due=100.0)) == ()
