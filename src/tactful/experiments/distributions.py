"""The three distribution functions that the statistics need, so that scipy stays out of the core."""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import count, islice
from statistics import NormalDist

_TINY = 1e-300


def normal_quantile(p: float) -> float:
    """Returns the standard normal quantile.

    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    return NormalDist().inv_cdf(p)


def chi_square_tail(x: float, degrees: int) -> float:
    """Returns P(X > x) for a chi-square variable: the regularised upper gamma function Q(degrees/2, x/2).

    Source: the series and the continued fraction are in the NIST Digital Library of Mathematical Functions,
    8.11.4 and 8.9.2.

    >>> round(chi_square_tail(3.841459, 1), 6)
    0.05
    """
    a, z = degrees / 2.0, x / 2.0
    if z <= 0.0:
        return 1.0
    scale = math.exp(a * math.log(z) - z - math.lgamma(a))
    if z < a + 1.0:  # the series of the lower function converges fast here, the fraction does not
        term = total = 1.0 / a
        n = a
        while term > total * 1e-16:
            n += 1.0
            term *= z / n
            total += term
        return max(0.0, 1.0 - scale * total)
    return scale / _fraction(z - a + 1.0, _gamma_terms(z, a))


@lru_cache(maxsize=64)
def student_quantile(p: float, degrees: int) -> float:
    """Returns Student's t quantile, by bisection on the distribution function.

    >>> round(student_quantile(0.975, 10), 4)
    2.2281
    """
    if p < 0.5:
        return -student_quantile(1.0 - p, degrees)
    low, high = 0.0, 1.0
    while student_tail(high, degrees) > 1.0 - p:
        high *= 2.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if student_tail(middle, degrees) > 1.0 - p else (low, middle)
    return 0.5 * (low + high)


def student_tail(t: float, degrees: int) -> float:
    """Returns P(T > t) for Student's t, t >= 0: half the incomplete beta `I_x(degrees/2, 1/2)`, x = d/(d +
    t²).

    >>> round(student_tail(2.2281388, 10), 6)
    0.025
    """
    return 0.5 * _incomplete_beta(degrees / (degrees + t * t), degrees / 2.0, 0.5)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Regularised I_x(a, b) by its continued fraction (the same library, 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _incomplete_beta(1.0 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * _fraction(1.0, _beta_terms(x, a, b)))


def _gamma_terms(z: float, a: float) -> Iterator[tuple[float, float]]:
    for i in count(1):
        yield -i * (i - a), z - a + 1.0 + 2.0 * i


def _beta_terms(x: float, a: float, b: float) -> Iterator[tuple[float, float]]:
    for m in count():
        if m > 0:
            yield m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)), 1.0
        yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)), 1.0


def _fraction(first: float, terms: Iterator[tuple[float, float]]) -> float:
    """`first + a_1/(b_1 + a_2/(b_2 + ...))` with terms (a_i, b_i), by the modified Lentz method."""
    value = first or _TINY
    c, d = value, 0.0
    for a, b in islice(terms, 10_000):
        d = 1.0 / ((b + a * d) or _TINY)
        c = (b + a / c) or _TINY
        value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value
