"""When each user is due next, read off her row: the plan and the pool alone decide, never what arrived first."""

from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from tactful.features.history import CANDIDATE_OPEN, NEVER, POOL, SENT_RANKED
from tactful.kernel import kernel

SWEPT_FROM: Final = POOL // 2
"""Candidates in a pool from which on those that are over are swept out, so that live ones find room."""


def next_timer(
    table: NDArray[Any], rows: Int[np.ndarray, " n"], unbound: Bool[np.ndarray, " types"], counted: int = SENT_RANKED
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Returns when the users in these rows are due next, and whether that is for the daily plan (else a rank job).

    A rank job is due at the earliest instant at which an open candidate asked to be ranked, or at the earliest job
    slot after the last job at which it could change something:

    - while the day's quota is not used up, or an exploratory message is due that day: after the first arrival in
      the pool (also if only withdrawn, so that it is dropped);
    - else after the arrival of a candidate that no budget binds, or, once the pool is half full, after
      its first expiry.

    `NEVER` if nothing is due.

    Args:
        table: user rows, read in place: copying them, 4 KB each, would cost more than the answer.
        rows: positions in the table.
        unbound: by event type, whether its messages pass the weekly budget (transactional and critical types).
        counted: flag of the sends that use up the quota; 0 counts all.
    """
    due, plans = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.bool_)
    _next_timer(
        table["c_len"], table["c_state"], table["c_log"], table["c_wake"], table["c_type"], table["c_expires"],
        table["job_at"], table["last_job"], table["next_plan"], table["quota"], table["explores"],
        table["planned_at"], table["s_len"], table["s_at"], table["s_flags"], rows, unbound, counted, due, plans,
    )  # fmt: skip
    return due, plans


def next_job(
    table: NDArray[Any], rows: Int[np.ndarray, " m"], since_us: Int[np.ndarray, " m"]
) -> Int[np.ndarray, " m"]:
    """Returns the earliest rank job of each row's plan that has not run, at or after an instant; `NEVER` if none."""
    first = np.full(len(rows), NEVER)
    _next_job(table["job_at"], table["last_job"], rows, since_us, first)
    return first


@kernel
def _next_job(
    job_at: NDArray[Any], last_job: NDArray[Any], rows: NDArray[Any], since: NDArray[Any], first: NDArray[Any]
) -> None:
    for i in range(len(rows)):
        r = rows[i]
        for j in range(job_at.shape[1]):
            if job_at[r, j] > last_job[r] and job_at[r, j] >= since[i]:
                first[i] = min(first[i], job_at[r, j])


@kernel
def _next_timer(
    c_len: NDArray[Any], c_state: NDArray[Any], c_log: NDArray[Any], c_wake: NDArray[Any], c_type: NDArray[Any],
    c_expires: NDArray[Any], job_at: NDArray[Any], last_job: NDArray[Any], next_plan: NDArray[Any],
    quota: NDArray[Any], explores: NDArray[Any], planned_at: NDArray[Any], s_len: NDArray[Any], s_at: NDArray[Any],
    s_flags: NDArray[Any], rows: NDArray[Any], unbound: NDArray[Any], counted: int, due: NDArray[Any],
    plans: NDArray[Any],
) -> None:  # fmt: skip
    for i in range(len(rows)):
        r = rows[i]
        left = quota[r]
        for j in range(s_len[r]):
            if s_at[r, j] > planned_at[r] and (counted == 0 or (s_flags[r, j] & counted) != 0):
                left -= 1
        room, crowded = left > 0 or explores[r] != 0, c_len[r] >= SWEPT_FROM
        since, rank, newest, first_over = NEVER, NEVER, 0, NEVER
        for j in range(c_len[r]):
            if room or (unbound[c_type[r, j]] and c_state[r, j] == CANDIDATE_OPEN):
                since = min(since, c_log[r, j])
            newest, first_over = max(newest, c_log[r, j]), min(first_over, c_expires[r, j])
            if c_state[r, j] == CANDIDATE_OPEN and c_wake[r, j] > 0:
                rank = min(rank, c_wake[r, j])
        if crowded:
            since = min(since, max(newest, first_over))
        for j in range(job_at.shape[1]):
            if job_at[r, j] > last_job[r] and job_at[r, j] >= since:
                rank = min(rank, job_at[r, j])
        plans[i] = next_plan[r] <= rank
        due[i] = next_plan[r] if plans[i] else rank
