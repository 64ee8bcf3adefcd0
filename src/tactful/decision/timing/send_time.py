"""Which slots of a user's day: `plan` spreads several sends, `best_spaced` picks the best slots apart.

Both take one row a user and K slots of the local day, and keep the same constraints: slots that are not
allowed (quiet hours, a gap of the clock, the past) get nothing, and two sends lie at least `min_gap_slots`
slots apart (1: never two in a slot; 2: never in neighbouring slots). Where probabilities come from is not
here; the compiled loops behind the functions are in `_rows.py`.
"""

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8
from numpy.typing import NDArray

from tactful.decision.timing._rows import best_rows, capacity_rows, inclusion_rows, plan_rows
from tactful.errors import InfeasibleQuota, InvalidScores

_MOST_PER_SLOT = 255  # what one byte of a plan holds


def plan(
    p: Float[np.ndarray, "n K"],
    quota: Integer[np.ndarray, " n"],
    u: Float[np.ndarray, " n"],
    beta: float | int = 1.0,
    allowed: Bool[np.ndarray, "n K"] | None = None,
    min_gap_slots: int = 0,
    max_per_slot: int | None = None,
) -> UInt8[np.ndarray, "n K"]:
    """Returns how many sends go to each slot: systematic sampling of p^beta with a random start.

    With S the running sum of p^beta over allowed slots and q the quota, the m-th send (m = 1..q) goes to
    the first slot with `S_k >= (m - 1 + u) * S_K / q`. Over u uniform in [0, 1) the mean number of sends in
    a slot is `inclusion(...)`; any one plan is within one of it. u = 0.5, beta = 1 is TIM's own rule. Where
    sends lie too close, each is put off to the next slot that keeps the constraints, but not beyond the one
    that leaves room for the sends after it: a plan is found whenever there is one. Those may stray by more.

    Args:
        p: weight of each slot, finite and >= 0; a row of zeros is spread evenly over its allowed slots.
        quota: sends in the day, >= 0.
        u: the random start in [0, 1), a hash draw of (seed, user, day).
        beta: > 0; above 1 leans to the best slots.
        allowed: False where nothing may be sent; None allows all.
        min_gap_slots: least distance of two sends in slots, 0 for none.
        max_per_slot: most sends in one slot; None for no limit but a byte's.

    Raises:
        InvalidScores: for NaN, infinite or negative p, u outside [0, 1), a negative quota, beta <= 0.
        InfeasibleQuota: if rows do not hold their quota; names rows and shortfall.

    >>> day = np.array([[0.1, 0.4, 0.0, 0.5]])
    >>> plan(day, np.array([2]), np.array([0.5])).tolist()
    [[0, 1, 0, 1]]

    **Source**: "TIM: Temporal Interaction Model in Notification System" (Kuaishou, 2024): u = 0.5, beta = 1.
    **Deviation**: the random start makes every slot's inclusion probability known and its expectation exact;
    with one send a day, TIM's fixed half puts it at the median of the day, between two peaks.
    """
    _check(p, quota, beta, min_gap_slots)
    if not bool(((u >= 0) & (u < 1)).all()):
        raise InvalidScores("got a random start u outside [0, 1); pass a hash draw (tactful.draws.uniform)")
    limit = _MOST_PER_SLOT if max_per_slot is None else min(max_per_slot, _MOST_PER_SLOT)
    sends = np.zeros(p.shape, dtype=np.uint8)
    count, start = quota.astype(np.int64), u.astype(np.float64)
    shortfall = np.zeros(len(p), dtype=np.int64)
    plan_rows(p, count, start, float(beta), _open(allowed, p), min_gap_slots, limit, sends, shortfall)
    _refuse(shortfall)
    return sends


def inclusion(
    p: Float[np.ndarray, "n K"],
    quota: Integer[np.ndarray, " n"],
    beta: float | int = 1.0,
    allowed: Bool[np.ndarray, "n K"] | None = None,
) -> Float[np.ndarray, "n K"]:
    """Returns the expected sends a slot, `n_i = q p_i^beta / sum(p^beta)`; up to 1 it is the chance of one.

    It is the mean of `plan` over u where neither gap nor slot limit binds. Rows of zeros are even over their
    allowed slots, as in `plan`; without an allowed slot all is 0.

    Raises:
        InvalidScores: as `plan`.

    >>> inclusion(np.array([[0.1, 0.4, 0.0, 0.5]]), np.array([2])).tolist()
    [[0.2, 0.8, 0.0, 1.0]]
    """
    _check(p, quota, beta, 0)
    expected = np.zeros(p.shape, dtype=np.float64)
    inclusion_rows(p, quota.astype(np.int64), float(beta), _open(allowed, p), expected)
    return expected


def best_spaced(
    p: Float[np.ndarray, "n K"],
    quota: Integer[np.ndarray, " n"],
    allowed: Bool[np.ndarray, "n K"] | None = None,
    min_gap_slots: int = 0,
) -> UInt8[np.ndarray, "n K"]:
    """Returns 1 at the `quota` slots with the largest sum of p, at least `min_gap_slots` apart, else 0.

    The exact optimum by a dynamic programme over (slots left, sends left); never two in a slot. Ties go to
    the earlier slot: a row that knows nothing (all equal) is told early, so give it its segment's p.

    Raises:
        InvalidScores: for NaN, infinite or negative p, or a negative quota.
        InfeasibleQuota: if rows do not hold their quota; names rows and shortfall.

    >>> best_spaced(np.array([[0.5, 0.6, 0.5, 0.1]]), np.array([2]), min_gap_slots=2).tolist()
    [[1, 0, 1, 0]]
    """
    _check(p, quota, 1.0, min_gap_slots)
    gap, count, open_slots = max(min_gap_slots, 1), quota.astype(np.int64), _open(allowed, p)
    _refuse(np.maximum(count - capacity(np.broadcast_to(open_slots, p.shape), gap), 0))
    chosen = np.zeros(p.shape, dtype=np.uint8)
    best_rows(p, count, open_slots, gap, chosen)
    return chosen


def capacity(
    allowed: Bool[np.ndarray, "n K"], min_gap_slots: int = 0, max_per_slot: int | None = None
) -> Integer[np.ndarray, " n"]:
    """Returns the largest quota that `plan` holds in each row, with a gap of 1 or more also `best_spaced`.

    >>> capacity(np.array([[True, True, False, True]]), min_gap_slots=2).tolist()
    [2]
    """
    limit = _MOST_PER_SLOT if max_per_slot is None else min(max_per_slot, _MOST_PER_SLOT)
    most = np.zeros(len(allowed), dtype=np.int64)
    capacity_rows(allowed, min_gap_slots, limit, most)
    return most


def _check(p: Float[np.ndarray, "n K"], quota: Integer[np.ndarray, " n"], beta: float | int, gap: int) -> None:
    if not (0 < beta < np.inf and gap >= 0):
        raise InvalidScores(f"got beta = {beta} and a gap of {gap} slots, expected beta > 0 and a gap >= 0")
    if (quota < 0).any():
        raise InvalidScores(f"got a negative quota in row {int(np.argmax(quota < 0))}, expected 0 or more")
    if not (p.min(initial=0.0) >= 0.0 and p.max(initial=0.0) < np.inf):  # false also for NaN
        row = np.argmax(~((p >= 0) & (p < np.inf)).all(axis=1))
        raise InvalidScores(
            f"got NaN, an infinite or a negative probability in row {row}, expected finite numbers >= 0; "
            "a user without history needs a prior, not NaN"
        )


def _open(allowed: Bool[np.ndarray, "n K"] | None, p: Float[np.ndarray, "n K"]) -> NDArray[np.bool_]:
    """The mask, or one row of True that serves all users."""
    return np.ones((1, p.shape[1]), dtype=np.bool_) if allowed is None else allowed


def _refuse(shortfall: Integer[np.ndarray, " n"]) -> None:
    rows = np.flatnonzero(shortfall)
    if len(rows):
        raise InfeasibleQuota(rows.tolist(), shortfall[rows].tolist())
