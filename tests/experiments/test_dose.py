"""Dose curves: the estimators agree where they must, recover a known slope where they may, and fail where they must."""

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.dose import contributions, curve, regression, slope

DOSES = np.arange(5)


class Confounded:
    """Doses of 0..4 that follow x in {0, 1}; the outcome is 1 + 3x + (0.5 + 0.4x)·dose, so the true slope is 0.7."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.x = rng.integers(0, 2, n)
        chance = np.array([[0.4, 0.3, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.3, 0.4]])
        self.dose = (rng.random(n)[:, None] > chance.cumsum(axis=1)[self.x]).sum(axis=1).clip(0, 4)
        self.probability = chance[self.x, self.dose]
        self.truth = 1.0 + 3.0 * self.x[:, None] + (0.5 + 0.4 * self.x[:, None]) * DOSES
        self.outcome = self.truth[np.arange(n), self.dose] + rng.normal(0, 1, n)


EVEN = np.full(5, 0.2)


def test_naive_slope_at_the_observed_shares_is_least_squares() -> None:
    rng = np.random.default_rng(1)
    dose, outcome = rng.integers(0, 4, 200), rng.normal(size=200)
    naive = slope(contributions(dose, outcome, np.ones(200)), np.bincount(dose) / 200)
    line = regression(dose[:, None].astype(float), outcome)[0]
    assert naive.value == pytest.approx(np.polyfit(dose, outcome, 1)[0])
    assert line.value == pytest.approx(naive.value)


def test_weights_and_double_robustness_recover_what_the_naive_slope_misses() -> None:
    people = Confounded(np.random.default_rng(2), 20_000)
    naive = slope(contributions(people.dose, people.outcome, np.ones(20_000)), EVEN)
    assert naive.low > 1.2
    wrong_f, wrong_p = np.zeros((20_000, 5)), np.full(20_000, 0.2)
    for got in (
        slope(contributions(people.dose, people.outcome, people.probability), EVEN),
        slope(contributions(people.dose, people.outcome, people.probability, wrong_f), EVEN),
        slope(contributions(people.dose, people.outcome, wrong_p, people.truth), EVEN),
    ):
        assert got.low <= 0.7 <= got.high
        assert got.high - got.low < 0.2
    assert abs(slope(contributions(people.dose, people.outcome, wrong_p, wrong_f), EVEN).value - 0.7) > 0.3


def test_doubly_robust_intervals_hold_the_truth_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(3)
    held = np.zeros(6)
    for _ in range(500):
        people = Confounded(rng, 400)
        terms = contributions(people.dose, people.outcome, people.probability, people.truth)
        intervals = [slope(terms, EVEN), *curve(terms)]
        truth = [0.7, *(2.5 + 0.7 * DOSES)]
        held += [i.low <= t <= i.high for i, t in zip(intervals, truth, strict=True)]
    assert (held / 500 >= 0.925).all()
    assert (held / 500 <= 0.975).all()


def test_regression_separates_sends_of_several_days_and_holds_the_truth() -> None:
    rng = np.random.default_rng(4)
    effect, held = np.array([1.0, -0.5, 0.0]), np.zeros(3)
    for _ in range(300):
        x = rng.normal(size=(300, 1))
        sends = (rng.random((300, 3)) < 1 / (1 + np.exp(-x))).astype(float)
        outcome = sends @ effect + 2.0 * x[:, 0] + rng.normal(size=300) * (1 + sends[:, 0])
        got = regression(sends, outcome, x)
        held += [i.low <= e <= i.high for i, e in zip(got, effect, strict=True)]
    assert (held / 300 >= 0.91).all()


def test_a_dose_that_nobody_received_needs_a_prediction_or_no_share() -> None:
    dose, outcome = np.array([0, 0, 2, 2]), np.array([0.0, 2.0, 4.0, 6.0])
    terms = contributions(dose, outcome, np.ones(4))
    assert np.isnan(terms[:, 1]).all()
    assert slope(terms, np.array([0.5, 0.0, 0.5])).value == pytest.approx(2.0)
    with pytest.raises(InvalidExperiment, match="a dose that nobody received"):
        slope(terms, np.array([0.4, 0.2, 0.4]))
    predicted = contributions(dose, outcome, np.ones(4), np.tile([0.0, 7.0, 0.0], (4, 1)))
    assert [point.value for point in curve(predicted)] == [1.0, 7.0, 5.0]


def test_bad_input_is_refused_with_what_was_got() -> None:
    dose, outcome = np.array([0, 1]), np.array([0.0, 1.0])
    with pytest.raises(InvalidExperiment, match="got doses from 0 to 1, expected 0 to 0"):
        contributions(dose, outcome, np.ones(2), np.zeros((2, 1)))
    with pytest.raises(InvalidExperiment, match=r"got a probability of 0\.0"):
        contributions(dose, outcome, np.array([0.0, 1.0]))
    with pytest.raises(InvalidExperiment, match="not finite"):
        contributions(dose, np.array([np.nan, 1.0]), np.ones(2))
    with pytest.raises(InvalidExperiment, match=r"shares on 1 dose"):
        slope(contributions(dose, outcome, np.ones(2)), np.array([0.0, 1.0]))
    with pytest.raises(InvalidExperiment, match="expected more users"):
        regression(dose[:, None].astype(float), outcome)
    three = np.array([[0.0], [1.0], [0.0], [1.0]])
    with pytest.raises(InvalidExperiment, match="combination of the covariates"):
        regression(three, np.arange(4.0), three)
