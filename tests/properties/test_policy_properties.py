"""What must hold for any job: rights are never overruled, chances sum to one, arrangement and batch never matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.decision.policy.channel import ChannelMode, Choice, choose
from tactful.decision.policy.explore import BUCKETS, Action, act, action_probability, bucket, random_option
from tactful.decision.policy.pid import VolumeController
from tactful.decision.policy.threshold import UtilityHistogram
from tactful.decision.policy.utility import HEADS, incremental, weight_table

MODES: tuple[ChannelMode, ...] = ("best", "separate", "ladder")
modes = st.sampled_from(MODES)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=60, deadline=None)


class Jobs:
    """Random jobs whose utilities are coarse, so that ties are common."""

    def __init__(self, seed: int, mode: ChannelMode) -> None:
        rng = np.random.default_rng(seed)
        n, c, h = int(rng.integers(1, 6)), int(rng.integers(1, 5)), int(rng.integers(1, 6))
        self.mode = mode
        self.utility = rng.integers(-2, 4, (n, c, h)) / 8
        self.prices = [rng.integers(-2, 3, (n, h)) / 8 for _ in range(3)]
        self.feasible = rng.random((n, c, h)) < 0.6
        self.tried = rng.random((n, c, h)) < 0.2
        self.order = rng.permuted(np.tile(np.arange(c, dtype=np.uint64), (n, 1)), axis=1)
        self.rank = rng.permuted(np.tile(np.arange(h), (n, c, 1)), axis=2)
        self.keys = rng.integers(0, 2**63, n).astype(np.uint64)
        self.at_us = rng.integers(0, 2**50, n)
        self.buckets = rng.integers(0, 4, n).astype(np.int8)
        self.spent = rng.random(n) < 0.3

    def choose(self, price: int = 0, rows: slice = slice(None), places: np.ndarray | None = None) -> Choice:
        p = np.arange(self.utility.shape[1]) if places is None else places
        arrays = [a[rows][:, p] for a in (self.utility, self.feasible, self.order, self.rank, self.tried)]
        utility, feasible, order, rank, tried = arrays
        return choose(utility, self.prices[price][rows], feasible, order, rank, self.mode, tried)

    def act(self, rows: slice = slice(None)) -> Action:
        low, high, greedy = (self.choose(price, rows) for price in range(3))
        who = self.keys[rows], self.at_us[rows], self.buckets[rows]
        return act(9, *who, low, high, greedy, self.feasible[rows], self.order[rows], self.spent[rows])


@few
@given(seeds, modes)
def test_no_choice_and_no_draw_is_ever_infeasible(seed: int, mode: ChannelMode) -> None:
    jobs = Jobs(seed, mode)
    for done in (jobs.choose(), jobs.act()):
        for row in np.flatnonzero(done.candidate >= 0):
            assert jobs.feasible[row, done.candidate[row], done.channel[row]]
        assert ((done.candidate >= 0) == (done.channel >= 0)).all()


@few
@given(seeds)
def test_best_is_never_beaten_by_a_feasible_option(seed: int) -> None:
    jobs = Jobs(seed, "best")
    surplus = np.where(jobs.feasible, jobs.utility - jobs.prices[0][:, None, :], -np.inf)
    assert (jobs.choose().surplus == surplus.max(axis=(1, 2))).all()


@few
@given(seeds, modes)
def test_probabilities_of_all_actions_sum_to_one_in_every_bucket(seed: int, mode: ChannelMode) -> None:
    jobs = Jobs(seed, mode)
    n, c, h = jobs.utility.shape
    low, high, greedy = (jobs.choose(price) for price in range(3))
    total = np.zeros((n, len(BUCKETS)))
    for candidate, channel in [(-1, -1), *np.ndindex(c, h)]:
        action = np.full(n, candidate), np.full(n, channel)
        chance = action_probability(*action, low, high, greedy, jobs.feasible, jobs.spent)
        assert ((chance >= 0) & (chance <= 1)).all()
        total += chance
    assert total == pytest.approx(1.0)


@few
@given(seeds, modes)
def test_what_is_done_had_a_chance_and_that_chance_is_the_one_on_record(seed: int, mode: ChannelMode) -> None:
    jobs = Jobs(seed, mode)
    action = jobs.act()
    assert (action.probability > 0).all()
    assert (action.probability == action.by_bucket[np.arange(len(jobs.keys)), jobs.buckets]).all()


@few
@given(seeds, modes)
def test_the_arrangement_of_the_pool_never_matters(seed: int, mode: ChannelMode) -> None:
    jobs = Jobs(seed, mode)
    places = np.random.default_rng(seed + 1).permutation(jobs.utility.shape[1])
    plain, moved = jobs.choose(), jobs.choose(places=places)
    found = plain.candidate >= 0
    assert (np.where(moved.candidate >= 0, places[moved.candidate], -1) == plain.candidate).all()
    assert (moved.channel == plain.channel).all()
    drawn, channel = random_option(9, jobs.keys, jobs.at_us, jobs.feasible, jobs.order)
    again, channel_again = random_option(9, jobs.keys, jobs.at_us, jobs.feasible[:, places], jobs.order[:, places])
    assert (np.where(again >= 0, places[again], -1) == drawn).all()
    assert (channel_again == channel).all()
    assert (drawn >= 0).sum() >= found.sum()


@few
@given(seeds, modes)
def test_one_user_alone_gets_what_she_gets_in_a_batch(seed: int, mode: ChannelMode) -> None:
    jobs = Jobs(seed, mode)
    batch = jobs.act()
    buckets, _ = bucket(9, jobs.keys, jobs.at_us, (0.4, 0.2, 0.2, 0.2))
    for row in range(len(jobs.keys)):
        rows = slice(row, row + 1)
        alone = jobs.act(rows)
        for field in ("candidate", "channel", "high", "probability", "by_bucket"):
            assert (getattr(alone, field)[0] == getattr(batch, field)[row]).all()
        assert bucket(9, jobs.keys[rows], jobs.at_us[rows], (0.4, 0.2, 0.2, 0.2))[0][0] == buckets[row]


@few
@given(seeds)
def test_a_utility_does_not_depend_on_its_batch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    scores, segment = rng.random((n, 3, 5, 2)), rng.integers(0, 18, n)
    mean, organic, active = rng.random(n), rng.random(n), rng.random(n) < 0.5
    weights = weight_table(HEADS)
    batch = incremental(scores, HEADS, weights, segment, mean, organic, active)
    row = slice(n - 1, n)
    alone = incremental(scores[row], HEADS, weights, segment[row], mean[row], organic[row], active[row])
    assert (alone[0] == batch[n - 1]).all()


@few
@given(seeds)
def test_the_histogram_does_not_depend_on_the_order_or_batching_of_jobs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    day, arm, segment = 100 + rng.integers(0, 12, n), rng.integers(0, 2, n), rng.integers(0, 18, n)
    channel, utility = rng.integers(0, 5, n), rng.normal(0.05, 0.1, n)
    one_by_one, by_day = UtilityHistogram(2), UtilityHistogram(2)
    for i in rng.permutation(n):
        one = slice(i, i + 1)
        one_by_one.add(int(day[i]), arm[one], segment[one], channel[one], utility[one])
    for d in np.unique(day):
        on = day == d
        by_day.add(int(d), arm[on], segment[on], channel[on], utility[on])
    assert one_by_one.to_bytes() == by_day.to_bytes()


@few
@given(seeds, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_quantile_never_gives_a_lower_threshold(seed: int, a: float, b: float) -> None:
    rng = np.random.default_rng(seed)
    histogram = UtilityHistogram(1)
    zero = np.zeros(300, dtype=np.int64)
    histogram.add(7, zero, zero + rng.integers(0, 18), zero, rng.normal(0.05, 0.1, 300))
    low, high = (histogram.quantile(np.full((1, 18, 5), q))[0] for q in sorted((a, b)))
    assert (low <= high).all()


@few
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1e6), st.floats(0, 1e4)), max_size=12))
def test_the_price_stays_finite_and_within_its_limits_whatever_is_counted(
    counts: list[tuple[int, float, float]],
) -> None:
    histogram, controller = UtilityHistogram(1), VolumeController.start(1)
    zero = np.zeros(50, dtype=np.int64)
    histogram.add(3, zero, zero, zero, np.linspace(0, 0.2, 50))
    shape = controller.z.shape
    for day, actual, target in sorted(counts):
        arrays = (np.full(shape, value) for value in (actual, target / 2, target))
        controller, thresholds = controller.step(day, *arrays, histogram, np.zeros(shape, dtype=bool))
        assert np.abs(controller.z).max() < 4.6
        assert np.isfinite(thresholds).all()
