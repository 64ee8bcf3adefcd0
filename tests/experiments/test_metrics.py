"""Metrics against closed forms and against their definitions read out."""

import math

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.metrics import (
    auc,
    calibration_error,
    log_loss,
    observed_over_expected,
    slot_bits,
    top_k_hit,
)

YES, NO = np.ones(1, dtype=bool), np.zeros(1, dtype=bool)


def test_log_loss_is_the_mean_surprise_in_nats_and_finite_for_a_wrong_certainty() -> None:
    assert log_loss(np.array([0.8, 0.8]), np.array([True, False])) == pytest.approx(-math.log(0.8 * 0.2) / 2)
    assert log_loss(np.array([0.0]), YES) == pytest.approx(-math.log(1e-15))
    assert log_loss(np.array([1.0]), YES) == 0.0
    assert log_loss(np.array([0.0]), NO) == 0.0


def test_auc_is_the_share_of_pairs_in_order_with_ties_as_halves() -> None:
    rng = np.random.default_rng(1)
    score, label = rng.integers(0, 6, 200).astype(float), rng.random(200) < 0.3
    pairs = score[label][:, None] - score[~label][None, :]
    assert auc(score, label) == pytest.approx(np.mean(np.where(pairs == 0, 0.5, pairs > 0)), abs=1e-12)


def test_auc_of_one_constant_score_is_a_half_and_needs_both_classes() -> None:
    assert auc(np.zeros(4), np.array([True, False, True, False])) == 0.5
    with pytest.raises(InvalidExperiment, match="some of each"):
        auc(np.zeros(1), YES)


def test_observed_over_expected_is_above_one_for_modest_predictions() -> None:
    p, label = np.full(10, 0.1), np.arange(10) < 2
    assert observed_over_expected(p, label) == pytest.approx(2.0)
    with pytest.raises(InvalidExperiment, match="undefined"):
        observed_over_expected(np.zeros(1), YES)


def test_calibration_error_is_the_gap_of_a_constant_prediction() -> None:
    label = np.tile([True, False, False, False], 500)
    assert calibration_error(np.full(2000, 0.4), label, bins=1) == pytest.approx(0.15)


def test_calibration_error_sees_gaps_that_cancel_overall() -> None:
    p, label = np.repeat([0.1, 0.9], 1000), np.tile([True, False], 1000)
    assert observed_over_expected(p, label) == pytest.approx(1.0)
    assert calibration_error(p, label, bins=2) == pytest.approx(0.4)


def test_calibrated_predictions_have_a_small_calibration_error() -> None:
    rng = np.random.default_rng(2)
    p = rng.beta(1.0, 9.0, 100_000)
    assert calibration_error(p, rng.random(100_000) < p) < 0.005


def test_slot_bits_of_a_flat_prediction_are_log2_of_the_slots_and_of_a_sure_one_zero() -> None:
    counts = np.zeros((2, 8))
    counts[0, 3], counts[1, 5] = 4.0, 1.0
    assert slot_bits(np.full((2, 8), 1 / 8), counts) == pytest.approx(3.0)
    assert slot_bits((counts > 0).astype(float), counts) == 0.0


def test_top_k_hit_counts_sessions_in_each_users_best_slots() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
    counts = np.array([[3.0, 1.0, 0.0], [2.0, 4.0, 0.0]])
    assert top_k_hit(p, counts, k=1) == pytest.approx(0.3)
    assert top_k_hit(p, counts, k=2) == pytest.approx(0.6)
    assert top_k_hit(p, counts, k=3) == 1.0


def test_slots_cannot_be_judged_by_no_sessions() -> None:
    for metric in (slot_bits, top_k_hit):
        with pytest.raises(InvalidExperiment, match="no sessions"):
            metric(np.full((1, 8), 1 / 8), np.zeros((1, 8)))
