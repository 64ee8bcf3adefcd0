"""What is known of the real data sets reappears: where time tells something, and where it does not."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tactful.experiments.mutual_information import match_information
from tactful.experiments.response_scores import judged

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the recipes importable; they lie beside the package, not inside it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])


def _millibits(data: object) -> np.ndarray:
    from responses.matches import categories

    history, target = categories(data.test, data.category)
    return 1000 * match_information(history, target, data.test.samples.label == 1)


@pytest.mark.data
def test_category_matches_tell_less_the_longer_ago_on_the_toys(data_path: Path, tmp_path: Path) -> None:
    from responses.data import load
    from responses.matches import near_matches

    data = load("toys", data_path, tmp_path)
    found = _millibits(data)
    assert found[[0, 1, 4, 9]] == pytest.approx([64, 44, 26, 20], abs=5)
    samples = data.test.samples
    score = near_matches(data.test, data.category)
    scores = judged(score / (1 + score), samples.label == 1, samples.user)
    assert scores.auc == pytest.approx(0.677, abs=0.004)


@pytest.mark.data
def test_category_matches_tell_little_wherever_they_are_on_kuairand(data_path: Path, tmp_path: Path) -> None:
    from responses.data import load

    found = _millibits(load("kuairand", data_path, tmp_path))
    assert found[[0, 1, 4, 9]] == pytest.approx([0.7] * 4, abs=0.3)
