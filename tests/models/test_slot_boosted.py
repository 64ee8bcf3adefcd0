"""The boosted slot model: what it says by its objective, and what it refuses; the contract suite has the rest."""

from dataclasses import replace

import numpy as np
import pytest

from tactful.errors import InvalidModel
from tactful.features.slot_past import nobody
from tactful.features.slot_table import OF_HISTORY
from tactful.models.forest import Forest
from tactful.models.slot_boosted import SlotBoosted
from tactful.models.slot_head import SIMPLE, SlotHead
from tactful.models.slot_histogram import SlotHistogram
from tactful.models.slot_rates import SlotRates
from tactful.models.slot_simple import HourChances, Outcome, SimpleChances
from tactful.models.work_rest import WorkRestRates, WorkRestSlots

F = SIMPLE + OF_HISTORY
RATES = np.linspace(0.05, 0.4, 24)
EVEN = np.ones((2, 24))


def head(outcome: Outcome, rates: np.ndarray = RATES, leaf: float = 0.0, features: int = F) -> SlotHead:
    """One leaf for everybody: what the simple models say, moved by it."""
    forest = Forest(np.empty((0, 4)), np.array([leaf]), np.array([-1.0]), features)
    by_type = np.stack([rates, rates])
    if outcome == "hour":
        return SlotHead(outcome, HourChances(WorkRestSlots(SlotHistogram(rates), EVEN), by_type / rates.sum()), forest)
    return SlotHead(outcome, SimpleChances(WorkRestRates(SlotRates(rates), EVEN), by_type), forest)


def test_by_activity_a_slot_is_worth_what_it_has_of_her_hours() -> None:
    scores = SlotBoosted.of(28, "active", [head("active"), head("hour")]).foretell(nobody())
    np.testing.assert_allclose(scores.profile[0], RATES / RATES.sum(), rtol=1e-12)
    np.testing.assert_array_equal(scores.weight, scores.profile)


def test_by_clicks_it_is_worth_its_clicks_and_by_increment_those_of_the_absent() -> None:
    heads = [head("active"), head("hour"), head("click", RATES[::-1].copy(), leaf=1.0)]
    click, gained = (SlotBoosted.of(28, goal, heads).foretell(nobody()).weight[0] for goal in ("click", "incremental"))
    odds = np.exp(1.0) * RATES[::-1] / (1.0 - RATES[::-1])
    np.testing.assert_allclose(click, odds / (1.0 + odds), rtol=1e-9)
    np.testing.assert_allclose(gained, click * (1.0 - RATES), rtol=1e-9)


def test_what_is_not_kept_or_not_learned_is_refused() -> None:
    heads = [head("active"), head("hour")]
    with pytest.raises(InvalidModel, match="got a model of 29 days"):
        SlotBoosted.of(29, "active", heads)
    with pytest.raises(InvalidModel, match="got heads for active, hour and the objective 'click'"):
        SlotBoosted.of(28, "click", heads)
    with pytest.raises(InvalidModel, match="without its 'splits'"):
        SlotBoosted(28.0, "active", active_rates=RATES)
    with pytest.raises(InvalidModel, match="got a forest of 5 features"):
        head("active", features=5)
    finer = replace(nobody(), counts=np.zeros((1, 48)))
    with pytest.raises(InvalidModel, match="got a day of 48 slots"):
        SlotBoosted.of(28, "active", heads).foretell(finer)
