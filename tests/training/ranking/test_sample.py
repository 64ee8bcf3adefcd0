"""Down-sampling leaves sums and probabilities as they were: observed / expected is 1 with all rates at once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_logs import rank_log, with_logged
from tactful.errors import InvalidRecord
from tactful.models.protocol import RANK_HEADS
from tactful.models.rank_calibration import SHAPE, RankCalibration
from tactful.training.ranking.rows import RankRows, rows
from tactful.training.ranking.sample import down_sampled, sampled, weights

LOG = rank_log(400, 8)
ROWS = rows(LOG)
RATES = st.fixed_dictionaries({head: st.floats(0.2, 1.0) for head in RANK_HEADS})


def _sums(of: RankRows) -> np.ndarray:
    """Rows, positives, and expected positives by a chance that has nothing to do with the draw, by head."""
    weight, chance = weights(of), 0.05 + 0.9 * of.inputs.candidate[:, 0, :1].astype(np.float64)
    return np.stack([weight.sum(axis=0), (weight * of.label).sum(axis=0), (weight * chance).sum(axis=0)])


@settings(max_examples=15, deadline=None)
@given(rates=RATES, logged=st.floats(0.3, 1.0), seed=st.integers(0, 10_000))
def test_observed_over_expected_is_one_with_all_rates_at_once(
    rates: dict[str, float], logged: float, seed: int
) -> None:
    """Each sum lies within five standard errors of the whole log's; both samplings at once."""
    less = down_sampled(rows(with_logged(LOG, logged, seed)), rates, seed)
    whole, weight = _sums(ROWS), weights(less)
    error = np.sqrt((weight**2).sum(axis=0) + 1.0)
    assert np.all(np.abs(_sums(less) - whole) <= 5.0 * error)


def test_the_mean_over_seeds_is_that_of_the_whole_log() -> None:
    rates = dict(zip(RANK_HEADS, (0.2, 0.3, 0.05, 0.5, 0.6, 0.9), strict=True))
    found = np.stack([_sums(down_sampled(rows(with_logged(LOG, 0.5, s)), rates, s)) for s in range(30)])
    error = found.std(axis=0) / np.sqrt(30) + 1e-9
    assert np.all(np.abs(found.mean(axis=0) - _sums(ROWS)) <= 4.5 * error)


@given(p=st.floats(1e-6, 1.0 - 1e-6), rate=st.floats(0.01, 1.0))
def test_a_probability_learned_from_a_sample_is_restored_exactly(p: float, rate: float) -> None:
    seen = p / (p + (1.0 - p) * rate)
    assert seen / (seen + (1.0 - seen) / rate) == pytest.approx(p, rel=1e-6)
    logit = np.full((1, 1, *SHAPE), np.log(p) - np.log1p(-p) - np.log(rate))
    restored = RankCalibration(rate=np.full(len(RANK_HEADS), rate)).chances(logit)
    assert np.allclose(restored, p, rtol=1e-9)


def test_positives_are_never_left_out() -> None:
    less = down_sampled(ROWS, dict.fromkeys(RANK_HEADS, 0.1), seed=3)
    assert np.array_equal((less.known & less.label).sum(axis=0), (ROWS.known & ROWS.label).sum(axis=0))
    assert np.all(less.keep[less.label & less.known] == 1.0)
    assert np.all(less.keep[~less.label & less.known] == np.float32(0.1))


def test_a_rate_of_one_head_leaves_the_others_alone() -> None:
    less = down_sampled(ROWS, {"unsubscribe": 0.1}, seed=3)
    assert len(less) == len(ROWS)
    assert less.known[:, 2].sum() < 0.2 * len(ROWS)
    assert less.known[:, [0, 1, 3, 4, 5]].all()


def test_what_is_unknown_stays_unknown() -> None:
    known = ROWS.known.copy()
    known[:, 5] = False
    assert not down_sampled(replace(ROWS, known=known), {"open": 0.5}, seed=0).known[:, 5].any()


def test_a_log_that_fits_in_is_learned_from_whole() -> None:
    same, rate = sampled(ROWS, len(ROWS), seed=0)
    assert same is ROWS
    assert np.all(rate == 1.0)


def test_a_log_that_is_too_large_is_drawn_from() -> None:
    less, rate = sampled(ROWS, 500, seed=0)
    assert len(less) == pytest.approx(500, rel=0.2)
    assert np.all(np.abs(_sums(less) - _sums(ROWS)) <= 5.0 * np.sqrt((weights(less) ** 2).sum(axis=0)))
    assert rate[RANK_HEADS.index("unsubscribe")] < 0.2


@pytest.mark.parametrize("rates", [{"click": 0.0}, {"click": 1.5}, {"likes": 0.5}])
def test_rates_that_are_none_are_refused(rates: dict[str, float]) -> None:
    with pytest.raises(InvalidRecord, match=r"rates in \(0, 1\]"):
        down_sampled(ROWS, rates, seed=0)
