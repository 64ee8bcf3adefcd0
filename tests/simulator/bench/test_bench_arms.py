"""The arms of the benchmark: every one runs, sends what it is asked for, and only oracles see the truth."""

from dataclasses import replace

import numpy as np
import pytest

from tactful.errors import TruthForbidden
from tactful.features.context import Zones
from tactful.features.slot_past import SlotPast
from tactful.models.slot_histogram import GlobalSlots
from tactful.simulator import closed_loop
from tactful.simulator.arms.tim_proportional import MiddleOfDay
from tactful.simulator.bench.arms import ARMS, ORACLES, OURS, SIMPLE
from tactful.simulator.bench.prepared import prepared
from tactful.simulator.bench.teach import Models
from tactful.simulator.closed_loop import Explored
from tactful.simulator.protocol import TruthlessWorld
from tactful.simulator.scoring import sends_per_user_week

HONEST = [name for name in ARMS if name not in ORACLES]


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_arm_runs_in_a_world_that_hides_its_truth(
    name: str, explored: Explored, models: Models, shapes_unchecked: None
) -> None:
    blind = replace(explored, world=TruthlessWorld(explored.world))
    arm = ARMS[name](prepared(blind.log, models)).at_volume(2.0)
    assert arm.name == name
    sent = sends_per_user_week(closed_loop.follow(blind, arm, days=2, judge=False))
    assert (sent < 0.1) == (name == "silence")


@pytest.mark.parametrize("name", ORACLES)
def test_an_oracle_asks_for_the_truth_by_that_name_alone(name: str, explored: Explored, models: Models) -> None:
    assert ARMS[name](prepared(explored.log, models, explored.world.truth())).name == name
    with pytest.raises(TruthForbidden):
        ARMS[name](prepared(explored.log, models))


def test_ours_and_the_simple_ways_are_honest_arms() -> None:
    assert {OURS, *SIMPLE} <= set(HONEST)


def test_tim_sends_at_the_median_of_the_day_and_not_at_its_best_hour() -> None:
    day = np.zeros(24)
    day[[8, 12, 20]] = 2.0, 1.5, 2.5
    one = np.zeros(1, dtype=np.int64)
    marks = np.zeros((1, 1, 1, 1), dtype=np.uint8)
    past = SlotPast(np.zeros((1, 24)), one, one, one, one, Zones.of(("UTC",)), marks, one)
    assert MiddleOfDay(GlobalSlots(day)).foretell(past).weight[0].argmax() == 12
