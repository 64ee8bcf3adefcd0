"""What people are worth in the long run: signs, limits, and agreement with what is lived."""

import numpy as np

from tactful.simulator.calibration import run_habit
from tactful.simulator.constants import Constants
from tactful.simulator.users import make_people
from tactful.simulator.value import VOLUMES, prospects, settle, typical_messages
from tactful.simulator.world import START_US, make


def test_reach_is_worth_something_and_both_channels_no_less_than_nothing() -> None:
    ahead = prospects(make_people(1, 500, START_US, Constants()), Constants())
    assert np.all(ahead.worth[0] == 0.0)
    assert np.all(ahead.worth[1:] > 0.0)
    assert set(np.unique(ahead.volume)) <= set(VOLUMES)


def test_the_best_volume_is_highest_between_the_very_inactive_and_the_very_active() -> None:
    people = make_people(1, 4_000, START_US, Constants())
    volume = prospects(people, Constants()).volume[1]
    order = np.argsort(people.visits)
    ends = volume[order[:200]].mean(), volume[order[-200:]].mean()
    assert max(ends) < volume[order[1_600:2_800]].mean()


def test_more_messages_than_anybody_can_bear_close_every_channel() -> None:
    people = make_people(1, 200, START_US, Constants())
    typical = typical_messages(people, Constants())
    stay = np.ones(200, np.float32)
    few, many = (
        settle(people, stay, typical.click[0], typical.leave[0], np.full(200, k), Constants()) for k in (3.0, 40.0)
    )
    assert np.all(many.leaves > few.leaves)
    assert np.all(many.own < few.own)


def test_settled_activity_is_what_a_run_under_the_habit_shows() -> None:
    world = make(seed=2, n_users=4_000)
    run = run_habit(world, seed=2, days=7)
    people, constants = world.truth().people, Constants()
    typical = typical_messages(people, constants)
    settled = settle(
        people,
        np.ones(4_000, np.float32),
        typical.click.mean(axis=0),
        typical.leave.mean(axis=0),
        world.habit_per_week(),
        constants,
    )
    lived, expected = run.active_days.mean() / 7.0, settled.active.mean()
    assert abs(lived / expected - 1.0) < 0.08


def test_losing_reach_lowers_what_remains() -> None:
    world = make(seed=2, n_users=1_000)
    run_habit(world, seed=2, days=7, times=3.0)
    truth = world.truth()
    left = truth.reachable == 0
    assert np.any(left)
    ahead = truth.ahead.worth[world.users().reach, np.arange(1_000)]
    assert np.mean(truth.remaining_value()[left]) < np.mean(ahead[left])
