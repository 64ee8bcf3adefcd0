"""The volume controller on a plant with the traits of a real one: hours, delay, noise, and a sudden change."""

from dataclasses import dataclass

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


def test_a_sudden_doubling_of_all_utilities_is_worked_off_without_oscillation() -> None:
    error = run_plant(10_000, 2_500, days=24, doubles_on=10).day_error
    assert error[10] > 0.3
    assert np.abs(error[11:]).max() < 0.25
    assert np.abs(error[19:]).max() < 0.05
    assert (np.diff(np.sign(error[11:19])) != 0).sum() <= 2


def test_a_tiny_segment_keeps_its_mean_and_a_sane_price() -> None:
    run = run_plant(15, 4.5, days=40)
    assert abs(run.day_error[5:].mean()) < 0.1
    assert 0.05 < run.quantile[5 * 24 :].min() < run.quantile[5 * 24 :].max() < 0.97


def test_a_target_out_of_reach_is_lowered_and_the_price_stops_at_the_tenth() -> None:
    run = run_plant(3_000, 4_000, days=10, reachable=3_000)
    assert run.quantile.min() > 0.0999
    assert np.abs(run.day_error[4:]).max() < 0.10  # of the lowered target, 2,700: a low quantile moves slowly


def ready() -> tuple[VolumeController, UtilityHistogram]:
    histogram = UtilityHistogram(1)
    zero = np.zeros(1000, dtype=np.int64)
    histogram.add(10, zero, zero, zero, np.random.default_rng(5).uniform(0.0, 0.2, 1000))
    return VolumeController.start(1), histogram


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


def test_stored_and_read_back_it_is_the_same() -> None:
    controller, histogram = ready()
    after, _ = controller.step(10, cell(70), cell(50), cell(100), histogram, NOBODY)
    again = VolumeController.from_bytes(after.to_bytes())
    assert again.to_bytes() == after.to_bytes()
    assert again.z.tobytes() == after.z.tobytes()


def test_damaged_bytes_and_a_day_gone_by_are_refused() -> None:
    controller, histogram = ready()
    with pytest.raises(InvalidRecord, match="controller"):
        VolumeController.from_bytes(controller.to_bytes()[:50])
    after, _ = controller.step(10, cell(70), cell(50), cell(100), histogram, NOBODY)
    with pytest.raises(InvalidScores, match="day 9 after those of day 10"):
        after.step(9, cell(70), cell(50), cell(100), histogram, NOBODY)
