"""Which weekly budget is in force for a user, and how much of it her token bucket holds now."""

from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import WEEK_US
from tactful.decision.policy import explore
from tactful.decision.volume import pace
from tactful.experiments.holdout import held_out
from tactful.features import standing
from tactful.features.history import SENDS, SENT_RANKED
from tactful.runtime.settings import Settings

State = NDArray[Any]
"""Rows of `features.history.ROW`."""
_LONG_AGO_US: Final = int(np.iinfo(np.int64).min) // 2


def in_force(
    state: State, now_us: Int[np.ndarray, " n"], settings: Settings
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"], Float[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Returns the weekly cap, whether it was drawn at random, the probability of that draw, and the period.

    0 in the permanent holdout; drawn in the randomised slice; else the assigned one; else the default, K·(1 + h)
    rounded up or down by a hash draw so that its mean is right. Who wished for no more than so many gets no more. She
    is outside the randomised slice, whatever the draw: were only draws above the wish left out, the rest would be no
    sample.
    """
    key = state["user_key"]
    exploration = settings.exploration
    period = now_us // (exploration.volume_period_weeks * WEEK_US)
    inside, drawn, chance = explore.volume_slice(
        settings.seed, key, period, exploration.volume_share, exploration.volume_choices
    )
    wished = state["wish"] >= 0
    inside, chance = inside & ~wished, np.where(wished, 1.0, chance)
    mean = settings.volume.per_user_per_week * (1.0 + settings.volume.headroom)
    u = draws.uniform(settings.seed, key, period, "default budget")
    default = np.floor(mean + u).astype(np.int64)
    k = np.where(inside, drawn, np.where(state["k"] >= 0, state["k"], default)).astype(np.int64)
    k = np.where(wished, np.minimum(k, state["wish"]), k)
    held = in_holdout(state, settings)
    return np.where(held, 0, k), inside & ~held, np.where(held, 1.0, chance), period


def in_holdout(state: State, settings: Settings) -> Bool[np.ndarray, " n"]:
    """Returns who is in the permanent holdout, and gets nothing ranked."""
    if not settings.holdout.share:
        return np.zeros(len(state), dtype=np.bool_)
    return held_out(state["user_key"], settings.holdout.share, settings.seed)


def tokens(
    state: State, now_us: Int[np.ndarray, " n"], k: Int[np.ndarray, " n"], settings: Settings
) -> Float[np.ndarray, " n"]:
    """Returns the tokens in each user's bucket; a fresh bucket starts at a phase of its own."""
    fresh = state["tokens_at"] < 0
    u = draws.uniform(settings.seed, state["user_key"], 0, "pacing phase")
    start = np.where(fresh, pace.initial_tokens(u, k), state["tokens"])
    since = np.where(fresh, now_us, state["tokens_at"])
    return pace.accrue(start, paced_us(state, now_us, since, now_us, settings), k, settings.volume.burst)


def paced_us(
    state: State,
    now_us: Int[np.ndarray, " n"],
    from_us: Int[np.ndarray, " n"],
    until_us: Int[np.ndarray, " n"],
    settings: Settings,
) -> Int[np.ndarray, " n"]:
    """Returns the time in which tokens accrue between two instants, by what is known of each user now."""
    if settings.volume.accrual == "even":
        passed: Int[np.ndarray, " n"] = np.maximum(until_us - from_us, 0)
        return passed
    return pace.weighted_us(standing.weekday_weights(state, now_us), from_us, until_us)


def counted(settings: Settings) -> int:
    """Returns the flag of the sends that use up a weekly budget; 0 counts all."""
    return SENT_RANKED if settings.volume.counts == "ranked" else 0


def exploratory(
    state: State, now_us: Int[np.ndarray, " n"], until_us: Int[np.ndarray, " n"], settings: Settings
) -> Bool[np.ndarray, " n"]:
    """Returns who, with a budget of 0 in force, is due an exploratory message from now to another instant.

    Not where the 0 was drawn at random: nothing at all is one of the doses that the response models learn from. Nor
    where she wished for none.
    """
    due: Bool[np.ndarray, " n"] = (state["k_now"] == 0) & (state["k_random"] == 0) & ~in_holdout(state, settings)
    due &= state["wish"] != 0
    rows = np.flatnonzero(due)
    if len(rows):
        flags = state["s_flags"][rows]
        ranked = (np.arange(SENDS) < state["s_len"][rows, None]) & ((flags & SENT_RANKED) != 0)
        last = np.where(ranked, state["s_at"][rows], _LONG_AGO_US).max(axis=1)
        u = draws.uniform(settings.seed, state["user_key"][rows], 0, "exploratory phase")
        due[rows] = pace.exploratory_due(state["k_now"][rows], last, now_us[rows], u, until_us[rows])
    return due
