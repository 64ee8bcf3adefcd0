"""The ways to an interval: alike where all hold, honest where they differ."""

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.ope import dr, ips, snips
from tactful.experiments.ope_intervals import bernstein, bootstrap, delta, share

RNG = np.random.default_rng(5)
HALF = np.full(2000, 0.5)
TAKEN = RNG.integers(0, 2, 2000).astype(np.float64)
REWARD = (RNG.random(2000) < 0.3).astype(np.float64)
PEOPLE = np.arange(2000)


def test_the_bootstrap_agrees_with_the_delta_method_where_rows_are_many() -> None:
    by_delta = snips(REWARD, HALF, TAKEN, PEOPLE)
    by_draws = snips(REWARD, HALF, TAKEN, PEOPLE, bootstrap(np.random.default_rng(1), draws=2000))
    assert by_draws.value == by_delta.value
    assert by_draws.low == pytest.approx(by_delta.low, abs=0.004)
    assert by_draws.high == pytest.approx(by_delta.high, abs=0.004)


def test_the_bootstrap_resamples_people_and_not_their_rows() -> None:
    alike = np.repeat(REWARD[:100], 20)
    way = bootstrap(np.random.default_rng(1))
    together = snips(alike, HALF, np.ones(2000), np.repeat(np.arange(100), 20), way)
    apart = snips(alike, HALF, np.ones(2000), PEOPLE, way)
    assert together.high - together.low > 3 * (apart.high - apart.low)


def test_a_share_has_wilsons_limits() -> None:
    found = snips(REWARD, HALF, HALF, PEOPLE, share)
    p, n, z2 = REWARD.mean(), 2000, 1.959964**2
    low, high = np.roots([1 + z2 / n, -(2 * p + z2 / n), p * p])[::-1]
    assert (found.low, found.high) == pytest.approx((low, high), abs=2e-5)


def test_a_share_counts_people_and_not_their_rows() -> None:
    alike, people = np.repeat(REWARD[:100], 20), np.repeat(np.arange(100), 20)
    together, apart = (snips(alike, HALF, HALF, each, share) for each in (people, PEOPLE))
    assert together.high - together.low > 3 * (apart.high - apart.low)


def test_rewards_that_are_no_zeros_and_ones_have_no_share() -> None:
    with pytest.raises(InvalidExperiment, match="neither 0 nor 1"):
        snips(REWARD * 2.0, HALF, HALF, PEOPLE, share)


def test_the_bernstein_bound_by_hand() -> None:
    found = bernstein(0.0, 1.0)(np.array([0.0, 1.0, 1.0, 0.0]), np.ones(4), np.arange(4))
    log = np.log(80.0)
    assert found.high - found.value == pytest.approx(np.sqrt(2 * log / 3 / 4) + 7 * log / 9)


def test_the_bernstein_bound_is_wider_than_the_delta_method_and_never_misses() -> None:
    missed = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        taken, reward = rng.integers(0, 2, 200).astype(np.float64), (rng.random(200) < 0.02).astype(np.float64)
        half, people = np.full(200, 0.5), np.arange(200)
        wide = ips(reward, half, taken, people, bernstein(0.0, 2.0))
        narrow = ips(reward, half, taken, people, delta)
        assert wide.high - wide.low > narrow.high - narrow.low
        missed += not wide.low <= 0.02 <= wide.high
    assert missed == 0


def test_what_bernstein_cannot_bound_is_refused() -> None:
    with pytest.raises(InvalidExperiment, match="a ratio"):
        snips(REWARD, HALF, TAKEN, PEOPLE, bernstein(0.0, 2.0))
    with pytest.raises(InvalidExperiment, match="one row of each"):
        ips(REWARD, HALF, TAKEN, PEOPLE // 2, bernstein(0.0, 2.0))
    with pytest.raises(InvalidExperiment, match=r"expected them in 0\.\.1"):
        ips(REWARD, HALF, TAKEN, PEOPLE, bernstein(0.0, 1.0))
    with pytest.raises(InvalidExperiment, match="lower one first"):
        bernstein(1.0, 0.0)
    expected = np.full(2000, 0.3)
    assert dr(REWARD, HALF, TAKEN, PEOPLE, expected, expected, bernstein(-2.0, 3.0)).value == pytest.approx(
        0.3, abs=0.05
    )
