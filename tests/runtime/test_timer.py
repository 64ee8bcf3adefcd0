"""The next timer of a row, against its definition written out."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tactful.features.history import CANDIDATE_OPEN, JOBS, NEVER, POOL, ROW, SENDS, SENT_RANKED
from tactful.runtime.timer import SWEPT_FROM, next_timer

TYPES = 3
UNBOUND = np.array([False, True, False])


def random_rows(n: int) -> NDArray[Any]:
    """Rows whose plan and pool lie within a few instants of each other, so that every tie occurs."""
    rng = np.random.default_rng(4)
    rows = np.zeros(n, dtype=ROW)
    rows["c_len"] = rng.integers(POOL + 1, size=n)
    rows["c_log"] = rng.integers(1, 20, size=(n, POOL))
    rows["c_expires"] = rng.integers(10, 30, size=(n, POOL))
    rows["c_wake"] = rng.integers(20, size=(n, POOL)) * (rng.random((n, POOL)) < 0.1)
    rows["c_type"] = rng.choice(TYPES, p=(0.6, 0.1, 0.3), size=(n, POOL))
    rows["c_state"] = rng.integers(2, size=(n, POOL))
    rows["job_at"] = np.where(rng.random((n, JOBS)) < 0.5, rng.integers(1, 40, size=(n, JOBS)), NEVER)
    rows["last_job"] = rng.integers(-1, 20, size=n)
    rows["next_plan"] = rng.integers(1, 60, size=n)
    rows["planned_at"] = 5
    rows["quota"] = rng.integers(3, size=n)
    rows["explores"] = rng.random(n) < 0.1
    rows["s_len"] = rng.integers(4, size=n)
    rows["s_at"] = rng.integers(1, 12, size=(n, SENDS))
    rows["s_flags"] = rng.integers(2, size=(n, SENDS)) * SENT_RANKED
    return rows


def due_of(row: Any, counted: int) -> tuple[int, bool]:
    """What the docstring says, for one row."""
    held = range(int(row["c_len"]))
    sent = [j for j in range(int(row["s_len"])) if row["s_at"][j] > 5 and (not counted or row["s_flags"][j] & counted)]
    room = len(sent) < row["quota"] or row["explores"]
    opens = [j for j in held if row["c_state"][j] == CANDIDATE_OPEN]
    since = [int(row["c_log"][j]) for j in held if room or (j in opens and UNBOUND[row["c_type"][j]])]
    if len(held) >= SWEPT_FROM:
        since.append(max(max(int(row["c_log"][j]) for j in held), min(int(row["c_expires"][j]) for j in held)))
    jobs = [int(t) for t in row["job_at"] if t > row["last_job"] and t >= min(since, default=NEVER)]
    wakes = [int(row["c_wake"][j]) for j in opens if row["c_wake"][j] > 0]
    rank, plan = min([*jobs, *wakes, NEVER]), int(row["next_plan"])
    return min(plan, rank), plan <= rank


@pytest.mark.parametrize("counted", [SENT_RANKED, 0])
def test_next_timer_is_the_earliest_of_plan_wake_and_job_that_may_change_something(counted: int) -> None:
    table = random_rows(2000)
    asked = np.arange(0, 2000, 3)
    due, plans = next_timer(table, asked, UNBOUND, counted)
    assert list(zip(due.tolist(), plans.tolist(), strict=True)) == [due_of(table[r], counted) for r in asked]


def test_user_with_an_empty_pool_waits_for_her_plan() -> None:
    table = random_rows(200)
    table["c_len"] = 0
    due, plans = next_timer(table, np.arange(200), UNBOUND)
    assert plans.all()
    assert due.tolist() == table["next_plan"].tolist()


def waiting(kind: int, quota: int) -> NDArray[Any]:
    """One user with one candidate since instant 3, a job at 10 and the next plan at 50."""
    row = np.zeros(1, dtype=ROW)
    row["c_len"], row["c_log"], row["c_type"], row["c_expires"] = 1, 3, kind, 100
    row["job_at"], row["next_plan"], row["quota"] = NEVER, 50, quota
    row["job_at"][0, 0] = 10
    return row


def test_on_a_day_without_quota_only_what_no_budget_binds_is_ranked() -> None:
    due = [int(next_timer(waiting(k, q), np.arange(1), UNBOUND)[0][0]) for k, q in ((0, 1), (0, 0), (1, 0))]
    assert due == [10, 50, 10]


def test_a_day_whose_quota_was_sent_has_no_more_jobs() -> None:
    row = waiting(0, 1)
    row["s_len"], row["s_flags"] = 1, SENT_RANKED
    row["s_at"][0, 0], row["planned_at"] = 4, 2
    assert int(next_timer(row, np.arange(1), UNBOUND)[0][0]) == 50
    row["planned_at"] = 5
    assert int(next_timer(row, np.arange(1), UNBOUND)[0][0]) == 10
