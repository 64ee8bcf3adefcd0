"""Differences and ratios with intervals, from one row of sums per user (users are independent, their sends
are not).

Everything two-sided. An interval is a frequentist confidence interval at `level`. Differences and ratios are those of
`effects`, on the sums of the rows.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from tactful.experiments import effects
from tactful.experiments.distributions import normal_quantile, student_quantile
from tactful.experiments.interval import Interval as Interval
from tactful.experiments.sums import Sums, sums_of

_CELLS = 4_000_000
"""Users resampled at a time by the bootstrap: three arrays of 32 MB."""


def mean_difference(
    treated: Float[np.ndarray, " a"], control: Float[np.ndarray, " b"], level: float = 0.95
) -> Interval:
    """Returns the difference of two means over independent users, by Student's t with Welch's degrees of freedom.

    Raises:
        InvalidExperiment: for an arm with fewer than two users.
    """
    _need_two(treated, control)
    return effects.mean_difference(_arm(treated), _arm(control), 0).intervals(level)[0]


def ratio(numerator: Float[np.ndarray, " n"], denominator: Float[np.ndarray, " n"], level: float = 0.95) -> Interval:
    """Returns `Σ y / Σ x` over users, such as opens a send, with the interval of the delta method.

    `Var(R) ≈ Var(y − R·x) / (n·x̄²)`. It treats the user as the unit: the interval from counting sends is too
    narrow, since the sends of one user are alike.

    Raises:
        InvalidExperiment: for fewer than two users or a denominator that sums to 0.
    """
    _need_two(numerator)
    value, variance = effects.ratios(_arm(numerator, denominator), 0, 1)
    half = normal_quantile((1.0 + level) / 2.0) * math.sqrt(float(variance[0]))
    return Interval(float(value[0]), float(value[0]) - half, float(value[0]) + half)


def ratio_difference(
    treated_numerator: Float[np.ndarray, " a"],
    treated_denominator: Float[np.ndarray, " a"],
    control_numerator: Float[np.ndarray, " b"],
    control_denominator: Float[np.ndarray, " b"],
    level: float = 0.95,
) -> Interval:
    """Returns the difference of two arms' ratios over independent users (delta method).

    Raises:
        InvalidExperiment: as `ratio`.
    """
    _need_two(treated_numerator, control_numerator)
    treated, control = _arm(treated_numerator, treated_denominator), _arm(control_numerator, control_denominator)
    return effects.ratio_difference(treated, control, 0, 1).intervals(level)[0]


def wilson(share: float, n: float | int, level: float = 0.95) -> Interval:
    """Returns a share of n with Wilson's interval; n may be an effective number, and no whole one.

    >>> [round(x, 3) for x in wilson(27 / 30, 30)]
    [0.9, 0.744, 0.965]

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22, 1927.
    """
    z = normal_quantile((1.0 + level) / 2.0)
    middle = share + z * z / (2.0 * n)
    half = z * math.sqrt(share * (1.0 - share) / n + (z / (2.0 * n)) ** 2)
    low, high = ((middle + side * half) / (1.0 + z * z / n) for side in (-1.0, 1.0))
    return Interval(share, max(0.0, min(low, share)), min(1.0, max(high, share)))


def bootstrap_totals(
    sums: Float[np.ndarray, "n m"], rng: np.random.Generator, draws: int = 1000
) -> Float[np.ndarray, "draws m"]:
    """Returns the column totals of `draws` resamples of n users with replacement.

    Policies that were tried on the same users are paired by being columns of one array. A resample is a
    multinomial weight per user times the sums, so a user's rows are never touched again. Resamples are made
    4 million users at a time (about 100 MB), or one by one beyond that; how many go together changes the
    totals by rounding only.
    """
    n = len(sums)
    totals = np.empty((draws, sums.shape[1]))
    per_chunk = max(1, _CELLS // max(n, 1))
    for start in range(0, draws, per_chunk):
        size = min(per_chunk, draws - start)
        picked = rng.integers(0, n, size=(size, n))
        picked += np.arange(size)[:, None] * n
        weights = np.bincount(picked.ravel(), minlength=size * n).reshape(size, n)
        totals[start : start + size] = weights @ sums
    return totals


def bootstrap(
    sums: Float[np.ndarray, "n m"],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    rng: np.random.Generator,
    draws: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Returns a function of the users' totals with its percentile interval, resampling users.

    Args:
        sums: one row a user: what she adds to each of m totals, for all policies compared.
        statistic: from totals [..., m] to values [...], such as `lambda t: t[..., 0] / t[..., 1]`.
        rng: two statistics with equally seeded generators see the same resamples.
        draws: resamples.
        level: of the interval.

    Raises:
        InvalidExperiment: for fewer than two users, or a statistic that is not finite on some resample.
    """
    _need_two(sums)
    values = statistic(bootstrap_totals(sums, rng, draws))
    if not np.all(np.isfinite(values)):
        raise InvalidExperiment(
            f"got a statistic that is not finite on {np.sum(~np.isfinite(values))} of {draws} resamples; "
            "its denominator is 0 for too many users"
        )
    low, high = np.quantile(values, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(float(statistic(sums.sum(axis=0))), float(low), float(high))


def fieller(
    numerator: Float[np.ndarray, " n"], denominator: Float[np.ndarray, " n"], level: float = 0.95
) -> Interval | None:
    """Returns the ratio of two means over paired units (seeds), with Fieller's interval.

    The interval holds every r for which the mean of `y − r·x` does not differ from 0 by Student's t: the
    roots of `(x̄² − t²s_xx)·r² − 2(x̄ȳ − t²s_xy)·r + (ȳ² − t²s_yy) = 0`, with s the (co)variances of the
    means. Unlike the delta method it stays right when the denominator is noisy. None when the denominator's
    own interval
    touches 0: then no finite interval exists, and the ratio should not be quoted.

    Source: Fieller, "Some problems in interval estimation", Journal of the Royal Statistical Society B 16,
    1954.

    Raises:
        InvalidExperiment: for fewer than two units.
    """
    n = len(numerator)
    _need_two(numerator)
    t2 = student_quantile((1.0 + level) / 2.0, n - 1) ** 2
    y, x = float(numerator.mean()), float(denominator.mean())
    covariance = np.cov(numerator, denominator) / n
    a = x * x - t2 * covariance[1, 1]
    if a <= 0.0:
        return None
    b, c = x * y - t2 * covariance[0, 1], y * y - t2 * covariance[0, 0]
    root = math.sqrt(max(0.0, b * b - a * c))
    return Interval(y / x, float((b - root) / a), float((b + root) / a))


def _arm(*columns: NDArray[np.float64]) -> Sums:
    """The sums of one arm's users."""
    return sums_of(np.stack(columns, axis=1), np.zeros(len(columns[0]), dtype=np.int64), 1)


def _need_two(*arms: NDArray[np.float64]) -> None:
    fewest = min(len(arm) for arm in arms)
    if fewest < 2:
        raise InvalidExperiment(f"got {fewest} unit(s) in an arm, expected at least 2 to know the spread")
