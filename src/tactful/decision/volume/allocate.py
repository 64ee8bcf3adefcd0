"""The allocator: one weekly budget a user, the largest total value within a total volume.

The curves come from a volume model (`models/volume_response.py`); the price that the allocator returns is the value of
one more send. Exact for concave curves; for others within one user's step of the bound of the relaxed problem.

This file is what is asked and answered. `_search.py` finds the price, `_passes.py` are the compiled loops over the
curves, `_last_steps.py` spends the last of the total, `_sample.py` saves time. Curves are read in place, twice or
thrice, in blocks that fit a cache: beside them, memory is a byte a user and a few MB.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, Integer, UInt8
from numpy.typing import NDArray

from tactful.decision.volume._last_steps import fill, take_steps
from tactful.decision.volume._problem import MOST, Problem, Solution, frozen
from tactful.decision.volume._search import Search
from tactful.errors import InvalidScores
from tactful.kernel import at_most_threads

_CHUNK = 1 << 20  # users whose groups are counted at a time
_USERS_A_THREAD = 16_384  # fewer are done before another thread is awake


@dataclass(frozen=True)
class Allocation:
    """Budgets and what they cost and bring.

    Attributes:
        budget: weekly budget of each user.
        price: value of one more unit of cost at this total, 0 where the total does not bind.
        total: what the budgets cost, at most the total that was asked for.
        value: their summed value.
    """

    budget: UInt8[np.ndarray, " n"]
    price: float
    total: float
    value: float


@dataclass(frozen=True)
class GroupedAllocation:
    """Budgets of groups that each have a total of their own, with the price, cost and value of each group."""

    budget: UInt8[np.ndarray, " n"]
    price: Float64[np.ndarray, " g"]
    total: Float64[np.ndarray, " g"]
    value: Float64[np.ndarray, " g"]


def allocate(
    value: Float[np.ndarray, "budgets n"],
    total: float | int,
    k_min: int = 0,
    cost: Float[np.ndarray, "budgets n"] | None = None,
) -> Allocation:
    """Returns the budgets that maximise `sum V_u(k_u)` subject to `sum cost_u(k_u) <= total`, `k_u >= k_min`.

    At a price theta each user takes `argmax_k V(k) - theta cost(k)`, the smallest k on ties: all steps of her
    curve's upper hull that gain more than theta per cost. Steps of all users are taken in order of gain per cost
    (ties: the larger step, then the position) until one does not fit, and what is left goes to the best steps
    that do. Budgets past a user's best value are never used, even if the total would allow it.

    Args:
        value: V[k, user], budgets first; may be memory-mapped. It is read in place if its rows are contiguous,
            and copied otherwise.
        total: the volume K, in units of cost: with the default cost, sends a week.
        k_min: least budget of every user.
        cost: cost[k, user], finite, >= 0 and not falling in k; k itself by default, which is the fast case.

    Raises:
        InvalidScores: for NaN or infinite values or costs, falling costs, or k_min above the largest budget.
        InfeasibleBudget: if k_min for everyone already costs more than the total; says by how much.

    >>> curves = np.array([[0, 0], [3, 2], [5, 2.5]], dtype=np.float32)
    >>> allocate(curves, total=3).budget.tolist()
    [2, 1]

    **Source**: the Lagrangian form of the problem in "Notification Volume Control and Optimization System at
    Pinterest" (KDD 2018). **Deviation**: the paper searches a threshold on a grid by a rule on first
    differences (`baselines.kdd18_budgets`); here the dual is solved and the last partial step is filled.
    """
    problem = _problem(value, k_min, cost)
    return _single(problem, _within(problem, np.array([float(total)])))


def allocate_at_price(
    value: Float[np.ndarray, "budgets n"],
    price: float | int,
    k_min: int = 0,
    cost: Float[np.ndarray, "budgets n"] | None = None,
) -> Allocation:
    """Returns every user's best budget where a unit of cost is worth a price: `argmax_k V(k) - price cost(k)`.

    The smallest k on ties. The total is whatever it comes to.

    Args:
        value, k_min, cost: as `allocate`.
        price: in units of value per unit of cost, >= 0. With V in active days a day and cost in sends a week, an
            operator's "a active days per 1,000 sends" is `a / 7 / 1000`, for a week of V is 7 V active days.

    Raises:
        InvalidScores: as `allocate`, and for a price that is negative or no number.

    >>> curves = np.array([[0, 0], [3, 2], [5, 2.5]], dtype=np.float32)
    >>> allocate_at_price(curves, price=1.9).budget.tolist()
    [2, 1]
    """
    if not 0.0 <= price < np.inf:
        raise InvalidScores(f"got a price of {price:g} per unit of cost, expected 0 or more, and finite")
    problem = _problem(value, k_min, cost)
    with at_most_threads(_threads(problem)):
        search = Search(problem)
        search.at_prices(np.array([float(price)]))
        solution, _ = search.settle()
    solution.price[0] = price
    return _single(problem, solution)


def allocate_by_group(
    value: Float[np.ndarray, "budgets n"],
    group: Integer[np.ndarray, " n"],
    totals: Float[np.ndarray, " g"],
    k_min: int = 0,
    cost: Float[np.ndarray, "budgets n"] | None = None,
) -> GroupedAllocation:
    """Returns what `allocate` would for each group by itself, in the same few passes over the curves.

    Args:
        value, k_min, cost: as `allocate`.
        group: 0 .. g - 1 for each user, such as her reach segment; as uint8 it is not copied.
        totals: the volume of each group.

    Raises:
        InvalidScores: as `allocate`; for a group outside 0 .. g - 1, and for one without users.
        InfeasibleBudget: names the group and by how much its total is too small.

    >>> curves = np.array([[0, 0, 0], [3, 2, 1], [5, 2.5, 1.5]], dtype=np.float32)
    >>> allocate_by_group(curves, np.array([0, 0, 1]), np.array([2.0, 1.0])).budget.tolist()
    [2, 0, 1]
    """
    sizes = _sizes(group, len(totals))
    if not sizes.all():
        raise InvalidScores(f"got no users in group {int(np.argmin(sizes))}; leave out the totals of empty groups")
    problem = _problem(value, k_min, cost, frozen(group.astype(np.uint8, copy=False)), sizes)
    solution = _within(problem, totals.astype(np.float64))
    return GroupedAllocation(_budgets(problem, solution), solution.price, solution.spent + problem.base, solution.worth)


def channel_cost(share: Float[np.ndarray, " n"], k_max: int) -> Float32[np.ndarray, "budgets n"]:
    """Returns the cost `k share_u` of each budget, for a total that counts the sends of one channel only.

    Args:
        share: the part of each user's sends that go through the channel, 0..1; 0 costs nothing.

    >>> channel_cost(np.array([0.5, 1.0]), k_max=2).tolist()
    [[0.0, 0.0], [0.5, 1.0], [1.0, 2.0]]
    """
    outside = ~((share >= 0.0) & (share <= 1.0))
    if outside.any():
        user = int(np.argmax(outside))
        raise InvalidScores(f"got a channel share of {share[user]:g} for user {user}, expected 0..1")
    return np.arange(k_max + 1, dtype=np.float32)[:, None] * share.astype(np.float32)


def _problem(
    value: Float[np.ndarray, "budgets n"],
    k_min: int,
    cost: Float[np.ndarray, "budgets n"] | None,
    group: UInt8[np.ndarray, " n"] | None = None,
    sizes: Int64[np.ndarray, " g"] | None = None,
) -> Problem:
    if not 0 <= k_min < len(value) <= MOST + 1:
        raise InvalidScores(
            f"got k_min = {k_min} and curves for {len(value)} budgets, expected 0 <= k_min <= k_max <= {MOST}"
        )
    if group is None or sizes is None or len(sizes) == 1:
        group, sizes = frozen(np.zeros(1, dtype=np.uint8)), np.array([value.shape[1]])
    dtype = np.result_type(value.dtype, np.float32, np.float32 if cost is None else cost.dtype)
    costs = np.empty((0, 0)) if cost is None else cost[k_min:]
    return Problem(_rows(value[k_min:], dtype), _rows(costs, dtype), k_min, group, sizes)


def _rows(array: NDArray[np.floating], dtype: np.dtype[np.floating]) -> NDArray[np.floating]:
    return frozen(array.astype(dtype, copy=False))


def _sizes(group: Integer[np.ndarray, " n"], groups: int) -> Int64[np.ndarray, " g"]:
    """Users in each group, counted in chunks: `bincount` works on 8 bytes a user."""
    if not 1 <= groups <= MOST + 1:
        raise InvalidScores(f"got totals for {groups} groups, expected 1 to {MOST + 1}")
    outside = len(group) > 0 and (group.min() < 0 or group.max() >= groups)
    if outside:
        raise InvalidScores(
            f"got groups from {group.min()} to {group.max()}, expected 0 to {groups - 1}, as there are totals"
        )
    sizes = np.zeros(groups, dtype=np.int64)
    for start in range(0, len(group), _CHUNK):
        sizes += np.bincount(group[start : start + _CHUNK], minlength=groups)
    return sizes


def _within(problem: Problem, total: Float64[np.ndarray, " g"]) -> Solution:
    with at_most_threads(_threads(problem)):
        search = Search(problem)
        search.within(total)
        solution, listed = search.settle()
        room = total - problem.base
        for g in np.flatnonzero(search.binds).tolist():
            take_steps(solution, listed, g, float(room[g]))
            fill(problem, solution, listed, g, float(room[g]), float(search.lowest_price[g]))
    return solution


def _threads(problem: Problem) -> int:
    return 1 + problem.users // _USERS_A_THREAD


def _budgets(problem: Problem, solution: Solution) -> UInt8[np.ndarray, " n"]:
    solution.budget[:] += np.uint8(problem.k_min)
    return solution.budget


def _single(problem: Problem, solution: Solution) -> Allocation:
    return Allocation(
        _budgets(problem, solution),
        float(solution.price[0]),
        float(solution.spent[0] + problem.base[0]),
        float(solution.worth[0]),
    )
