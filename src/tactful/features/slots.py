"""When a user is there: activity counted by slot of her local day, the input of the slot models."""

import numpy as np
from jaxtyping import Float64, Integer

SLOTS_PER_DAY = 24


def active_slot_counts(
    user: Integer[np.ndarray, " e"],
    day: Integer[np.ndarray, " e"],
    slot: Integer[np.ndarray, " e"],
    n_users: int,
    n_slots: int = SLOTS_PER_DAY,
) -> Float64[np.ndarray, "n K"]:
    """Returns on how many days each user was active in each slot of her local day (n = n_users, K = n_slots).

    A slot counts once a day however many engagements fall into it: one long evening is no habit.

    Args:
        user: row of the user, 0 .. n_users - 1.
        day: number of the local day; any integers that tell days apart.
        slot: slot of the local day, 0 .. n_slots - 1 (the local hour, by default).

    >>> counts = active_slot_counts(np.array([0, 0, 0]), np.array([4, 4, 5]), np.array([9, 9, 9]), n_users=2)
    >>> counts[:, 9].tolist()
    [2.0, 0.0]
    """
    cell = user.astype(np.int64) * n_slots + slot
    order = np.lexsort((day, cell))
    cell, day = cell[order], day[order]
    first = np.ones(len(cell), dtype=bool)
    first[1:] = (cell[1:] != cell[:-1]) | (day[1:] != day[:-1])
    counts = np.bincount(cell[first], minlength=n_users * n_slots)
    return counts.reshape(n_users, n_slots).astype(np.float64)
