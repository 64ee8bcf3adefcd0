"""The three distribution functions that the statistics need, so that scipy stays out of the core."""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import count, islice
from statistics import NormalDist

_TINY = 1e-300
_NEARLY_NORMAL = 1e6


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


@lru_cache(maxsize=1024)
def student_quantile(p: float, degrees: float | int) -> float:
    """Returns Student's t quantile, by Newton's steps on the distribution function, inside a bracket.

    Args:
        p: in (0, 1).
        degrees: of freedom, not necessarily whole; inf is the normal distribution.

    >>> round(student_quantile(0.975, 10), 4)
    2.2281
    """
    if degrees == math.inf:
        return normal_quantile(p)
    if p < 0.5:
        return -student_quantile(1.0 - p, degrees)
    low, high = 0.0, 1.0
    while student_tail(high, degrees) > 1.0 - p:
        low, high = high, 2.0 * high
    t = 0.5 * (low + high)
    for _ in range(80):
        excess = student_tail(t, degrees) - (1.0 - p)
        low, high = (t, high) if excess > 0.0 else (low, t)
        step = t + excess / _student_density(t, degrees)
        step = step if low < step < high else 0.5 * (low + high)
        if abs(step - t) <= 4e-16 * t:
            return step
        t = step
    return t


def student_tail(t: float, degrees: float | int) -> float:
    """Returns P(T > t) for Student's t, t >= 0: half the incomplete beta `I_x(d/2, 1/2)`, x = d/(d + t²).

    >>> round(student_tail(2.2281388, 10), 6)
    0.025
    """
    if degrees == math.inf:
        return 0.5 * math.erfc(t / math.sqrt(2.0))
    if t == math.inf:
        return 0.0
    if degrees > _NEARLY_NORMAL:
        return _nearly_normal_tail(t, degrees)
    square = t * t
    return 0.5 * _incomplete_beta(degrees / (degrees + square), square / (degrees + square), degrees / 2.0, 0.5)


def _nearly_normal_tail(t: float, degrees: float | int) -> float:
    """Two terms of Fisher's expansion in 1/d (Metron 5, 1926); the fraction gains no digits with so many degrees."""
    if t > 30.0:
        return 0.0
    first = (t**3 + t) / (4.0 * degrees)
    second = (3.0 * t**7 - 7.0 * t**5 - 5.0 * t**3 - 3.0 * t) / (96.0 * degrees**2)
    return 0.5 * math.erfc(t / math.sqrt(2.0)) + math.exp(-0.5 * t * t) / math.sqrt(2.0 * math.pi) * (first + second)


def _student_density(t: float, degrees: float | int) -> float:
    fall = 0.5 * (degrees + 1.0) * math.log1p(t * t / degrees)
    return math.exp(_half_step(degrees / 2.0) - fall) / math.sqrt(degrees * math.pi)


def _half_step(a: float) -> float:
    """`ln Γ(a + 1/2) − ln Γ(a)`; the difference of two large numbers would lose its digits (the library, 5.11.13)."""
    if a < 100.0:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    return 0.5 * math.log(a) - 1.0 / (8.0 * a) + 1.0 / (192.0 * a**3) - 1.0 / (640.0 * a**5)


def _incomplete_beta(x: float, rest: float, a: float, b: float) -> float:
    """Regularised I_x(a, b) by its continued fraction (the same library, 8.17.22); a or b is 1/2, `rest` is 1 − x."""
    if x <= 0.0 or rest <= 0.0:
        return float(rest <= 0.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _incomplete_beta(rest, x, b, a)
    log_x, log_rest = (math.log(one) if one < 0.5 else math.log1p(-other) for one, other in ((x, rest), (rest, x)))
    log_front = _half_step(max(a, b)) - math.lgamma(0.5) + a * log_x + b * log_rest
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
