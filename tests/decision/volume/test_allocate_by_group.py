"""Groups with totals of their own are allocated as each would be alone."""

import numpy as np
import pytest

from tactful.decision.volume.allocate import allocate, allocate_by_group
from tactful.errors import InfeasibleBudget, InvalidScores


def curves_of(n: int, seed: int = 3) -> np.ndarray:
    """[8, n] curves of any shape, in steps of 1/64 so that ties are frequent and sums exact."""
    steps = np.random.default_rng(seed).integers(-8, 24, size=(7, n)) / 64
    return np.concatenate([np.zeros((1, n)), steps.cumsum(axis=0)]).astype(np.float32)


@pytest.mark.parametrize("n", [300, 80_000])
@pytest.mark.parametrize("k_min", [0, 1])
def test_each_group_is_served_as_if_alone(n: int, k_min: int) -> None:
    value, group = curves_of(n), np.random.default_rng(4).integers(0, 3, n)
    totals = np.array([1.1, 2.3, 7.0]) * np.bincount(group).round()
    together = allocate_by_group(value, group, totals.round(), k_min)
    for g, total in enumerate(totals.round()):
        alone = allocate(value[:, group == g], total, k_min)
        assert together.budget[group == g].tolist() == alone.budget.tolist()
        assert (together.price[g], together.total[g], together.value[g]) == (alone.price, alone.total, alone.value)


def test_a_total_that_is_too_small_names_its_group_and_by_how_much() -> None:
    with pytest.raises(InfeasibleBudget, match=r"group 1.*1 too much"):
        allocate_by_group(curves_of(4), np.array([0, 1, 1, 0]), np.array([9.0, 1.0]), k_min=1)


def test_an_empty_group_is_refused() -> None:
    with pytest.raises(InvalidScores, match="no users in group 1"):
        allocate_by_group(curves_of(3), np.array([0, 2, 0]), np.array([1.0, 1.0, 1.0]))


@pytest.mark.parametrize("group", [-1, 2])
def test_a_group_without_a_total_is_refused(group: int) -> None:
    with pytest.raises(InvalidScores, match="expected 0 to 1"):
        allocate_by_group(curves_of(2), np.array([0, group]), np.array([1.0, 1.0]))


def test_one_group_is_everyone() -> None:
    value = curves_of(50)
    grouped, single = allocate_by_group(value, np.zeros(50, dtype=np.uint8), np.array([60.0])), allocate(value, 60)
    assert grouped.budget.tolist() == single.budget.tolist()
