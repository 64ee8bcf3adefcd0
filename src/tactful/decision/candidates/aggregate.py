"""Groups of candidates inside one pool: digests count their members, other types keep the newest of a group."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, UInt


@dataclass(frozen=True)
class Groups:
    """What each pool place is within its group; a candidate without a group key stands alone (count 1)."""

    count: Int[np.ndarray, "n c"]
    first_created_us: Int[np.ndarray, "n c"]
    absorbed: Bool[np.ndarray, "n c"]
    duplicate: Bool[np.ndarray, "n c"]


def groups(
    live: Bool[np.ndarray, "n c"],
    type: Int[np.ndarray, "n c"],
    group: UInt[np.ndarray, "n c"],
    created_us: Int[np.ndarray, "n c"],
    aggregates: Bool[np.ndarray, "n c"],
) -> Groups:
    """Returns the groups of each pool; a group's first live place in pool order stands for it.

    Args:
        live: places that hold an open candidate.
        type: event type index; a group is one (type, group key).
        group: key of the group, 0 for none.
        created_us: when the event happened.
        aggregates: whether the type counts its members; else older members are duplicates.
    """
    count = live.astype(np.int64)
    first = created_us.astype(np.int64)
    follower = np.zeros(live.shape, dtype=np.bool_)
    belongs = (group != 0) & live
    if belongs.any():
        rows = np.flatnonzero(belongs.any(axis=1))
        g, t, alive = group[rows], type[rows], live[rows]
        same = (g[:, :, None] == g[:, None, :]) & (t[:, :, None] == t[:, None, :]) & (g != 0)[:, :, None]
        same &= alive[:, :, None] & alive[:, None, :]
        grouped = same.any(axis=2)
        count[rows] = np.where(grouped, same.sum(axis=2), count[rows])
        when = np.where(same, created_us[rows][:, None, :], np.iinfo(np.int64).max).min(axis=2)
        first[rows] = np.where(grouped, when, first[rows])
        follower[rows] = np.tril(same, k=-1).any(axis=2)
    return Groups(
        count=np.where(aggregates, count, 1),
        first_created_us=first,
        absorbed=follower & aggregates,
        duplicate=follower & ~aggregates,
    )


def count_needed(
    minimum: Int[np.ndarray, "n c"],
    window_us: Int[np.ndarray, "n c"],
    first_created_us: Int[np.ndarray, "n c"],
    now_us: Int[np.ndarray, " n"],
) -> Int[np.ndarray, "n c"]:
    """Returns how many events a digest needs now: its minimum inside the window, one once the window has passed."""
    waited = now_us[:, None] - first_created_us
    return np.where(waited < window_us, np.maximum(minimum, 1), 1)
