"""The rules that the allocator is measured against, by name; each returns one weekly budget a user.

None of them does better than `allocate` on the same curves at the volume that it spends: that is a test.
"""

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int64, UInt8
from numpy.typing import NDArray

from tactful.decision.volume.allocate import Allocation
from tactful.errors import InfeasibleBudget, InvalidScores

_MOST = 255
_GRID_RATIO, _GRID_STEPS = 1.02, 700  # a millionth of the largest gain at its lower end
_BISECTIONS = 100

Reading: TypeAlias = Literal["R1", "R2"]


def kdd18_budgets(
    value: Float[np.ndarray, "budgets n"], total: float | int, reading: Reading, k_min: int = 0
) -> Allocation:
    """Returns the budgets of the KDD 2018 rule, at the smallest threshold of a grid whose budgets fit into the total.

    With `k* = argmax_k v(k)` (the smallest on ties), each user walks up from k_min to k* and stops at the first k that
    is good enough: R1, `v(k*) - v(k) <= theta`; R2, `v(k+1) - v(k) < theta`. The grid is 0 and 701 thresholds, each
    2 % below the one before, from just above the largest `v(k*) - v(k_min)` down to a millionth of it.

    The rule leaves volume unspent: what lies between two thresholds of the grid, and between two budgets of users
    with the same curve. `total` of the result says what it spends, `price` is the threshold.

    Args:
        value: V[k, user], budgets first.
        total: the volume K, in sends a week.

    Raises:
        InvalidScores: for values that are no finite numbers, or k_min outside the curves.
        InfeasibleBudget: if k_min for everyone exceeds the total.

    >>> curves = np.array([[0, 0], [3, 2], [5, 2.5]], dtype=np.float32)
    >>> [kdd18_budgets(curves, 3, reading).budget.tolist() for reading in ("R1", "R2")]
    [[2, 1], [2, 1]]

    **Source**: "Notification Volume Control and Optimization System at Pinterest" (KDD 2018), algorithms 1 and 2.
    **Deviation**: the stopping test is known to us second-hand only, in two readings; the grid is ours.
    """
    if not 0 <= k_min < len(value) <= _MOST + 1 or not np.isfinite(value).all():
        raise InvalidScores(
            f"got k_min = {k_min} and {len(value)} budgets, or a value that is no finite number; "
            f"expected 0 <= k_min <= k_max <= {_MOST} and finite values"
        )
    curves = value[k_min:].astype(np.float64)
    users = np.arange(curves.shape[1])
    best = np.argmax(curves, axis=0)
    top = np.nextafter((curves[best, users] - curves[0]).max(initial=0.0), np.inf)
    grid = np.append(0.0, top * _GRID_RATIO ** np.arange(-_GRID_STEPS, 1.0))
    if len(users) * k_min > total:
        raise InfeasibleBudget(
            f"got a total of {total:g}, but a budget of {k_min} for each of {len(users)} users costs "
            f"{len(users) * k_min}; raise the total or lower k_min"
        )
    low, high = 0, len(grid) - 1
    while low < high:
        middle = (low + high) // 2
        if (_good_enough(curves, best, float(grid[middle]), reading) + k_min).sum() <= total:
            high = middle
        else:
            low = middle + 1
    at = _good_enough(curves, best, float(grid[low]), reading)
    worth = float(curves[at, users].sum())
    return Allocation((at + k_min).astype(np.uint8), float(grid[low]), float((at + k_min).sum()), worth)


def uniform_budgets(n: int, total: int, u: Float[np.ndarray, " n"]) -> UInt8[np.ndarray, " n"]:
    """Returns a total spread evenly over n users; what does not divide goes, one each, to the least u.

    Args:
        u: hash draws in [0, 1).

    Raises:
        InvalidScores: for a total below 0 or above 255 each.

    >>> uniform_budgets(3, 4, np.array([0.5, 0.1, 0.7])).tolist()
    [1, 2, 1]
    """
    _refuse_total(n, total, _MOST)
    budget = np.full(n, total // n, dtype=np.uint8)
    budget[np.argsort(u, kind="stable")[: total % n]] += 1
    return budget


def cool_down_budgets(
    click_rate: Float[np.ndarray, " n"], total: int, k_max: int, u: Float[np.ndarray, " n"]
) -> UInt8[np.ndarray, " n"]:
    """Returns budgets in proportion to how often a cool-down by click rate lets users be told, scaled to a total.

    The fifth who click most wait 3 days, the fifth who click least 14, those between by their percentile; budgets are
    proportional to 7 / days, at most k_max, and rounded so that the total is met and none is off by more than one.

    Args:
        u: hash draws in [0, 1), which order users of one click rate and decide whom rounding favours.

    Raises:
        InvalidScores: for a total below 0 or above k_max each, or a click rate outside 0..1.

    >>> cool_down_budgets(np.array([0.0, 0.1, 0.2, 0.3, 0.4]), 10, 7, np.linspace(0, 0.9, 5)).tolist()
    [1, 1, 1, 3, 4]

    **Source**: what Pinterest had before, as the KDD 2018 paper describes it. **Deviation**: there the cool-down is
    by type of notification and the volume is whatever it comes to.
    """
    _refuse_total(len(u), total, k_max)
    rank = np.empty(len(u))
    rank[_by_click_rate(click_rate, u)] = np.arange(len(u))
    days = np.interp(1.0 - rank / max(len(u) - 1, 1), [0.2, 0.8], [14.0, 3.0])
    low, high = 0.0, 2.0 * _MOST * 14.0
    for _ in range(_BISECTIONS):
        scale = (low + high) / 2
        low, high = (scale, high) if np.minimum(scale / days, k_max).sum() < total else (low, scale)
    wanted = np.minimum(high / days, k_max)
    order = np.argsort(u, kind="stable")
    running = np.floor(wanted[order].cumsum() + 0.5)
    running[-1] = total
    budget = np.empty(len(u), dtype=np.uint8)
    budget[order] = np.diff(running, prepend=0.0)
    return budget


def greedy_budgets(
    click_rate: Float[np.ndarray, " n"], total: int, k_max: int, u: Float[np.ndarray, " n"]
) -> UInt8[np.ndarray, " n"]:
    """Returns k_max for those who click most until the total is spent, what is left to the next.

    Args:
        u: hash draws in [0, 1), which order users of one click rate.

    Raises:
        InvalidScores: for a total below 0 or above k_max each, or a click rate outside 0..1.

    >>> greedy_budgets(np.array([0.1, 0.3, 0.2]), 9, 7, np.array([0.5, 0.1, 0.7])).tolist()
    [0, 7, 2]
    """
    _refuse_total(len(u), total, k_max)
    budget = np.zeros(len(u), dtype=np.uint8)
    order = _by_click_rate(click_rate, u)
    full = total // k_max if k_max > 0 else 0
    budget[order[:full]] = k_max
    budget[order[full : full + 1]] = total - full * k_max
    return budget


def _good_enough(
    curves: NDArray[np.float64], best: NDArray[np.int64], threshold: float, reading: Reading
) -> Int64[np.ndarray, " n"]:
    """The first row at which each user stops, at the latest that of her best value."""
    rows = np.arange(len(curves))[:, None]
    if reading == "R1":
        stop = curves.max(axis=0) - curves <= threshold
    else:
        stop = np.concatenate([np.diff(curves, axis=0) < threshold, np.ones((1, curves.shape[1]), dtype=np.bool_)])
    first: NDArray[np.int64] = np.argmax(stop | (rows == best), axis=0)
    return first


def _by_click_rate(click_rate: NDArray[np.floating], u: NDArray[np.floating]) -> NDArray[np.int64]:
    outside = ~((click_rate >= 0.0) & (click_rate <= 1.0))
    if outside.any():
        user = int(np.argmax(outside))
        raise InvalidScores(f"got a click rate of {click_rate[user]:g} for user {user}, expected 0..1")
    return np.lexsort((u, -click_rate))


def _refuse_total(n: int, total: int, most: int) -> None:
    if n < 1 or not 0 <= total <= most * n or most > _MOST:
        raise InvalidScores(
            f"got a total of {total} for {n} users, expected between 0 and {most} for each, and {_MOST} at most"
        )
