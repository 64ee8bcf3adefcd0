"""Mutual information: known cases, and no information where there is none."""

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.mutual_information import category_information, information, match_information, pearson


def test_information_equals_the_difference_of_entropies() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random(500) < 0.3, rng.random(500) < 0.6
    y ^= x & (rng.random(500) < 0.5)

    def entropy(p: np.ndarray) -> float:
        p = p[p > 0]
        return float(-(p * np.log2(p)).sum())

    joint = np.bincount(2 * x + y, minlength=4) / 500
    expected = (
        entropy(np.array([1 - x.mean(), x.mean()])) + entropy(np.array([1 - y.mean(), y.mean()])) - entropy(joint)
    )
    assert information(x[:, None], y, np.ones((500, 1), dtype=bool))[0] == pytest.approx(expected, abs=1e-12)


def test_rows_without_a_behaviour_do_not_count() -> None:
    history = np.array([[1, 1], [1, 0], [2, 0], [2, 0]])
    target = np.array([1, 1, 1, 1])
    label = np.array([True, True, False, False])
    found = match_information(history, target, label)
    assert found[0] == 1.0
    assert found[1] == 0.0  # one row is left, and its label is always the same
    assert np.isnan(match_information(history * 0, target, label)).all()


def test_nothing_is_found_where_nothing_is() -> None:
    rng = np.random.default_rng(1)
    history = rng.integers(1, 5, (20_000, 3))
    found = match_information(history, rng.integers(1, 5, 20_000), rng.random(20_000) < 0.5)
    assert ((found >= 0) & (found < 5e-4)).all()


def test_only_the_category_that_matters_tells_something() -> None:
    rng = np.random.default_rng(2)
    history = rng.integers(1, 4, (5000, 2))
    label = (history[:, 0] == 2) ^ (rng.random(5000) < 0.1)
    found = category_information(history, label, np.array([1, 2, 3]))
    assert found.shape == (3, 2)
    assert found[1, 0] > 2 * max(found[0, 0], found[2, 0])
    assert found[:, 1].max() < 0.01


def test_pearson_needs_three_places_that_differ() -> None:
    assert pearson(np.array([1.0, 2.0, 3.0, np.nan]), np.array([2.0, 4.0, 6.0, 1.0])) == pytest.approx(1.0)
    with pytest.raises(InvalidExperiment):
        pearson(np.ones(4), np.arange(4.0))
