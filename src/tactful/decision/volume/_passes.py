"""The compiled passes over the curves behind `allocate.py`; arguments are checked there.

They are together in one file, because numba's cache on disk does not see a change in another.

A user's curve is walked along its upper hull: *edges* of falling gain per cost, each with the budget it leads to.
An edge's *key* is the bits of its gain per cost, which order as the numbers do (all are positive). A *bracket* (lowest
key, key past the highest, and the same of the bits of the edge's cost, which matter only within a single key) divides
all edges into those above it, which are taken, those inside, which are undecided, and those below.

Few users have an edge inside a narrow bracket. With cost k a vectorised filter finds the others: who chooses one budget
at a price above the bracket and at one below it, each moved outwards by more than rounding can do. Only the rest are
walked, in float64, from the one choice to the other. Users are cut into `LANES` stretches, so that sums do not depend
on the number of cores.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from tactful.kernel import kernel, parallel_kernel

LANES = 32
FREE = int(np.array(np.inf).view(np.int64))  # the key of a step that costs nothing: above every bracket
CLUSTER = 64  # neighbouring users that are sampled together
_BLOCK = 1024  # users whose choices stay in the first-level cache
_STEEPEST = 1.7e308  # a step that costs something never counts as free
_NOBODY = 2**62


@kernel
def _choose(
    value: NDArray[np.floating],
    start: int,
    price: NDArray[np.floating],
    best: NDArray[np.floating],
    at: NDArray[np.floating],
) -> None:
    """The budget, from row 0, of the largest `value - price k` for users from `start` on; the smallest on ties."""
    users = at.size
    row = value[0, start : start + users]
    for i in range(users):
        best[i] = row[i]
        at[i] = 0
    for k in range(1, value.shape[0]):
        row = value[k, start : start + users]
        step = at.dtype.type(k)
        for i in range(users):
            surplus, before = row[i] - price[i] * step, best[i]
            at[i] = step if surplus > before else at[i]
            best[i] = surplus if surplus > before else before


@kernel
def _mark_large(value: NDArray[np.floating], start: int, magnitude: float, large: NDArray[np.floating]) -> None:
    """Marks users with a value that is not within the magnitude which the filter allows for: NaN, too."""
    users, limit, yes = large.size, large.dtype.type(magnitude), large.dtype.type(1)
    large[:] = 0
    for k in range(value.shape[0]):
        row = value[k, start : start + users]
        for i in range(users):
            large[i] = large[i] if abs(row[i]) <= limit else yes


@kernel
def _filter(
    value: NDArray[np.floating],
    start: int,
    prices: NDArray[np.floating],
    group: NDArray[np.uint8],
    magnitude: float,
    work: NDArray[np.floating],
    users: int,
) -> None:
    """Fills `work[0]` and `work[1]` with the choices at the higher and the lower of each user's prices.

    Who has a value that is too large for the filter, or none, has the choices 0 and the last row.
    """
    at_high, at_low, large = work[0, :users], work[1, :users], work[2, :users]
    best, price = work[3, :users], work[4, :users]
    for side in range(2):
        for i in range(users):
            price[i] = prices[side, group[start + i]] if group.size > 1 else prices[side, 0]
        _choose(value, start, price, best, at_high if side == 0 else at_low)
    _mark_large(value, start, magnitude, large)
    for i in range(users):
        if large[i] != 0 or at_high[i] > at_low[i]:
            at_high[i], at_low[i] = 0, value.shape[0] - 1


@kernel
def _read(
    value: NDArray[np.floating],
    cost: NDArray[np.floating],
    user: int,
    low: int,
    high: int,
    v: NDArray[np.float64],
    c: NDArray[np.float64],
) -> bool:
    """Copies a user's curve and cost (k, if none are given) between two rows; returns whether both are valid."""
    valid = True
    for k in range(low, high + 1):
        v[k] = value[k, user]
        c[k] = cost[k, user] if cost.shape[0] > 0 else k
        valid &= np.isfinite(v[k]) and np.isfinite(c[k]) and c[k] >= (c[k - 1] if k > low else 0.0)
    return valid


@kernel
def _walk(
    v: NDArray[np.float64],
    c: NDArray[np.float64],
    low: int,
    high: int,
    to: NDArray[np.int64],
    slope: NDArray[np.float64],
    extra: NDArray[np.float64],
) -> int:
    """Fills the edges of the rising upper hull between two rows, best first; returns their number.

    Edges of one slope stay apart only where they cost the same, as unit steps do; else they are one step, so
    that what fits does not depend on the order of users.
    """
    edges = 0
    for k in range(low + 1, high + 1):
        if not v[k] > v[to[edges - 1] if edges > 0 else low]:
            continue
        while True:
            at = to[edges - 1] if edges > 0 else low
            more = c[k] - c[at]
            steep = min((v[k] - v[at]) / more, _STEEPEST) if more > 0.0 else np.inf
            if edges == 0 or slope[edges - 1] > steep or (slope[edges - 1] == steep and extra[edges - 1] == more):
                break
            edges -= 1
        to[edges], slope[edges], extra[edges] = k, steep, more
        edges += 1
    return edges


@kernel
def _side(key: int, cost_key: int, bracket: NDArray[np.int64]) -> int:
    """1 for an edge above the bracket, 0 inside, -1 below."""
    if key >= bracket[1] or (key >= bracket[0] and cost_key >= bracket[3]):
        return 1
    return -1 if key < bracket[0] or cost_key < bracket[2] else 0


@kernel
def _survey_lane(
    first: int,
    last: int,
    value: NDArray[np.floating],
    cost: NDArray[np.floating],
    group: NDArray[np.uint8],
    prices: NDArray[np.floating],
    magnitude: float,
    bracket: NDArray[np.int64],
    shift: NDArray[np.int64],
    least: NDArray[np.float64],
    above: NDArray[np.float64],
    count: NDArray[np.int64],
    inside: NDArray[np.float64],
) -> int:
    rows = value.shape[0]
    v, c, slope, extra = np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)
    to, key, cost_key = np.empty(rows, dtype=np.int64), slope.view(np.int64), extra.view(np.int64)
    work = np.zeros((5, _BLOCK), dtype=value.dtype)
    work[1] = rows - 1
    invalid = _NOBODY
    for start in range(first, last, _BLOCK):
        users = min(_BLOCK, last - start)
        if prices.size > 0:
            _filter(value, start, prices, group, magnitude, work, users)
        for i in range(users):
            user, g = start + i, group[start + i] if group.size > 1 else 0
            at, last_row = int(work[0, i]), int(work[1, i])
            if at == last_row and prices.size > 0:
                above[g] += at
                continue
            if not _read(value, cost, user, at, last_row, v, c):
                invalid = min(invalid, user)
                continue
            least[g] += c[at] if cost.shape[0] > 0 else 0.0
            for e in range(_walk(v, c, at, last_row, to, slope, extra)):
                side = _side(key[e], cost_key[e], bracket[g])
                if side < 0:
                    break
                if side > 0:
                    at = to[e]
                    continue
                single = bracket[g, 1] - bracket[g, 0] == 1
                bin_ = (cost_key[e] - bracket[g, 2] if single else key[e] - bracket[g, 0]) >> shift[g]
                count[g, bin_] += 1
                inside[g, bin_] += extra[e]
            above[g] += c[at]
    return invalid


@parallel_kernel
def survey(
    value: NDArray[np.floating],
    cost: NDArray[np.floating],
    group: NDArray[np.uint8],
    prices: NDArray[np.floating],
    magnitude: float,
    bracket: NDArray[np.int64],
    shift: NDArray[np.int64],
    least: NDArray[np.float64],
    above: NDArray[np.float64],
    count: NDArray[np.int64],
    inside: NDArray[np.float64],
) -> int:
    """Adds, by lane and group, the cost of the least budgets, of all above the bracket, and of all inside, in bins.

    Bins are of `2**shift` keys, of the cost where the bracket has a single key of the gain per cost.
    Returns the first invalid user, or a number past all of them. `prices` [2, groups] may be empty: all are walked.
    """
    users, invalid = value.shape[1], np.full(LANES, _NOBODY)
    for lane in numba.prange(LANES):
        first, last = users * lane // LANES, users * (lane + 1) // LANES
        invalid[lane] = _survey_lane(
            first, last, value, cost, group, prices, magnitude, bracket, shift,
            least[lane], above[lane], count[lane], inside[lane],
        )  # fmt: skip
    return int(invalid.min())


@kernel
def _settle_lane(
    first: int,
    last: int,
    value: NDArray[np.floating],
    cost: NDArray[np.floating],
    group: NDArray[np.uint8],
    prices: NDArray[np.floating],
    magnitude: float,
    bracket: NDArray[np.int64],
    tied: NDArray[np.bool_],
    quota: NDArray[np.int64],
    budget: NDArray[np.uint8],
    spent: NDArray[np.float64],
    worth: NDArray[np.float64],
    place: int,
    edge: NDArray[np.int64],
    size: NDArray[np.float64],
) -> int:
    rows = value.shape[0]
    v, c, slope, extra = np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)
    to, key, cost_key = np.empty(rows, dtype=np.int64), slope.view(np.int64), extra.view(np.int64)
    work = np.zeros((5, _BLOCK), dtype=value.dtype)
    work[1] = rows - 1
    invalid = _NOBODY
    for start in range(first, last, _BLOCK):
        users = min(_BLOCK, last - start)
        if prices.size > 0:
            _filter(value, start, prices, group, magnitude, work, users)
        for i in range(users):
            user, g = start + i, group[start + i] if group.size > 1 else 0
            at, last_row = int(work[0, i]), int(work[1, i])
            if at == last_row and prices.size > 0:
                budget[user] = at
                spent[g] += at
                worth[g] += value[at, user]
                continue
            if not _read(value, cost, user, at, last_row, v, c):
                invalid = min(invalid, user)
                continue
            first_row = at
            for e in range(_walk(v, c, at, last_row, to, slope, extra)):
                side = _side(key[e], cost_key[e], bracket[g])
                if side < 0:
                    break
                if side == 0 and not tied[g]:
                    edge[0, place], edge[1, place], edge[2, place], edge[3, place] = g, user, to[e], key[e]
                    size[0, place], size[1, place] = extra[e], v[to[e]] - v[to[e - 1] if e > 0 else first_row]
                    place += 1
                elif side > 0 or quota[g] > 0:
                    quota[g] -= 1 - side
                    at = to[e]
            budget[user] = at
            spent[g] += c[at]
            worth[g] += v[at]
    return invalid


@parallel_kernel
def settle(
    value: NDArray[np.floating],
    cost: NDArray[np.floating],
    group: NDArray[np.uint8],
    prices: NDArray[np.floating],
    magnitude: float,
    bracket: NDArray[np.int64],
    tied: NDArray[np.bool_],
    quota: NDArray[np.int64],
    budget: NDArray[np.uint8],
    spent: NDArray[np.float64],
    worth: NDArray[np.float64],
    place: NDArray[np.int64],
    edge: NDArray[np.int64],
    size: NDArray[np.float64],
) -> int:
    """Fills the budgets (from row 0) of everything above the bracket, and, by lane and group, their cost and worth.

    Edges inside are listed from the lane's `place` on: group, user, row reached and key in `edge`, cost and gain in
    `size`. In a tied group, where all of them are alike, the first `quota` of the lane are taken instead. Returns
    what `survey` does.
    """
    users, invalid = value.shape[1], np.full(LANES, _NOBODY)
    for lane in numba.prange(LANES):
        first, last = users * lane // LANES, users * (lane + 1) // LANES
        invalid[lane] = _settle_lane(
            first, last, value, cost, group, prices, magnitude, bracket, tied, quota[lane],
            budget, spent[lane], worth[lane], place[lane], edge, size,
        )  # fmt: skip
    return int(invalid.min())


@kernel
def sampled_spend(
    value: NDArray[np.floating], group: NDArray[np.uint8], prices: NDArray[np.floating], spent: NDArray[np.float64]
) -> None:
    """Adds, by cluster and group, what users choose at their group's price."""
    work = np.empty((3, _BLOCK), dtype=value.dtype)
    for start in range(0, value.shape[1], _BLOCK):
        users = min(_BLOCK, value.shape[1] - start)
        price, best, at = work[0, :users], work[1, :users], work[2, :users]
        for i in range(users):
            price[i] = prices[group[start + i]] if group.size > 1 else prices[0]
        _choose(value, start, price, best, at)
        for i in range(users):
            spent[(start + i) // CLUSTER, group[start + i] if group.size > 1 else 0] += at[i]


@kernel
def _best_step_lane(
    first: int,
    last: int,
    value: NDArray[np.floating],
    cost: NDArray[np.floating],
    group: NDArray[np.uint8],
    g: int,
    left: float,
    budget: NDArray[np.uint8],
    step: NDArray[np.float64],
    found: NDArray[np.int64],
) -> None:
    v, c = np.empty(value.shape[0]), np.empty(value.shape[0])
    for user in range(first, last):
        if group.size > 1 and group[user] != g:
            continue
        at = int(budget[user])
        _read(value, cost, user, at, v.size - 1, v, c)
        for k in range(at + 1, v.size):
            more, gain = c[k] - c[at], v[k] - v[at]
            if more > left:
                break
            if gain > 0.0 and more > 0.0:
                steep = gain / more
                if steep > step[0] or (steep == step[0] and more > step[1]):
                    step[0], step[1], found[0], found[1] = steep, more, user, k


@parallel_kernel
def best_step(
    value: NDArray[np.floating],
    cost: NDArray[np.floating],
    group: NDArray[np.uint8],
    g: int,
    left: float,
    budget: NDArray[np.uint8],
    step: NDArray[np.float64],
    found: NDArray[np.int64],
) -> None:
    """Fills, by lane, gain per cost and cost of a group's best step that costs at most `left`, its user and row.

    Of equals the larger, then the first. All zero where no step brings a gain.
    """
    users = value.shape[1]
    for lane in numba.prange(LANES):
        first, last = users * lane // LANES, users * (lane + 1) // LANES
        _best_step_lane(first, last, value, cost, group, g, left, budget, step[lane], found[lane])
