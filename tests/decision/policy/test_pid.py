"""The volume controller on a plant with the traits of a real one: hours, delay, noise, and a sudden change."""

from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from tactful.decision.policy.pid import VolumeController, lower_if_saturated
from tactful.decision.policy.threshold import UtilityHistogram
from tactful.errors import InvalidRecord, InvalidScores

SHAPE = (1, 18, 5)
DELAY_HOURS = 2
_HOUR = np.arange(24)
_PROFILE = np.exp(1.2 * np.sin((_HOUR - 8) / 12 * np.pi) + 0.5 * np.sin((_HOUR - 2) / 6 * np.pi))
JOBS_BY_HOUR = _PROFILE / _PROFILE.sum()
PLAN_BY_HOUR = 0.4 * JOBS_BY_HOUR + 0.6 / 24
"""The plan is wrong about the hours: too flat."""


def cell(value: float) -> np.ndarray:
    """One cell with a value, all others empty."""
    array = np.zeros(SHAPE)
    array[0, 0, 0] = value
    return array


@dataclass
class Run:
    """Relative error of every day's volume, and the quantile σ(z) after every hour."""

    day_error: np.ndarray
    quantile: np.ndarray


def run_plant(jobs_per_day: float, target: float, days: int, doubles_on: int = 99, reachable: float = 1e9) -> Run:
    rng = np.random.default_rng(4)
    histogram, controller = UtilityHistogram(1), VolumeController.start(1)
    lowered, saturated = lower_if_saturated(cell(target), cell(reachable))
    target = lowered[0, 0, 0]
    threshold, sent, quantile = 0.0, np.zeros(days * 24), np.zeros(days * 24)
    for t in range(days * 24):
        day, hour = divmod(t, 24)
        utility = 0.02 * np.exp(rng.standard_normal(rng.poisson(jobs_per_day * JOBS_BY_HOUR[hour])))
        utility *= 2 if day >= doubles_on else 1
        zero = np.zeros(len(utility), dtype=np.int64)
        histogram.add(day, zero, zero, zero, utility)
        sent[t] = (utility > threshold).sum()
        day, hour = divmod(max(t - DELAY_HOURS, 0), 24)
        complete = sent[day * 24 : day * 24 + hour + 1].sum()
        planned = target * PLAN_BY_HOUR[: hour + 1].sum()
        controller, c = controller.step(day, cell(complete), cell(planned), lowered, histogram, saturated)
        threshold = c[0, 0, 0]
        quantile[t] = 1 / (1 + np.exp(-controller.z[0, 0, 0]))
    return Run(sent.reshape(days, 24).sum(axis=1) / target - 1, quantile)


@pytest.mark.parametrize(("jobs", "target"), [(20_000, 2_000), (5_000, 2_500), (5_000, 3_750)])
def test_the_day_is_within_5_percent_from_the_fifth_day_though_the_plan_has_the_hours_wrong(
    jobs: int, target: int
) -> None:
    run = run_plant(jobs, target, days=16)
    assert np.abs(run.day_error[4:]).max() < 0.05
    assert abs(run.day_error[4:].mean()) < 0.01
    steady = run.quantile[4 * 24 :]
    assert 0.05 < steady.min() < steady.max() < 0.95


def test_after_a_sudden_doubling_of_all_utilities_the_second_day_is_within_5_percent_and_all_later_ones() -> None:
    error = run_plant(10_000, 2_500, days=24, doubles_on=10).day_error
    assert error[10] > 0.2
    assert np.abs(error[12:]).max() < 0.05
    assert abs(error[12:].mean()) < 0.01


def test_a_tiny_segment_keeps_its_mean_and_a_sane_price() -> None:
    run = run_plant(15, 4.5, days=40)
    assert abs(run.day_error[5:].mean()) < 0.1
    assert 0.05 < run.quantile[5 * 24 :].min() < run.quantile[5 * 24 :].max() < 0.97


def test_a_target_out_of_reach_is_lowered_and_the_price_stops_at_the_tenth() -> None:
    run = run_plant(3_000, 4_000, days=10, reachable=3_000)
    assert run.quantile.min() > 0.098  # the price stands at the tenth while the histogram moves a little
    assert np.abs(run.day_error[4:]).max() < 0.10  # of the lowered target, 2,700: a low quantile moves slowly


def ready() -> tuple[VolumeController, UtilityHistogram]:
    histogram = UtilityHistogram(1)
    zero = np.zeros(1000, dtype=np.int64)
    histogram.add(10, zero, zero, zero, np.random.default_rng(5).uniform(0.0, 0.2, 1000))
    return VolumeController.start(1, z=0.0), histogram


NOBODY = np.zeros(SHAPE, dtype=bool)


def test_too_many_sends_raise_the_price_and_too_few_lower_it() -> None:
    controller, histogram = ready()
    _, before = controller.step(10, cell(50), cell(50), cell(100), histogram, NOBODY)
    _, dear = controller.step(10, cell(70), cell(50), cell(100), histogram, NOBODY)
    _, cheap = controller.step(10, cell(30), cell(50), cell(100), histogram, NOBODY)
    assert cheap[0, 0, 0] < before[0, 0, 0] < dear[0, 0, 0]


def test_looking_twice_at_the_same_counts_changes_nothing() -> None:
    controller, histogram = ready()
    once, _ = controller.step(10, cell(70), cell(50), cell(100), histogram, NOBODY)
    twice, _ = once.step(10, cell(70), cell(50), cell(100), histogram, NOBODY)
    assert twice.to_bytes() == once.to_bytes()
    next_day, price = once.step(11, cell(0), cell(0), cell(100), histogram, NOBODY)
    _, again = next_day.step(11, cell(0), cell(0), cell(100), histogram, NOBODY)
    assert again == pytest.approx(price, rel=1e-12)


def test_many_short_steps_move_as_far_as_one_long_step() -> None:
    controller, histogram = ready()
    once, _ = controller.step(10, cell(90), cell(60), cell(100), histogram, NOBODY)
    for actual, planned in ((10, 30), (30, 40), (70, 50), (90, 60)):
        controller, _ = controller.step(10, cell(actual), cell(planned), cell(100), histogram, NOBODY)
    assert controller.z[0, 0, 0] == pytest.approx(once.z[0, 0, 0])


def test_an_accident_counts_no_more_than_the_bound() -> None:
    controller, histogram = ready()
    after, _ = controller.step(10, cell(5_000), cell(50), cell(100), histogram, NOBODY)
    assert after.z[0, 0, 0] == controller.lr * controller.bound


def test_of_few_sends_a_day_each_moves_the_price_less() -> None:
    controller, histogram = ready()
    many, _ = controller.step(10, cell(120), cell(100), cell(100), histogram, NOBODY)
    few, _ = controller.step(10, cell(4.8), cell(4), cell(4), histogram, NOBODY)
    assert few.z[0, 0, 0] == pytest.approx(many.z[0, 0, 0] / controller.lr)  # half of √4 is 1


@pytest.mark.parametrize(
    ("day_target", "actual", "with_jobs"), [(0.0, 5.0, True), (100.0, np.nan, True), (100.0, 5.0, False)]
)
def test_without_target_or_data_the_price_stands_still(day_target: float, actual: float, with_jobs: bool) -> None:
    controller, histogram = ready()
    histogram = histogram if with_jobs else UtilityHistogram(1)
    after, _ = controller.step(10, cell(actual), cell(50), cell(day_target), histogram, NOBODY)
    assert after.z[0, 0, 0] == controller.z[0, 0, 0]


def test_a_saturated_cell_at_the_tenth_stands_still_until_it_sends_too_much() -> None:
    _, histogram = ready()
    low = VolumeController.start(1, z=-3.0)
    everyone = ~NOBODY
    short, _ = low.step(10, cell(10), cell(50), cell(100), histogram, everyone)
    assert short.z[0, 0, 0] == -3.0
    over, _ = low.step(10, cell(90), cell(50), cell(100), histogram, everyone)
    assert over.z[0, 0, 0] > -3.0


def test_the_jitter_shifts_the_quantile_to_both_sides_and_stays_in_range() -> None:
    controller, histogram = ready()
    low, mid, high = (controller.thresholds(histogram, shift)[0, 0, 0] for shift in (-0.05, 0.0, 0.05))
    assert (low, mid, high) == pytest.approx((0.09, 0.10, 0.11), abs=0.008)
    assert controller.thresholds(histogram, 0.9)[0, 0, 0] == pytest.approx(0.2, rel=0.03)


def utilities(histogram: UtilityHistogram, day: int, highest: float, jobs: int = 1000) -> None:
    zero = np.zeros(jobs, dtype=np.int64)
    histogram.add(day, zero, zero, zero, np.random.default_rng(day).uniform(0.0, highest, jobs))


def test_from_the_second_day_on_the_price_does_not_move_with_the_histogram() -> None:
    controller, histogram = ready()
    controller, first = controller.step(10, cell(50), cell(50), cell(100), histogram, NOBODY)
    utilities(histogram, 10, highest=0.6)
    controller, same_day = controller.step(10, cell(50), cell(50), cell(100), histogram, NOBODY)
    assert same_day[0, 0, 0] > 1.2 * first[0, 0, 0]  # on the first day it is a quantile of what has come in
    for day in range(11, 18):
        utilities(histogram, day, highest=0.6)
        controller, later = controller.step(day, cell(50), cell(50), cell(100), histogram, NOBODY)
        assert later[0, 0, 0] == pytest.approx(same_day[0, 0, 0])
    _, dearer = controller.step(17, cell(60), cell(50), cell(100), histogram, NOBODY)
    assert dearer[0, 0, 0] > later[0, 0, 0]


def test_where_utilities_take_few_values_the_rank_is_carried() -> None:
    controller, histogram = ready()
    zero = np.zeros(3_000, dtype=np.int64)
    for day in range(10, 14):
        histogram.add(day, zero, zero, zero, np.full(3_000, 0.1 * 0.96**day))  # one value, which drifts
        controller, price = controller.step(day, cell(50), cell(50), cell(100), histogram, NOBODY)
        assert controller.z[0, 0, 0] == 0.0
    assert price[0, 0, 0] == pytest.approx(histogram.quantile(np.full(SHAPE, 0.5))[0][0, 0, 0])


def test_a_cell_that_gets_jobs_later_has_a_first_day_of_its_own() -> None:
    controller, histogram = ready()
    for day in range(10, 13):
        controller, price = controller.step(day, cell(50), cell(50), cell(100), histogram, NOBODY)
    elsewhere, target = np.zeros(300, dtype=np.int64) + 6, np.full(SHAPE, 100.0)
    histogram.add(13, elsewhere - 6, elsewhere, elsewhere - 6, np.linspace(0.0, 0.02, 300))
    _, price = controller.step(13, np.full(SHAPE, 50.0), target / 2, target, histogram, NOBODY)
    assert price[0, 6, 0] == pytest.approx(0.01, rel=0.1)  # the median of its own, not the price of all others


def test_after_a_change_of_model_ranks_stay_and_prices_follow_the_new_utilities() -> None:
    controller, histogram = ready()
    for day in (10, 11):
        controller, before = controller.step(day, cell(70), cell(50), cell(100), histogram, NOBODY)
    rank = histogram.rank(before)[0, 0, 0]
    controller, histogram = controller.model_changed(), UtilityHistogram(1)
    controller, waiting = controller.step(11, cell(70), cell(50), cell(100), histogram, NOBODY)
    assert waiting[0, 0, 0] == before[0, 0, 0]  # nothing is known of the new model yet
    assert controller.thresholds(histogram, 0.05)[0, 0, 0] == before[0, 0, 0]
    utilities(histogram, 11, highest=0.8)
    _, after = controller.step(11, cell(70), cell(50), cell(100), histogram, NOBODY)
    assert after[0, 0, 0] == pytest.approx(0.8 * rank, rel=0.05)


def test_a_price_far_outside_the_utilities_comes_back_to_their_edge() -> None:
    controller, histogram = ready()
    controller, _ = controller.step(10, cell(50), cell(50), cell(100), histogram, NOBODY)
    tiny = UtilityHistogram(1)
    utilities(tiny, 11, highest=0.002)
    controller, price = controller.step(11, cell(50), cell(50), cell(100), tiny, NOBODY)
    assert tiny.rank(price)[0, 0, 0] == pytest.approx(0.99)
    assert np.isfinite(controller.z).all()


def test_two_arms_of_unlike_models_send_alike_if_one_follows_the_other() -> None:
    rng, histogram, controller = np.random.default_rng(6), UtilityHistogram(2), VolumeController.start(2)
    sent, price = np.zeros((20, 2)), np.zeros(2)
    nobody = np.zeros((2, 18, 5), dtype=bool)
    for t in range(20 * 24):
        day, hour = divmod(t, 24)
        jobs = rng.poisson(4_000 * JOBS_BY_HOUR[hour])
        for arm, (median, spread) in enumerate(((0.02, 1.0), (0.06, 0.5))):
            utility, zero = median * np.exp(spread * rng.standard_normal(jobs)), np.zeros(jobs, dtype=np.int64)
            histogram.add(day, zero + arm, zero, zero, utility)
            sent[day, arm] += (utility > price[arm]).sum()
        actual, planned = np.zeros((2, 18, 5)), np.zeros((2, 18, 5))
        actual[:, 0, 0] = sent[day]
        planned[:, 0, 0] = 1_600 * PLAN_BY_HOUR[: hour + 1].sum(), sent[day, 0]
        controller, c = controller.step(day, actual, planned, np.full((2, 18, 5), 1_600.0), histogram, nobody)
        price = c[:, 0, 0]
    gap = (sent[2:, 1] - sent[2:, 0]) / 1_600
    assert np.abs(gap).max() < 0.02 + 2 * np.sqrt(2 * 0.6 / 1_600)  # 2 % and two standard errors of a difference
    assert abs(gap.mean()) < 0.01


def test_stored_and_read_back_it_is_the_same() -> None:
    controller, histogram = ready()
    after, _ = controller.step(10, cell(70), cell(50), cell(100), histogram, NOBODY)
    again = VolumeController.from_bytes(after.to_bytes())
    assert again.to_bytes() == after.to_bytes()
    assert again.z.tobytes() == after.z.tobytes()
    assert again.price.tobytes() == after.price.tobytes()


def test_a_controller_stored_before_prices_were_kept_begins_its_first_day_with_its_z() -> None:
    controller, histogram = ready()
    old = msgspec.msgpack.encode([controller.z.tolist(), controller.error.tolist(), 9, 2.0, 1.0])
    after, price = VolumeController.from_bytes(old).step(10, cell(50), cell(50), cell(100), histogram, NOBODY)
    assert price[0, 0, 0] == pytest.approx(0.1, rel=0.05)
    assert after.since[0, 0, 0] == 10


def test_damaged_bytes_and_a_day_gone_by_are_refused() -> None:
    controller, histogram = ready()
    with pytest.raises(InvalidRecord, match="controller"):
        VolumeController.from_bytes(controller.to_bytes()[:50])
    after, _ = controller.step(10, cell(70), cell(50), cell(100), histogram, NOBODY)
    with pytest.raises(InvalidScores, match="day 9 after those of day 10"):
        after.step(9, cell(70), cell(50), cell(100), histogram, NOBODY)
