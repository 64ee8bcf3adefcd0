"""Rates by segment and budget for heads with too few people for a forest, shrunk from a stated prior.

Everybody's data move the prior first, then each segment's its own level: a segment that nobody is in, or in which
nobody left, has the curve of the others.
"""

from typing import Final

import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from tactful.features.segments import ACTIVITIES, REACHES, SEGMENTS
from tactful.models.shrinkage import MAX_RATE, scaled
from tactful.training.volume.labels import Counts
from tactful.training.volume.log import VolumeLog

DAILY_ACTIVITY: Final = (0.5, 0.2, 0.07, 0.01, 0.15, 0.12)
"""Stated, until there is data: the share of active days by `segments.ACTIVITIES`."""
HAZARD_AT_ZERO, HAZARD_A_MESSAGE = 0.0005, 0.0015
"""Stated, until there is data: the weekly chance to leave without messages, and what each message a week adds."""
AFTER_LEAVING: Final = 0.9
"""Stated, until there is data: the share of their segment's activity that people keep after leaving."""
_EXPECTED: Final = 30.0
"""Positives (people with an active day, people who left) for which the stated prior counts."""


def daily_table(log: VolumeLog, counts: Counts, k_max: int) -> Float64[np.ndarray, "18 b"]:
    """Returns the share of active days by segment and budget, shrunk; a person counts once, however many days."""
    trials, positives = _by_person(counts)
    return _shrunk_by_segment(log, positives, trials, _by_activity(DAILY_ACTIVITY), k_max)


def weekly_table(log: VolumeLog, counts: Counts, k_max: int) -> Float64[np.ndarray, "18 b"]:
    """Returns the share of active weeks by segment and budget, shrunk from independent days."""
    trials, positives = _by_person(counts)
    prior = 1.0 - (1.0 - _by_activity(DAILY_ACTIVITY)) ** 7
    return _shrunk_by_segment(log, positives, trials, prior, k_max)


def leaving_table(log: VolumeLog, counts: Counts, k_max: int) -> Float64[np.ndarray, "18 b"]:
    """Returns the weekly chance to leave by segment and budget, shrunk; it never falls as the budget grows.

    Everybody's curve first (the stated one, scaled by budget, then made monotone), then each segment's level.
    """
    budgets, column = np.unique(log.k, return_inverse=True)
    trials, positives = counts.trials.astype(np.float64), counts.positives.astype(np.float64)
    n, x = np.bincount(column, trials), np.bincount(column, positives)
    stated = HAZARD_AT_ZERO + HAZARD_A_MESSAGE * budgets
    curve = isotonic_regression(scaled(stated, x, n, _EXPECTED), weights=n + 1.0).x
    segment = log.activity * len(REACHES) + log.reach
    cells = (len(budgets), len(SEGMENTS))
    cell = np.ravel_multi_index((column, segment), cells)
    seen = [np.bincount(cell, each, minlength=cells[0] * cells[1]).reshape(cells) for each in (positives, trials)]
    table = scaled(np.repeat(curve[:, None], len(SEGMENTS), axis=1), seen[0], seen[1], _EXPECTED)
    k = np.arange(k_max + 1)
    return np.stack([np.interp(k, budgets, table[:, s]) for s in range(len(SEGMENTS))])


def after_table(log: VolumeLog, counts: Counts, daily: Float64[np.ndarray, "18 b"]) -> Float64[np.ndarray, "18 1"]:
    """Returns the activity in the fourth week after leaving by segment, shrunk from a share of `daily` at budget 0."""
    trials, positives = _by_person(counts)
    prior = AFTER_LEAVING * daily[:, 0]
    return _shrunk_by_segment(log, positives, trials, prior, 0)


def _shrunk_by_segment(
    log: VolumeLog,
    positives: Float[np.ndarray, " m"],
    trials: Float[np.ndarray, " m"],
    prior: Float[np.ndarray, " 18"],
    k_max: int,
) -> Float64[np.ndarray, "18 b"]:
    """The prior scaled to the data by segment, then by budget (with k_max 0, for all budgets together)."""
    segment = log.activity * len(REACHES) + log.reach
    n, x = (np.bincount(segment, each, minlength=len(SEGMENTS)).astype(np.float64) for each in (trials, positives))
    level = scaled(prior, x, n, _EXPECTED)
    if k_max == 0:
        return level[:, None]
    budgets, column = np.unique(log.k, return_inverse=True)
    expected = np.bincount(column, trials * level[segment])
    factor = (np.bincount(column, positives) + _EXPECTED) / (expected + _EXPECTED)
    by_budget: NDArray[np.float64] = np.interp(np.arange(k_max + 1), budgets, factor)
    return np.minimum(level[:, None] * by_budget[None, :], MAX_RATE)


def _by_person(counts: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One trial for everybody who has any, and the share of it that came true: her days are too alike to count."""
    some = counts.trials > 0
    return some.astype(np.float64), counts.positives / np.maximum(counts.trials, 1)


def _by_activity(rates: tuple[float, ...]) -> NDArray[np.float64]:
    """Rates by activity as rates by segment."""
    return np.repeat(np.array(rates), len(SEGMENTS) // len(ACTIVITIES))
