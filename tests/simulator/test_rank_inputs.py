"""Promises of what a ranker reads: it is made when it is asked for, and is from before the decision all the same."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from jaxtyping import UInt64
from numpy.typing import NDArray

from tactful.decision.decide import Verdict
from tactful.decision.request import Request, Scores
from tactful.features.ranking import RankInputs
from tactful.models.protocol import SlotScores
from tactful.runtime.scoring import Scorer, Versions
from tactful.runtime.steps import PlanRequest
from tactful.simulator.arms.neutral import Neutral
from tactful.simulator.closed_loop import Loop
from tactful.simulator.world import make

HOURS = 60


@dataclass
class Reader:
    """A scorer that reads what a ranker would before the decision; its `ranked` reads some of it again, after it."""

    scorer: Scorer
    before: RankInputs | None = None
    sends: int = 0
    unlike: list[str] = field(default_factory=list)

    @property
    def version(self) -> str:
        return self.scorer.version

    @property
    def versions(self) -> Versions:
        return self.scorer.versions

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> SlotScores:
        return self.scorer.slots(keys, request)

    def scores(self, request: Request) -> Scores:
        self.before = request.inputs
        return self.scorer.scores(request)

    def ranked(self, rows: NDArray[np.int64], request: Request, verdict: Verdict) -> None:
        some = np.flatnonzero(np.arange(request.n) % 3 > 0)[::-1]
        again = request.inputs_of(some)
        self.unlike += [name for name, c in vars(self.before).items() if not np.array_equal(c[some], vars(again)[name])]
        self.sends += int(verdict.sends[some].sum())


@pytest.fixture(scope="module")
def reader(shapes_unchecked: None) -> Reader:
    policy = Neutral(per_user_per_week=14.0).prepare(None, seed=5)
    noting = Reader(policy.scorer)
    loop = Loop.start(make(seed=9, n_users=150), replace(policy, scorer=noting))
    tally = loop.tally(3, on_rank=noting.ranked)
    for _ in range(HOURS):
        loop.live(tally)
    return noting


def test_a_ranker_reads_of_some_jobs_after_the_decision_what_it_read_of_all_before(reader: Reader) -> None:
    assert reader.sends > 50  # each of them changed the row that it was read from
    assert reader.unlike == []
