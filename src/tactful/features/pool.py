"""The pool of open candidates in a user's row: admission, withdrawal, and closing.

A pool is kept in a total order (priority falls, then the newest, then the key), so that its content does not depend
on the order of arrival; when it is full, the last place gives way.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt
from numpy.typing import NDArray

from tactful.features.history import (
    APPLIED,
    CANDIDATE_CANCELLED,
    CANDIDATE_OPEN,
    CONFLICT_LOST,
    CONFLICT_WON,
    DUPLICATE,
    EVICTED,
    TOMBSTONES,
    take,
)
from tactful.kernel import kernel


@dataclass(frozen=True)
class CandidateRows:
    """Candidates as columns. `wake_us` is when one is to be ranked at the latest, 0 if at the next slot."""

    row: Int[np.ndarray, " m"]
    key: UInt[np.ndarray, " m"]
    offset: Int[np.ndarray, " m"]
    log_us: Int[np.ndarray, " m"]
    hash: UInt[np.ndarray, " m"]
    type: Int[np.ndarray, " m"]
    created_us: Int[np.ndarray, " m"]
    expires_us: Int[np.ndarray, " m"]
    wake_us: Int[np.ndarray, " m"]
    group: UInt[np.ndarray, " m"]
    cancel: UInt[np.ndarray, " m"]
    category: Int[np.ndarray, " m"]
    quality: Float[np.ndarray, " m"]
    priority: Float[np.ndarray, " m"]


def admit(table: NDArray[Any], candidates: CandidateRows) -> tuple[Int[np.ndarray, " m"], CandidateRows]:
    """Puts candidates into their users' pools; returns a status for each and the evicted ones as columns.

    `log_us` of an evicted candidate is the instant of the one that took its place: when it was given up.
    """
    m = len(candidates.row)
    status = np.empty(m, dtype=np.int64)
    out = np.zeros((m, 3), dtype=np.int64)
    key = np.zeros((m, 1), dtype=np.uint64)
    if m == 0:
        return status, candidates
    _admit(
        table["c_len"], table["c_key"], table["c_offset"], table["c_log"], table["c_hash"], table["c_type"],
        table["c_created"], table["c_expires"], table["c_wake"], table["c_group"], table["c_cancel"],
        table["c_category"], table["c_quality"], table["c_priority"], table["c_state"], table["c_tried"],
        table["c_sent"],
        table["x_key"],
        table["x_log"], candidates.row, candidates.key, candidates.offset, candidates.log_us, candidates.hash,
        candidates.type, candidates.created_us, candidates.expires_us, candidates.wake_us, candidates.group,
        candidates.cancel, candidates.category, candidates.quality, candidates.priority, status, out, key,
    )  # fmt: skip
    lost = np.flatnonzero(status == EVICTED)
    evicted: CandidateRows = take(candidates, lost)
    evicted.key[:] = key[lost, 0]
    evicted.offset[:] = out[lost, 0]
    evicted.log_us[:] = out[lost, 1]
    evicted.type[:] = out[lost, 2]
    return status, evicted


def cancel(
    table: NDArray[Any],
    row: Int[np.ndarray, " m"],
    key: UInt[np.ndarray, " m"],
    log_us: Int[np.ndarray, " m"],
) -> None:
    """Withdraws candidates by candidate key (any time) or by cancel key (those logged no later).

    The cancel is remembered, so that a candidate that arrives after it is withdrawn too.
    """
    for r, x, log in zip(row.tolist(), key.tolist(), log_us.tolist(), strict=True):
        n = int(table["c_len"][r])
        by_id = table["c_key"][r, :n] == x
        by_group = (table["c_cancel"][r, :n] == x) & (table["c_log"][r, :n] <= log)
        table["c_state"][r, :n][by_id | by_group] = CANDIDATE_CANCELLED
        known = {(int(b), int(a)) for a, b in zip(table["x_key"][r], table["x_log"][r], strict=True) if b >= 0}
        newest = sorted(known | {(log, x)}, reverse=True)[:TOMBSTONES]
        for i, (x_log, x_key) in enumerate(newest):
            table["x_key"][r, i], table["x_log"][r, i] = x_key, x_log


def close(table: NDArray[Any], rows: Int[np.ndarray, " n"], keep: Bool[np.ndarray, "n c"]) -> None:
    """Removes the pool places of some rows that are not kept; the others keep their order.

    Args:
        table: user rows.
        rows: positions in the table.
        keep: for their first c places, which hold every candidate; False where a place is not used.
    """
    _close(
        table["c_len"], table["c_key"], table["c_offset"], table["c_log"], table["c_hash"], table["c_type"],
        table["c_created"], table["c_expires"], table["c_wake"], table["c_group"], table["c_cancel"],
        table["c_category"], table["c_quality"], table["c_priority"], table["c_state"], table["c_tried"],
        table["c_sent"], rows, keep,
    )  # fmt: skip


@kernel
def _admit(
    c_len: NDArray[Any], c_key: NDArray[Any], c_offset: NDArray[Any], c_log: NDArray[Any],
    c_hash: NDArray[Any], c_type: NDArray[Any], c_created: NDArray[Any], c_expires: NDArray[Any],
    c_wake: NDArray[Any], c_group: NDArray[Any], c_cancel: NDArray[Any], c_category: NDArray[Any],
    c_quality: NDArray[Any], c_priority: NDArray[Any], c_state: NDArray[Any], c_tried: NDArray[Any],
    c_sent: NDArray[Any], x_key: NDArray[Any],
    x_log: NDArray[Any], rows: NDArray[Any], key: NDArray[Any], offset: NDArray[Any], log: NDArray[Any],
    content: NDArray[Any], kind: NDArray[Any], created: NDArray[Any], expires: NDArray[Any],
    wake: NDArray[Any], group: NDArray[Any], cancel_key: NDArray[Any], category: NDArray[Any],
    quality: NDArray[Any], priority: NDArray[Any], status: NDArray[Any], out: NDArray[Any],
    out_key: NDArray[Any],
) -> None:  # fmt: skip
    size = c_key.shape[1]
    for i in range(len(rows)):
        r = rows[i]
        n = c_len[r]
        found = -1
        for j in range(n):
            if c_key[r, j] == key[i]:
                found = j
                break
        status[i] = APPLIED
        if found >= 0:
            same = c_hash[r, found] == content[i]
            if c_log[r, found] < log[i] or (c_log[r, found] == log[i] and c_hash[r, found] <= content[i]):
                status[i] = DUPLICATE if same else CONFLICT_LOST
                continue
            status[i] = DUPLICATE if same else CONFLICT_WON
            _shift(c_key, c_offset, c_log, c_hash, c_type, c_created, c_expires, c_wake, c_group, c_cancel,
                   c_category, c_quality, c_priority, c_state, c_tried, c_sent, r, found, n - 1, 1)  # fmt: skip
            n -= 1
        place = n
        while place > 0 and _before(
            priority[i],
            created[i],
            key[i],
            c_priority[r, place - 1],
            c_created[r, place - 1],
            c_key[r, place - 1],
        ):
            place -= 1
        if n == size:
            status[i] = EVICTED
            if place == size:
                out[i, 0], out[i, 1], out[i, 2], out_key[i, 0] = offset[i], log[i], kind[i], key[i]
                continue
            last = size - 1
            out[i, 0], out[i, 1], out[i, 2] = c_offset[r, last], log[i], c_type[r, last]
            out_key[i, 0] = c_key[r, last]
            n -= 1
        _shift(c_key, c_offset, c_log, c_hash, c_type, c_created, c_expires, c_wake, c_group, c_cancel,
               c_category, c_quality, c_priority, c_state, c_tried, c_sent, r, n, place, -1)  # fmt: skip
        c_key[r, place] = key[i]
        c_offset[r, place] = offset[i]
        c_log[r, place] = log[i]
        c_hash[r, place] = content[i]
        c_type[r, place] = kind[i]
        c_created[r, place] = created[i]
        c_expires[r, place] = expires[i]
        c_wake[r, place] = wake[i]
        c_group[r, place] = group[i]
        c_cancel[r, place] = cancel_key[i]
        c_category[r, place] = category[i]
        c_quality[r, place] = quality[i]
        c_priority[r, place] = priority[i]
        c_state[r, place] = CANDIDATE_OPEN
        c_tried[r, place] = 0
        c_sent[r, place] = 0
        for j in range(x_key.shape[1]):
            if x_log[r, j] >= 0 and (
                x_key[r, j] == key[i] or (cancel_key[i] != 0 and x_key[r, j] == cancel_key[i] and log[i] <= x_log[r, j])
            ):
                c_state[r, place] = CANDIDATE_CANCELLED
        c_len[r] = n + 1


@kernel
def _close(
    c_len: NDArray[Any], c_key: NDArray[Any], c_offset: NDArray[Any], c_log: NDArray[Any], c_hash: NDArray[Any],
    c_type: NDArray[Any], c_created: NDArray[Any], c_expires: NDArray[Any], c_wake: NDArray[Any],
    c_group: NDArray[Any], c_cancel: NDArray[Any], c_category: NDArray[Any], c_quality: NDArray[Any],
    c_priority: NDArray[Any], c_state: NDArray[Any], c_tried: NDArray[Any], c_sent: NDArray[Any],
    rows: NDArray[Any], keep: NDArray[np.bool_],
) -> None:  # fmt: skip
    for i in range(len(rows)):
        r = rows[i]
        for j in range(min(c_len[r], keep.shape[1]) - 1, -1, -1):
            if keep[i, j]:
                continue
            last = c_len[r] - 1
            _shift(c_key, c_offset, c_log, c_hash, c_type, c_created, c_expires, c_wake, c_group, c_cancel,
                   c_category, c_quality, c_priority, c_state, c_tried, c_sent, r, j, last, 1)  # fmt: skip
            c_key[r, last], c_offset[r, last], c_log[r, last], c_hash[r, last] = 0, 0, 0, 0
            c_type[r, last], c_created[r, last], c_expires[r, last], c_wake[r, last] = 0, 0, 0, 0
            c_group[r, last], c_cancel[r, last], c_category[r, last], c_quality[r, last] = 0, 0, 0, 0.0
            c_priority[r, last], c_state[r, last], c_tried[r, last], c_sent[r, last] = 0.0, 0, 0, 0
            c_len[r] = last


@kernel
def _before(p: float, created: int, key: int, q: float, other_created: int, other_key: int) -> bool:
    """Whether the first candidate stands before the second: priority falls, then the newest, then the key."""
    if p != q:
        return p > q
    if created != other_created:
        return created > other_created
    return key < other_key


@kernel
def _shift(
    c_key: NDArray[Any], c_offset: NDArray[Any], c_log: NDArray[Any], c_hash: NDArray[Any],
    c_type: NDArray[Any], c_created: NDArray[Any], c_expires: NDArray[Any], c_wake: NDArray[Any],
    c_group: NDArray[Any], c_cancel: NDArray[Any], c_category: NDArray[Any], c_quality: NDArray[Any],
    c_priority: NDArray[Any], c_state: NDArray[Any], c_tried: NDArray[Any], c_sent: NDArray[Any],
    r: int, start: int, stop: int, step: int,
) -> None:  # fmt: skip
    """Copies pool entries one place: step 1 closes a gap at `start`, step -1 opens one at `stop`."""
    for j in range(start, stop, step):
        c_key[r, j] = c_key[r, j + step]
        c_offset[r, j] = c_offset[r, j + step]
        c_log[r, j] = c_log[r, j + step]
        c_hash[r, j] = c_hash[r, j + step]
        c_type[r, j] = c_type[r, j + step]
        c_created[r, j] = c_created[r, j + step]
        c_expires[r, j] = c_expires[r, j + step]
        c_wake[r, j] = c_wake[r, j + step]
        c_group[r, j] = c_group[r, j + step]
        c_cancel[r, j] = c_cancel[r, j + step]
        c_category[r, j] = c_category[r, j + step]
        c_quality[r, j] = c_quality[r, j + step]
        c_priority[r, j] = c_priority[r, j + step]
        c_state[r, j] = c_state[r, j + step]
        c_tried[r, j] = c_tried[r, j + step]
        c_sent[r, j] = c_sent[r, j + step]
