"""Paths: steps by hand, user-days as the engine draws them, and both covering what is known exactly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tactful.decision.policy.explore import path_weight
from tactful.errors import InvalidExperiment, NotIdentifiable
from tactful.experiments.ope import ips, snips
from tactful.experiments.ope_paths import mixed_path_chance, path_chance, per_decision

SHARES = np.array([0.7, 0.2, 0.1])


def test_a_reward_is_weighted_by_the_choices_before_it_only() -> None:
    reward = np.array([[1.0, 1.0], [0.0, 1.0]])
    logged, target = np.array([[0.5, 0.5], [0.5, 0.25]]), np.array([[1.0, 0.0], [0.25, 0.5]])
    found = per_decision(reward, logged, target, np.arange(2), discount=0.5)
    assert found.value == pytest.approx((2.0 + 0.5 * 0.0 + 0.5 * (0.5 * 2.0)) / 2)
    assert per_decision(reward, logged, logged, np.arange(2)).value == reward.sum(axis=1).mean()


def _walks(seed: int, n: int = 500) -> tuple[NDArray[np.float64], ...]:
    """Two steps; the second state follows from the first action."""
    rng = np.random.default_rng(seed)
    first = rng.random(n) < 0.5
    chance = np.where(first, 0.8, 0.4)
    second = rng.random(n) < chance
    reward = np.stack([rng.random(n) < np.where(first, 0.3, 0.1), rng.random(n) < 0.2 + 0.3 * second], axis=1)
    logged = np.stack([np.full(n, 0.5), np.where(second, chance, 1 - chance)], axis=1)
    target = np.stack([np.where(first, 0.8, 0.2), np.where(second, 0.5, 0.5)], axis=1)
    return reward.astype(np.float64), logged, target


def test_per_decision_covers_the_truth_19_times_of_20_and_is_narrower_than_whole_paths() -> None:
    truth = (0.8 * 0.3 + 0.2 * 0.1) + (0.5 * 0.5 + 0.5 * 0.2)
    covered, narrow, wide = [], [], []
    for seed in range(1000):
        reward, logged, target = _walks(seed)
        people = np.arange(len(reward))
        found = per_decision(reward, logged, target, people)
        whole = ips(reward.sum(axis=1), path_chance(logged), path_chance(target), people)
        covered.append(found.low <= truth <= found.high)
        narrow.append(found.value)
        wide.append(whole.value)
    assert 0.93 <= np.mean(covered) <= 0.97
    assert np.std(narrow) < 0.97 * np.std(wide)
    assert np.mean(narrow) == pytest.approx(truth, abs=0.01)


def _days(seed: int, n: int = 1500) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """User-days of two jobs in buckets: as a rule a fair coin, always send, never send. Reward: .1 + .2 a send."""
    rng = np.random.default_rng(seed)
    bucket = rng.choice(3, n, p=SHARES)
    sends = rng.random((n, 2)) < np.array([0.5, 1.0, 0.0])[bucket][:, None]
    by_bucket = np.stack([np.full((n, 2), 0.5), sends, ~sends], axis=2).astype(np.float64)
    target = np.where(sends, 0.9, 0.1)
    reward = (rng.random(n) < 0.1 + 0.2 * sends.sum(axis=1)).astype(np.float64)
    return reward, by_bucket, target


def test_user_days_in_drawn_buckets_cover_the_truth_19_times_of_20() -> None:
    truth = 0.1 + 0.2 * 1.8
    covered = []
    for seed in range(1000):
        reward, by_bucket, target = _days(seed)
        logged = mixed_path_chance(by_bucket, SHARES)
        found = snips(reward, logged, path_chance(target), np.arange(len(reward)))
        covered.append(found.low <= truth <= found.high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_the_weight_of_a_user_day_is_the_engines() -> None:
    _, by_bucket, target = _days(0)
    four = np.concatenate([by_bucket, np.zeros((len(target), 2, 1))], axis=2)
    ours = path_chance(target) / mixed_path_chance(by_bucket, SHARES)
    np.testing.assert_allclose(ours, path_weight(target, four, (0.7, 0.2, 0.1, 0.0)), rtol=1e-12)


def test_impossible_paths_and_shares_are_refused() -> None:
    with pytest.raises(InvalidExperiment, match="no bucket"):
        mixed_path_chance(np.zeros((2, 1, 3)), SHARES)
    with pytest.raises(InvalidExperiment, match="1 in sum"):
        mixed_path_chance(np.ones((2, 1, 3)), 2 * SHARES)
    with pytest.raises(NotIdentifiable, match="begins none"):
        per_decision(np.ones((2, 1)), np.ones((2, 1)), np.zeros((2, 1)), np.arange(2))
