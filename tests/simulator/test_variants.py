"""The variants that contradict our assumptions do what they say."""

import pytest

from tactful.simulator.calibration import Run, run_habit, views_lost
from tactful.simulator.constants import MOVES_VISITS, PAYS_LATER, Constants
from tactful.simulator.world import make

SILENCE = 1e-9
pytestmark = pytest.mark.usefixtures("shapes_unchecked")


def silent_and_loud(constants: Constants) -> tuple[Run, Run]:
    silent, loud = (run_habit(make(3, 3_000, constants), 3, 28, times) for times in (SILENCE, 3.0))
    return silent, loud


def test_messages_bring_visits_in_the_default_world() -> None:
    silent, loud = silent_and_loud(Constants())
    assert -views_lost(loud, silent).value > 0.08


def test_where_messages_only_move_visits_they_bring_none() -> None:
    silent, loud = silent_and_loud(MOVES_VISITS)
    brought = -views_lost(loud, silent).value
    assert abs(brought) < 0.02  # a day of visits brought forward from beyond the end of 28 days


def test_where_volume_pays_later_silence_costs_visits_now_and_is_worth_more_after() -> None:
    silent, loud = silent_and_loud(PAYS_LATER)
    assert silent.active_days.sum() < loud.active_days.sum()
    assert silent.worth.sum() > 1.05 * loud.worth.sum()
