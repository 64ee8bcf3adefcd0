"""The compiled loops behind `send_time.py`: one row a user, arguments checked there.

They are together in one file, because numba's cache on disk does not see a change in another.
`allowed` has a row a user, or one row for all: row i reads `allowed[i % len(allowed)]`.
"""

import numpy as np
from numpy.typing import NDArray

from tactful.kernel import kernel


@kernel
def _weigh(p: NDArray[np.floating], beta: float, allowed: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """Fills `weight` with p^beta over the allowed slots (1 each if all are zero), and returns their sum."""
    total, top = 0.0, 0.0
    for k in range(p.size):
        weight[k] = p[k] if allowed[k] else 0.0
        total += weight[k]
        if weight[k] > top:
            top = weight[k]
    if beta == 1.0 and top > 0.0:
        return total
    total, whole = 0.0, int(beta)
    for k in range(p.size):
        if top == 0.0:
            weight[k] = 1.0 if allowed[k] else 0.0
        else:
            share = weight[k] / top  # scaled: a power of small p must not vanish
            weight[k] = share**whole if beta == whole else share**beta
        total += weight[k]
    return total


@kernel
def _sample(weight: NDArray[np.float64], total: float, q: int, u: float, slots: NDArray[np.int64]) -> None:
    """Systematic sampling without constraints: fills the slot of each of q sends, ascending."""
    k, running = 0, weight[0]
    for m in range(q):
        target = (m + u) * total / q
        # A start of exactly 0 must not choose a first slot without weight, nor rounding one beyond the last.
        while (running < target or running == 0.0) and running < total:
            k += 1
            running += weight[k]
        slots[m] = k


@kernel
def _most(allowed: NDArray[np.bool_], gap: int, limit: int) -> int:
    """The most sends a row holds: taking every slot as soon as the gap lets it is optimal."""
    most, free_from = 0, 0
    for k in range(allowed.size):
        if allowed[k] and k >= free_from:
            most += limit if gap == 0 else min(limit, 1)
            free_from = k + gap
    return most


@kernel
def _spread(
    slots: NDArray[np.int64],
    q: int,
    allowed: NDArray[np.bool_],
    gap: int,
    limit: int,
    latest: NDArray[np.int64],
) -> None:
    """Moves q sends so that gap and limit are kept, in a row known to hold them; kept sends stay.

    Both constraints are one: send m lies at least `apart` slots behind send m - `together`.
    Backwards, the latest slot of each send that leaves room for those after it; forwards, each send at the
    slot it wants or the next one free, but never after its latest.
    """
    together, apart = (1, gap) if gap > 0 else (limit, 1)
    for m in range(q - 1, -1, -1):
        k = latest[m + together] - apart if m + together < q else allowed.size - 1
        while not allowed[k]:
            k -= 1
        latest[m] = k
    for m in range(q):
        k = max(slots[m], slots[m - together] + apart) if m >= together else slots[m]
        while k < latest[m] and not allowed[k]:
            k += 1
        slots[m] = min(k, latest[m])


@kernel
def plan_rows(
    p: NDArray[np.floating],
    quota: NDArray[np.int64],
    u: NDArray[np.float64],
    beta: float,
    allowed: NDArray[np.bool_],
    gap: int,
    limit: int,
    sends: NDArray[np.uint8],
    shortfall: NDArray[np.int64],
) -> None:
    weight = np.empty(p.shape[1])
    slots = np.empty(p.shape[1] * limit, dtype=np.int64)
    latest = np.empty_like(slots)
    for i in range(p.shape[0]):
        q, free = quota[i], allowed[i % allowed.shape[0]]
        shortfall[i] = max(q - _most(free, gap, limit), 0)
        if q == 0 or shortfall[i] > 0:
            continue
        _sample(weight, _weigh(p[i], beta, free, weight), q, u[i], slots)
        if gap > 0 or q > limit:
            _spread(slots, q, free, gap, limit, latest)
        for m in range(q):
            sends[i, slots[m]] += 1


@kernel
def inclusion_rows(
    p: NDArray[np.floating],
    quota: NDArray[np.int64],
    beta: float,
    allowed: NDArray[np.bool_],
    expected: NDArray[np.float64],
) -> None:
    for i in range(p.shape[0]):
        total = _weigh(p[i], beta, allowed[i % allowed.shape[0]], expected[i])
        for k in range(p.shape[1]):
            expected[i, k] = quota[i] * expected[i, k] / total if total > 0.0 else 0.0


@kernel
def best_rows(
    p: NDArray[np.floating],
    quota: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    gap: int,
    chosen: NDArray[np.uint8],
) -> None:
    """`best[m, k]` is the largest sum of m sends from slot k on; read forwards, earlier slots win ties."""
    slots = p.shape[1]
    best = np.zeros((slots + 1, slots + 1))
    best[1:, slots] = -np.inf
    for i in range(p.shape[0]):
        q, free = quota[i], allowed[i % allowed.shape[0]]
        for m in range(1, q + 1):
            for k in range(slots - 1, -1, -1):
                take = p[i, k] + best[m - 1, min(k + gap, slots)] if free[k] else -np.inf
                best[m, k] = take if take > best[m, k + 1] else best[m, k + 1]
        k = 0
        for m in range(q, 0, -1):
            while not free[k] or p[i, k] + best[m - 1, min(k + gap, slots)] < best[m, k + 1]:
                k += 1
            chosen[i, k] = 1
            k += gap


@kernel
def capacity_rows(allowed: NDArray[np.bool_], gap: int, limit: int, most: NDArray[np.int64]) -> None:
    for i in range(allowed.shape[0]):
        most[i] = _most(allowed[i], gap, limit)
