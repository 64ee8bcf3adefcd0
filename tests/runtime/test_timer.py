"""The next timer of a row, against its definition written out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tactful.features.history import CANDIDATE_OPEN, JOBS, NEVER, POOL, ROW
from tactful.runtime.timer import next_timer


def random_rows(n: int) -> NDArray[Any]:
    """Rows whose plan and pool lie within a few instants of each other, so that every tie occurs."""
    rng = np.random.default_rng(4)
    rows = np.zeros(n, dtype=ROW)
    rows["c_len"] = rng.integers(POOL + 1, size=n)
    rows["c_log"] = rng.integers(1, 20, size=(n, POOL))
    rows["c_wake"] = rng.integers(20, size=(n, POOL)) * rng.integers(2, size=(n, POOL))
    rows["c_state"] = rng.integers(2, size=(n, POOL))
    rows["job_at"] = np.where(rng.random((n, JOBS)) < 0.5, rng.integers(1, 20, size=(n, JOBS)), NEVER)
    rows["last_job"] = rng.integers(-1, 20, size=n)
    rows["next_plan"] = rng.integers(1, 30, size=n)
    return rows


def due_of(row: Any) -> tuple[int, bool]:
    """What the docstring says, for one row."""
    held = range(int(row["c_len"]))
    first = min((int(row["c_log"][j]) for j in held), default=NEVER)
    jobs = [int(t) for t in row["job_at"] if t > row["last_job"] and t >= first]
    wakes = [int(row["c_wake"][j]) for j in held if row["c_state"][j] == CANDIDATE_OPEN and row["c_wake"][j] > 0]
    rank, plan = min([*jobs, *wakes, NEVER]), int(row["next_plan"])
    return min(plan, rank), plan <= rank


def test_next_timer_is_the_earliest_of_plan_job_and_wake() -> None:
    table = random_rows(500)
    asked = np.arange(0, 500, 3)
    due, plans = next_timer(table, asked)
    assert list(zip(due.tolist(), plans.tolist(), strict=True)) == [due_of(table[r]) for r in asked]


def test_user_with_an_empty_pool_waits_for_her_plan() -> None:
    table = random_rows(200)
    table["c_len"] = 0
    due, plans = next_timer(table, np.arange(200))
    assert plans.all()
    assert due.tolist() == table["next_plan"].tolist()
