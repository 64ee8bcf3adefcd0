"""Intervals: their closed forms, and how often they hold the truth in repeated seeded experiments."""

from collections.abc import Callable

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.distributions import student_quantile
from tactful.experiments.stats import (
    Interval,
    bootstrap,
    bootstrap_totals,
    fieller,
    mean_difference,
    ratio,
    ratio_difference,
)


def _rate(totals: np.ndarray) -> np.ndarray:
    return totals[..., 0] / totals[..., 1]


def _users(rng: np.random.Generator, n: int, rate: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Clicks and sends of users whose rates differ, so that sends of one user are alike."""
    sends = rng.integers(1, 30, n)
    own = rng.beta(2.0, 2.0 / rate - 2.0, n)
    return rng.binomial(sends, own).astype(float), sends.astype(float)


def _coverage(interval: Callable[[], Interval | None], truth: float, runs: int) -> float:
    held = 0
    for _ in range(runs):
        got = interval()
        assert got is not None
        held += got.low <= truth <= got.high
    return held / runs


def test_mean_difference_is_that_of_the_textbook() -> None:
    got = mean_difference(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0]))
    error = np.sqrt(1.0 / 3 + 2.0 / 2)
    half = student_quantile(0.975, error**4 / ((1.0 / 3) ** 2 / 2 + (2.0 / 2) ** 2 / 1)) * error
    assert got == pytest.approx((1.0, 1.0 - half, 1.0 + half), abs=1e-9)


def test_ratio_is_the_ratio_of_sums_and_of_a_constant_denominator_the_mean() -> None:
    y = np.array([0.0, 1.0, 4.0, 3.0])
    got = ratio(y, np.full(4, 2.0))
    assert got.value == pytest.approx(y.sum() / 8.0)
    error = y.std(ddof=1) / np.sqrt(4) / 2.0
    assert got.high - got.value == pytest.approx(1.959964 * error, abs=1e-6)


def test_ratio_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(4)
    # 500 runs: a true 95 % lies within 92.5..97.5 % by over 2.5 standard errors.
    assert 0.925 <= _coverage(lambda: ratio(*_users(rng, 300)), 0.1, 500) <= 0.975


def test_interval_that_takes_sends_for_independent_would_be_too_narrow() -> None:
    y, x = _users(np.random.default_rng(4), 3000)
    got = ratio(y, x)
    naive = 1.959964 * np.sqrt(got.value * (1 - got.value) / x.sum())
    assert got.high - got.value > 1.2 * naive


def test_ratio_difference_holds_the_truth_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(5)
    held = _coverage(lambda: ratio_difference(*_users(rng, 300, 0.2), *_users(rng, 200)), 0.1, 500)
    assert 0.925 <= held <= 0.975


def test_bootstrap_of_a_ratio_agrees_with_the_delta_method() -> None:
    y, x = _users(np.random.default_rng(6), 2000)
    got = bootstrap(np.stack([y, x], axis=1), _rate, np.random.default_rng(1), draws=2000)
    delta = ratio(y, x)
    assert got.value == pytest.approx(delta.value, rel=1e-12)
    assert got.high - got.low == pytest.approx(delta.high - delta.low, rel=0.08)
    assert got.low == pytest.approx(delta.low, rel=0.02)


def test_bootstrap_pairs_policies_that_were_tried_on_the_same_users() -> None:
    rng = np.random.default_rng(7)
    habit = rng.gamma(2.0, 1.0, 1000)
    sums = np.stack([habit + 0.1 + 0.05 * rng.normal(size=1000), habit], axis=1)
    paired = bootstrap(sums, lambda t: (t[..., 0] - t[..., 1]) / 1000, np.random.default_rng(1))
    unpaired = mean_difference(sums[:, 0], sums[:, 1])
    assert paired.low < 0.1 < paired.high
    assert paired.high - paired.low < 0.1 * (unpaired.high - unpaired.low)


def test_resamples_have_the_mean_and_the_spread_of_sums_over_users() -> None:
    y, x = _users(np.random.default_rng(8), 400)
    totals = bootstrap_totals(np.stack([y, x], axis=1), np.random.default_rng(2), draws=4000)
    spread = np.sqrt(400 * y.var())
    assert totals[:, 0].mean() == pytest.approx(y.sum(), abs=4 * spread / np.sqrt(4000))
    assert totals[:, 0].std() == pytest.approx(spread, rel=0.05)


def test_resamples_in_chunks_equal_users_drawn_one_resample_at_a_time() -> None:
    n, draws = 5000, 1700  # three chunks
    sums = np.random.default_rng(9).integers(0, 9, (n, 2)).astype(float)
    rng = np.random.default_rng(3)
    plain = [sums[rng.integers(0, n, n)].sum(axis=0).tolist() for _ in range(draws)]
    assert bootstrap_totals(sums, np.random.default_rng(3), draws).tolist() == plain


def test_equal_seeds_give_equal_intervals_and_the_generator_is_the_callers() -> None:
    sums = np.stack(_users(np.random.default_rng(1), 50), axis=1)
    first, second = (bootstrap(sums, _rate, np.random.default_rng(1)) for _ in range(2))
    assert first == second
    assert first != bootstrap(sums, _rate, np.random.default_rng(2))


def test_fieller_solves_its_equation_at_both_ends() -> None:
    rng = np.random.default_rng(10)
    x = rng.normal(2.0, 1.0, 20)
    y = 0.6 * x + rng.normal(0.0, 0.5, 20)
    got = fieller(y, x)
    assert got is not None
    assert got.value == pytest.approx(y.mean() / x.mean())
    for end in (got.low, got.high):
        rest = y - end * x
        t = rest.mean() / (rest.std(ddof=1) / np.sqrt(20))
        assert abs(t) == pytest.approx(2.093024, abs=1e-5)


def test_fieller_holds_the_truth_with_a_noisy_denominator_and_few_seeds() -> None:
    rng = np.random.default_rng(11)

    def once() -> Interval | None:
        x = rng.normal(3.0, 1.5, 10)
        return fieller(0.5 * x + rng.normal(0.0, 1.0, 10), x)

    assert 0.925 <= _coverage(once, 0.5, 500) <= 0.975


def test_no_share_is_quoted_where_the_denominator_may_be_zero() -> None:
    rng = np.random.default_rng(12)
    assert fieller(rng.normal(1.0, 1.0, 10), rng.normal(0.1, 1.0, 10)) is None
    assert fieller(np.ones(3), np.zeros(3)) is None


def test_an_exact_ratio_has_an_interval_of_no_width() -> None:
    x = np.array([11.0, 12.0, 13.0])
    got = fieller(0.5 * x, x)
    assert got is not None
    assert got == pytest.approx((0.5, 0.5, 0.5), abs=1e-6)


def test_statistics_that_cannot_be_computed_are_refused() -> None:
    one = np.ones(1)
    with pytest.raises(InvalidExperiment, match="at least 2"):
        mean_difference(one, np.ones(5))
    with pytest.raises(InvalidExperiment, match="sums to 0"):
        ratio(np.ones(3), np.zeros(3))
    with pytest.raises(InvalidExperiment, match="at least 2"):
        fieller(one, one)
    sparse = np.zeros((4, 2))
    sparse[0] = 1.0
    with pytest.raises(InvalidExperiment, match="not finite"), np.errstate(invalid="ignore"):
        bootstrap(sparse, _rate, np.random.default_rng(1))
