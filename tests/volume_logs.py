"""Small logs for the tests of the volume models: assignments by hand, and people drawn from a known truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.clock import DAY_US, WEEK_US
from tactful.events.records import KINDS
from tactful.training.volume.log import VolumeLog

START_US = 100 * WEEK_US
SESSION, UNSUBSCRIBE = KINDS.index("session"), KINDS.index("unsubscribe")
CHOICES = (0, 1, 2, 3, 5, 7, 10)


def assignments(
    k: Sequence[int],
    weeks: int = 8,
    events: Sequence[tuple[int, int, int]] = (),
    until_us: int = START_US + 12 * WEEK_US,
) -> VolumeLog:
    """One assignment a user, all from START_US for `weeks`; events are (user, at_us, kind) in any order."""
    m = len(k)
    ordered = np.array(sorted(events), dtype=np.int64).reshape(-1, 3)
    return VolumeLog(
        user=np.arange(m, dtype=np.int64),
        start_us=np.full(m, START_US, dtype=np.int64),
        end_us=np.full(m, START_US + weeks * WEEK_US, dtype=np.int64),
        k=np.array(k, dtype=np.int64),
        probability=np.full(m, 1.0 / len(CHOICES)),
        randomised=np.ones(m, dtype=np.bool_),
        reach=np.arange(m, dtype=np.int64) % 3,
        activity=np.zeros(m, dtype=np.int64),
        features=np.zeros((m, 2), dtype=np.float32),
        sent=np.zeros(m, dtype=np.int64),
        e_user=ordered[:, 0].copy(),
        e_at_us=ordered[:, 1].copy(),
        e_kind=ordered[:, 2].copy(),
        until_us=until_us,
    )


@dataclass(frozen=True)
class Truth:
    """How the drawn people answer: daily activity by person and budget, weekly hazard, activity after leaving."""

    active: NDArray[np.float64]
    leaves: NDArray[np.float64]
    after: NDArray[np.float64]


def drawn(
    n: int,
    seed: int,
    gain: float = 0.03,
    hazard: float = 0.004,
    per_message: float = 0.15,
    by_habit: bool = False,
) -> tuple[VolumeLog, Truth]:
    """People whose first feature is their habit and whose second is noise; k is drawn, or follows the habit.

    Activity in logits: habit + gain·k; the weekly hazard is hazard·exp(per_message·k); after leaving, activity
    is 0.6 of what it was without messages. Everything sent is k a week until leaving.
    """
    rng = np.random.default_rng(seed)
    habit = rng.normal(-1.5, 1.0, n)
    choices = np.array(CHOICES)
    k = choices[rng.integers(0, len(choices), n)]
    if by_habit:
        k = choices[np.clip(((habit + 3.5) * 1.5 + rng.normal(0, 1.0, n)).astype(np.int64), 0, len(choices) - 1)]
    active = 1.0 / (1.0 + np.exp(-(habit + gain * k)))
    leaves = np.minimum(hazard * np.exp(per_message * k), 0.9)
    after = 0.6 / (1.0 + np.exp(-habit))
    week_left = rng.geometric(leaves) - 1
    left_us = START_US + week_left * WEEK_US + (rng.uniform(size=n) * 7).astype(np.int64) * DAY_US + DAY_US // 2
    days = np.arange(84)
    at_us = START_US + days * DAY_US + DAY_US // 4
    gone = at_us[None, :] > left_us[:, None]
    seen = rng.uniform(size=(n, len(days))) < np.where(gone, after[:, None], active[:, None])
    user, day = np.nonzero(seen)
    leavers = np.flatnonzero(week_left < 8)
    events = np.concatenate(
        [
            np.stack([user, at_us[day], np.full(len(user), SESSION)], axis=1),
            np.stack([leavers, left_us[leavers], np.full(len(leavers), UNSUBSCRIBE)], axis=1),
        ]
    )
    events = events[np.lexsort((events[:, 1], events[:, 0]))]
    return (
        VolumeLog(
            user=np.arange(n, dtype=np.int64),
            start_us=np.full(n, START_US, dtype=np.int64),
            end_us=np.full(n, START_US + 8 * WEEK_US, dtype=np.int64),
            k=k.astype(np.int64),
            probability=np.full(n, 1.0 if by_habit else 1.0 / len(choices)),
            randomised=np.ones(n, dtype=np.bool_),
            reach=rng.integers(0, 3, n),
            activity=np.where(habit > -1.0, 0, np.where(habit > -2.0, 1, 2)).astype(np.int64),
            features=np.stack([habit, rng.normal(size=n)], axis=1).astype(np.float32),
            sent=(k * np.minimum(week_left + 1, 8)).astype(np.int64),
            e_user=events[:, 0].copy(),
            e_at_us=events[:, 1].copy(),
            e_kind=events[:, 2].copy(),
            until_us=START_US + 12 * WEEK_US,
        ),
        Truth(active, leaves, after),
    )
