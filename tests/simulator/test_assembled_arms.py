"""Deliveries put together from parts: each part does what it is there for, and can be left out by itself."""

from dataclasses import replace

import numpy as np
import pytest
from jaxtyping import Float

from tactful.decision.rules import Rules
from tactful.features.history import N_CHANNELS
from tactful.features.ranking import RankInputs
from tactful.models.protocol import RANK_HEADS, Parameters
from tactful.models.slot_histogram import GlobalSlots, SlotHistogram
from tactful.simulator import closed_loop
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.simple_curves import SimpleCurves
from tactful.simulator.closed_loop import Explored, Loop
from tactful.simulator.exploration_log import organic_days
from tactful.simulator.world import make

N = 200


class ByQuality:
    """A ranker that goes by the item's quality, and knows no channel."""

    version = "by-quality"

    def parameters(self) -> Parameters:
        return {}

    def rank(self, inputs: RankInputs) -> Float[np.ndarray, "n c h heads"]:
        n, c = inputs.present.shape
        scores = np.full((n, c, N_CHANNELS, len(RANK_HEADS)), 0.01)
        scores[..., RANK_HEADS.index("click")] = np.clip(inputs.candidate[:, :, :1], 0.0, 1.0)
        return scores


@pytest.fixture(scope="module")
def explored(shapes_unchecked: None) -> Explored:
    return closed_loop.explore(make(seed=8, n_users=N), days=6)


def test_a_trained_ranker_speaks_for_what_is_sent(explored: Explored) -> None:
    quality = {}
    for name, ranker in (("simple", None), ("trained", ByQuality())):
        loop = Loop.after(explored, Assembled(ranker=ranker)(explored.log, 3))
        quality[name] = loop.run(name, 3, judge=False).sent.quality.mean()
    assert quality["trained"] > quality["simple"] + 0.05


def test_hours_are_the_persons_everyones_or_one(explored: Explored) -> None:
    delivery = Assembled()
    assert isinstance(delivery(explored.log, 3).scorer.slot_model, SlotHistogram)
    of_all = replace(delivery, hours="everyone")(explored.log, 3).scorer.slot_model
    one = replace(delivery, hours="one")(explored.log, 3).scorer.slot_model
    assert isinstance(of_all, GlobalSlots)
    assert isinstance(one, GlobalSlots)
    profiles = [np.asarray(model.parameters()["prior_profile"]) for model in (of_all, one)]
    assert (profiles[0] > 0).all()
    assert (profiles[1] > 0).sum() == 1
    assert profiles[0].argmax() == profiles[1].argmax()


def test_without_a_price_there_is_one_job_a_send_and_everything_waits_for_it(explored: Explored) -> None:
    priced = Assembled()(explored.log, 3)
    free = Assembled(rules=Rules(price="none"))(explored.log, 3)
    assert (priced.waits_for_slot, priced.settings.timing.jobs_per_send) == (False, 3)
    assert (free.waits_for_slot, free.settings.timing.jobs_per_send) == (True, 1)
    assert free.settings.volume.headroom == 0.0


def test_budgets_are_expected_to_send_their_share_of_the_volume() -> None:
    np.testing.assert_allclose(Assembled(headroom=1.0).sent_by_budget(4), np.tile([0.0, 0.5, 1.0, 1.5, 2.0], (3, 1)))


def test_simple_curves_are_everybodys_own_days_with_and_without_messages(explored: Explored) -> None:
    rule = SimpleCurves.of(explored.log, 7)
    assert rule.value.shape == (8, N)
    assert np.isfinite(rule.value).all()
    days = organic_days(explored.log).sum(axis=1)
    assert rule.value[0][days >= 3].min() > rule.value[0][days == 0].max()
