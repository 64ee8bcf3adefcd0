"""Budgets that covariates foretell are refused; budgets that were drawn are not."""

from dataclasses import replace

import numpy as np
import pytest

from tactful.errors import NotEnoughData, NotRandomised
from tactful.experiments.metrics import auc
from tactful.training.volume.randomised import check, require_randomised, weighted_auc
from volume_logs import assignments, drawn


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_drawn_budgets_pass(seed: int) -> None:
    log, _ = drawn(6000, seed=seed)
    found = require_randomised(log, seed=seed)
    assert found.holds
    assert abs(found.auc.value - 0.5) < 0.02


def test_budgets_that_follow_the_habit_are_refused_with_the_auc() -> None:
    log, _ = drawn(6000, seed=4, by_habit=True)
    with pytest.raises(NotRandomised, match=r"AUC 0\.[678]"):
        require_randomised(log)


def test_budgets_that_follow_only_the_segment_are_refused() -> None:
    log, _ = drawn(6000, seed=5)
    with pytest.raises(NotRandomised, match="AUC"):
        require_randomised(replace(log, k=np.where(log.reach == 2, 5, log.k)))


def test_extremes_of_activity_that_share_a_budget_are_found() -> None:
    """The mean budget is the same for everyone, so a test of the mean would see nothing."""
    log, _ = drawn(6000, seed=6)
    far = np.abs(log.features[:, 0] + 1.5) > 1.0
    rng = np.random.default_rng(7)
    k = np.where(far, rng.choice([0, 10], len(log)), 5).astype(np.int64)
    with pytest.raises(NotRandomised, match="AUC"):
        require_randomised(replace(log, k=k))


def test_a_log_that_says_it_was_not_drawn_is_refused_without_a_look() -> None:
    log, _ = drawn(50, seed=8)
    with pytest.raises(NotRandomised, match="50 of 50"):
        require_randomised(replace(log, randomised=np.zeros(len(log), dtype=np.bool_)))


def test_unequal_chances_that_are_known_pass() -> None:
    """Stratified draws: who is reached by e-mail only gets large budgets more often, and the log knows how often."""
    log, _ = drawn(9000, seed=9)
    rng = np.random.default_rng(10)
    chance = np.where(log.reach == 0, 0.75, 0.5)
    large = rng.uniform(size=len(log)) < chance
    stratified = replace(log, k=np.where(large, 7, 1), probability=np.where(large, chance, 1.0 - chance))
    assert check(stratified).holds
    with pytest.raises(NotRandomised):
        require_randomised(replace(stratified, probability=np.full(len(log), 0.5)))


def test_one_budget_says_what_is_missing() -> None:
    with pytest.raises(NotEnoughData, match="two or more"):
        check(assignments(k=[3] * 40))


def test_the_weighted_area_counts_a_weight_as_that_many_rows() -> None:
    rng = np.random.default_rng(11)
    score, label, times = rng.integers(0, 9, 60) / 9.0, rng.uniform(size=60) < 0.4, rng.integers(1, 4, 60)
    area, effect = weighted_auc(score, label, times.astype(np.float64))
    assert area == pytest.approx(auc(np.repeat(score, times), np.repeat(label, times)), abs=1e-12)
    assert effect.sum() == pytest.approx(0.0, abs=1e-12)


def test_the_influences_give_the_spread_of_the_area() -> None:
    rng = np.random.default_rng(12)
    areas, errors = [], []
    for _ in range(400):
        label = rng.uniform(size=300) < 0.2
        area, effect = weighted_auc(rng.normal(size=300) + 0.5 * label, label, np.ones(300))
        areas.append(area)
        errors.append(np.sqrt((effect**2).sum()))
    assert np.std(areas) == pytest.approx(np.mean(errors), rel=0.1)
