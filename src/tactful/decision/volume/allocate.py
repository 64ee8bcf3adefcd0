"""The allocator: one weekly budget a user, the largest total value within a total volume.

The curves come from a volume model (`models/volume_curve.py`); the price that the allocator returns is the value of one
more send. Exact for concave curves; for others within one user's step of the bound of the relaxed problem.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import fsum

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from tactful.errors import InfeasibleBudget, InvalidScores

_CHUNK = 1 << 16  # users at a time: 8 MB of float64 at 15 budgets
_UNDECIDED = 4096  # users between two prices whose steps are worth sorting
_MOST = 255


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


def allocate(
    value: Float[np.ndarray, "budgets n"],
    total: float | int,
    k_min: int = 0,
    cost: Float[np.ndarray, "budgets n"] | None = None,
) -> Allocation:
    """Returns the budgets that maximise `sum V_u(k_u)` subject to `sum cost_u(k_u) <= total`, `k_u >= k_min`.

    At a price theta each user takes `argmax_k V(k) - theta cost(k)`, the smallest k on ties. Bisection
    narrows theta until few users are undecided between its two ends; their steps are taken in order of gain
    per cost (ties: the larger step, then the position) until one does not fit, and what is left goes to the
    best steps that do. Budgets past a user's best value are never used, even if the total would allow it.

    Args:
        value: V[k, user], budgets first; may be memory-mapped, it is read in chunks of users.
        total: the volume K, in units of cost: with the default cost, sends a week.
        k_min: least budget of every user.
        cost: cost[k, user], finite, >= 0 and not falling in k; k itself by default.

    Raises:
        InvalidScores: for NaN or infinite values or costs, falling costs, or k_min above the largest budget.
        InfeasibleBudget: if k_min for everyone already costs more than the total; says by how much.

    >>> curves = np.array([[0, 0], [3, 2], [5, 2.5]], dtype=np.float32)
    >>> allocate(curves, total=3).budget.tolist()
    [2, 1]

    **Source**: the Lagrangian form of the problem in "Notification Volume Control and Optimization System at
    Pinterest" (KDD 2018). **Deviation**: the paper searches a threshold on a grid by a rule on first
    differences; here the dual is solved and the last partial step is filled.
    """
    curves = _Curves(value, cost, k_min)
    steepest = curves.check()
    least = curves.spent(curves.choose(2.0 * steepest + 1.0))
    if not least <= total:
        raise InfeasibleBudget(
            f"got a total of {total:g}, but a budget of {k_min} for each of {curves.users} users costs "
            f"{least:g}, {least - total:g} too much; raise the total or lower k_min"
        )
    budget, price = curves.choose(0.0), 0.0
    if curves.spent(budget) > total:
        low, high = _bracket(curves, float(total), 2.0 * steepest + 1.0)
        budget, price = _take_steps(curves, low, high, float(total))
        _fill(curves, budget, float(total))
    return Allocation(budget.astype(np.uint8), price, curves.spent(budget), curves.worth(budget))


def uniform_budgets(n: int, total: int, u: Float[np.ndarray, " n"]) -> UInt8[np.ndarray, " n"]:
    """Returns a total spread evenly over n users; what does not divide goes, one each, to the least u.

    Args:
        u: hash draws in [0, 1).

    Raises:
        InvalidScores: for a total below 0 or above 255 each.

    >>> uniform_budgets(3, 4, np.array([0.5, 0.1, 0.7])).tolist()
    [1, 2, 1]
    """
    if n < 1 or not 0 <= total <= _MOST * n:
        raise InvalidScores(f"got a total of {total} for {n} users, expected between 0 and {_MOST} for each")
    budget = np.full(n, total // n, dtype=np.uint8)
    budget[np.argsort(u, kind="stable")[: total % n]] += 1
    return budget


@dataclass(frozen=True)
class _Curves:
    """The problem, read in chunks of users; budgets run from k_min."""

    value: NDArray[np.floating]
    cost: NDArray[np.floating] | None
    k_min: int

    @property
    def users(self) -> int:
        return int(self.value.shape[1])

    def chunks(self) -> Iterator[NDArray[np.int64]]:
        """The positions of the users of each chunk."""
        for start in range(0, self.users, _CHUNK):
            yield np.arange(start, min(start + _CHUNK, self.users))

    def of(self, users: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Value and cost [budgets from k_min, users]."""
        value = self.value[self.k_min :, users].astype(np.float64)
        if self.cost is not None:
            return value, self.cost[self.k_min :, users].astype(np.float64)
        k = np.arange(self.k_min, len(self.value), dtype=np.float64)
        return value, np.broadcast_to(k[:, None], value.shape)

    def check(self) -> float:
        """Refuses what cannot be solved; returns the steepest gain per cost over the least budget."""
        if not 0 <= self.k_min < len(self.value) <= _MOST + 1:
            raise InvalidScores(
                f"got k_min = {self.k_min} and curves for {len(self.value)} budgets, "
                f"expected 0 <= k_min <= k_max <= {_MOST}"
            )
        steepest = 0.0
        for users in self.chunks():
            value, cost = self.of(users)
            broken = ~(np.isfinite(value).all(axis=0) & np.isfinite(cost).all(axis=0))
            broken |= (cost[0] < 0) | (np.diff(cost, axis=0) < 0).any(axis=0)
            if broken.any():
                raise InvalidScores(
                    f"got NaN, an infinite number or a falling cost for user {users[np.argmax(broken)]}, "
                    "expected finite values, and finite costs >= 0 that do not fall with the budget"
                )
            slope = _slopes(value, cost, np.zeros(len(users), dtype=np.int64))
            steepest = max(steepest, float(slope.max(initial=0.0, where=np.isfinite(slope))))
        return steepest

    def choose(self, price: float) -> NDArray[np.int64]:
        """Each user's best budget at a price, the smallest on ties."""
        budget = np.empty(self.users, dtype=np.int64)
        for users in self.chunks():
            value, cost = self.of(users)
            budget[users] = np.argmax(value - price * cost, axis=0) + self.k_min
        return budget

    def spent(self, budget: NDArray[np.int64]) -> float:
        """The summed cost of budgets."""
        if self.cost is None:
            return float(budget.sum())
        return self._sum(self.cost, budget)

    def worth(self, budget: NDArray[np.int64]) -> float:
        """The summed value of budgets."""
        return self._sum(self.value, budget)

    def _sum(self, table: NDArray[np.floating], budget: NDArray[np.int64]) -> float:
        return fsum(float(table[budget[users], users].sum(dtype=np.float64)) for users in self.chunks())


def _slopes(value: NDArray[np.float64], cost: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Gain per cost [budgets, users] of moving up from row `at`; -inf where there is no gain or no way up."""
    user = np.arange(value.shape[1])
    gain, extra = value - value[at, user], cost - cost[at, user]
    up = (np.arange(len(value))[:, None] > at) & (gain > 0)
    free = np.where(up, np.inf, -np.inf)
    slope: NDArray[np.float64] = np.divide(gain, extra, out=free, where=up & (extra > 0))
    return slope


def _bracket(curves: _Curves, total: float, high_price: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Budgets at a price too low for the total and at one that keeps it, with few users between the two.

    Identical users stay undecided at any price; so the number of halvings is bounded, and how narrow the
    bracket is does not matter for exactness: the steps in between are sorted.
    """
    low_price, low, high = 0.0, curves.choose(0.0), curves.choose(high_price)
    for _ in range(64):
        if np.count_nonzero(low != high) <= _UNDECIDED:
            break
        price = (low_price + high_price) / 2
        budget = curves.choose(price)
        if curves.spent(budget) <= total:
            high_price, high = price, budget
        else:
            low_price, low = price, budget
    return low, high


def _take_steps(
    curves: _Curves, low: NDArray[np.int64], high: NDArray[np.int64], total: float
) -> tuple[NDArray[np.int64], float]:
    """Moves users from `high` towards `low`, best gain per cost first, up to the first step that does not fit.

    Returns the budgets and the gain per cost of that step: the price.
    """
    user, to, slope, extra = _steps_between(curves, low, high)
    order = np.lexsort((to, user, -extra, -slope))
    fits = int(np.searchsorted(np.cumsum(extra[order]), total - curves.spent(high), side="right"))
    budget, taken = high.copy(), order[:fits]
    np.maximum.at(budget, user[taken], to[taken])
    return budget, float(slope[order[min(fits, len(order) - 1)]])


def _steps_between(
    curves: _Curves, low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The edges of each user's upper hull from `high` to `low`: user, budget reached, gain per cost, cost.

    Along one user the order by (gain per cost, cost) falls, so that no step is taken before the one below it.
    """
    parts = []
    for chunk in curves.chunks():
        users = chunk[low[chunk] > high[chunk]]
        value, cost = curves.of(users)
        at, goal = high[users] - curves.k_min, low[users] - curves.k_min
        slope_before, extra_before = np.full((2, len(users)), np.inf)
        here = np.arange(len(users))
        while len(here):
            slope = _slopes(value[:, here], cost[:, here], at[here])
            slope[np.arange(len(value))[:, None] > goal[here]] = -np.inf
            to, best = _next_corner(slope, at[here])
            up = np.isfinite(best)
            here, to, best = here[up], to[up], best[up]
            extra = cost[to, here] - cost[at[here], here]
            before = slope_before[here]
            rises = (best > before) | ((best == before) & (extra > extra_before[here]))  # by rounding only
            best = np.where(rises, np.nextafter(before, -np.inf), best)
            parts.append((users[here], to + curves.k_min, best, extra))
            at[here], slope_before[here], extra_before[here] = to, best, extra
            here = here[to < goal[here]]
    user, reached, slopes, extras = (np.concatenate(column) for column in zip(*parts, strict=True))
    return user, reached, slopes, extras


def _next_corner(slope: NDArray[np.float64], at: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The next corner of each upper hull above row `at`, and the slope to it.

    A straight run that touches every budget is walked one by one, so that a larger total takes from nobody;
    one that leaps over some is one step, so that what fits does not depend on the order of users.
    """
    best = slope.max(axis=0)
    touched = slope == best
    farthest = len(slope) - 1 - np.argmax(touched[::-1], axis=0)
    every = touched.sum(axis=0) == farthest - at
    return np.where(every, at + 1, farthest), best


def _fill(curves: _Curves, budget: NDArray[np.int64], total: float) -> None:
    """Spends what is left on the best steps that fit, one at a time; unit costs need fewer than k_max."""
    for _ in range(len(curves.value)):
        left = total - curves.spent(budget)
        step = _best_step(curves, budget, left) if left > 0 else None
        if step is None:
            return
        budget[step[0]] = step[1]


def _best_step(curves: _Curves, budget: NDArray[np.int64], left: float) -> tuple[int, int] | None:
    """User and new budget of the largest gain per cost that costs at most `left`; the larger step on ties."""
    best, found = (0.0, 0.0), None
    for users in curves.chunks():
        value, cost = curves.of(users)
        at = budget[users] - curves.k_min
        slope, extra = _slopes(value, cost, at), cost - cost[at, np.arange(len(users))]
        slope[extra > left] = -np.inf
        top = slope.max()
        k, user = np.unravel_index(np.argmax(np.where(slope == top, extra, -np.inf).T), slope.T.shape)[::-1]
        if (float(top), float(extra[k, user])) > best:
            best, found = (float(top), float(extra[k, user])), (int(users[user]), int(k) + curves.k_min)
    return found
