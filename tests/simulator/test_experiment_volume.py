"""Arms whose utilities are on different scales send equally much, since each has a price of its own."""

from typing import Any

import numpy as np
import pytest

from tactful.clock import DAY_US
from tactful.decision.request import Request, Scores, Thresholds
from tactful.events.records import CHANNELS
from tactful.experiments.design import Experiment, ExperimentArm
from tactful.runtime.steps import Outcome
from tactful.simulator.arms.tactful import Tactful
from tactful.simulator.closed_loop import Loop
from tactful.simulator.tally import OnPlan, OnRank, Tally
from tactful.simulator.world import make

USERS, DAYS, START_DAY, SETTLED = 1_500, 12, 3, 6
ARMS = ExperimentArm("control", 0.3), ExperimentArm("new", 0.5, {"weights": {"click": 4.0}, "utility": "nep"})


class ByArm(Tally):
    """Counts unforced sends of each arm by day."""

    def ranked(self, rows: Any, request: Request, scores: Scores, outcome: Outcome, controls: Thresholds) -> None:
        super().ranked(rows, request, scores, outcome, controls)
        verdict, person = outcome.verdict, request.person
        kept = np.flatnonzero(verdict.sends & ~verdict.forced & (verdict.best > -np.inf).any(axis=1))
        np.add.at(self.sends, (person.now_us[kept] // DAY_US - self._first_day, person.arm[kept]), 1)
        self.prices = controls.mid


class Split(Loop):
    """A closed loop that counts by arm."""

    def tally(self, days: int, on_plan: OnPlan | None = None, on_rank: OnRank | None = None) -> Tally:
        plain = super().tally(days, on_plan, on_rank)
        self.by_arm = ByArm(plain._first_day * DAY_US, days, plain._world_type)
        self.by_arm.sends = np.zeros((days + 1, 3))
        return self.by_arm


@pytest.fixture(scope="module")
def loop(shapes_unchecked: None) -> Split:
    loop = Split.start(make(5, USERS), Tactful().prepare(None, 5))
    loop.population.announce(loop.at_us + START_DAY * DAY_US, Experiment(name="scale", arms=ARMS))
    loop.run("tactful", DAYS, judge=False)
    return loop


def test_arms_begin_with_the_experiment(loop: Split) -> None:
    assert loop.by_arm.sends[:START_DAY, 1:].sum() == 0
    assert (loop.by_arm.sends[START_DAY:DAYS] > 0).all()


def test_arms_on_other_scales_send_alike_per_person(loop: Split) -> None:
    people = np.bincount(loop.population.arms.of, minlength=3)
    a_day = loop.by_arm.sends[SETTLED:DAYS].mean(axis=0) / people
    assert a_day[2] / a_day[1] == pytest.approx(1.0, abs=0.06)
    assert a_day[0] / a_day[1] == pytest.approx(1.0, abs=0.06)


def test_the_first_days_are_not_left_to_chance(loop: Split) -> None:
    people = np.bincount(loop.population.arms.of, minlength=3)
    for day in (START_DAY, START_DAY + 1):
        a_person = loop.by_arm.sends[day] / people
        assert a_person[2] / a_person[1] == pytest.approx(1.0, abs=0.2)


def test_the_price_of_an_arm_is_on_its_own_scale(loop: Split) -> None:
    sent_on = [CHANNELS.index("email"), CHANNELS.index("push")]
    prices = loop.by_arm.prices[:, :, sent_on]
    assert np.median(prices[2] / prices[1]) > 2.0
