"""Promises of the log of assigned budgets that a simulated app hands to the volume models."""

from dataclasses import replace

import numpy as np
import pytest

from tactful.clock import DAY_US, WEEK_US
from tactful.events.records import ACTIVE_KINDS, KINDS
from tactful.features.volume import NAMES
from tactful.simulator import closed_loop
from tactful.simulator.arms.delivery import VOLUME_CHOICES, fixed_budgets, randomised_volume
from tactful.simulator.arms.policy import Moment
from tactful.simulator.closed_loop import Explored
from tactful.simulator.volume_log import start_before_a_period, volume_log
from tactful.simulator.world import START_US, make
from tactful.training.volume.log import VolumeLog

N, WARM_UP, DAYS = 300, 5, 10


@pytest.fixture(scope="module")
def explored(shapes_unchecked: None) -> Explored:
    world = make(seed=8, n_users=N, start_us=start_before_a_period(START_US, WARM_UP, period_weeks=8))
    return closed_loop.explore(world, days=WARM_UP)


@pytest.fixture(scope="module")
def drawn(explored: Explored) -> VolumeLog:
    return volume_log(explored, randomised_volume(explored.log, seed=3), DAYS)


def test_a_period_of_random_budgets_begins_when_the_warm_up_is_over() -> None:
    start = start_before_a_period(START_US, WARM_UP, period_weeks=8)
    assert start >= START_US
    assert (start + WARM_UP * DAY_US) % (8 * WEEK_US) == 0


def test_everyone_who_can_be_reached_has_one_drawn_budget_from_the_first_instant(drawn: VolumeLog) -> None:
    assert 0.97 * N <= len(drawn) <= N
    assert len(np.unique(drawn.user)) == len(drawn)
    assert drawn.randomised.all()
    assert set(drawn.probability.tolist()) == {1.0 / len(VOLUME_CHOICES)}
    assert set(drawn.k.tolist()) == set(VOLUME_CHOICES)
    assert drawn.start_us.min() == drawn.start_us.max()
    assert drawn.until_us == drawn.end_us.max() == drawn.start_us.min() + DAYS * DAY_US


def test_features_are_those_before_the_assignment(explored: Explored, drawn: VolumeLog) -> None:
    days = drawn.features[:, NAMES.index("active_days_7")]
    acts = np.isin(explored.log.seen.kind, [KINDS.index(kind) for kind in ACTIVE_KINDS])
    user, day = explored.log.seen.user[acts], explored.log.seen.at_us[acts] // DAY_US
    seen = np.zeros((N, WARM_UP), dtype=np.bool_)
    seen[user, day - explored.log.start_us // DAY_US] = True
    np.testing.assert_array_equal(days, seen.sum(axis=1)[drawn.user])


def test_more_is_sent_the_larger_the_budget_and_never_more_than_it(drawn: VolumeLog) -> None:
    weeks = -(-DAYS // 7)
    assert (drawn.sent <= drawn.k * weeks + 1).all()
    sent = [drawn.sent[drawn.k == k].mean() for k in (0, 2, 5, 10)]
    assert sent == sorted(sent)
    assert sent[0] < 0.2
    assert sent[1] > 1.0


def test_fixed_budgets_are_logged_as_what_they_are(explored: Explored) -> None:
    policy = fixed_budgets(explored.log, 3, np.arange(N) % 4)
    log = volume_log(explored, policy, days=2)
    assert not log.randomised.any()
    np.testing.assert_array_equal(log.k, log.user % 4)


def test_an_arm_may_set_budgets_anew_every_seven_days(explored: Explored) -> None:
    told: list[tuple[int, int, int]] = []

    def rebudget(moment: Moment) -> np.ndarray:
        told.append((moment.weeks, int(moment.sent.sum()), int(moment.sent_week.sum())))
        return np.full(N, 2 if moment.weeks else 7)

    policy = replace(fixed_budgets(explored.log, 3, np.zeros(N, dtype=np.int64)), budgets=None, rebudget=rebudget)
    loop = closed_loop.Loop.after(explored, policy)
    result = loop.run("anew", days=9, judge=False)
    first = int(result.sends[:, :7].sum())
    assert told == [(0, 0, 0), (1, first, first)]
    assert set(result.budget[result.open_channels > 0].tolist()) == {2}
