"""The histogram of utilities: resolution, the ring of days, pooling, storage."""

import numpy as np
import pytest

from tactful.decision.policy.threshold import DAYS, UtilityHistogram
from tactful.errors import InvalidRecord, InvalidScores
from tactful.features.segments import SEGMENTS

SHAPE = (1, len(SEGMENTS), 5)


def filled(utility: np.ndarray, day: int = 100, segment: int = 2, channel: int = 1) -> UtilityHistogram:
    histogram = UtilityHistogram(1)
    add(histogram, utility, day, segment, channel)
    return histogram


def add(histogram: UtilityHistogram, utility: np.ndarray, day: int = 100, segment: int = 2, channel: int = 1) -> None:
    zero = np.zeros(len(utility), dtype=np.int64)
    histogram.add(day, zero, zero + segment, zero + channel, utility)


def read(histogram: UtilityHistogram, q: float, segment: int = 2, channel: int = 1) -> tuple[float, int]:
    utility, pool = histogram.quantile(np.full(SHAPE, q))
    return float(utility[0, segment, channel]), int(pool[0, segment, channel])


@pytest.mark.parametrize("median", [0.001, 0.01, 0.05, 0.2])
def test_quantiles_match_the_sample_within_three_percent(median: float) -> None:
    sample = median * np.exp(0.8 * np.random.default_rng(1).standard_normal(20_000))
    histogram = filled(sample)
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert read(histogram, q)[0] == pytest.approx(np.quantile(sample, q), rel=0.03)


@pytest.mark.parametrize("q", [0.01, 0.3, 0.5, 0.77, 0.99])
def test_the_rank_of_a_quantile_is_that_quantile(q: float) -> None:
    histogram = filled(0.05 * np.exp(np.random.default_rng(7).standard_normal(5_000)) - 0.01)
    utility, _ = histogram.quantile(np.full(SHAPE, q))
    assert histogram.rank(utility)[0, 2, 1] == pytest.approx(q)


def test_ranks_of_what_lies_outside_are_0_and_1_and_nothing_known_ranks_0() -> None:
    histogram = filled(np.full(500, 0.05))
    assert histogram.rank(np.full(SHAPE, -0.9))[0, 2, 1] == 0.0
    assert histogram.rank(np.full(SHAPE, 0.9))[0, 2, 1] == 1.0
    assert histogram.rank(np.full(SHAPE, 7.0))[0, 2, 1] == 1.0
    assert UtilityHistogram(1).rank(np.full(SHAPE, 0.5))[0, 2, 1] == 0.0


def test_a_value_that_many_jobs_share_shows_in_the_fullest_bin() -> None:
    smooth = 0.05 * np.exp(np.random.default_rng(8).standard_normal(3_000))
    assert filled(smooth).largest_share()[0, 2, 1] < 0.03
    assert filled(np.append(smooth, np.full(1_000, 0.04))).largest_share()[0, 2, 1] == pytest.approx(0.25, abs=0.02)
    assert UtilityHistogram(1).largest_share().max() == 0.0


def test_negative_utilities_are_resolved_too() -> None:
    sample = np.random.default_rng(2).normal(-0.01, 0.01, 20_000)
    assert read(filled(sample), 0.25)[0] == pytest.approx(np.quantile(sample, 0.25), rel=0.03)


def test_quantile_rises_with_q_and_stays_within_the_bins_in_use() -> None:
    histogram = filled(np.full(500, 0.05))
    values = [read(histogram, q)[0] for q in np.linspace(0, 1, 21)]
    assert values == sorted(values)
    assert values[0] <= 0.05 <= values[-1]
    assert values[-1] - values[0] < 0.03 * 0.05


def test_utilities_out_of_range_count_in_the_outermost_bins() -> None:
    histogram = filled(np.array([-7.0] * 300 + [9.0] * 300))
    assert read(histogram, 0.0)[0] == pytest.approx(-1.0)
    assert read(histogram, 1.0)[0] == pytest.approx(1.0)


def test_a_day_leaves_the_ring_after_seven() -> None:
    histogram = filled(np.full(300, 0.5), day=100)
    add(histogram, np.full(300, 0.1), day=100 + DAYS - 1)
    assert histogram.jobs()[0, 2, 1] == 600
    add(histogram, np.full(300, 0.1), day=100 + DAYS)
    assert histogram.jobs()[0, 2, 1] == 600
    assert read(histogram, 0.99)[0] < 0.2


def test_a_count_older_than_the_ring_is_ignored_and_a_long_silence_empties_it() -> None:
    histogram = filled(np.full(300, 0.1), day=100)
    add(histogram, np.full(50, 0.1), day=100 - DAYS)
    assert histogram.jobs().sum() == 300
    add(histogram, np.full(10, 0.1), day=500)
    assert histogram.jobs().sum() == 10


def test_small_cells_read_their_state_then_their_channel_then_everything() -> None:
    histogram = filled(np.full(150, 0.10), segment=0)
    assert read(histogram, 0.5, segment=0) == (pytest.approx(0.10, rel=0.03), 3)
    add(histogram, np.full(150, 0.10), segment=1)
    assert read(histogram, 0.5, segment=2)[1] == 1  # core: 300 jobs by e-mail only and push only
    assert read(histogram, 0.5, segment=9)[1] == 2  # dormant: the channel of all segments
    assert read(histogram, 0.5, segment=9, channel=4)[1] == 3
    add(histogram, np.full(50, 0.30), segment=0)
    assert read(histogram, 0.5, segment=0)[1] == 0


def test_an_empty_histogram_prices_nothing() -> None:
    assert read(UtilityHistogram(1), 0.5) == (0.0, 4)


def test_arms_are_kept_apart_unless_everything_is_pooled() -> None:
    histogram = UtilityHistogram(2)
    arm = np.repeat([0, 1], 300)
    histogram.add(100, arm, np.zeros(600, dtype=np.int64), np.zeros(600, dtype=np.int64), np.where(arm, 0.4, 0.1))
    utility, _ = histogram.quantile(np.full((2, 18, 5), 0.5))
    assert utility[:, 0, 0] == pytest.approx([0.1, 0.4], rel=0.03)


def test_stored_and_read_back_it_is_the_same() -> None:
    histogram = filled(np.random.default_rng(3).normal(0.1, 0.1, 1000))
    again = UtilityHistogram.from_bytes(histogram.to_bytes())
    assert again.to_bytes() == histogram.to_bytes()
    assert read(again, 0.3) == read(histogram, 0.3)
    add(again, np.full(5, 0.1), day=101)
    assert again.jobs().sum() == 1005


@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_damaged_bytes_are_refused(cut: int) -> None:
    data = filled(np.full(300, 0.1)).to_bytes()
    with pytest.raises(InvalidRecord, match="histogram"):
        UtilityHistogram.from_bytes(data[:cut])


def test_nan_and_days_before_1970_are_refused() -> None:
    with pytest.raises(InvalidScores, match="NaN"):
        filled(np.array([0.1, np.nan]))
    with pytest.raises(InvalidScores, match="day -1"):
        filled(np.array([0.1]), day=-1)
