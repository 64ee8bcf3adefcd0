"""The named baselines do what their rules say, meet or keep within the total, and never beat the allocator."""

import numpy as np
import pytest

from tactful.decision.volume.allocate import allocate
from tactful.decision.volume.baselines import (
    Reading,
    cool_down_budgets,
    greedy_budgets,
    kdd18_budgets,
    uniform_budgets,
)
from tactful.errors import InfeasibleBudget, InvalidScores

N, K_MAX = 600, 7
READINGS: tuple[Reading, ...] = ("R1", "R2")


def families() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    k = np.arange(K_MAX + 1)[:, None]
    gain, need = rng.random(N), rng.uniform(1, 6, N)
    return {
        "concave": (gain * (1 - np.exp(-k / need))).astype(np.float32),
        "S-shaped": (gain / (1 + np.exp(need - k))).astype(np.float32),
        "humped": (gain * k * np.exp(-k / need)).astype(np.float32),
        "rough": rng.normal(0.05, 0.2, (K_MAX + 1, N)).cumsum(axis=0).astype(np.float32),
    }


def one_user(*steps: float) -> np.ndarray:
    return np.append(0, np.cumsum(steps)).astype(np.float32)[:, None]


def test_the_two_readings_stop_where_they_say() -> None:
    # Gains .5, .01, .3, 0: R2 stops before the small second step, R1 looks at what is missing to the best.
    value = np.repeat(one_user(0.5, 0.01, 0.3, 0.0), 10, axis=1)
    assert set(kdd18_budgets(value, 19, "R1").budget.tolist()) == {1}
    assert set(kdd18_budgets(value, 10, "R2").budget.tolist()) == {1}
    assert set(kdd18_budgets(value, 30, "R1").budget.tolist()) == {3}


@pytest.mark.parametrize("reading", READINGS)
def test_the_threshold_is_the_smallest_of_the_grid_that_fits(reading: Reading) -> None:
    value = families()["concave"]
    result = kdd18_budgets(value, 900, reading)
    best = value.argmax(axis=0)
    smaller = result.price / 1.02
    gap = value[best, np.arange(N)] - value if reading == "R1" else np.diff(value, axis=0, append=-np.inf)
    stop = gap <= smaller if reading == "R1" else gap < smaller
    assert result.total <= 900 < np.argmax(stop | (np.arange(K_MAX + 1)[:, None] == best), axis=0).sum()


@pytest.mark.parametrize("reading", READINGS)
def test_users_with_one_curve_leave_volume_unspent(reading: Reading) -> None:
    result = kdd18_budgets(np.repeat(one_user(0.5, 0.4, 0.3), 10, axis=1), 19, reading)
    assert (result.total, result.budget.max()) == (10.0, 1)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("k_min", [0, 2])
def test_the_rule_keeps_least_budget_and_total(reading: Reading, k_min: int) -> None:
    for value in families().values():
        result = kdd18_budgets(value, 1500, reading, k_min)
        assert result.total == result.budget.sum() <= 1500
        assert result.budget.min() >= k_min


def test_the_rule_refuses_what_it_cannot_serve() -> None:
    with pytest.raises(InfeasibleBudget, match="12"):
        kdd18_budgets(np.zeros((3, 12), dtype=np.float32), 11, "R1", k_min=1)
    with pytest.raises(InvalidScores, match="k_min"):
        kdd18_budgets(np.zeros((3, 2), dtype=np.float32), 11, "R1", k_min=3)
    with pytest.raises(InvalidScores, match="finite"):
        kdd18_budgets(one_user(0.5, np.nan), 1, "R2")


@pytest.mark.parametrize("family", families())
@pytest.mark.parametrize("total", [300, 1500, 3000])
def test_no_baseline_beats_the_allocator_at_the_volume_it_spends(family: str, total: int) -> None:
    value = families()[family]
    rng = np.random.default_rng(9)
    clicks, u = rng.random(N), rng.random(N)
    budgets = {
        "R1": kdd18_budgets(value, total, "R1").budget,
        "R2": kdd18_budgets(value, total, "R2").budget,
        "uniform": uniform_budgets(N, total, u),
        "cool-down": cool_down_budgets(clicks, total, K_MAX, u),
        "greedy": greedy_budgets(clicks, total, K_MAX, u),
    }
    for name, budget in budgets.items():
        best = allocate(value, int(budget.sum()))
        gap = best.price * K_MAX if family != "concave" else 0.0  # the allocator's own distance to the bound
        worth = float(value[budget, np.arange(N)].sum(dtype=np.float64))
        assert worth <= best.value + gap + 1e-9, name


def test_uniform_budgets_differ_by_at_most_one_and_meet_the_total() -> None:
    budget = uniform_budgets(1000, 2345, np.random.default_rng(1).random(1000))
    assert budget.sum() == 2345
    assert set(budget.tolist()) == {2, 3}


def test_cool_down_tells_the_best_clickers_14_thirds_as_often_as_the_worst() -> None:
    clicks, u = np.linspace(0, 0.5, 1000), np.random.default_rng(1).random(1000)
    budget = cool_down_budgets(clicks, 3000, 14, u)
    assert budget.sum() == 3000
    assert budget[-200:].mean() / budget[:200].mean() == pytest.approx(14 / 3, rel=0.02)
    assert (np.diff(budget.reshape(10, 100).mean(axis=1)) > -0.05).all()


def test_cool_down_never_exceeds_the_largest_budget() -> None:
    budget = cool_down_budgets(np.linspace(0, 0.5, 100), 650, 7, np.random.default_rng(1).random(100))
    assert (budget.sum(), budget.max()) == (650, 7)


def test_greedy_serves_the_best_clickers_in_full() -> None:
    budget = greedy_budgets(np.array([0.1, 0.4, 0.3, 0.4]), 17, 7, np.array([0.1, 0.9, 0.5, 0.2]))
    assert budget.tolist() == [0, 7, 3, 7]


def test_totals_and_click_rates_out_of_range_are_refused() -> None:
    u = np.array([0.1, 0.2])
    with pytest.raises(InvalidScores):
        uniform_budgets(2, 511, u)
    with pytest.raises(InvalidScores):
        greedy_budgets(u, 15, 7, u)
    with pytest.raises(InvalidScores, match="user 1"):
        cool_down_budgets(np.array([0.1, np.nan]), 3, 7, u)
