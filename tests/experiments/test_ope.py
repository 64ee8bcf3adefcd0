"""Off-policy estimates: equal by hand and to their special cases, right on average, and covering the truth."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment, NotIdentifiable
from tactful.experiments.ope import Estimate, clipped_ips, clipping_bias, dm, dr, ips, snips, switch_dr

REWARD = np.array([1.0, 0.0, 1.0, 0.0, 1.0])
LOGGED = np.array([0.5, 0.25, 0.25, 0.5, 0.125])
TARGET = np.array([0.25, 0.5, 0.25, 0.0, 0.5])  # weights .5, 2, 1, 0, 4
PEOPLE = np.arange(5)
MODEL = np.array([0.6, 0.1, 0.5, 0.2, 0.4])
MODEL_TARGET = np.array([0.5, 0.2, 0.4, 0.3, 0.5])

Estimator = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]], Estimate]


def test_the_estimators_by_hand() -> None:
    assert ips(REWARD, LOGGED, TARGET, PEOPLE).value == pytest.approx((0.5 + 1 + 4) / 5)
    assert snips(REWARD, LOGGED, TARGET, PEOPLE).value == pytest.approx((0.5 + 1 + 4) / 7.5)
    assert clipped_ips(REWARD, LOGGED, TARGET, PEOPLE, most=1.5).value == pytest.approx((0.5 + 1 + 1.5) / 5)
    assert clipping_bias(LOGGED, TARGET, most=1.5) == pytest.approx((0.5 + 2.5) / 5)
    assert dm(MODEL_TARGET, PEOPLE).value == pytest.approx(1.9 / 5)
    corrected = 0.5 * 0.4 - 2 * 0.1 + 1 * 0.5 + 4 * 0.6
    assert dr(REWARD, LOGGED, TARGET, PEOPLE, MODEL, MODEL_TARGET).value == pytest.approx((1.9 + corrected) / 5)
    switched = switch_dr(REWARD, LOGGED, TARGET, PEOPLE, MODEL, MODEL_TARGET, most=2.0)
    assert switched.value == pytest.approx((1.9 + corrected - 2.4) / 5)
    assert ips(REWARD, LOGGED, TARGET, PEOPLE).ess == pytest.approx(7.5**2 / 21.25)


def test_each_is_a_special_case_of_another() -> None:
    nothing = np.zeros(5)
    assert dr(REWARD, LOGGED, TARGET, PEOPLE, nothing, nothing) == ips(REWARD, LOGGED, TARGET, PEOPLE)
    assert clipped_ips(REWARD, LOGGED, TARGET, PEOPLE, most=np.inf) == ips(REWARD, LOGGED, TARGET, PEOPLE)
    all_of_it = switch_dr(REWARD, LOGGED, TARGET, PEOPLE, MODEL, MODEL_TARGET, most=np.inf)
    assert all_of_it == dr(REWARD, LOGGED, TARGET, PEOPLE, MODEL, MODEL_TARGET)
    none_of_it = switch_dr(REWARD, LOGGED, TARGET, PEOPLE, MODEL, MODEL_TARGET, most=0.0)
    assert none_of_it[:3] == dm(MODEL_TARGET, PEOPLE)[:3]
    on_policy = ips(REWARD, LOGGED, LOGGED, PEOPLE)
    assert on_policy == snips(REWARD, LOGGED, LOGGED, PEOPLE)
    assert on_policy.value == REWARD.mean()


def _logs(seed: int, n: int = 400) -> tuple[NDArray[np.float64], ...]:
    """A log of three actions under chances that depend on one covariate; the truth of the target is .35."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, n)
    logged = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])[x]
    target = np.array([[0.2, 0.2, 0.6], [0.5, 0.25, 0.25]])[x]
    chance = np.array([[0.1, 0.2, 0.5], [0.3, 0.4, 0.2]])[x]
    action = (rng.random(n)[:, None] > logged.cumsum(axis=1)).sum(axis=1)
    reward = (rng.random(n) < chance[np.arange(n), action]).astype(np.float64)
    wrong = chance * 0.5 + 0.1
    at = np.arange(n), action
    return reward, logged[at], target[at], wrong[at], (target * wrong).sum(axis=1)


TRUTH = 0.5 * (0.02 + 0.04 + 0.3) + 0.5 * (0.15 + 0.1 + 0.05)


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_estimates_are_right_on_average_and_cover_the_truth_19_times_of_20(name: str) -> None:
    found = []
    for seed in range(1000):
        reward, logged, target, q, q_target = _logs(seed)
        people = np.arange(len(reward))
        plain: dict[str, Estimator] = {"ips": ips, "snips": snips}
        found.append(
            dr(reward, logged, target, people, q, q_target)
            if name == "dr"
            else plain[name](reward, logged, target, people)
        )
    error = np.std([one.value for one in found]) / np.sqrt(1000)
    assert np.mean([one.value for one in found]) == pytest.approx(TRUTH, abs=3 * error)
    assert 0.93 <= np.mean([one.low <= TRUTH <= one.high for one in found]) <= 0.97


def test_a_model_that_knows_the_truth_leaves_less_to_the_weights() -> None:
    reward, logged, target, q, q_target = _logs(1, 5000)
    people = np.arange(len(reward))
    right = dr(reward, logged, target, people, 2 * (q - 0.1), 2 * (q_target - 0.1))
    plain = ips(reward, logged, target, people)
    assert right.high - right.low < 0.8 * (plain.high - plain.low)


def test_clipping_lowers_by_no_more_than_its_bias_bound() -> None:
    for seed in range(20):
        reward, logged, target, _, _ = _logs(seed)
        people = np.arange(len(reward))
        clipped = clipped_ips(reward, logged, target, people, most=2.0).value
        full = ips(reward, logged, target, people).value
        assert clipped <= full <= clipped + clipping_bias(logged, target, most=2.0) + 1e-12


def test_rows_of_one_person_are_not_independent() -> None:
    reward, half = np.tile([0.0, 1.0], 50), np.full(100, 0.5)
    alike = snips(np.repeat([0.0, 1.0], 50), half, half, np.repeat(np.arange(4), 25))
    apart = snips(reward, half, half, np.arange(100))
    assert alike.value == apart.value == 0.5
    assert alike.high - alike.low > 4 * (apart.high - apart.low)


def test_clustered_rows_are_covered_19_times_of_20() -> None:
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(300):
        people = np.repeat(np.arange(200), 5)
        options = rng.integers(1, 6, len(people))
        taken = rng.integers(0, options)
        taste = rng.beta(2, 8, 200)[people]
        chance = np.where(taken == 0, 2 * taste, taste)  # the target takes option 0: the mean of its chance is .4
        reward = (rng.random(len(people)) < np.minimum(chance, 1.0)).astype(np.float64)
        found = snips(reward, 1.0 / options, (taken == 0).astype(np.float64), people)
        covered.append(found.low <= 0.397 <= found.high)
    assert 0.91 <= np.mean(covered) <= 0.985


def test_even_weights_are_worth_all_rows_and_one_heavy_row_is_worth_one() -> None:
    same = np.full(10, 0.5)
    assert snips(np.ones(10), same, same, np.arange(10)).ess == pytest.approx(10.0)
    heavy = np.array([1e-6, *same[1:]])
    assert snips(np.ones(10), heavy, same, np.arange(10)).ess == pytest.approx(1.0, abs=0.01)


def test_a_choice_that_the_log_never_made_is_refused() -> None:
    with pytest.raises(NotIdentifiable, match="makes none"):
        snips(np.ones(3), np.full(3, 0.5), np.zeros(3), np.arange(3))
    with pytest.raises(InvalidExperiment, match="chance of each logged choice"):
        ips(np.ones(3), np.zeros(3), np.ones(3), np.arange(3))
    with pytest.raises(InvalidExperiment, match=r"outside 0\.\.1"):
        dr(np.ones(3), np.ones(3), np.full(3, 1.1), np.arange(3), np.ones(3), np.ones(3))
    with pytest.raises(InvalidExperiment, match="largest weight"):
        clipped_ips(np.ones(3), np.ones(3), np.ones(3), np.arange(3), most=0.0)
