"""Metrics of folded rows equal those of the rows unfolded."""

import numpy as np
import pytest

from tactful.experiments import metrics as unfolded
from tactful.training.volume.metrics import calibration_error, goodness, log_loss, weighted_auc


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.01, 0.6, 500)
    return p, rng.uniform(size=500) < p, rng.integers(1, 6, 500).astype(np.float64)


def test_a_weight_counts_as_that_many_rows(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    p, label, weight = rows
    many = weight.astype(np.int64)
    every_p, every_label = np.repeat(p, many), np.repeat(label, many)
    assert log_loss(p, label, weight) == pytest.approx(unfolded.log_loss(every_p, every_label))
    assert weighted_auc(p, label, weight)[0] == pytest.approx(unfolded.auc(every_p, every_label))
    assert calibration_error(p, label, weight) == pytest.approx(
        unfolded.calibration_error(every_p, every_label), abs=0.01
    )


def test_goodness_compares_with_the_share_of_positives(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    p, label, weight = rows
    good = goodness(p, label, weight, 400)
    assert good is not None
    share = weight[label].sum() / weight.sum()
    assert good.constant_log_loss == pytest.approx(log_loss(np.full(500, share), label, weight))
    assert good.log_loss < good.constant_log_loss
    assert good.observed_over_expected == pytest.approx(1.0, abs=0.2)
    assert (good.people, good.trials, good.positives) == (400, weight.sum(), weight[label].sum())


def test_people_with_one_probability_are_calibrated_if_their_mean_is() -> None:
    """Their positives stand before their negatives; a bin that cut between them would see an error."""
    label = np.repeat([True, False], [30, 70])
    assert calibration_error(np.full(100, 0.3), label, np.ones(100)) == pytest.approx(0.0, abs=1e-12)


def test_one_outcome_only_has_no_auc_and_nothing_has_no_goodness() -> None:
    one = goodness(np.full(3, 0.2), np.zeros(3, dtype=np.bool_), np.ones(3), 3)
    assert one is not None
    assert one.auc is None
    nothing = np.zeros(0)
    assert goodness(nothing, nothing.astype(np.bool_), nothing, 0) is None
