"""Promises of the send plan that hold for every day, quota, start and constraint."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tactful.decision.timing.send_time import best_spaced, capacity, inclusion, plan
from tactful.errors import InfeasibleQuota

weights = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1.0)), min_size=1, max_size=24)
starts = st.floats(0.0, 1.0, exclude_max=True)
COMPILES = settings(deadline=None)
"""For the first use of a kernel, which compiles or loads it."""


@st.composite
def days(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A user's p and allowed, [1, K] each."""
    p = draw(weights)
    allowed = draw(st.lists(st.booleans(), min_size=len(p), max_size=len(p)))
    return np.array([p]), np.array([allowed])


@COMPILES
@given(days(), st.integers(0, 40), starts, st.sampled_from([0.5, 1.0, 3.0]))
def test_without_constraints_each_slot_is_within_one_of_its_share(
    day: tuple[np.ndarray, np.ndarray], quota: int, u: float, beta: float
) -> None:
    p, allowed = day
    assume(allowed.any())
    sends = plan(p, np.array([quota]), np.array([u]), beta, allowed)
    assert sends.sum() == quota
    assert not sends[~allowed].any()
    assert (np.abs(sends - inclusion(p, np.array([quota]), beta, allowed)) <= 1 + 1e-9).all()


@COMPILES
@given(days(), st.integers(1, 12), st.sampled_from([0.5, 1.0, 3.0]))
def test_mean_over_the_start_is_the_inclusion(day: tuple[np.ndarray, np.ndarray], quota: int, beta: float) -> None:
    p, allowed = day
    assume(allowed.any())
    grid = (np.arange(400) + 0.5) / 400
    rows = np.ones((400, 1))
    sends = plan(rows * p, np.full(400, quota), grid, beta, np.repeat(allowed, 400, axis=0))
    # A slot's sends change at two values of the start, each of which the grid places to within one step.
    assert np.abs(sends.mean(axis=0) - inclusion(p, np.array([quota]), beta, allowed)[0]).max() <= 2 / 400


@given(st.lists(st.integers(0, 9), min_size=1, max_size=24), st.integers(1, 12))
def test_inclusion_is_exact_over_every_start(weight: list[int], quota: int) -> None:
    """With whole weights of total W, a plan changes only at starts that are multiples of 1/W: one in each is all."""
    total = sum(weight)
    assume(total > 0)
    p, start = np.repeat(np.array([weight]) / 1.0, total, axis=0), (np.arange(total) + 0.5) / total
    sends = plan(p, np.full(total, quota), start).sum(axis=0)
    assert sends.tolist() == [quota * w for w in weight]
    assert inclusion(p[:1], np.array([quota]))[0] * total == pytest.approx(sends)


@given(st.lists(st.integers(0, 16), min_size=1, max_size=24), st.integers(0, 40))
def test_half_a_start_and_beta_one_are_tims_rule(weight: list[int], quota: int) -> None:
    assume(sum(weight) > 0)
    p = np.array([weight]) / 16.0
    running = np.cumsum(p[0])
    first = [int(np.argmax(running >= (m - 0.5) * running[-1] / quota)) for m in range(1, quota + 1)]
    sends = plan(p, np.array([quota]), np.array([0.5]), beta=1.0)
    assert sends[0].tolist() == np.bincount(np.array(first, dtype=int), minlength=len(weight)).tolist()


@COMPILES
@given(days(), st.integers(0, 30), starts, st.integers(0, 6), st.one_of(st.none(), st.integers(1, 3)))
def test_constraints_are_kept_and_a_plan_is_found_whenever_there_is_one(
    day: tuple[np.ndarray, np.ndarray], quota: int, u: float, gap: int, limit: int | None
) -> None:
    p, allowed = day
    most = int(capacity(allowed, gap, limit)[0])
    arguments = (p, np.array([quota]), np.array([u]), 1.0, allowed, gap, limit)
    if quota > most:
        with pytest.raises(InfeasibleQuota) as error:
            plan(*arguments)
        assert error.value.shortfall == [quota - most]
        return
    sends = plan(*arguments)[0]
    assert sends.sum() == quota
    assert not sends[~allowed[0]].any()
    assert sends.max(initial=0) <= (1 if gap else 255 if limit is None else limit)
    assert (np.diff(np.flatnonzero(sends)) >= gap).all()


@given(days(), st.integers(0, 12), starts, st.integers(0, 4))
def test_a_plan_that_keeps_the_gap_by_itself_is_not_moved(
    day: tuple[np.ndarray, np.ndarray], quota: int, u: float, gap: int
) -> None:
    p, allowed = day
    assume(quota <= capacity(allowed, gap)[0])
    free = plan(p, np.array([quota]), np.array([u]), allowed=allowed)
    assume(free.max(initial=0) <= 1 and (np.diff(np.flatnonzero(free[0])) >= gap).all())
    assert (plan(p, np.array([quota]), np.array([u]), allowed=allowed, min_gap_slots=gap) == free).all()


@COMPILES
@given(st.integers(1, 10), st.data())
def test_best_spaced_equals_brute_force(slots: int, data: st.DataObject) -> None:
    # Sixteenths add without rounding, so that ties are ties.
    p = np.array([data.draw(st.lists(st.integers(0, 16), min_size=slots, max_size=slots))]) / 16.0
    allowed = np.array([data.draw(st.lists(st.booleans(), min_size=slots, max_size=slots))])
    quota, gap = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
    feasible = [
        chosen
        for chosen in combinations(np.flatnonzero(allowed[0]).tolist(), quota)
        if all(b - a >= gap for a, b in pairwise(chosen))
    ]
    if not feasible:
        with pytest.raises(InfeasibleQuota):
            best_spaced(p, np.array([quota]), allowed, gap)
        return
    best = max(feasible, key=lambda chosen: p[0, list(chosen)].sum())  # of equals the first: the earliest
    assert np.flatnonzero(best_spaced(p, np.array([quota]), allowed, gap)[0]).tolist() == list(best)


@COMPILES
@given(st.integers(1, 8), st.integers(0, 3), st.data())
def test_capacity_equals_brute_force(slots: int, gap: int, data: st.DataObject) -> None:
    allowed = np.array([data.draw(st.lists(st.booleans(), min_size=slots, max_size=slots))])
    where = np.flatnonzero(allowed[0]).tolist()
    most = max(
        len(chosen)
        for size in range(len(where) + 1)
        for chosen in combinations(where, size)
        if all(b - a >= gap for a, b in pairwise(chosen))
    )
    assert capacity(allowed, gap, 1)[0] == most


def test_a_batch_is_planned_as_each_row_alone() -> None:
    rng = np.random.default_rng(3)
    p, quota, u = rng.random((200, 24)), rng.integers(0, 5, 200), rng.random(200)
    allowed = rng.random((200, 24)) < 0.8
    batch, best = plan(p, quota, u, 2.0, allowed, 2), best_spaced(p, quota, allowed, 2)
    for i in range(200):
        row = slice(i, i + 1)
        assert (plan(p[row], quota[row], u[row], 2.0, allowed[row], 2) == batch[row]).all()
        assert (best_spaced(p[row], quota[row], allowed[row], 2) == best[row]).all()
