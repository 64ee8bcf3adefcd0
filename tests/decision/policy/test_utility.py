"""Utilities by hand: what each term does."""

from typing import Any

import numpy as np
import pytest

from tactful.decision.policy.utility import FURTHER_VISIT, HEADS, AlreadyActive, incremental, nep, weight_table
from tactful.decision.rules import Rules
from tactful.errors import InvalidScores, InvalidSettings
from tactful.features.segments import SEGMENTS
from tactful.models.protocol import RANK_HEADS

CLICK, UNSUBSCRIBE = 0.10, 0.004


def worth(organic: float = 0.0, mean: float = 0.0, active: bool = False, mode: AlreadyActive = "ignore") -> float:
    scores = np.array([[[[CLICK, UNSUBSCRIBE]]]])
    utility = incremental(
        scores,
        HEADS,
        weight_table(HEADS),
        np.array([0]),
        np.array([mean]),
        np.array([organic]),
        np.array([active]),
        mode,
    )
    return float(utility[0, 0, 0])


def test_nep_is_the_weighted_sum_of_the_segment() -> None:
    weights = weight_table(HEADS, {"click": 2.0, "unsubscribe": -3.0}, {"new/both": {"click": 1.0}})
    scores = np.array([[[[0.1, 0.01]]], [[[0.1, 0.01]]]])
    utility = nep(scores, weights, np.array([0, SEGMENTS.index("new/both")]))
    assert utility[:, 0, 0] == pytest.approx([0.17, 0.07])


def test_a_click_by_someone_who_comes_anyway_is_worth_nothing() -> None:
    assert worth(organic=1.0, mean=UNSUBSCRIBE) == pytest.approx(0.0)
    assert worth(organic=0.4, mean=UNSUBSCRIBE) == pytest.approx(0.06)


def test_unsubscribing_counts_by_its_deviation_from_what_the_budget_paid() -> None:
    assert worth(mean=UNSUBSCRIBE) == pytest.approx(CLICK)
    assert worth(mean=0.0) == pytest.approx(CLICK - 5 * UNSUBSCRIBE)
    assert worth(mean=2 * UNSUBSCRIBE) == pytest.approx(CLICK + 5 * UNSUBSCRIBE)


def test_a_further_visit_is_discounted_only_on_an_active_day_and_only_if_asked() -> None:
    first = worth(organic=0.5, mean=UNSUBSCRIBE)
    assert worth(organic=0.5, mean=UNSUBSCRIBE, active=True, mode="discount") == pytest.approx(first * FURTHER_VISIT)
    assert worth(organic=0.5, mean=UNSUBSCRIBE, active=False, mode="discount") == first
    assert worth(organic=0.5, mean=UNSUBSCRIBE, active=True, mode="ignore") == first
    assert worth(organic=0.5, mean=UNSUBSCRIBE, active=True, mode="hold") == first


def test_further_heads_enter_by_their_plain_weight() -> None:
    heads = ("session_1d", "click", "unsubscribe")
    weights = weight_table(heads, {"session_1d": 0.5, "click": 1.0, "unsubscribe": -5.0})
    scores = np.array([[[[0.2, 0.1, 0.0]]]])
    zero = np.zeros(1)
    utility = incremental(scores, heads, weights, np.array([3]), zero, np.array([1.0]), np.array([False]))
    assert utility[0, 0, 0] == pytest.approx(0.1)


def test_weights_for_unknown_names_are_refused() -> None:
    with pytest.raises(InvalidSettings, match="session"):
        weight_table(("click", "session"))
    with pytest.raises(InvalidSettings, match="asleep"):
        weight_table(HEADS, by_segment={"asleep/both": {"click": 1.0}})


def test_a_ranker_without_the_unsubscribe_head_is_refused() -> None:
    zero = np.zeros(1)
    with pytest.raises(InvalidScores, match="unsubscribe"):
        incremental(np.zeros((1, 1, 1, 1)), ("click",), np.ones((18, 1)), np.array([0]), zero, zero, np.array([False]))


def test_a_segment_or_a_whole_activity_has_weights_of_its_own_and_the_segment_goes_first() -> None:
    for names in (("new", "new/both"), ("new/both", "new")):
        told = {"new": {"unsubscribe": -10.0}, "new/both": {"unsubscribe": -20.0}}
        table = weight_table(HEADS, by_segment={name: told[name] for name in names})
        weight = {segment: table[i, 1] for i, segment in enumerate(SEGMENTS)}
        assert (weight["new/both"], weight["new/email_only"], weight["core/both"]) == (-20.0, -10.0, -5.0)


def test_heads_without_a_weight_in_the_settings_have_their_default() -> None:
    table = weight_table(RANK_HEADS, {"click": 2.0})
    assert table[0].tolist() == [0.0, 2.0, -5.0, 0.0, 0.0, 0.0]
    with pytest.raises(InvalidSettings, match="clik"):
        weight_table(HEADS, {"clik": 2.0})


def test_weights_of_a_segment_for_a_head_that_is_not_predicted_wait_for_it() -> None:
    weights = {"click": 1.0, "unsubscribe": -5.0, "session_1d": 0.5}
    assert (weight_table(HEADS, weights, {"new": {"session_1d": 2.0}}) == weight_table(HEADS)).all()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"weights_by_segment": {"asleep": {"click": 1.0}}}, "core, casual, marginal, dormant, new, resurrected"),
        ({"weights_by_segment": {"new/fax": {"click": 1.0}}}, "email_only, push_only, both"),
        ({"weights_by_segment": {"new": {"clik": 1.0}}}, "clik"),
        ({"weights_by_segment": {"new": {"click": float("nan")}}}, "finite"),
        ({"weights": {"click": float("inf"), "unsubscribe": -5.0}}, "finite"),
    ],
)
def test_settings_with_weights_that_mean_nothing_are_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidSettings, match=word):
        Rules(**changes)
