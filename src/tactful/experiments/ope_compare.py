"""Two policies on one log: each one's estimate, and their difference with the interval of a pair."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray

from tactful.experiments.distributions import normal_quantile
from tactful.experiments.interval import Interval
from tactful.experiments.ope import Estimate, snips, weights
from tactful.experiments.ope_intervals import delta, share
from tactful.experiments.ope_support import LEAST_ESS, Support, require, support


class Comparison(NamedTuple):
    """What each of two policies would have brought, and the target's gain over the present one.

    Attributes:
        present, target: estimates of the two.
        difference: target minus present, with its 95 % interval.
        support: what the target's estimate rests on.
    """

    present: Estimate
    target: Estimate
    difference: Interval
    support: Support


def compare(
    reward: Float[np.ndarray, " n"],
    logged_propensity: Float[np.ndarray, " n"],
    present_propensity: Float[np.ndarray, " n"],
    target_propensity: Float[np.ndarray, " n"],
    unit: Int64[np.ndarray, " n"],
    least_ess: float = LEAST_ESS,
) -> Comparison:
    """Returns both policies' self-normalised estimates on the same rows, and their difference.

    The two share rows and people, so the interval of the difference is not that of two samples: by the delta method
    it is that of `Σ_u (e_u(target) − e_u(present))`, with `e_u = (Σ w r − R Σ w) / (Σ w / units)` over her rows.

    Rewards of 0 and 1 have the limits of `ope_intervals.share`, and the difference is wider on each side as much as
    those limits are wider than the delta method's, both policies together: of a reward that seldom came, nothing is
    known so well as it seems. The idea of limits from limits is of Newcombe, "Interval estimation for the difference
    between independent proportions", Statistics in Medicine 17, 1998; that the factor goes to a pair is ours.

    Args:
        reward, logged_propensity, unit: as of `ope.snips`.
        present_propensity, target_propensity: chance that each policy makes the logged choice.
        least_ess: effective rows that each policy must rest on.

    Raises:
        InvalidExperiment: as `ope.snips`.
        NotIdentifiable: the log does not support one of the two (`ope_support.require`).
    """
    require(support(logged_propensity, present_propensity, unit), least_ess)
    found = require(support(logged_propensity, target_propensity, unit), least_ess)
    rare = bool(((reward == 0.0) | (reward == 1.0)).all())
    present = snips(reward, logged_propensity, present_propensity, unit, share if rare else delta)
    target = snips(reward, logged_propensity, target_propensity, unit, share if rare else delta)
    _, place = np.unique(unit, return_inverse=True)
    of_target = _pull(reward, weights(logged_propensity, target_propensity), target.value, place)
    of_present = _pull(reward, weights(logged_propensity, present_propensity), present.value, place)
    half = _half_width(of_target - of_present)
    apart = math.hypot(_half_width(of_target), _half_width(of_present))
    below = math.hypot(target.value - target.low, present.high - present.value)
    above = math.hypot(target.high - target.value, present.value - present.low)
    value = target.value - present.value
    lower, upper = (half * max(1.0, side / apart) if apart else half for side in (below, above))
    return Comparison(present, target, Interval(value, value - lower, value + upper), found)


def _half_width(pull: NDArray[np.float64]) -> float:
    """Of the delta method's interval."""
    return normal_quantile(0.975) * math.sqrt(float(pull.var(ddof=1)) / len(pull))


def _pull(
    reward: NDArray[np.float64], weight: NDArray[np.float64], value: float, place: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How much each unit pulls the estimate away from its value, times the number of units."""
    residual = np.bincount(place, weight * (reward - value))
    mean = float(weight.sum()) / len(residual)
    pull: NDArray[np.float64] = residual / mean
    return pull
