"""Design 1: a rank job may say no, for there are more jobs than planned sends; the price lets some through, not all."""

from typing import Any

import numpy as np
import pytest

from tactful.clock import DAY_US
from tactful.decision.request import Request, Scores, Thresholds
from tactful.features.segments import SEGMENTS
from tactful.runtime.steps import DayPlan, Outcome, PlanRequest
from tactful.simulator.arms.tactful import Tactful
from tactful.simulator.closed_loop import Loop
from tactful.simulator.tally import OnPlan, Tally
from tactful.simulator.world import make

USERS, DAYS, SETTLED = 1_500, 12, 7


class Watch(Tally):
    """Counts, from the day on when things have settled, what the design promises of them."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.from_us = (self._first_day + SETTLED) * DAY_US
        self.planned_sends = np.zeros(len(SEGMENTS))
        self.jobs = np.zeros(len(SEGMENTS))
        self.utility: list[np.ndarray] = []
        self.above: list[np.ndarray] = []

    def planned(self, rows: Any, request: PlanRequest, p: Any, plan: DayPlan) -> None:
        super().planned(rows, request, p, plan)
        late = request.now_us >= self.from_us
        np.add.at(self.planned_sends, request.past.segment[late], plan.sends[late].sum(axis=1))

    def ranked(self, rows: Any, request: Request, scores: Scores, outcome: Outcome, controls: Thresholds) -> None:
        super().ranked(rows, request, scores, outcome, controls)
        late = request.person.now_us >= self.from_us
        np.add.at(self.jobs, request.person.segment[late], 1)
        best, price = outcome.verdict.best, outcome.verdict.thresholds
        priced = late[:, None] & (best > -np.inf) & ~request.person.volume_slice[:, None]
        self.utility.append(best[priced])
        self.above.append((best > price)[priced])


class Watched(Loop):
    """A closed loop whose tally watches."""

    def tally(self, days: int, on_plan: OnPlan | None = None) -> Tally:
        plain = super().tally(days, on_plan)
        self.watch = Watch(plain._first_day * DAY_US, days, plain._world_type)
        return self.watch


@pytest.fixture(scope="module")
def watch(shapes_unchecked: None) -> Watch:
    loop = Watched.start(make(5, USERS), Tactful().prepare(None, 5))
    loop.run("tactful", DAYS, judge=False)
    return loop.watch


def test_every_segment_has_at_least_three_jobs_for_two_planned_sends(watch: Watch) -> None:
    seen = watch.planned_sends >= 30
    assert seen.sum() >= 4
    ratio = watch.jobs[seen] / watch.planned_sends[seen]
    assert ratio.min() >= 1.5, dict(zip(np.array(SEGMENTS)[seen], ratio.round(2), strict=True))


def test_the_price_lets_some_jobs_through_and_stops_others(watch: Watch) -> None:
    through = np.concatenate(watch.above).mean()
    assert 0.05 < through < 0.95
