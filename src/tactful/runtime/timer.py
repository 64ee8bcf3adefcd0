"""When each user is due next, read off her row: the plan and the pool alone decide, never what arrived first."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from tactful.features.history import CANDIDATE_OPEN, NEVER
from tactful.kernel import kernel


def next_timer(
    table: NDArray[Any], rows: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Returns when the users in these rows are due next, and whether that is for the daily plan (else a rank job).

    A rank job is due at the earliest job slot after the last job, and after the first arrival, while something is
    in the pool (also if only withdrawn, so that it is dropped); or at the earliest instant at which an open
    candidate asked to be ranked. `NEVER` if nothing is due.

    The rows are read in place: copying them, 4 KB each, would cost more than the answer.
    """
    due, plans = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.bool_)
    _next_timer(
        table["c_len"], table["c_state"], table["c_log"], table["c_wake"], table["job_at"], table["last_job"],
        table["next_plan"], rows, due, plans,
    )  # fmt: skip
    return due, plans


@kernel
def _next_timer(
    c_len: NDArray[Any], c_state: NDArray[Any], c_log: NDArray[Any], c_wake: NDArray[Any], job_at: NDArray[Any],
    last_job: NDArray[Any], next_plan: NDArray[Any], rows: NDArray[Any], due: NDArray[Any], plans: NDArray[Any],
) -> None:  # fmt: skip
    for i in range(len(rows)):
        r = rows[i]
        arrived, rank = NEVER, NEVER
        for j in range(c_len[r]):
            arrived = min(arrived, c_log[r, j])
            if c_state[r, j] == CANDIDATE_OPEN and c_wake[r, j] > 0:
                rank = min(rank, c_wake[r, j])
        for j in range(job_at.shape[1]):
            if job_at[r, j] > last_job[r] and job_at[r, j] >= arrived:
                rank = min(rank, job_at[r, j])
        plans[i] = next_plan[r] <= rank
        due[i] = next_plan[r] if plans[i] else rank
