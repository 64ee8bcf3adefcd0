"""`plan`, `inclusion`, `best_spaced` and `capacity` on hand-made days."""

import numpy as np
import pytest

from tactful.decision.timing.send_time import best_spaced, capacity, inclusion, plan
from tactful.errors import InfeasibleQuota, InvalidScores

HALF = np.array([0.5])


def one(quota: int) -> np.ndarray:
    return np.array([quota])


def test_tims_rule_sends_once_at_the_median_of_the_day() -> None:
    day = np.zeros((1, 24))
    day[0, [8, 13, 20]] = [0.45, 0.1, 0.45]
    assert plan(day, one(1), HALF).nonzero()[1].tolist() == [13]


def test_a_random_start_sends_at_the_peaks_in_proportion() -> None:
    day = np.zeros((1, 24))
    day[0, [8, 13, 20]] = [0.45, 0.1, 0.45]
    starts = (np.arange(100) + 0.5) / 100
    sends = plan(np.repeat(day, 100, axis=0), np.ones(100, dtype=int), starts)
    assert sends.sum(axis=0)[[8, 13, 20]].tolist() == [45, 10, 45]


def test_a_large_quota_puts_several_sends_in_a_slot() -> None:
    assert plan(np.array([[0.5, 0.25, 0.25, 0.0]]), one(8), HALF).tolist() == [[4, 2, 2, 0]]


def test_a_larger_beta_leans_to_the_best_slots() -> None:
    day = np.array([[0.2, 0.4, 0.2, 0.2]])
    plain, sharp = (inclusion(day, one(1), beta=b)[0, 1] for b in (1.0, 3.0))
    assert plain == pytest.approx(0.4)
    assert sharp == pytest.approx(8 / 11)


def test_tiny_probabilities_keep_their_order_under_a_power() -> None:
    day = np.array([[1e-150, 2e-150, 1e-150, 0.0]])
    assert inclusion(day, one(1), beta=3.0)[0] == pytest.approx([0.1, 0.8, 0.1, 0.0])


def test_a_day_of_zeros_is_spread_over_its_allowed_slots() -> None:
    allowed = np.arange(24)[None] >= 8
    sends = plan(np.zeros((1, 24)), one(4), HALF, allowed=allowed)
    assert sends.nonzero()[1].tolist() == [9, 13, 17, 21]


def test_weight_in_slots_that_are_not_allowed_is_not_used() -> None:
    day = np.array([[0.9, 0.0, 0.1, 0.0]])
    allowed = np.array([[False, True, True, True]])
    assert plan(day, one(1), HALF, allowed=allowed).tolist() == [[0, 0, 1, 0]]


@pytest.mark.parametrize("u", [0.0, np.nextafter(1.0, 0.0)])
def test_a_start_at_the_edge_never_chooses_a_slot_without_weight(u: float) -> None:
    day = np.array([[0.0, 0.1, 0.2, 0.0]])
    assert plan(day, one(2), np.array([u]))[0, [0, 3]].tolist() == [0, 0]


def test_sends_too_close_are_put_off() -> None:
    day = np.array([[0.0, 1.0, 1.0, 0.0, 0.0, 0.0]])
    assert plan(day, one(2), HALF, min_gap_slots=3).nonzero()[1].tolist() == [1, 4]


def test_a_late_peak_still_leaves_room_for_all_sends() -> None:
    day = np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]])
    assert plan(day, one(3), HALF, min_gap_slots=2).nonzero()[1].tolist() == [1, 3, 5]


def test_a_slot_limit_spills_into_the_next_slots() -> None:
    day = np.array([[0.0, 1.0, 0.0, 0.0]])
    assert plan(day, one(5), HALF, max_per_slot=2).tolist() == [[0, 2, 2, 1]]
    assert plan(day, one(7), HALF, max_per_slot=2).tolist() == [[1, 2, 2, 2]]


def test_a_plan_never_overflows_its_byte() -> None:
    assert plan(np.array([[1.0, 0.0]]), one(300), HALF).tolist() == [[255, 45]]


def test_a_quota_that_does_not_fit_names_rows_and_shortfall() -> None:
    allowed = np.array([[True] * 4, [False] * 4, [True, True, False, False]])
    with pytest.raises(InfeasibleQuota) as error:
        plan(np.ones((3, 4)), np.array([2, 1, 3]), np.full(3, 0.5), allowed=allowed, min_gap_slots=1)
    assert (error.value.rows, error.value.shortfall) == ([1, 2], [1, 1])
    with pytest.raises(InfeasibleQuota) as error:
        best_spaced(np.ones((2, 4)), np.array([2, 3]), min_gap_slots=2)
    assert (error.value.rows, error.value.shortfall) == ([1], [1])


def test_no_quota_needs_no_allowed_slot() -> None:
    shut = np.zeros((1, 4), dtype=bool)
    assert plan(np.ones((1, 4)), one(0), HALF, allowed=shut).sum() == 0
    assert best_spaced(np.ones((1, 4)), one(0), allowed=shut).sum() == 0
    assert inclusion(np.ones((1, 4)), one(0), allowed=shut).sum() == 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_no_probability_is_refused_with_its_row(wrong: float, dtype: type) -> None:
    p = np.full((3, 4), 0.25, dtype=dtype)
    p[2, 3] = wrong
    with pytest.raises(InvalidScores, match="row 2"):
        plan(p, np.array([1, 1, 1]), np.full(3, 0.5))
    with pytest.raises(InvalidScores, match="row 2"):
        best_spaced(p, np.array([1, 1, 1]))


@pytest.mark.parametrize(
    ("quota", "u", "beta", "gap"),
    [(-1, 0.5, 1.0, 0), (1, 1.0, 1.0, 0), (1, np.nan, 1.0, 0), (1, 0.5, 0.0, 0), (1, 0.5, 1.0, -1)],
)
def test_arguments_out_of_range_are_refused(quota: int, u: float, beta: float, gap: int) -> None:
    with pytest.raises(InvalidScores):
        plan(np.ones((1, 4)), one(quota), np.array([u]), beta=beta, min_gap_slots=gap)


def test_best_slots_are_the_best_pair_not_the_best_slot_first() -> None:
    assert best_spaced(np.array([[0.0, 0.5, 0.6, 0.5, 0.0]]), one(2), min_gap_slots=2).nonzero()[1].tolist() == [1, 3]


def test_best_slots_tie_to_the_earlier() -> None:
    assert best_spaced(np.full((1, 6), 0.25), one(2), min_gap_slots=2).nonzero()[1].tolist() == [0, 2]


def test_nobody_is_no_error() -> None:
    nobody, none = np.zeros((0, 24)), np.zeros(0, dtype=int)
    assert plan(nobody, none, np.zeros(0)).shape == (0, 24)
    assert best_spaced(nobody, none).shape == (0, 24)


def test_capacity_is_the_largest_quota_that_fits() -> None:
    allowed = np.array([[True, True, False, True, True], [False] * 5])
    assert capacity(allowed).tolist() == [4 * 255, 0]
    assert capacity(allowed, max_per_slot=2).tolist() == [8, 0]
    assert capacity(allowed, min_gap_slots=2).tolist() == [2, 0]
