"""Scores of foretold responses: equal to plain loops, paired by user, and their intervals cover."""

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.metrics import auc, log_loss
from tactful.experiments.response_scores import differences, intervals, judged, mean


def _rows(seed: int, users: int = 60, n: int = 500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(n), 2)  # rounded, so that there are ties
    return p, rng.random(n) < p, rng.integers(0, users, n) * 3


def test_measures_equal_those_of_plain_loops() -> None:
    p, label, user = _rows(0)
    values = judged(p, label, user).values()
    weight, total = 0, 0.0
    for u in np.unique(user):
        mine = user == u
        if 0 < label[mine].sum() < mine.sum():
            weight += mine.sum()
            total += mine.sum() * auc(p[mine], label[mine])
    assert values["GAUC"] == pytest.approx(total / weight, abs=1e-12)
    assert values["AUC"] == pytest.approx(auc(p, label), abs=1e-12)
    assert values["log loss"] == pytest.approx(log_loss(np.clip(p, 1e-7, 1 - 1e-7), label), abs=1e-6)


def test_user_of_one_class_does_not_count_within_users() -> None:
    p, label, user = np.array([0.9, 0.1, 0.2]), np.array([True, False, False]), np.array([1, 1, 2])
    scores = judged(p, label, user)
    assert scores.values()["GAUC"] == 1.0
    assert scores.sums[:, 4].tolist() == [2.0, 0.0]
    assert np.isnan(judged(p, label, np.array([1, 2, 3])).values()["GAUC"])


def test_a_user_of_many_rows_weighs_more() -> None:
    p = np.array([0.9, 0.1, 0.2, 0.3, 0.1, 0.4])
    label = np.array([True, False, False, False, True, False])
    user = np.array([1, 1, 1, 1, 2, 2])
    assert judged(p, label, user).values()["GAUC"] == pytest.approx(4 / 6)


def test_difference_to_itself_is_nothing() -> None:
    scores = judged(*_rows(1))
    for gain in differences(scores, scores, np.random.default_rng(0)).values():
        assert tuple(gain) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


def test_difference_is_paired_and_so_narrower_than_either() -> None:
    p, label, user = _rows(2)
    rng = np.random.default_rng(3)
    worse = judged(np.clip(p + 0.1 * rng.standard_normal(len(p)), 0.01, 0.99), label, user)
    better = judged(p, label, user)
    gain = differences(better, worse, np.random.default_rng(0))
    alone = intervals(better, np.random.default_rng(0))
    for measure, interval in gain.items():
        assert interval.low <= interval.value <= interval.high
        assert interval.value == pytest.approx(better.values()[measure] - worse.values()[measure])
        assert interval.high - interval.low < alone[measure].high - alone[measure].low


def test_mean_over_seeds_is_the_mean_of_every_measure() -> None:
    p, label, user = _rows(4)
    rng = np.random.default_rng(5)
    seeds = [judged(np.clip(p + 0.1 * rng.standard_normal(len(p)), 0.01, 0.99), label, user) for _ in range(3)]
    together = mean(seeds).values()
    for measure, value in together.items():
        assert value == pytest.approx(np.mean([seed.values()[measure] for seed in seeds]))


def test_scores_of_other_rows_are_not_compared() -> None:
    with pytest.raises(InvalidExperiment, match="same rows"):
        differences(judged(*_rows(1)), judged(*_rows(2)), np.random.default_rng(0))


def test_logits_are_refused() -> None:
    with pytest.raises(InvalidExperiment, match="not logits"):
        judged(np.array([1.5, 0.2]), np.array([True, False]), np.array([1, 1]))


def test_resampled_auc_covers_the_truth() -> None:
    """Scores that are N(0.5, 1) above 0 for positives have AUC Φ(0.5/√2) = .638; nine intervals in ten hold it."""
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        label = rng.random(600) < 0.5
        score = rng.standard_normal(600) + 0.5 * label
        scores = judged(1 / (1 + np.exp(-score)), label, rng.integers(0, 200, 600))
        found = intervals(scores, rng, draws=200)["AUC"]
        covered += found.low <= 0.63817 <= found.high
    assert covered >= 90
