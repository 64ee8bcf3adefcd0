"""Shrinking rates towards a mean: what the click rate and the unsubscribe rate share.

A rate seen in n trials is `(x + w·m) / (n + w)`: m is what is expected without the trials, w the trials that
this expectation counts for.
"""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

MAX_RATE = 0.95
"""No expectation is above this, whatever a factor says."""
_ENOUGH_SUCCESSES = 30.0


def shrunk(
    successes: Float[np.ndarray, "*d"],
    trials: Float[np.ndarray, "*d"],
    mean: Float[np.ndarray, "*d"],
    weight: float,
) -> Float[np.ndarray, "*d"]:
    """Returns the beta-binomial posterior mean; without trials it is `mean`.

    >>> shrunk(np.array([1.0, 0.0]), np.array([10.0, 0.0]), np.array([0.2, 0.2]), 10.0).tolist()
    [0.15, 0.2]
    """
    rates: NDArray[np.float64] = (successes + weight * mean) / (trials + weight)
    return rates


def scaled(
    prior: Float[np.ndarray, "*d h"],
    successes: Float[np.ndarray, "*d h"],
    trials: Float[np.ndarray, "*d h"],
    weight: float = 30.0,
) -> Float[np.ndarray, "*d h"]:
    """Returns prior rates times observed over expected successes, over everything and then by channel.

    `f = (x + w) / (e + w)` over all, `f_h = (x_h + w·f) / (e_h + w)` for channel h (the last axis): a channel
    without trials follows the others, and without any trials the prior stays.

    Args:
        prior, successes, trials: by cell and channel.
        weight: w, in expected successes.
    """
    cells = tuple(range(prior.ndim - 1))
    seen, expected = successes.sum(axis=cells), (prior * trials).sum(axis=cells)
    overall = (seen.sum() + weight) / (expected.sum() + weight)
    rates: NDArray[np.float64] = np.minimum(prior * (seen + weight * overall) / (expected + weight), MAX_RATE)
    return rates


def prior_strength(
    successes: Float[np.ndarray, " g"],
    trials: Float[np.ndarray, " g"],
    mean: Float[np.ndarray, " g"],
    default: float,
    bounds: tuple[float, float] = (2.0, 1e5),
) -> float:
    """Returns the weight w of a beta prior with the given means, by moments over groups.

    For a beta-binomial group `Var(x) = n·m(1−m)·(1 + (n−1)ρ)` with `ρ = 1/(w + 1)`, hence
    `ρ = Σ[(x − n·m)² − n·m(1−m)] / Σ n(n−1)·m(1−m)`.

    Args:
        successes, trials, mean: per group; the mean is taken as known, so it is best not fitted group by
        group.
        default: returned when under 30 successes are expected, or no group has two trials: too little to
        tell.
        bounds: w is clipped to these; groups that differ less than chance does give the upper one.
    """
    variance = trials * mean * (1.0 - mean)
    pairs = float(np.sum(variance * np.maximum(trials - 1.0, 0.0)))
    if pairs <= 0.0 or float(np.sum(trials * mean)) < _ENOUGH_SUCCESSES:
        return default
    excess = float(np.sum((successes - trials * mean) ** 2 - variance))
    low, high = bounds
    rho = min(max(excess / pairs, 1.0 / (high + 1.0)), 1.0 / (low + 1.0))
    return 1.0 / rho - 1.0
