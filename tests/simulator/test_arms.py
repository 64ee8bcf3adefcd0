"""The contract of every arm: named, frozen, honest, and comparable."""

import importlib
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from tactful.clock import DAY_US
from tactful.simulator import closed_loop
from tactful.simulator.arms import ARMS
from tactful.simulator.arms.hand_caps import HandCaps
from tactful.simulator.arms.nine_oclock import HOUR, NineOclock
from tactful.simulator.arms.policy import Arm
from tactful.simulator.arms.tactful import K_MAX, Tactful
from tactful.simulator.arms.uniform_personal import UniformPersonal
from tactful.simulator.closed_loop import Explored
from tactful.simulator.exploration_log import local_hour
from tactful.simulator.protocol import TruthlessWorld
from tactful.simulator.scoring import at_equal_volume, paired_interval, sends_per_user_week
from tactful.simulator.world import make

N = 200


def arm_of(name: str) -> Arm:
    module, _, kind = ARMS[name].partition(":")
    arm: Arm = getattr(importlib.import_module(module), kind)()
    return arm


@pytest.fixture(scope="module")
def explored() -> Explored:
    return closed_loop.explore(TruthlessWorld(make(seed=6, n_users=N)), days=5)


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_bears_its_name_is_frozen_and_moves_to_another_volume(name: str) -> None:
    arm = arm_of(name)
    assert isinstance(arm, Arm)
    assert arm.name == name
    with pytest.raises(FrozenInstanceError):
        arm.per_user_per_week = 9.0
    assert name == "silence" or arm.at_volume(1.5).per_user_per_week == 1.5


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_never_asks_for_the_truth(name: str, explored: Explored) -> None:
    assert closed_loop.follow(explored, arm_of(name), days=2, judge=False).active.any()


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_runs_without_a_log_on_its_stated_priors(name: str) -> None:
    assert arm_of(name).prepare(None, seed=0).settings.seed == 0


def test_nine_oclock_is_nine_on_everyones_wall(explored: Explored) -> None:
    assert set(hours_after_the_first_day(explored, NineOclock())) == {HOUR}


def test_hand_caps_send_everyone_in_one_hour_and_at_most_once_a_day(explored: Explored) -> None:
    hours = np.bincount(hours_after_the_first_day(explored, HandCaps()), minlength=24)
    assert hours.max() >= 0.8 * hours.sum()  # the others' quiet hours hold that hour


def hours_after_the_first_day(explored: Explored, arm: Arm) -> list[int]:
    """Local hours of ranked sends, without those of the day that the arm began in the middle of."""
    result = closed_loop.follow(explored, arm, days=3, judge=False)
    sent, alert = result.sent, explored.world.types.index("security_alert")
    shown = (sent.at_us >= result.start_us + DAY_US) & (sent.type != alert)
    return local_hour(explored.log.users, sent.user[shown], sent.at_us[shown]).tolist()


def test_only_an_arm_with_a_price_holds_for_one(explored: Explored) -> None:
    free, priced = (closed_loop.follow(explored, arm, days=2, judge=False) for arm in (UniformPersonal(), Tactful()))
    assert "below_threshold" in priced.holds
    assert not {"below_threshold", "above_threshold"} & set(free.holds)


def test_tactful_spends_its_budgets_where_they_are_worth_most(explored: Explored) -> None:
    budgets = Tactful().prepare(explored.log, seed=0).budgets
    assert budgets is not None
    assert budgets.min() == 0
    assert budgets.max() == K_MAX
    assert budgets.mean() == pytest.approx(Tactful().per_user_per_week * 1.3, rel=0.01)


def test_calibration_brings_an_arm_to_the_volume_that_is_asked_for(explored: Explored) -> None:
    arm, ratio = at_equal_volume(UniformPersonal(), [explored], days=7, per_user_week=2.0, tolerance=0.05)
    assert ratio == pytest.approx(1.0, abs=0.05)
    sent = sends_per_user_week(closed_loop.follow(explored, arm, days=7, judge=False))
    assert sent / 2.0 == pytest.approx(ratio)


def test_a_paired_interval_covers_the_mean_of_its_differences() -> None:
    rng = np.random.default_rng(0)
    covers = [i.low <= 1.0 <= i.high for i in (paired_interval(rng.normal(1.0, 2.0, 5)) for _ in range(400))]
    assert 0.92 <= np.mean(covers) <= 0.98
