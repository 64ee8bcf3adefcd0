"""What rival arms do in the loop, on made-up models: plans are carried out, types are drawn, the truth is refused."""

from dataclasses import replace

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.errors import TruthForbidden
from tactful.simulator import closed_loop
from tactful.simulator.bench.arms import ARMS
from tactful.simulator.bench.prepared import prepared
from tactful.simulator.bench.teach import Models
from tactful.simulator.closed_loop import Explored
from tactful.simulator.protocol import TruthlessWorld
from tactful.simulator.result import Result

DAYS = 4
JITTER_US = HOUR_US
"""A job starts within its slot, by hash."""


def lived(name: str, explored: Explored, models: Models) -> Result:
    arm = ARMS[name](prepared(explored.log, models, explored.world.truth())).at_volume(2.5)
    return closed_loop.follow(explored, arm, DAYS, judge=False)


def test_ubers_plan_keeps_its_cap_its_gap_and_the_volume_of_each_day(
    explored: Explored, models: Models, shapes_unchecked: None
) -> None:
    result = lived("uber_plan", explored, models)
    sent = result.sent
    order = np.lexsort((sent.at_us, sent.user))
    user, at = sent.user[order], sent.at_us[order]
    gaps = np.diff(at)[user[1:] == user[:-1]]
    assert len(gaps) > 0
    assert gaps.min() > 8 * HOUR_US - JITTER_US
    day = (at - result.start_us) // DAY_US
    assert np.bincount(user * DAYS + day).max() <= 2
    per_day = 2.5 * result.sends.shape[0] / 7.0
    assert len(at) <= DAYS * per_day + 1
    assert len(at) >= 0.7 * (DAYS - 1) * per_day  # nothing goes out on the first day


def test_the_same_arm_sends_the_same_twice(explored: Explored, models: Models, shapes_unchecked: None) -> None:
    first, second = (lived("double_dqn", explored, models).sent for _ in range(2))
    assert np.array_equal(first.candidate, second.candidate)
    assert np.array_equal(first.at_us, second.at_us)


def test_an_arm_of_uplift_tells_those_more_who_were_not_seen_for_long(
    explored: Explored, models: Models, shapes_unchecked: None
) -> None:
    days = explored.rows["active_days"].sum(axis=1)
    often = days > np.median(days)
    sends = {name: lived(name, explored, models).sends.sum(axis=1) for name in ("linkedin_uplift", "uniform_personal")}
    share = {name: of[often].sum() / of.sum() for name, of in sends.items()}
    assert share["linkedin_uplift"] < share["uniform_personal"]


def test_the_greedy_oracle_finds_no_truth_in_a_world_that_hides_it(
    explored: Explored, models: Models, shapes_unchecked: None
) -> None:
    blind = replace(explored, world=TruthlessWorld(explored.world))
    arm = ARMS["greedy_truth"](prepared(explored.log, models, explored.world.truth()))
    with pytest.raises(TruthForbidden):
        closed_loop.follow(blind, arm, days=1, judge=False)
