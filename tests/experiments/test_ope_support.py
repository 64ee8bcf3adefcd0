"""A log that cannot answer is refused, with the reason."""

import numpy as np
import pytest

from tactful.errors import InvalidExperiment, NotIdentifiable
from tactful.experiments.ope_support import require, support

PEOPLE = np.arange(1000)
HALF = np.full(1000, 0.5)
EVERY_OTHER = (PEOPLE % 2 == 0).astype(np.float64)


def test_a_log_that_made_every_choice_of_the_target_is_taken() -> None:
    found = require(support(HALF, EVERY_OTHER, PEOPLE))
    assert found.ess == 500.0
    assert found.covered.value == 1.0
    assert found.largest_share == pytest.approx(0.002)


def test_too_few_effective_rows_are_refused() -> None:
    heavy = np.array([1e-6, *HALF[1:]])
    with pytest.raises(NotIdentifiable, match="are worth 1 of the target"):
        require(support(heavy, HALF, PEOPLE))


def test_a_choice_that_is_never_logged_is_refused_although_its_sample_is_large() -> None:
    seldom = (PEOPLE % 4 == 0).astype(np.float64)  # half of what the target does was never tried
    with pytest.raises(NotIdentifiable, match=r"can make 50%"):
        require(support(HALF, seldom, PEOPLE))
    with pytest.raises(NotIdentifiable, match="makes none"):
        require(support(HALF, np.zeros(1000), PEOPLE))


def test_one_person_with_a_third_of_the_weight_is_refused() -> None:
    one_heavy = np.where(PEOPLE < 350, 0, PEOPLE)
    with pytest.raises(NotIdentifiable, match="35% of all weight"):
        require(support(HALF, HALF, one_heavy))


def test_chances_of_nothing_are_refused() -> None:
    with pytest.raises(InvalidExperiment, match="logged propensity"):
        support(np.zeros(3), np.ones(3), np.arange(3))
