"""Shrinkage: the closed forms, and a prior's strength found again in data that were drawn from it."""

import numpy as np
import pytest

from tactful.models.shrinkage import MAX_RATE, prior_strength, scaled, shrunk


def test_shrunk_is_the_beta_posterior_mean() -> None:
    # Beta(2, 8) and 3 of 10: Beta(5, 15), mean 1/4.
    assert shrunk(np.array([3.0]), np.array([10.0]), np.array([0.2]), 10.0) == pytest.approx([0.25])


@pytest.mark.parametrize("strength", [10.0, 100.0])
def test_prior_strength_finds_the_prior_that_groups_were_drawn_from(strength: float) -> None:
    rng = np.random.default_rng(2)
    mean = rng.uniform(0.05, 0.3, 4000)
    trials = rng.integers(1, 60, 4000)
    successes = rng.binomial(trials, rng.beta(strength * mean, strength * (1 - mean)))
    found = prior_strength(successes.astype(float), trials.astype(float), mean, default=1.0)
    assert found == pytest.approx(strength, rel=0.2)


def test_groups_that_differ_by_chance_alone_get_a_strong_prior() -> None:
    rng = np.random.default_rng(3)
    mean, trials = np.full(4000, 0.1), np.full(4000, 30.0)
    successes = rng.binomial(30, mean).astype(float)
    assert prior_strength(successes, trials, mean, default=1.0) > 500.0


def test_without_repeated_trials_the_strength_is_the_default() -> None:
    assert prior_strength(np.array([1.0]), np.array([1.0]), np.array([0.1]), default=17.0) == 17.0
    assert prior_strength(np.zeros(0), np.zeros(0), np.zeros(0), default=17.0) == 17.0


def test_scaled_keeps_the_prior_without_trials_and_follows_each_channel_with_them() -> None:
    prior = np.array([[0.1, 0.02], [0.2, 0.04]])
    nothing = np.zeros((2, 2))
    assert scaled(prior, nothing, nothing) == pytest.approx(prior)
    trials = np.full((2, 2), 1e6)
    seen = trials * prior * np.array([0.5, 3.0])
    assert scaled(prior, seen, trials) == pytest.approx(prior * np.array([0.5, 3.0]), rel=1e-3)
    assert scaled(prior, trials, trials).max() == MAX_RATE


def test_scaled_moves_a_channel_without_trials_as_the_others() -> None:
    prior, trials = np.array([[0.1, 0.02]]), np.array([[1e6, 0.0]])
    assert scaled(prior, 2.0 * trials * prior, trials) == pytest.approx(2.0 * prior, rel=1e-3)
