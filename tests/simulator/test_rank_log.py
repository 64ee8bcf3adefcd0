"""Promises of the log of sends that a simulated app hands to rankers."""

import pytest

from tactful.clock import DAY_US
from tactful.decision.policy.explore import Exploration
from tactful.events.records import KINDS
from tactful.features import join
from tactful.simulator import closed_loop
from tactful.simulator.arms.neutral import Neutral
from tactful.simulator.arms.tactful import Tactful
from tactful.simulator.closed_loop import Explored
from tactful.simulator.rank_log import rank_log
from tactful.simulator.world import make
from tactful.training.ranking.log import RankLog

N, WARM_UP, DAYS = 300, 5, 6
SHARES = Exploration(random_send=0.3, greedy_send=0.0, greedy_no_send=0.0)


@pytest.fixture(scope="module")
def explored(shapes_unchecked: None) -> Explored:
    return closed_loop.explore(make(seed=8, n_users=N), days=WARM_UP)


@pytest.fixture(scope="module")
def log(explored: Explored) -> RankLog:
    return rank_log(explored, Tactful(exploration=SHARES).prepare(explored.log, seed=3), DAYS)


def test_inputs_are_one_candidate_a_send_in_the_order_of_the_join(log: RankLog) -> None:
    s = len(log.sends.user)
    assert s > 100
    assert log.inputs.candidate.shape[:2] == (s, 1)
    assert log.inputs.present.all()
    assert len(log.inputs.user) == len(log.random) == len(log.logged) == s
    join.attribute(log.sends, log.touches)  # refuses what is not sorted
    assert (log.logged == 1.0).all()


def test_the_past_of_each_send_holds_the_sends_before_it(log: RankLog) -> None:
    sent = (log.inputs.sends[:, :, 2] > 0).sum(axis=1)
    same = log.sends.user[1:] == log.sends.user[:-1]
    assert (sent[1:][same] > sent[:-1][same]).mean() > 0.99  # the ring of sends ends at sixteen


def test_answers_belong_to_sends_of_the_log(log: RankLog) -> None:
    row = join.attribute(log.sends, log.touches)
    clicked = (log.touches.kind == KINDS.index("click")) & (row >= 0)
    assert clicked.sum() > 10
    late = log.touches.at_us[clicked] - log.sends.at_us[row[clicked]]
    assert (late >= 0).all()
    assert log.until_us - DAYS * DAY_US <= log.sends.at_us.min() <= log.until_us


def test_random_sends_are_about_their_share_and_the_rest_was_priced(log: RankLog) -> None:
    assert 0.15 < log.random.mean() < 0.6


def test_the_neutral_policy_sends_at_random(explored: Explored) -> None:
    random = rank_log(explored, Neutral().prepare(None, seed=3), days=2).random
    assert random.mean() > 0.95
