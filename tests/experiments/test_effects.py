"""Effects from sums: against scipy, statsmodels and formulas by hand on the same rows; merged parts equal the whole."""

import numpy as np
import pytest
import scipy.stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from tactful.errors import InvalidExperiment
from tactful.experiments.distributions import student_quantile, student_tail
from tactful.experiments.effects import cuped, mean_difference, ratio_difference, ratios, relative_lift
from tactful.experiments.sums import Sums, merged, stratified, sums_of

ARMS = 3
SENDS, CLICKS, BEFORE, HABIT = range(4)


def _rows(n: int = 900, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Sends, clicks, clicks before, and a habit of users in three arms of unequal size."""
    rng = np.random.default_rng(seed)
    arm = rng.choice(ARMS, n, p=[0.5, 0.3, 0.2]).astype(np.int64)
    habit = rng.gamma(2.0, 1.0, n)
    sends = rng.poisson(3.0 + habit) + 1.0
    clicks = rng.poisson(0.3 * habit + 0.2 * (arm == 1)) + 0.0
    return np.stack([sends, clicks, rng.poisson(0.3 * habit) + 0.0, habit], axis=1), arm


def _all() -> tuple[np.ndarray, np.ndarray, Sums]:
    rows, arm = _rows()
    return rows, arm, sums_of(rows, arm, ARMS)


def test_sums_are_those_of_numpy_and_leave_out_users_outside() -> None:
    rows, arm, sums = _all()
    for a in range(ARMS):
        assert sums.n[a] == (arm == a).sum()
        np.testing.assert_allclose(sums.mean[a], rows[arm == a].mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(sums.scatter[a] / (sums.n[a] - 1), np.cov(rows[arm == a].T), rtol=1e-11, atol=1e-12)
    outside = np.where(arm == 2, -1, arm)
    np.testing.assert_allclose(sums_of(rows, outside, 2).scatter, sums.scatter[:2], rtol=1e-13)


def test_parts_merged_in_any_order_are_the_whole() -> None:
    rows, arm, whole = _all()
    rng = np.random.default_rng(2)
    part = rng.integers(0, 40, len(arm))
    parts = [sums_of(rows[part == i], arm[part == i], ARMS) for i in range(40)]  # some hold no user of an arm
    for order in (range(40), rng.permutation(40)):
        got = merged([parts[i] for i in order])
        np.testing.assert_array_equal(got.n, whole.n)
        np.testing.assert_allclose(got.mean, whole.mean, rtol=1e-12)
        np.testing.assert_allclose(got.scatter, whole.scatter, rtol=1e-11, atol=1e-9)


def test_a_mean_large_beside_its_spread_keeps_its_digits() -> None:
    rows, arm, sums = _all()
    far = merged([sums_of(rows[:400] + 1e9, arm[:400], ARMS), sums_of(rows[400:] + 1e9, arm[400:], ARMS)])
    np.testing.assert_allclose(far.scatter, sums.scatter, rtol=1e-6, atol=1e-4)


def test_difference_of_means_is_welchs_of_scipy_and_statsmodels() -> None:
    rows, arm, sums = _all()
    got = mean_difference(sums[1:], sums[:1], CLICKS)
    for i, interval in enumerate(got.intervals(0.9)):
        treated, control = rows[arm == i + 1, CLICKS], rows[arm == 0, CLICKS]
        theirs = scipy.stats.ttest_ind(treated, control, equal_var=False)
        ends = theirs.confidence_interval(0.9)
        assert interval == pytest.approx((treated.mean() - control.mean(), ends.low, ends.high), rel=1e-9)
        assert got.p()[i] == pytest.approx(theirs.pvalue, rel=1e-9)
        ours = CompareMeans(DescrStatsW(treated), DescrStatsW(control)).tconfint_diff(0.1, usevar="unequal")
        assert interval[1:] == pytest.approx(ours, rel=1e-9)


def test_difference_of_ratios_is_the_delta_method_by_hand() -> None:
    rows, arm, sums = _all()
    got = ratio_difference(sums[1:2], sums[:1], CLICKS, SENDS)
    by_hand = []
    for a in (1, 0):
        y, x = rows[arm == a, CLICKS], rows[arm == a, SENDS]
        ratio = y.sum() / x.sum()
        by_hand.append((ratio, ((y - ratio * x) ** 2).sum() / (len(y) - 1) / len(y) / x.mean() ** 2))
    (r1, v1), (r0, v0) = by_hand
    half = scipy.stats.norm.ppf(0.975) * np.sqrt(v1 + v0)
    assert got.intervals()[0] == pytest.approx((r1 - r0, r1 - r0 - half, r1 - r0 + half), rel=1e-9)
    assert got.p()[0] == pytest.approx(2.0 * scipy.stats.norm.sf(abs(r1 - r0) / np.sqrt(v1 + v0)), rel=1e-9)


def test_relative_lift_is_the_delta_method_by_hand() -> None:
    rows, arm, sums = _all()
    t, c = rows[arm == 1, CLICKS], rows[arm == 0, CLICKS]
    error = np.sqrt(t.var(ddof=1) / len(t) / c.mean() ** 2 + t.mean() ** 2 * c.var(ddof=1) / len(c) / c.mean() ** 4)
    got = relative_lift(sums[1:2], sums[:1], CLICKS)
    assert got.value[0] == pytest.approx(t.mean() / c.mean() - 1.0, rel=1e-9)
    assert got.error[0] == pytest.approx(error, rel=1e-9)


def test_relative_lift_holds_the_truth_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(3)
    runs, n = 2000, 400
    rows = np.concatenate([rng.gamma(1.0, 1.0, (runs, n)), rng.gamma(1.0, 1.2, (runs, n))]).reshape(-1, 1)
    sums = sums_of(rows, np.repeat(np.arange(2 * runs), n), 2 * runs)
    held = [i.low <= 0.2 <= i.high for i in relative_lift(sums[runs:], sums[:runs], 0).intervals()]
    assert 0.935 <= np.mean(held) <= 0.965  # 3 standard errors of 2,000 runs


@pytest.mark.parametrize("covariates", [[BEFORE], [BEFORE, HABIT]])
def test_cuped_difference_is_the_coefficient_of_the_regression_on_arm_and_covariates(covariates: list[int]) -> None:
    rows, arm, sums = _all()
    arms = np.stack([arm == a for a in range(ARMS)], axis=1).astype(float)
    theirs = OLS(rows[:, CLICKS], np.column_stack([arms, rows[:, covariates]])).fit().params
    adjusted = cuped(sums, covariates)
    got = mean_difference(adjusted[1:], adjusted[:1], CLICKS).value
    np.testing.assert_allclose(got, theirs[1:ARMS] - theirs[0], rtol=1e-9)


def test_cuped_sums_are_those_of_rows_adjusted_one_by_one() -> None:
    rows, arm, sums = _all()
    centred = rows - sums.mean[arm]
    theta = (centred[:, BEFORE] @ centred[:, CLICKS]) / (centred[:, BEFORE] @ centred[:, BEFORE])
    own = rows[:, CLICKS] - theta * (rows[:, BEFORE] - rows[:, BEFORE].mean())
    theirs = scipy.stats.ttest_ind(own[arm == 1], own[arm == 0], equal_var=False)
    adjusted = cuped(sums, [BEFORE])
    got = mean_difference(adjusted[1:2], adjusted[:1], CLICKS)
    assert got.p()[0] == pytest.approx(theirs.pvalue, rel=1e-9)
    plain = mean_difference(sums[1:2], sums[:1], CLICKS)
    assert got.error[0] < plain.error[0]
    overall = (adjusted.n @ adjusted.mean[:, CLICKS]) / adjusted.n.sum()
    assert overall == pytest.approx(rows[:, CLICKS].mean())  # the level stays, so lifts keep their meaning


def test_covariates_that_say_nothing_do_no_harm() -> None:
    rows, arm, sums = _all()
    idle = np.column_stack([rows, np.full(len(rows), 7.0), rows[:, BEFORE]])
    got, plain = cuped(sums_of(idle, arm, ARMS), [BEFORE, 4, 5]), cuped(sums, [BEFORE])
    np.testing.assert_allclose(got.mean[:, CLICKS], plain.mean[:, CLICKS], rtol=1e-9)
    np.testing.assert_allclose(got.variance(CLICKS), plain.variance(CLICKS), rtol=1e-9)
    none = cuped(sums, [])
    np.testing.assert_allclose(none.scatter, sums.scatter, rtol=1e-12)


def test_strata_of_unlike_size_do_not_make_a_difference() -> None:
    rng = np.random.default_rng(6)
    far = []
    for _ in range(400):
        arm = np.concatenate([rng.integers(0, 2, 200), (rng.random(400) < 0.8).astype(np.int64)])
        late = np.repeat([0, 1], [200, 400])
        days = rng.normal(np.where(late, 3.0, 6.0), 1.0)[:, None]  # who came late has fewer days, in both arms
        parts = [sums_of(days[late == each], arm[late == each], 2) for each in (0, 1)]
        got = mean_difference(*(stratified(parts, np.array([200.0, 400.0]))[one] for one in (slice(1, 2), slice(1))), 0)
        low, high = got.intervals()[0][1:]
        far.append(not low <= 0.0 <= high)
    assert np.mean(far) == pytest.approx(0.05, abs=0.03)
    plain = sums_of(days, arm, 2)
    assert mean_difference(plain[1:], plain[:1], 0).value[0] < -0.5  # what would be read without strata


def test_one_stratum_is_what_it_was() -> None:
    _, _, sums = _all()
    same = stratified([sums], np.array([3.0]))
    np.testing.assert_allclose(same.scatter, sums.scatter, rtol=1e-12)
    np.testing.assert_allclose(same.mean, sums.mean, rtol=1e-12)


def test_a_hundred_and_twenty_arms_are_compared_at_once() -> None:
    rng = np.random.default_rng(4)
    arm = rng.integers(0, 121, 30_000)
    sums = sums_of(rng.poisson(1.0, (30_000, 2)).astype(float), arm, 121)
    got = mean_difference(sums[1:], sums[:1], 0)
    assert len(got.intervals()) == 120
    one = mean_difference(sums[77:78], sums[:1], 0)
    assert got.value[76] == one.value[0]
    assert got.p()[76] == one.p()[0]


def test_arms_without_spread_differ_for_certain_or_not_at_all() -> None:
    arm = np.repeat([0, 1], 3)
    same = sums_of(np.ones((6, 1)), arm, 2)
    assert mean_difference(same[1:], same[:1], 0).p().tolist() == [1.0]
    apart = sums_of(arm[:, None].astype(float), arm, 2)
    assert mean_difference(apart[1:], apart[:1], 0).p().tolist() == [0.0]


def test_sums_that_say_nothing_are_refused() -> None:
    lonely = sums_of(np.ones((3, 2)), np.array([0, 0, 1]), 2)
    with pytest.raises(InvalidExperiment, match="at least 2"):
        mean_difference(lonely[1:], lonely[:1], 0)
    zero = sums_of(np.zeros((4, 2)), np.array([0, 0, 1, 1]), 2)
    with pytest.raises(InvalidExperiment, match="sums to 0"):
        ratios(zero, 0, 1)
    with pytest.raises(InvalidExperiment, match="mean is 0"):
        relative_lift(zero[1:], zero[:1], 0)
    with pytest.raises(InvalidExperiment, match="expected 0 to 1"):
        sums_of(np.ones((3, 2)), np.array([0, 2, 1]), 2)
    with pytest.raises(InvalidExperiment, match="leave out who is compared with nobody"):
        stratified([lonely, sums_of(np.ones((4, 2)), np.array([0, 0, 1, 1]), 2)], np.ones(2))
    with pytest.raises(InvalidExperiment, match="all alike"):
        merged([lonely, zero[:1]])


@pytest.mark.parametrize("degrees", [1, 1.5, 7.7, 99.5, 201, 1e4, 1e6, 1e8, float("inf")])
def test_students_distribution_is_that_of_scipy(degrees: float) -> None:
    theirs = scipy.stats.norm if degrees == float("inf") else scipy.stats.t(degrees)
    for t in (0.01, 0.3, 1.0, 1.96, 3.0, 8.0):
        assert student_tail(t, degrees) == pytest.approx(theirs.sf(t), rel=1e-9)
    for p in (0.6, 0.975, 0.9995, 0.999999):
        assert student_quantile(p, degrees) == pytest.approx(theirs.ppf(p), rel=1e-9)
