"""The allocator against a linear-programming solver (HiGHS, through scipy) on instances that it can solve."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from tactful.decision.volume.allocate import Allocation, allocate

SEEDS = range(4)


def relaxed(value: np.ndarray, total: float, cost: np.ndarray) -> float:
    """The largest value if a user could have a mixture of budgets: an upper bound of every allocation."""
    budgets, n = value.shape
    each = sparse.kron(sparse.eye(n), np.ones((1, budgets)), format="csr")
    found = linprog(
        -value.T.ravel().astype(np.float64),
        A_ub=sparse.csr_matrix(cost.T.ravel()[None, :]),
        b_ub=[total],
        A_eq=each,
        b_eq=np.ones(n),
        method="highs",
    )
    assert found.status == 0
    return float(-found.fun)


def sends(value: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(value), dtype=np.float64)[:, None], value.shape[1], axis=1)


def largest_step(result: Allocation, cost: np.ndarray) -> float:
    """What the price makes of the most that one user can cost."""
    return result.price * float((cost[-1] - cost[0]).max())


@pytest.mark.parametrize("seed", SEEDS)
def test_value_on_concave_curves_is_that_of_highs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = -np.sort(-rng.normal(0.3, 1, size=(9, 400)), axis=0)
    value = np.concatenate([rng.random((1, 400)), steps]).cumsum(axis=0).astype(np.float32)
    for total in (0, 37, 500, 1400, 4000):
        assert allocate(value, total).value == pytest.approx(relaxed(value, total, sends(value)), rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_value_on_other_curves_is_within_one_step_of_highs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    value = rng.normal(0.1, 1, size=(10, 300)).cumsum(axis=0).astype(np.float32)
    for total in (11, 200, 900):
        result, bound = allocate(value, total), relaxed(value, total, sends(value))
        assert bound - largest_step(result, sends(value)) - 1e-6 <= result.value <= bound + 1e-6 * abs(bound)


@pytest.mark.parametrize("seed", SEEDS)
def test_value_with_costs_is_within_one_step_of_highs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    value = rng.normal(0.1, 1, size=(8, 250)).cumsum(axis=0).astype(np.float32)
    cost = rng.random((8, 250), dtype=np.float32).cumsum(axis=0)
    least = float(cost[0].sum(dtype=np.float64))
    for total in (least + 3.3, least + 120.0, least + 400.0):
        result, bound = allocate(value, total, cost=cost), relaxed(value, total, cost.astype(np.float64))
        assert result.total <= total
        assert bound - largest_step(result, cost) - 1e-5 <= result.value <= bound + 1e-6 * abs(bound)
