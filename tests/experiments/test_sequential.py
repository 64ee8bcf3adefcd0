"""Always-valid intervals: the formula, its p-values, its narrowest point; how often they err is in tests/recipes."""

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.effects import Effects, mean_difference
from tactful.experiments.sequential import always_valid, confidence_sequence, errors, p_values
from tactful.experiments.sums import sums_of


def _effects(value: float, error: float = 1.0) -> Effects:
    return Effects(np.array([value]), np.array([error]), np.array([np.inf]))


def test_interval_is_that_of_the_paper_for_a_stream_of_t_users() -> None:
    t, planned, alpha, sigma = 300.0, 1000.0, 0.05, 2.0
    at_plan = errors(1.0) ** 2 - 1.0  # x = t*·ρ², since the planned width is √(1 + x) standard errors
    rho2 = at_plan / planned
    of_paper = sigma * np.sqrt(2.0 * (t * rho2 + 1.0) / (t**2 * rho2) * np.log(np.sqrt(t * rho2 + 1.0) / alpha))
    got = always_valid(_effects(0.0, sigma / np.sqrt(t)), t / planned)[0]
    assert got.high == pytest.approx(of_paper, rel=1e-12)


def test_no_other_mixture_is_narrower_at_the_planned_end() -> None:
    def width(x: float) -> float:
        return float(np.sqrt((1.0 + 1.0 / x) * (np.log1p(x) - 2.0 * np.log(0.05))))

    best = min(width(x) for x in np.linspace(0.5, 60.0, 20_000))
    assert errors(1.0) == pytest.approx(best, rel=1e-7)


@pytest.mark.parametrize("share", [0.02, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_p_value_is_one_minus_the_level_where_the_interval_touches_zero(share: float, level: float) -> None:
    edge = errors(share, level)
    assert p_values(_effects(edge), share, level)[0] == pytest.approx(1.0 - level, rel=1e-9)
    assert p_values(_effects(1.01 * edge), share, level)[0] < 1.0 - level
    assert p_values(_effects(0.0), share, level)[0] == 1.0


def test_intervals_narrow_as_users_come_and_are_wider_than_those_of_one_look() -> None:
    shares = [0.05, 0.1, 0.3, 1.0, 2.0, 10.0]
    widths = [errors(share) / np.sqrt(share) for share in shares]
    assert widths == sorted(widths, reverse=True)
    assert min(errors(share) for share in shares) > 3.0


def test_confidence_sequence_of_sums_is_centred_on_the_difference() -> None:
    arm = np.repeat([0, 1], 50)
    rows = np.random.default_rng(1).normal(size=(100, 1))
    sums = sums_of(rows, arm, 2)
    got = confidence_sequence(sums[1:], sums[:1], 0, 0.4)[0]
    effect = mean_difference(sums[1:], sums[:1], 0)
    assert got.value == effect.value[0]
    assert got.high - got.value == pytest.approx(errors(0.4) * effect.error[0])


def test_a_plan_that_has_not_begun_is_refused() -> None:
    with pytest.raises(InvalidExperiment, match="share above 0"):
        errors(0.0)
    with pytest.raises(InvalidExperiment, match="level between 0 and 1"):
        errors(0.5, 1.0)
