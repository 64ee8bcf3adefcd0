"""Uplift curves: their closed forms against brute force, and how often their intervals hold the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.errors import InvalidExperiment
from tactful.experiments.stats import bootstrap_totals
from tactful.experiments.uplift import (
    contributions,
    fractional_rank,
    gain,
    gain_difference,
    gain_over_random,
    qini,
    qini_difference,
)


def _experiment(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score s uniform in [0, 1), effect s, half treated; so G(q) = q − q²/2 and Qini = 1/12."""
    score = rng.random(n)
    treated = rng.random(n) < 0.5
    return score, treated, (rng.random(n) < np.where(treated, score, 0.0)).astype(float)


def test_the_mean_contribution_is_the_effect_and_expectations_narrow_it() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(10.0, 5.0, 20_000)
    treated = rng.random(20_000) < 0.7
    outcome = x + 2.0 * treated
    plain = contributions(outcome, treated, 0.7)
    narrow = contributions(outcome, treated, 0.7, x + 2.0 * 0.3)
    assert plain.mean() == pytest.approx(2.0, abs=4 * plain.std() / np.sqrt(20_000))
    assert narrow.mean() == pytest.approx(2.0, abs=0.05)
    assert narrow.std() < 0.1 * plain.std()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=2, max_size=12))
def test_qini_is_the_area_between_the_curve_and_the_line(users: list[tuple[int, int]]) -> None:
    score, z = np.array(users, dtype=float).T
    n = len(z)
    order = np.argsort(-score, kind="stable")
    # Users of equal score are messaged in a random order, so each carries the mean of her group.
    level = np.array([z[score == s].mean() for s in score])[order]
    cumulative = np.concatenate([[0.0], np.cumsum(level)]) / n
    area = float(((cumulative[1:] + cumulative[:-1]) / 2.0).sum()) / n
    assert qini(fractional_rank(score), z).value == pytest.approx(area - cumulative[-1] / 2.0, abs=1e-12)


def test_ranks_are_taken_within_a_fold() -> None:
    rank = fractional_rank(np.array([1.0, 2.0, 10.0, 20.0]), np.array([0, 0, 1, 1]))
    assert rank.tolist() == [0.75, 0.25, 0.75, 0.25]


def test_qini_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(500):
        score, treated, outcome = _experiment(rng, 400)
        got = qini(fractional_rank(score), contributions(outcome, treated, 0.5))
        held += got.low <= 1.0 / 12.0 <= got.high
    assert 0.925 <= held / 500 <= 0.975  # 500 runs: a true 95 % lies within by over 2.5 standard errors


def test_qini_interval_is_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(3)
    score, treated, outcome = _experiment(rng, 2_000)
    z = contributions(outcome, treated, 0.5)
    got = qini(fractional_rank(score), z)
    picked = rng.integers(0, 2_000, (800, 2_000))
    values = [qini(fractional_rank(score[rows]), z[rows]).value for rows in picked]
    assert got.high - got.low == pytest.approx(2 * 1.96 * np.std(values), rel=0.1)


def test_gain_interval_is_that_of_the_bootstrap_with_the_cut_fixed() -> None:
    rng = np.random.default_rng(4)
    score, treated, outcome = _experiment(rng, 2_000)
    z, rank = contributions(outcome, treated, 0.5), fractional_rank(score)
    got = gain(rank, z, 0.3)
    assert got.value == pytest.approx(0.3 - 0.045, abs=0.03)
    totals = bootstrap_totals((z * (rank <= 0.3))[:, None], rng, 800) / 2_000
    assert got.high - got.low == pytest.approx(2 * 1.96 * totals.std(), rel=0.1)


def test_messaging_everyone_adds_nothing_to_random_and_an_order_nothing_to_itself() -> None:
    rng = np.random.default_rng(5)
    score, treated, outcome = _experiment(rng, 300)
    z, rank = contributions(outcome, treated, 0.5), fractional_rank(score)
    assert gain_over_random(rank, z, 1.0).value == 0.0
    assert gain_difference(rank, rank, z, 0.4) == (0.0, 0.0, 0.0)
    assert qini_difference(rank, rank, z) == (0.0, 0.0, 0.0)
    assert gain(rank, z, 1.0).value == pytest.approx(z.mean())


def test_a_pair_of_like_orders_is_compared_more_sharply_than_each_alone() -> None:
    rng = np.random.default_rng(6)
    score, treated, outcome = _experiment(rng, 2_000)
    z = contributions(outcome, treated, 0.5)
    one, other = fractional_rank(score), fractional_rank(score + rng.normal(0, 0.05, 2_000))
    pair, alone = qini_difference(one, other, z), qini(one, z)
    assert pair.value == pytest.approx(alone.value - qini(other, z).value)
    assert pair.high - pair.low < 0.5 * (alone.high - alone.low)


def test_bad_input_is_refused_with_what_was_got() -> None:
    z, rank = np.zeros(3), np.array([0.1, 0.5, 0.9])
    with pytest.raises(InvalidExperiment, match=r"got probability 1\.0"):
        contributions(z, np.array([True, False, True]), 1.0)
    with pytest.raises(InvalidExperiment, match="1 outcomes that are not finite"):
        contributions(np.array([0.0, np.nan, 1.0]), np.array([True, False, True]), 0.5)
    with pytest.raises(InvalidExperiment, match="scores that are NaN"):
        fractional_rank(np.array([0.0, np.nan]))
    with pytest.raises(InvalidExperiment, match=r"got the share 0\.0"):
        gain(rank, z, 0.0)
    with pytest.raises(InvalidExperiment, match=r"1 unit\(s\)"):
        qini(rank[:1], z[:1])
