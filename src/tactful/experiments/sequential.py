"""Intervals that hold at every look at once, so that a running experiment may be watched, and stopped, at any time.

A 95 % confidence interval is right for one look. Looked at daily, it misses the truth on some day in far more than 5 %
of experiments. A confidence sequence misses it on any day in at most 5 %; it pays with its width.
"""

import math

import numpy as np
from jaxtyping import Float

from tactful.errors import InvalidExperiment
from tactful.experiments.effects import Effects, mean_difference
from tactful.experiments.interval import Interval
from tactful.experiments.sums import Sums


def confidence_sequence(
    treated: Sums, control: Sums, metric: int, share_of_plan: float, level: float = 0.95
) -> list[Interval]:
    """Returns the differences of a metric's means with intervals that hold at all looks together.

    Args:
        treated, control: everything that is known at this look; pairwise, as in `effects`.
        metric: which.
        share_of_plan: how much of what the experiment was planned for is in: users, or user-days, so far, divided by
            the number planned. It may exceed 1. Nothing that was measured may move it or the plan.
        level: of all looks together.

    Raises:
        InvalidExperiment: an arm with fewer than two users, or a share of the plan that is not above 0.
    """
    return always_valid(mean_difference(treated, control, metric), share_of_plan, level)


def always_valid(effects: Effects, share_of_plan: float, level: float = 0.95) -> list[Interval]:
    """Returns the effects with intervals that hold at all looks together: estimate ± `errors(...)` standard errors."""
    half = errors(share_of_plan, level) * effects.error
    ends = np.stack([effects.value, effects.value - half, effects.value + half], axis=1)
    return [Interval(*row) for row in ends.tolist()]


def errors(share_of_plan: float, level: float = 0.95) -> float:
    """Returns how many standard errors an always-valid interval reaches to either side.

    With t users, `σ̂·√(2(tρ² + 1)/(t²ρ²) · ln(√(tρ² + 1)/α))` and the standard error `σ̂/√t`, so
    `√((1 + 1/y)·(ln(1 + y) + 2 ln(1/α)))` with `y = tρ²`. ρ is chosen for the narrowest interval at the planned t*:
    `x = t*ρ²` solves `x = ln(1 + x) + 2 ln(1/α)`, and y = x·t/t*. At the planned end the result is `√(1 + x)`.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
    confidence sequences", Annals of Statistics 52, 2024 (arXiv 2103.06476), theorem 2.2; the mixture goes back to
    Robbins, "Statistical methods related to the law of the iterated logarithm", 1970.

    Deviation: there t counts pairs of one stream. Here it may be any clock that was fixed before, for the standard
    error is that of the two arms; what a wrong clock costs is measured (docs/explanation/experiments.md).

    Raises:
        InvalidExperiment: a share that is not above 0, or a level outside (0, 1).

    >>> round(errors(1.0), 3), round(errors(0.1), 3)
    (3.035, 3.823)
    """
    y = _information(share_of_plan, level)
    return math.sqrt((1.0 + 1.0 / y) * (math.log1p(y) - 2.0 * math.log(1.0 - level)))


def p_values(effects: Effects, share_of_plan: float, level: float = 0.95) -> Float[np.ndarray, " arms"]:
    """Returns always-valid p-values: at or below 1 − level just where the interval at that level leaves out 0.

    `p = √(1 + y)·exp(−z²y/(2(1 + y)))`, at most 1: one over the mixture likelihood ratio of a normal effect (mSPRT).

    Source: Johari, Koomen, Pekelis and Walsh, "Always valid inference: continuous monitoring of A/B tests", Operations
    Research 70, 2022.
    """
    y = _information(share_of_plan, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.nan_to_num(np.abs(effects.value) / effects.error, nan=0.0, posinf=np.inf)
    p: Float[np.ndarray, " arms"] = np.minimum(1.0, math.sqrt(1.0 + y) * np.exp(-(z**2) * y / (2.0 * (1.0 + y))))
    return p


def _information(share_of_plan: float, level: float) -> float:
    """y: the information so far in units of the mixture's."""
    if not 0.0 < level < 1.0 or not 0.0 < share_of_plan < math.inf:
        raise InvalidExperiment(
            f"got {share_of_plan} of the plan at level {level}, expected a share above 0 and a level between 0 and 1"
        )
    spent = -2.0 * math.log(1.0 - level)
    x = spent
    for _ in range(50):  # contracts by 1/(1 + x) a step
        x = spent + math.log1p(x)
    return x * share_of_plan
