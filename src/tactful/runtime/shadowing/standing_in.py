"""Puts what a person really got into her state, in place of what we only would have sent.

A state has two kinds of memory. What she *lived through* (the ring of sends and their counts: gaps, caps, fatigue, all
that models read) must be true, or models would be asked about a person who does not exist. What we *spent* (the tokens
of her weekly budget) is our own account, and stays. Why: docs/decisions/0031-in-shadow-she-lives-through-theirs.md
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tactful.features.history import POOL, SENDS
from tactful.features.pool import close

_THEIRS: Final = 16
"""Flag of a send that another sender made: it fills no weekly budget of ours, and every cap counts it."""
_RING: Final = ("s_at", "s_type", "s_channel", "s_category", "s_flags")


class Got(NamedTuple):
    """A message that a person got from the other sender, in the codes of a state."""

    at_us: int
    type: int
    channel: int
    category: int
    candidate_key: int


def stand_in(state: NDArray[Any], row: int, got: Sequence[Got]) -> None:
    """Takes our sends out of a row's record and puts the other sender's in.

    Args:
        state: rows of `features.history.ROW`; written to.
        row: whose.
        got: by time, none before those that were put in earlier.
    """
    held = int(state["s_len"][row])
    kept = (state["s_flags"][row, :held] & _THEIRS) != 0
    np.subtract.at(state["n_sends"][row], state["s_channel"][row, :held][~kept].astype(np.int64), 1)
    np.add.at(state["n_sends"][row], np.array([one.channel for one in got], dtype=np.int64), 1)
    new = np.array([(one.at_us, one.type, one.channel, one.category, _THEIRS) for one in got], dtype=np.int64)
    for place, name in enumerate(_RING):
        column = state[name]
        both = np.concatenate([column[row, :held][kept], new.reshape(-1, len(_RING))[:, place]])[-SENDS:]
        column[row] = 0
        column[row, : len(both)] = both
    state["s_len"][row] = min(int(kept.sum()) + len(got), SENDS)


def forget_told(state: NDArray[Any], row: int, got: Sequence[Got]) -> None:
    """Closes the candidates that the other sender told her of: she knows."""
    held = np.arange(POOL) < state["c_len"][row]
    told = np.isin(state["c_key"][row], np.array([one.candidate_key for one in got], dtype=np.uint64))
    if (held & told).any():
        close(state, np.array([row]), (held & ~told)[None, :])
