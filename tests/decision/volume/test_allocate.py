"""The allocator on hand-made curves, and what it refuses."""

import numpy as np
import pytest

from tactful.decision.volume.allocate import allocate, allocate_at_price, channel_cost
from tactful.errors import InfeasibleBudget, InvalidScores


def curves(*users: list[float]) -> np.ndarray:
    """Budgets first, as the response model writes them."""
    return np.array(users, dtype=np.float32).T


def test_volume_goes_where_it_gains_most() -> None:
    assert allocate(curves([0, 3, 4], [0, 2, 3.5], [0, 0.5, 0.6]), total=3).budget.tolist() == [1, 2, 0]


def test_price_is_the_value_of_one_more_send() -> None:
    value = curves([0, 3, 4], [0, 2, 3.5])
    now, more = allocate(value, total=2), allocate(value, total=3)
    assert now.price == more.value - now.value == 1.5


def test_nobody_is_told_past_her_best_budget() -> None:
    result = allocate(curves([0, 1, 0.5], [2, 1, 0], [0, 0, 0]), total=100)
    assert result.budget.tolist() == [1, 0, 0]
    assert (result.price, result.total, result.value) == (0.0, 1.0, 3.0)


def test_least_budget_is_kept() -> None:
    result = allocate(curves([2, 1, 0], [0, 1, 3], [0, 0, 0]), total=4, k_min=1)
    assert result.budget.tolist() == [1, 2, 1]


def test_equal_users_are_served_in_order_of_position() -> None:
    assert allocate(np.repeat(curves([0, 2, 3]), 5, axis=1), total=7).budget.tolist() == [2, 2, 1, 1, 1]


def test_a_step_that_does_not_fit_leaves_its_room_to_the_next_best() -> None:
    # The first user's gain comes only at 3 sends; with 2 the second user's small gains are the best use.
    assert allocate(curves([0, 0, 0, 9], [0, 1, 1.5, 1.6]), total=2).budget.tolist() == [0, 2]
    assert allocate(curves([0, 0, 0, 9], [0, 1, 1.5, 1.6]), total=3).budget.tolist() == [3, 0]


def test_cost_may_be_the_expected_number_sent() -> None:
    value, cost = curves([0, 3, 5], [0, 3, 5]), curves([0, 1, 2], [0, 0.5, 0.9])
    result = allocate(value, total=1.5, cost=cost)
    assert result.budget.tolist() == [0, 2]
    assert result.total == pytest.approx(0.9)


def test_total_is_met_exactly_on_many_users_and_chunks() -> None:
    rng = np.random.default_rng(5)
    steps = -np.sort(-rng.random((14, 150_000), dtype=np.float32), axis=0)
    value = np.concatenate([np.zeros((1, 150_000), dtype=np.float32), steps.cumsum(axis=0)])
    result = allocate(value, total=450_000)
    assert result.total == result.budget.sum() == 450_000
    assert result.value == pytest.approx(float(np.sort(steps, axis=None)[-450_000:].sum(dtype=np.float64)), rel=1e-5)


def test_many_users_who_are_all_alike_meet_the_total() -> None:
    value = np.repeat(curves([0, 0.3, 0.3, 1.7]), 10_000, axis=1)
    result = allocate(value, total=10_001)
    assert result.total == 10_001
    assert np.bincount(result.budget).tolist() == [6665, 2, 0, 3333]
    assert result.price == pytest.approx(1.7 / 3)


def test_too_small_a_total_is_refused_by_how_much() -> None:
    with pytest.raises(InfeasibleBudget, match="2 too much"):
        allocate(curves([0, 1], [0, 1], [0, 1]), total=1, k_min=1)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_curves_that_are_no_numbers_are_refused_with_their_user(wrong: float) -> None:
    with pytest.raises(InvalidScores, match="user 1"):
        allocate(curves([0, 1], [0, wrong]), total=1)
    with pytest.raises(InvalidScores, match="user 1"):
        allocate(curves([0, 1], [0, 1]), total=1, cost=curves([0, 1], [0, wrong]))


@pytest.mark.parametrize("cost", [[0, 2, 1], [-1, 0, 1]])
def test_costs_that_fall_or_are_negative_are_refused(cost: list[float]) -> None:
    with pytest.raises(InvalidScores, match="do not fall"):
        allocate(curves([0, 1, 2]), total=1, cost=curves(cost))


@pytest.mark.parametrize("k_min", [-1, 3])
def test_least_budget_outside_the_curves_is_refused(k_min: int) -> None:
    with pytest.raises(InvalidScores, match="k_min"):
        allocate(curves([0, 1, 2]), total=9, k_min=k_min)


def test_nobody_costs_nothing() -> None:
    result = allocate(np.zeros((3, 0), dtype=np.float32), total=5)
    assert (len(result.budget), result.total, result.value) == (0, 0.0, 0.0)


def test_decreasing_and_flat_curves_get_the_least_budget() -> None:
    result = allocate(curves([3, 2, 1], [1, 1, 1], [0, -1, 5]), total=6, k_min=1)
    assert result.budget.tolist() == [1, 1, 2]
    assert result.price == 0.0


def test_single_precision_noise_is_no_reason_for_a_step() -> None:
    value = np.full((3, 4), 0.1, dtype=np.float32)
    assert allocate(value, total=8).budget.tolist() == [0, 0, 0, 0]


def test_at_a_price_everyone_takes_the_steps_that_gain_more() -> None:
    result = allocate_at_price(curves([0, 3, 4], [0, 1, 1.5], [0, 0, 3]), price=1)
    assert result.budget.tolist() == [1, 0, 2]
    assert (result.price, result.total, result.value) == (1.0, 3.0, 6.0)


def test_at_price_0_everyone_gets_her_best() -> None:
    assert allocate_at_price(curves([0, 1, 0.5], [2, 1, 0]), price=0).budget.tolist() == [1, 0]


@pytest.mark.parametrize("price", [-1.0, np.nan, np.inf])
def test_a_price_that_is_none_is_refused(price: float) -> None:
    with pytest.raises(InvalidScores, match="price"):
        allocate_at_price(curves([0, 1]), price)


def test_a_total_of_one_channel_is_a_cost_by_share() -> None:
    # The second user is told by this channel half of the time, so her sends use half as much of its total.
    cost = channel_cost(np.array([1.0, 0.5], dtype=np.float32), k_max=2)
    assert allocate(curves([0, 3, 5], [0, 2, 4]), total=1, cost=cost).budget.tolist() == [0, 2]


def test_a_channel_share_outside_0_to_1_is_refused_with_its_user() -> None:
    with pytest.raises(InvalidScores, match="user 1"):
        channel_cost(np.array([0.5, 1.5]), k_max=2)
