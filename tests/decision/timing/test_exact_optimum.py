"""`best_spaced` against two other ways to the optimum, and `plan` against it: it may fall short, never exceed."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment, linprog

from tactful.decision.timing.send_time import best_spaced, capacity, plan

RNG = np.random.default_rng(5)
DAYS = RNG.dirichlet(np.full(24, 0.7), 30)


def assigned(p: NDArray[np.float64], quota: int) -> float:
    """The best sum of `quota` different slots: sends to slots, by the Hungarian method."""
    gain = np.repeat(p[None], quota, axis=0)
    return float(gain[linear_sum_assignment(gain, maximize=True)].sum())


def spaced(p: NDArray[np.float64], quota: int, allowed: NDArray[np.bool_], gap: int) -> float:
    """The best sum of `quota` slots, of any `gap` in a row one at most: ones in a row make the programme integral."""
    windows = np.array([(np.arange(24) >= k) & (np.arange(24) < k + gap) for k in range(24)]) * 1.0
    found = linprog(-p, windows, np.ones(24), np.ones((1, 24)), [quota], [(0, float(free)) for free in allowed])
    assert found.success
    return -float(found.fun)


@pytest.mark.parametrize("quota", [1, 2, 3, 5, 8])
def test_without_a_gap_it_is_the_best_assignment_of_sends_to_slots(quota: int) -> None:
    for p in DAYS:
        ours = (best_spaced(p[None], np.array([quota])) * p).sum()
        assert ours == pytest.approx(assigned(p, quota))


@pytest.mark.parametrize(("quota", "gap"), [(1, 3), (2, 2), (3, 2), (3, 4), (5, 2), (7, 2)])
def test_with_gaps_it_is_the_optimum_of_the_linear_programme(quota: int, gap: int) -> None:
    allowed = (np.arange(24) >= 8) & (np.arange(24) < 22)
    for p in DAYS[:10]:
        chosen = best_spaced(p[None], np.array([quota]), allowed[None], gap)
        assert (chosen * p).sum() == pytest.approx(spaced(p, quota, allowed, gap))


@pytest.mark.parametrize("gap", [1, 2, 4])
def test_no_plan_is_worth_more_than_the_best_spaced_slots(gap: int) -> None:
    allowed = RNG.random(DAYS.shape) < 0.8
    quota = np.minimum(RNG.integers(1, 6, len(DAYS)), capacity(allowed, gap))
    best = (best_spaced(DAYS, quota, allowed, gap) * DAYS).sum(axis=1)
    for beta in (1.0, 3.0):
        drawn = plan(DAYS, quota, RNG.random(len(DAYS)), beta, allowed, gap, 1)
        assert ((drawn * DAYS).sum(axis=1) <= best + 1e-12).all()
