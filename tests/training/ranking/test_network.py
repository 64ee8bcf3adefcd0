"""The network learns a row's own channel, the heads that are known, and nothing of the others."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rank_logs import EMAIL, PUSH, START_US, rank_log
from tactful.clock import DAY_US
from tactful.errors import InvalidModel
from tactful.models.protocol import RANK_HEADS
from tactful.models.ranker import Ranker, tensors
from tactful.training.fit import mean_loss, seeded
from tactful.training.ranking.log import before, since
from tactful.training.ranking.network import RankLearner, RankSet, fit_network, logits_of
from tactful.training.ranking.rows import RankRows, rows

LOG = rank_log(250, 8)
ROWS = rows(LOG)
CLICK = RANK_HEADS.index("click")
SMALL = {"dim": 8, "hidden": 8}


def _learner(heads: tuple[str, ...] = RANK_HEADS) -> RankLearner:
    return RankLearner(seeded(lambda: Ranker(heads=heads, **SMALL), 0), ROWS.label.mean(axis=0))


def _gradient(some: RankRows, learner: RankLearner) -> np.ndarray:
    """Of the last layer's bias, by channel and head: which outputs the rows pull at."""
    torch.autograd.backward(learner.loss(RankSet(some).batch(np.arange(len(some)))))
    gradient = learner.ranker.out.bias.grad
    assert gradient is not None
    found: np.ndarray = gradient.numpy().reshape(-1, len(learner.ranker.heads))
    return found


@pytest.mark.parametrize("channel", [EMAIL, PUSH])
def test_rows_of_one_channel_never_train_the_heads_of_another(channel: int) -> None:
    found = _gradient(ROWS.only(np.flatnonzero(ROWS.channel == channel)[:64]), _learner())
    others = np.arange(len(found)) != channel
    assert np.all(found[channel] != 0.0)
    assert np.all(found[others] == 0.0)


def test_a_head_whose_window_is_open_trains_nothing() -> None:
    early = rows(before(LOG, START_US + DAY_US))
    assert not early.known[:, RANK_HEADS.index("session_3d")].any()
    found = _gradient(early, _learner())
    assert np.all(found[:, RANK_HEADS.index("session_3d")] == 0.0)
    assert np.any(found[:, RANK_HEADS.index("session_1h")] != 0.0)


def test_a_row_left_out_for_a_head_does_not_train_it() -> None:
    known = ROWS.known.copy()
    known[:, CLICK] = False
    found = _gradient(replace(ROWS, known=known), _learner())
    assert np.all(found[:, CLICK] == 0.0)


def test_a_model_of_one_head_learns_that_one() -> None:
    found = _gradient(ROWS.only(np.arange(64)), _learner(("click",)))
    assert found.shape == (5, 1)
    assert np.any(found != 0.0)


def test_it_learns_in_two_epochs_and_the_same_seed_gives_the_same_network() -> None:
    cut = START_US + 6 * DAY_US
    learn, tune = rows(before(LOG, cut)), rows(since(LOG, cut))
    ranker, learned = fit_network(learn, tune, seed=1, **SMALL)
    same, _ = fit_network(learn, tune, seed=1, **SMALL)
    said = logits_of(ranker, tune)
    assert said.shape == (len(tune), len(RANK_HEADS))
    assert np.allclose(said, logits_of(same, tune), atol=1e-5)
    untaught = RankLearner(seeded(lambda: Ranker(**SMALL), 1), learn.label.mean(axis=0))
    assert learned.losses[1] < learned.losses[0] < mean_loss(untaught, RankSet(tune))


def test_scores_of_the_own_channel_are_those_of_the_network() -> None:
    ranker = _learner().ranker.eval()
    some = ROWS.only(np.arange(5))
    with torch.no_grad():
        whole = ranker(**tensors(some.inputs)).numpy()
    assert np.allclose(logits_of(ranker, some), whole[np.arange(5), 0, some.channel], atol=1e-6)


def test_a_head_that_never_came_has_a_bounded_weight() -> None:
    learner = RankLearner(_learner().ranker, np.zeros(len(RANK_HEADS)))
    assert float(learner.get_buffer("weight").max()) == RankLearner.MOST


def test_unknown_heads_are_refused() -> None:
    with pytest.raises(InvalidModel, match="expected some of"):
        fit_network(ROWS, ROWS, heads=("likes",))
