"""The simple value curve: its formula, its limits, and the shape that an allocator can use."""

import numpy as np
import pytest

from tactful.errors import InvalidModel
from tactful.models.volume_curve import SimpleCurve

ORGANIC, CLICK, LEAVE = np.array([0.02, 0.3, 0.9]), np.array([0.09, 0.09, 0.05]), np.full(3, 0.002)


def test_curve_is_the_documented_formula() -> None:
    gamma, share = 0.95, 0.8
    value = SimpleCurve(gamma, share).curve(ORGANIC, CLICK, LEAVE, 20)
    k = np.arange(21)[:, None]
    active = 1 - (1 - ORGANIC) * (1 - CLICK) ** (k / 7)
    hazard, after = 1 - (1 - LEAVE) ** k, share * ORGANIC
    expected = (1 - gamma) * (active + gamma * hazard * after / (1 - gamma)) / (1 - gamma * (1 - hazard))
    assert value.dtype == np.float32
    assert value == pytest.approx(expected, abs=1e-6)


def test_without_discount_it_is_the_activity_of_this_week() -> None:
    value = SimpleCurve(gamma=0.0).curve(ORGANIC, CLICK, LEAVE, 7)
    assert value[7] == pytest.approx(1 - (1 - ORGANIC) * (1 - CLICK), abs=1e-6)


def test_silence_is_worth_the_organic_activity() -> None:
    assert SimpleCurve().curve(ORGANIC, CLICK, LEAVE, 3)[0] == pytest.approx(ORGANIC, abs=1e-6)


def test_without_unsubscribes_more_is_never_worth_less_and_each_one_adds_less() -> None:
    value = SimpleCurve().curve(ORGANIC, CLICK, np.zeros(3), 30).astype(float)
    steps = np.diff(value, axis=0)
    assert np.all(steps > 0.0)
    assert np.all(np.diff(steps, axis=0) < 1e-7)


def test_who_comes_anyway_and_rarely_clicks_is_worth_most_unsent() -> None:
    value = SimpleCurve().curve(np.array([0.9, 0.3]), np.array([0.05, 0.09]), np.array([0.002, 0.002]), 14)
    assert value[:, 0].argmax() == 0
    assert value[:, 1].argmax() > 3


def test_certain_leaving_falls_to_the_activity_afterwards() -> None:
    value = SimpleCurve(0.95, 0.5).curve(np.array([0.4]), np.array([0.0]), np.array([1.0]), 1)
    assert value[1, 0] == pytest.approx(0.05 * 0.4 + 0.95 * 0.2, abs=1e-6)


@pytest.mark.parametrize("arguments", [{"gamma": 1.0}, {"gamma": -0.1}, {"after_leaving_share": 1.1}])
def test_impossible_settings_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(InvalidModel, match="expected"):
        SimpleCurve(**arguments)
