"""Fits what a ranker's scores lean by, per channel and head, on messages that were sent at random.

Elsewhere the policy chose whom to tell what, by the very scores that are to be judged: who is told is not like who is
not. Few messages change little: slope 1 and offset 0 are what the fit is shrunk to.
"""

from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float64, Int64, Num
from numpy.typing import NDArray

from tactful.models.rank_calibration import SHAPE, RankCalibration
from tactful.training.ranking.rows import RankRows

OFFSET_SPREAD: Final = 0.5
SLOPE_SPREAD: Final = 0.25
"""Standard deviations of what is expected before there is data, about 0 and 1."""
_STEPS: Final = 25


def calibrated(
    rows: RankRows, logit: Float64[np.ndarray, "n heads"], rate: Float64[np.ndarray, " heads"]
) -> RankCalibration:
    """Returns the calibration of a ranker.

    Args:
        rows: that it did not learn from; of these, the ones sent at random are read, not down-sampled.
        logit: of each row's own channel, as the model says them.
        rate: shares of negatives that it learned from.
    """
    slope, offset = np.ones(SHAPE), np.zeros(SHAPE)
    z = logit + np.log(rate)
    for channel, head in np.ndindex(SHAPE):
        here = rows.random & (rows.channel == channel) & rows.known[:, head]
        slope[channel, head], offset[channel, head] = leaning(z[here, head], rows.label[here, head])
    return RankCalibration(rate, slope, offset)


def leaning(z: Float64[np.ndarray, " m"], label: Bool[np.ndarray, " m"]) -> tuple[float, float]:
    """Returns slope and offset in logits: the most likely ones under normal priors about 1 and 0, by Newton's steps.

    >>> leaning(np.zeros(0), np.zeros(0, dtype=np.bool_))
    (1.0, 0.0)
    """
    prior, precision = np.array([1.0, 0.0]), np.array([SLOPE_SPREAD, OFFSET_SPREAD]) ** -2.0
    x, at = np.column_stack([z, np.ones(len(z))]), prior.copy()
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ at, -50.0, 50.0)))
        gradient = x.T @ (p - label) + precision * (at - prior)
        curvature = (x * (p * (1.0 - p))[:, None]).T @ x + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        at = at - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    return float(at[0]), float(at[1])


def own(of_channels: Num[np.ndarray, "n h ..."], channel: Int64[np.ndarray, " n"]) -> Num[np.ndarray, "n ..."]:
    """Returns of each row what is said of the channel on which it was sent."""
    mine: NDArray[Any] = of_channels[np.arange(len(channel)), channel]
    return mine
