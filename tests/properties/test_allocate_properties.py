"""Promises of the allocator that hold for any curves: never over the total, exact on concave ones, fair to order."""

from itertools import product

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tactful.decision.volume.allocate import Allocation, allocate, allocate_at_price, allocate_by_group

any_time = settings(deadline=None)  # the first call compiles
sizes = st.tuples(st.integers(1, 5), st.integers(1, 4))


@st.composite
def any_curves(draw: st.DrawFn) -> np.ndarray:
    """[k_max + 1, n] of small whole numbers, so that ties are frequent and sums exact."""
    n, k_max = draw(sizes)
    cells = draw(st.lists(st.integers(-6, 12), min_size=n * (k_max + 1), max_size=n * (k_max + 1)))
    return np.array(cells, dtype=np.float32).reshape(k_max + 1, n)


@st.composite
def concave_curves(draw: st.DrawFn) -> np.ndarray:
    curves = draw(any_curves())
    steps = -np.sort(-np.diff(curves, axis=0), axis=0)
    return np.concatenate([curves[:1], curves[:1] + steps.cumsum(axis=0)])


def brute_force(value: np.ndarray, total: int, k_min: int = 0) -> float:
    rows = product(range(k_min, len(value)), repeat=value.shape[1])
    return max(sum(value[k, u] for u, k in enumerate(row)) for row in rows if sum(row) <= total)


def key(result: Allocation) -> tuple[float, float, float]:
    return (result.value, result.total, result.price)


@any_time
@given(concave_curves(), st.integers(0, 16), st.integers(0, 1))
def test_concave_curves_are_solved_exactly(value: np.ndarray, extra: int, k_min: int) -> None:
    total = k_min * value.shape[1] + extra
    result = allocate(value, total, k_min)
    assert result.value == brute_force(value, total, k_min)
    assert result.total == result.budget.sum() <= total
    assert (result.budget >= k_min).all()


@any_time
@given(any_curves(), st.integers(0, 16))
def test_any_curves_are_solved_within_one_users_step_of_the_bound(value: np.ndarray, total: int) -> None:
    result = allocate(value, total)
    assert result.total == result.budget.sum() <= total
    # At any price the relaxed problem bounds every plan; at ours it is the bound.
    k = np.arange(len(value))[:, None]
    bound = (value - result.price * k).max(axis=0).sum() + result.price * total
    largest_step = result.price * (len(value) - 1)
    assert result.value <= bound + 1e-4
    assert result.value >= bound - largest_step - 1e-4


@any_time
@given(any_curves(), st.integers(0, 16))
def test_the_total_is_used_up_while_more_volume_gains(value: np.ndarray, total: int) -> None:
    rising = np.sort(value, axis=0) + np.arange(len(value), dtype=np.float32)[:, None]
    assert allocate(rising, total).total == min(total, rising.shape[1] * (len(value) - 1))


@any_time
@given(any_curves(), st.integers(0, 12))
def test_a_larger_total_never_brings_less(value: np.ndarray, total: int) -> None:
    assert allocate(value, total).value <= allocate(value, total + 1).value


@any_time
@given(concave_curves(), st.integers(0, 12))
def test_on_concave_curves_a_larger_total_takes_from_nobody(value: np.ndarray, total: int) -> None:
    assert (allocate(value, total).budget <= allocate(value, total + 1).budget).all()


@any_time
@given(any_curves(), st.integers(0, 16), st.integers(0, 99))
def test_the_order_of_users_changes_nothing_but_ties(value: np.ndarray, total: int, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(value.shape[1])
    assert key(allocate(value, total)) == key(allocate(value[:, order], total))


@any_time
@given(st.integers(1, 40), st.integers(0, 2**32), st.floats(0, 9))
def test_without_ties_the_order_of_users_changes_no_budget(n: int, seed: int, sends_each: float) -> None:
    rng = np.random.default_rng(seed)
    value, order = rng.normal(0.1, 1, size=(8, n)).cumsum(axis=0), rng.permutation(n)
    total = int(sends_each * n)
    assert (allocate(value, total).budget[order] == allocate(value[:, order], total).budget).all()


@any_time
@given(any_curves(), st.integers(0, 16))
def test_unit_costs_given_or_by_default_are_the_same(value: np.ndarray, total: int) -> None:
    cost = np.repeat(np.arange(len(value), dtype=np.float32)[:, None], value.shape[1], axis=1)
    given_cost = allocate(value, total, cost=cost)
    assert key(given_cost) == key(allocate(value, total))


@any_time
@given(any_curves(), st.integers(0, 99), st.floats(0, 30))
def test_fractional_costs_never_exceed_the_total(value: np.ndarray, seed: int, total: float) -> None:
    cost = np.random.default_rng(seed).random(value.shape, dtype=np.float32).cumsum(axis=0)
    assume(cost[0].sum() <= total)
    assert allocate(value, total, cost=cost).total <= total + 1e-9


@any_time
@given(any_curves(), st.integers(0, 16), st.lists(st.integers(0, 1), min_size=5, max_size=5))
def test_groups_with_totals_of_their_own_stay_within_each(value: np.ndarray, total: int, side: list[int]) -> None:
    group = np.array(side[: value.shape[1]])
    assume(set(side[: value.shape[1]]) == {0, 1})
    result = allocate_by_group(value, group, np.array([float(total), 3.0]))
    spent = np.bincount(group, weights=result.budget)
    assert (spent == result.total).all()
    assert (spent <= [total, 3]).all()


@any_time
@given(any_curves(), st.integers(1, 16))
def test_what_costs_more_than_the_price_is_not_taken(value: np.ndarray, total: int) -> None:
    price = allocate(value, total).price
    at_price = allocate_at_price(value, price)
    assert at_price.total <= total
    k = np.arange(len(value))[:, None]
    assert (at_price.budget == (value - price * k).round(9).argmax(axis=0)).all()
