"""Scores of foretold hours: they equal the plain metrics, and their intervals cover."""

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.metrics import auc, log_loss, slot_bits, top_k_hit
from tactful.experiments.slot_scores import auc_parts, calibration_by_slot, session_sums, trial_sums


def _world(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users with rates of their own in six slots: what is foretold, positives and trials."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1.0, 6.0, (n, 1)) * rng.dirichlet(np.ones(6), n) * 3
    p = np.round(np.clip(p, 0.001, 0.9), 2)  # rounded, so that there are ties
    trials = rng.integers(0, 4, (n, 6)).astype(float)
    return p, rng.binomial(trials.astype(int), p).astype(float), trials


def test_totals_give_the_metrics_of_single_trials() -> None:
    p, positives, trials = _world(200, 0)
    flat = np.repeat(p.ravel(), trials.ravel().astype(int))
    labels = np.concatenate(
        [np.arange(t) < y for y, t in zip(positives.ravel(), trials.ravel().astype(int), strict=True)]
    )
    nats, count = trial_sums(p, positives, trials).sum(axis=0)
    assert nats / count == pytest.approx(log_loss(flat, labels))
    value, parts = auc_parts(p, positives, trials)
    assert value == pytest.approx(auc(flat, labels))
    assert parts.sum() == pytest.approx(0.0, abs=1e-12)
    assert parts.shape == (200,)


def test_session_totals_give_bits_and_hits() -> None:
    rng = np.random.default_rng(1)
    p, sessions = rng.dirichlet(np.ones(24), 50), rng.poisson(0.3, (50, 24)).astype(float)
    bits, hits, count = session_sums(p, sessions, k=3).sum(axis=0)
    assert bits / count == pytest.approx(slot_bits(p, sessions))
    assert hits / count == pytest.approx(top_k_hit(p, sessions, k=3))


def test_influences_of_users_give_the_spread_of_the_auc_over_samples() -> None:
    samples = [auc_parts(*_world(150, seed)) for seed in range(200)]
    spread = np.std([value for value, _ in samples], ddof=1)
    foretold = np.mean([np.sqrt((parts**2).sum()) for _, parts in samples])
    assert foretold == pytest.approx(spread, rel=0.15)


def test_calibration_compares_expected_and_observed_in_each_slot() -> None:
    p, positives, trials = np.full((2, 3), 0.5), np.array([[1.0, 0, 0], [1, 1, 0]]), np.ones((2, 3))
    trials[:, 2] = 0
    shares = calibration_by_slot(p, positives, trials)
    assert shares[:2].tolist() == [[0.5, 1.0], [0.5, 0.5]]
    assert np.isnan(shares[2]).all()


def test_an_auc_needs_both_classes() -> None:
    with pytest.raises(InvalidExperiment, match="got 0 positives and 4 negatives"):
        auc_parts(np.full((2, 2), 0.1), np.zeros((2, 2)), np.ones((2, 2)))
