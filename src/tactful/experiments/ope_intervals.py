"""Intervals of an off-policy estimate, each a `Way` that every estimator takes.

An estimator is `Σ top / Σ bottom` over rows; the rows of one unit (a person) are alike, units are independent.
`delta` is fast and good where many weights count; `share` holds for rewards of 0 and 1 that are few; `bootstrap`
follows the skew of few; `bernstein` holds for every sample size, and is wide. None of them cures a log that lacks
support: see `ope_support.py`.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from tactful.experiments import stats
from tactful.experiments.distributions import normal_quantile
from tactful.experiments.interval import Interval

Way: TypeAlias = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]], Interval]
"""(top, bottom, unit) of the rows -> their ratio with its interval."""

_FEWEST_ROWS = 2


def delta(
    top: Float[np.ndarray, " n"], bottom: Float[np.ndarray, " n"], unit: Int64[np.ndarray, " n"], level: float = 0.95
) -> Interval:
    """Returns `Σ top / Σ bottom` with the interval of the delta method over units.

    Raises:
        InvalidExperiment: fewer than two units, or a bottom that sums to 0.
    """
    return stats.ratio(*_by_unit(top, bottom, unit), level)


def share(
    top: Float[np.ndarray, " n"], bottom: Float[np.ndarray, " n"], unit: Int64[np.ndarray, " n"], level: float = 0.95
) -> Interval:
    """Returns `Σ w r / Σ w` of rewards of 0 and 1 with Wilson's interval at the effective number of rows.

    That number is the lesser of what the delta method's variance says, `p (1 − p) / Var`, which knows that a person's
    rows are alike, and of `(Σ w)² / Σ w²`, which does not think itself sure where the reward hardly ever came. Its
    limits lie in 0..1, are wider on the side of the middle, and have a width where every reward was the same.

    >>> few = share(np.zeros(200), np.ones(200), np.arange(200))
    >>> few.value, few.low, round(few.high, 4)
    (0.0, 0.0, 0.0188)

    Raises:
        InvalidExperiment: fewer than two units, a bottom that sums to 0, or a reward that is neither 0 nor 1.

    Source: an effective size in the interval of a share is of Korn and Graubard, "Confidence intervals for proportions
    with small expected number of positive counts estimated from survey data", Survey Methodology 24, 1998.
    """
    if not ((top == 0.0) | (top == bottom)).all():
        raise InvalidExperiment("got a reward that is neither 0 nor 1, of which there is no share; take another way")
    value, _, high = delta(top, bottom, unit, level)
    spread = (high - value) / normal_quantile((1.0 + level) / 2.0)
    p, n = min(max(value, 0.0), 1.0), effective_size(bottom)
    if spread > 0.0 and 0.0 < p < 1.0:
        n = min(n, p * (1.0 - p) / spread**2)
    return stats.wilson(p, n, level)


def effective_size(weight: Float[np.ndarray, " n"]) -> float:
    """Returns `(Σ w)² / Σ w²`: the number of equally weighted rows that would spread as much; 0 without weight.

    >>> effective_size(np.array([1.0, 1.0, 0.0, 2.0]))
    2.6666666666666665
    """
    squares = float(np.square(weight).sum())
    return float(weight.sum()) ** 2 / squares if squares else 0.0


def bootstrap(rng: np.random.Generator, draws: int = 1000, level: float = 0.95) -> Way:
    """Returns the way of percentiles over resampled units.

    >>> way = bootstrap(np.random.default_rng(0))
    >>> way(np.array([0.0, 1.0, 1.0, 0.0]), np.ones(4), np.arange(4)).value
    0.5
    """

    def resampled(top: NDArray[np.float64], bottom: NDArray[np.float64], unit: NDArray[np.int64]) -> Interval:
        sums = np.stack(_by_unit(top, bottom, unit), axis=1)
        return stats.bootstrap(sums, lambda total: total[..., 0] / total[..., 1], rng, draws, level)

    return resampled


def bernstein(low: float, high: float, level: float = 0.95) -> Way:
    """Returns the way of the empirical Bernstein bound, for a mean of bounded rows; it holds for every n.

    `|mean − μ| ≤ √(2 V ln(4/δ) / n) + 7 (high − low) ln(4/δ) / (3 (n − 1))`, V the sample variance and δ = 1 − level.

    Args:
        low, high: bounds of `top` that were known before the log was seen: with rewards in 0..1 and weights up to W
            they are 0 and W for IPS, −W and 1 + W for DR with expectations in 0..1.
        level: of the interval.

    Source: Maurer and Pontil, "Empirical Bernstein bounds and sample-variance penalization", COLT 2009, Theorem 4, for
    both sides.
    """
    if not low < high:
        raise InvalidExperiment(f"got the bounds {low} and {high} of a row, expected the lower one first")

    def bounded(top: NDArray[np.float64], bottom: NDArray[np.float64], unit: NDArray[np.int64]) -> Interval:
        n = len(top)
        if not (bottom == 1.0).all():
            raise InvalidExperiment("got a ratio, whose rows have no Bernstein bound; take IPS or DR, or another way")
        if n < _FEWEST_ROWS or len(np.unique(unit)) < n:
            raise InvalidExperiment(
                f"got {n} rows of {len(np.unique(unit))} units, expected one row of each of two units or more; "
                "the Bernstein bound is for independent rows"
            )
        if not (low <= top.min() and top.max() <= high):
            raise InvalidExperiment(f"got rows of {top.min():g}..{top.max():g}, expected them in {low:g}..{high:g}")
        value, log = float(top.mean()), math.log(4.0 / (1.0 - level))
        half = math.sqrt(2.0 * float(top.var(ddof=1)) * log / n) + 7.0 * (high - low) * log / (3.0 * (n - 1))
        return Interval(value, value - half, value + half)

    return bounded


def _by_unit(
    top: NDArray[np.float64], bottom: NDArray[np.float64], unit: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    _, place = np.unique(unit, return_inverse=True)
    tops: NDArray[np.float64] = np.bincount(place, top).astype(np.float64)
    bottoms: NDArray[np.float64] = np.bincount(place, bottom).astype(np.float64)
    return tops, bottoms
