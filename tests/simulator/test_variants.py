"""The variants that contradict our assumptions do what they say."""

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.simulator.calibration import Run, run_habit, views_lost
from tactful.simulator.constants import (
    FLAT_HOURS,
    MOVES_VISITS,
    NEWCOMERS,
    PAYS_LATER,
    STEEP_FATIGUE,
    WEAK_FATIGUE,
    Constants,
)
from tactful.simulator.protocol import SendColumns
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


def test_a_newcomer_is_unknown_before_she_signs_up_and_leaves_more_easily() -> None:
    usual, world = make(3, 2_000), make(3, 2_000, NEWCOMERS)
    signup, start = world.users().signup_us, world.start_us
    new = signup >= start
    assert 0.2 < new.mean() < 0.3
    assert (signup[new] < start + 28 * DAY_US).all()
    np.testing.assert_array_equal(signup[~new], usual.users().signup_us[~new])
    ratio = world.truth().people.sensitivity / usual.truth().people.sensitivity
    np.testing.assert_allclose(ratio, np.where(new, 4.0, 1.0), rtol=1e-6)
    early = world.candidates(start, start + DAY_US)
    assert (early.created_us >= signup[early.user]).all()
    came = world.respond(SendColumns.none(), start, start + HOUR_US)
    assert len(came.user)
    assert (came.at_us >= signup[came.user]).all()


def test_where_hours_are_flat_people_come_at_any_hour_alike_and_are_else_the_same() -> None:
    usual, flat = make(3, 500), make(3, 500, FLAT_HOURS)
    by_hour = flat.truth().organic(flat.start_us, 24)
    np.testing.assert_allclose(by_hour, np.repeat(by_hour[:, :1], 24, axis=1), rtol=1e-6)
    assert np.ptp(usual.truth().organic(usual.start_us, 24), axis=1).min() > 0.0
    np.testing.assert_array_equal(flat.truth().people.mix, usual.truth().people.mix)


def test_a_message_tires_more_where_fatigue_is_steep_and_less_where_it_is_weak() -> None:
    worth = [make(3, 500, constants).truth().active_after_leaving() for constants in (STEEP_FATIGUE, WEAK_FATIGUE)]
    np.testing.assert_allclose(worth[0], worth[1])  # who has left is not tired
    for name in ("fatigue_dulls", "fatigue_tires", "leave_fatigue"):
        steep, usual, weak = (getattr(c, name) for c in (STEEP_FATIGUE, Constants(), WEAK_FATIGUE))
        assert (steep, weak) == (2.0 * usual, 0.5 * usual)
