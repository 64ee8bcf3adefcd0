"""Two policies on one log: their difference is that of a pair, and covers the truth."""

import numpy as np
import pytest

from tactful.errors import NotIdentifiable
from tactful.experiments.ope_compare import compare


def test_a_policy_differs_from_itself_by_nothing() -> None:
    rng = np.random.default_rng(0)
    reward, chance = rng.random(400), np.full(400, 0.5)
    found = compare(reward, chance, chance, chance, np.arange(400))
    assert found.difference == (0.0, 0.0, 0.0)
    assert found.present == found.target


def test_the_difference_covers_the_truth_19_times_of_20_and_is_narrower_than_of_two_samples() -> None:
    covered, paired, apart = [], [], []
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        people, action = np.repeat(np.arange(300), 2), rng.integers(0, 3, 600)
        taste = rng.beta(2, 8, 300)[people]
        reward = (rng.random(600) < taste + 0.1 * action).astype(np.float64)
        third = np.full(600, 1 / 3)
        present = np.array([0.4, 0.3, 0.3])[action]
        target = np.array([0.3, 0.3, 0.4])[action]
        found = compare(reward, third, present, target, people)
        covered.append(found.difference.low <= 0.02 <= found.difference.high)
        paired.append(found.difference.high - found.difference.low)
        apart.append(np.hypot(found.present.high - found.present.low, found.target.high - found.target.low))
    assert 0.93 <= np.mean(covered) <= 0.97
    assert np.mean(paired) < 0.5 * np.mean(apart)


def test_rewards_that_seldom_come_are_covered_19_times_of_20() -> None:
    half, covered, differs = np.full(600, 0.5), [], []
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        action = rng.integers(0, 2, 600)
        reward = (rng.random(600) < np.where(action == 1, 0.012, 0.006)).astype(np.float64)
        found = compare(reward, half, 1.0 - action, action.astype(np.float64), np.arange(600))
        covered.append(found.target.low <= 0.012 <= found.target.high)
        differs.append(found.difference.low <= 0.006 <= found.difference.high)
    assert 0.93 <= np.mean(covered) <= 0.985
    assert 0.93 <= np.mean(differs) <= 0.985


def test_either_policy_without_support_is_refused() -> None:
    half, seldom = np.full(1000, 0.5), (np.arange(1000) < 20) * 0.5
    with pytest.raises(NotIdentifiable, match="are worth 20"):
        compare(np.ones(1000), half, half, seldom, np.arange(1000))
    with pytest.raises(NotIdentifiable, match="are worth 20"):
        compare(np.ones(1000), half, seldom, half, np.arange(1000))
