"""The tree that is added makes every mean response right, and moves nobody against the others."""

import numpy as np
import pytest

from tactful.models.forest import Forest
from tactful.training.volume.calibrate import with_mean_response
from tactful.training.volume.grow import Rows
from volume_logs import CHOICES


def _flat(value: float = -3.0) -> Forest:
    """One leaf: the same margin for every row of two columns."""
    return Forest(np.empty((0, 4)), np.array([value]), np.array([-1.0]), 2)


def _rows(rate: dict[int, float], people: int = 500) -> Rows:
    """Folded rows at every budget with that share of positives."""
    k = np.repeat(list(rate), 2)
    share = np.repeat(list(rate.values()), 2)
    label = np.tile([True, False], len(rate))
    inputs = np.stack([np.zeros(len(k)), k], axis=1).astype(np.float32)
    return Rows(inputs, label, np.where(label, share, 1.0 - share) * people)


def _says(forest: Forest, k: np.ndarray) -> np.ndarray:
    inputs = np.stack([np.zeros(len(k)), k], axis=1).astype(np.float32)
    return 1.0 / (1.0 + np.exp(-forest.scores(inputs)))


def test_a_parabola_of_the_margin_is_found() -> None:
    truth = {k: float(1.0 / (1.0 + np.exp(1.0 - 0.2 * k + 0.01 * k * k))) for k in CHOICES}
    said = _says(with_mean_response(_flat(), _rows(truth), rising=False), np.array(CHOICES))
    assert said == pytest.approx(list(truth.values()), abs=1e-4)


def test_between_the_budgets_drawn_the_curve_goes_on() -> None:
    truth = {k: float(1.0 / (1.0 + np.exp(3.0 - 0.2 * k))) for k in CHOICES}
    said = _says(with_mean_response(_flat(), _rows(truth), rising=True), np.arange(11))
    assert said == pytest.approx(1.0 / (1.0 + np.exp(3.0 - 0.2 * np.arange(11))), abs=1e-3)


def test_what_may_not_fall_does_not() -> None:
    falling = {k: 0.2 - 0.01 * k for k in CHOICES}
    said = _says(with_mean_response(_flat(), _rows(falling), rising=True), np.arange(11))
    assert (np.diff(said) >= 0.0).all()


def test_people_keep_their_order() -> None:
    split = Forest(np.array([[0.0, 0.5, -1.0, -2.0]]), np.array([-1.0, 1.0]), np.array([0.0]), 2)
    more = with_mean_response(split, _rows(dict.fromkeys(CHOICES, 0.5)), rising=False)
    inputs = np.array([[0.0, 3.0], [1.0, 3.0]], dtype=np.float32)
    assert np.diff(more.scores(inputs)) == pytest.approx(2.0)


def test_one_budget_moves_the_level_only() -> None:
    said = _says(with_mean_response(_flat(), _rows({0: 0.3}), rising=False), np.array([0, 5]))
    assert said == pytest.approx([0.3, 0.3], abs=1e-3)
