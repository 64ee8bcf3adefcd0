"""The default world against what is published; 16,000 simulated people for eight weeks, seed fixed, four runs.

Standard errors at this size: open rate 0.08 %, halving 0.12 % of views. The gains of the best volumes are expected
4 to 8 of their standard errors from the habit (`recipes/results/world_calibration/`), so two are safe to ask for.
"""

import pytest

from tactful.simulator.calibration import Run, difference, ratio, run_habit, segment, views_lost
from tactful.simulator.world import make

SEED, N, DAYS = 3, 16_000, 56
pytestmark = pytest.mark.usefixtures("shapes_unchecked")


def habit(times: float = 1.0, mail_share: float = 1.0) -> Run:
    return run_habit(make(SEED, N), SEED, DAYS, times, mail_share)


@pytest.fixture(scope="module")
def base(shapes_unchecked: None) -> Run:
    return habit()


@pytest.fixture(scope="module")
def silent(shapes_unchecked: None) -> Run:
    return habit(times=0.0)


@pytest.fixture(scope="module")
def more(shapes_unchecked: None) -> Run:
    return habit(times=2.0)


def test_nine_in_a_hundred_mails_are_opened(base: Run) -> None:
    opened = ratio(base.opens, base.mails)
    assert abs(opened.value - 0.09) < 0.01
    assert opened.standard_error < 0.002


def test_one_to_three_in_a_thousand_mails_lose_a_subscriber(base: Run) -> None:
    left = ratio(base.unsubscribes, base.mails)
    assert 0.001 < left.value < 0.003
    assert left.standard_error < 0.0003


def test_halving_all_mail_costs_little_of_the_views(base: Run) -> None:
    lost = views_lost(habit(mail_share=0.5), base)
    assert abs(lost.value - 0.026) < 0.005
    assert lost.standard_error < 0.0025


@pytest.mark.parametrize("name", ["very inactive", "very active"])
def test_the_best_volume_is_below_the_habit_at_both_ends(base: Run, silent: Run, more: Run, name: str) -> None:
    who = segment(make(SEED, N), name)
    none, further = difference(silent, base, who), difference(more, base, who)
    assert none.value > 2.0 * none.standard_error
    assert further.value < 0.0


def test_the_best_volume_is_above_the_habit_between(base: Run, silent: Run, more: Run) -> None:
    who = segment(make(SEED, N), "between")
    none, further = difference(silent, base, who), difference(more, base, who)
    assert further.value > 2.0 * further.standard_error
    assert none.value < 0.0
