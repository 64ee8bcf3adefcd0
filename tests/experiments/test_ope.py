"""Off-policy estimates cover the truth, and refuse what a log cannot answer."""

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.ope import snips


def test_the_interval_covers_the_truth_19_times_of_20() -> None:
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(300):
        people = np.repeat(np.arange(200), 5)
        options = rng.integers(1, 6, len(people))
        taken = rng.integers(0, options)
        taste = rng.beta(2, 8, 200)[people]
        chance = np.where(taken == 0, 2 * taste, taste)  # the target takes option 0: the mean of its chance is .4
        reward = (rng.random(len(people)) < np.minimum(chance, 1.0)).astype(np.float64)
        found = snips(reward, 1.0 / options, (taken == 0).astype(np.float64), people)
        covered.append(found.low <= 0.397 <= found.high)
    assert 0.91 <= np.mean(covered) <= 0.985


def test_rows_of_one_person_are_not_independent() -> None:
    reward, half = np.tile([0.0, 1.0], 50), np.full(100, 0.5)
    alike = snips(np.repeat([0.0, 1.0], 50), half, half, np.repeat(np.arange(4), 25))
    apart = snips(reward, half, half, np.arange(100))
    assert alike.value == apart.value == 0.5
    assert alike.high - alike.low > 4 * (apart.high - apart.low)


def test_even_weights_are_worth_all_rows_and_one_heavy_row_is_worth_one() -> None:
    same = np.full(10, 0.5)
    assert snips(np.ones(10), same, same, np.arange(10)).ess == pytest.approx(10.0)
    heavy = np.array([1e-6, *same[1:]])
    assert snips(np.ones(10), heavy, same, np.arange(10)).ess == pytest.approx(1.0, abs=0.01)


def test_a_choice_that_the_log_never_made_is_refused() -> None:
    with pytest.raises(InvalidExperiment, match="makes none"):
        snips(np.ones(3), np.full(3, 0.5), np.zeros(3), np.arange(3))
    with pytest.raises(InvalidExperiment, match="chance of each logged choice"):
        snips(np.ones(3), np.zeros(3), np.ones(3), np.arange(3))
