"""The sizes that the plan states give the power that it promises."""

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.training.volume.plan import TYPICAL, Rates, plan, rates_of
from volume_logs import CHOICES, assignments, drawn


def _need(rates: Rates, slope: float, ratio: float) -> tuple[int, int]:
    activity, unsubscribe = plan(rates, CHOICES, 8, (slope,), (ratio,))
    return activity.users, unsubscribe.users


def test_the_slope_of_activity_is_seen_four_times_in_five() -> None:
    rates, slope, runs = Rates(0.25, 0.3, 0.001), 0.01, 600
    n, _ = _need(rates, slope, 1.1)
    rng = np.random.default_rng(1)
    k = np.array(CHOICES)[rng.integers(0, len(CHOICES), (runs, n))]
    mean = rates.daily_activity + slope * (k - np.mean(CHOICES))
    spread = (1.0 - rates.correlation) / rates.correlation
    person = rng.beta(mean * spread, (1.0 - mean) * spread)
    active = rng.binomial(56, person) / 56.0
    away = k - k.mean(axis=1, keepdims=True)
    b = (away * active).sum(axis=1) / (away**2).sum(axis=1)
    rest = active - active.mean(axis=1, keepdims=True) - b[:, None] * away
    error = np.sqrt((rest**2).sum(axis=1) / (n - 2) / (away**2).sum(axis=1))
    assert np.mean(np.abs(b / error) > 1.96) == pytest.approx(0.8, abs=0.05)


def test_the_hazard_ratio_is_seen_four_times_in_five() -> None:
    rates, ratio, runs = Rates(0.25, 0.3, 0.01), 1.1, 600
    _, n = _need(rates, 0.01, ratio)
    rng = np.random.default_rng(2)
    k = np.array(CHOICES)[rng.integers(0, len(CHOICES), (runs, n))]
    hazard = ratio**k
    hazard = hazard * rates.weekly_hazard / hazard.mean(axis=1, keepdims=True)
    week = rng.geometric(hazard)
    left, at_risk = week <= 8, np.minimum(week, 8)
    mean = (k * at_risk).sum(axis=1) / at_risk.sum(axis=1)
    away = k - mean[:, None]
    score = (left * away).sum(axis=1)
    error = np.sqrt(left.sum(axis=1) * (at_risk * away**2).sum(axis=1) / at_risk.sum(axis=1))
    assert np.mean(np.abs(score / error) > 1.96) == pytest.approx(0.8, abs=0.05)


def test_more_weeks_replace_people_for_leaving_but_hardly_for_activity() -> None:
    short, long = plan(TYPICAL, CHOICES, 4, (0.005,), (1.1,)), plan(TYPICAL, CHOICES, 8, (0.005,), (1.1,))
    assert long[1].users < 0.55 * short[1].users
    assert long[0].users > 0.9 * short[0].users


def test_smaller_effects_need_more() -> None:
    users = [need.users for need in plan(TYPICAL, CHOICES)]
    assert users[:4] == sorted(users[:4], reverse=True)
    assert users[4:] == sorted(users[4:], reverse=True)


def test_the_rates_of_a_log_are_those_of_its_people() -> None:
    log, truth = drawn(20_000, seed=3)
    rates = rates_of(log)
    assert rates.daily_activity == pytest.approx(truth.active.mean(), abs=0.01)
    assert rates.weekly_hazard == pytest.approx(truth.leaves.mean(), rel=0.15)
    state = np.array([truth.active[log.activity == a].var() for a in range(3)])[log.activity]
    p = truth.active.mean()
    assert rates.correlation == pytest.approx(state.mean() / (p * (1.0 - p)), rel=0.1)


def test_a_log_without_anything_has_the_typical_rates() -> None:
    assert rates_of(assignments(k=[])) == TYPICAL


def test_nobody_leaving_leaves_the_typical_hazard() -> None:
    log, _ = drawn(100, seed=4, hazard=1e-12)
    assert rates_of(log).weekly_hazard == TYPICAL.weekly_hazard


@pytest.mark.parametrize("wrong", [{"choices": (3,)}, {"choices": ()}, {"hazard_ratios": (1.0,)}, {"power": 1.0}])
def test_effects_of_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidExperiment, match="expected two budgets"):
        plan(**{"rates": TYPICAL, "choices": CHOICES, **wrong})
