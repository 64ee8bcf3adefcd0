"""The step with which a weekday begins: what it needed twice, beyond luck."""

import numpy as np
import pytest

from tactful.decision.policy.pid import VolumeController
from tactful.decision.policy.threshold import UtilityHistogram
from tactful.decision.policy.week import DAYS, Week, beyond_luck
from tactful.errors import InvalidRecord

SHAPE = (1, 18, 5)
LR = np.full(SHAPE, 3.5)


def cell(value: float) -> np.ndarray:
    """One cell with a value, all others empty."""
    array = np.zeros(SHAPE)
    array[0, 0, 0] = value
    return array


def live(errors: list[float]) -> tuple[Week, list[float]]:
    """The week after days with these errors, and the step at the start of each day from the second on."""
    week, begins = Week.start(SHAPE), []
    for day, error in enumerate(errors):
        week = week.midnight(day, day + 1, cell(error), LR)
        begins.append(float(week.foretold[0, 0, 0]))
    return week, begins


def test_a_step_of_two_like_weeks_is_made_before_the_third_begins() -> None:
    errors = [0.0] * 19
    errors[5] = errors[12] = 0.2
    _, begins = live(errors)
    assert begins == pytest.approx([0.0] * 18 + [3.5 * 0.2])


def test_what_a_foretold_step_leaves_over_in_two_weeks_is_added_to_it() -> None:
    errors = [0.0] * 40
    errors[5], errors[12], errors[19], errors[26] = 0.2, 0.2, 0.1, 0.1
    _, begins = live(errors)
    assert [begins[day - 1] for day in (19, 26, 33)] == pytest.approx([0.7, 0.7, 1.05])


@pytest.mark.parametrize("second", [0.0, -0.2])
def test_what_happened_once_or_the_other_way_round_does_not_come_back(second: float) -> None:
    errors = [0.0] * 40
    errors[5], errors[12] = 0.2, second
    _, begins = live(errors)
    assert begins[13:] == [0.0] * 27


def test_of_two_weeks_the_smaller_step_is_foretold_and_kept_while_it_is_right() -> None:
    errors = [0.0] * 40
    errors[5], errors[12] = 0.1, 0.3
    _, begins = live(errors)
    foretold = 3.5 * 0.1
    assert [begins[day - 1] for day in (19, 26, 33)] == pytest.approx([foretold] * 3)


def test_days_without_a_look_are_unknown_and_foretell_nothing() -> None:
    errors = [0.0] * 14
    errors[5] = errors[12] = 0.2
    week, _ = live(errors)
    week = week.midnight(14, 14 + DAYS + 5, cell(0.0), LR)
    assert (week.foretold == 0.0).all()
    assert np.isnan(week.steps).all()


def test_luck_teaches_nothing() -> None:
    teaches = cell(1.0) > 0
    sends = cell(10_000.0)  # two standard errors of 10,000 sends are 2 %
    assert (beyond_luck(cell(0.015), sends, teaches) == 0.0).all()
    assert beyond_luck(cell(0.03), sends, teaches)[0, 0, 0] == pytest.approx(0.03)


def test_a_cell_of_few_sends_takes_its_arms_error_and_an_untaught_one_none() -> None:
    sends, error = cell(5_000.0), cell(0.2)
    sends[0, 1, 0], error[0, 1, 0] = 5.0, -0.9
    both = beyond_luck(error, sends, sends > 0)
    assert both[0, 1, 0] == pytest.approx(0.17, abs=0.01)
    alone = beyond_luck(error, sends, cell(1.0) > 0)
    assert alone[0, 1, 0] == 0.0


def test_the_controller_foresees_a_weekday_whose_errors_came_back() -> None:
    histogram, nobody = UtilityHistogram(1), np.zeros(SHAPE, dtype=np.bool_)
    zero = np.zeros(1000, dtype=np.int64)
    controller, prices = VolumeController.start(1, z=-1.0), []
    for day in range(10, 33):
        histogram.add(day, zero, zero, zero, np.linspace(0.0, 0.2, 1000))
        controller, price = controller.step(day, cell(0), cell(0), cell(1000), histogram, nobody)
        prices.append(price[0, 0, 0])
        sent = 650 if day in (16, 23) else 350 if day in (17, 24) else 500
        controller, _ = controller.step(day, cell(sent), cell(500), cell(1000), histogram, nobody)
    morning = dict(zip(range(10, 33), prices, strict=True))
    assert morning[16] == pytest.approx(morning[15])
    assert morning[30] > 1.1 * morning[29]
    assert morning[31] < 0.9 * morning[30]


def test_a_cells_first_day_teaches_nothing() -> None:
    histogram, nobody = UtilityHistogram(1), np.zeros(SHAPE, dtype=np.bool_)
    zero = np.zeros(1000, dtype=np.int64)
    histogram.add(10, zero, zero, zero, np.linspace(0.0, 0.2, 1000))
    controller = VolumeController.start(1)
    for day in (10, 11):
        controller, _ = controller.step(day, cell(700), cell(500), cell(1000), histogram, nobody)
    controller, _ = controller.step(12, cell(500), cell(500), cell(1000), histogram, nobody)
    assert controller.week.steps[10, 0, 0, 0] == 0.0
    assert controller.week.steps[11, 0, 0, 0] > 0.5


def test_stored_and_read_back_or_regrouped_it_is_the_same() -> None:
    week, _ = live([0.1, 0.0, 0.2])
    assert Week.from_bytes(week.to_bytes()).to_bytes() == week.to_bytes()
    two = week.regrouped(np.array([0, 0]))
    assert two.steps.shape == (DAYS, 2, 18, 5)
    assert two.steps[:, 1].tobytes() == week.steps[:, 0].tobytes()


def test_damaged_bytes_are_refused() -> None:
    week, _ = live([0.1])
    with pytest.raises(InvalidRecord, match="week of a controller"):
        Week.from_bytes(week.to_bytes()[:50])
