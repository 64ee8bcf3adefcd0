"""Every estimator by name, on one log: what the tables compare."""

from typing import Final

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from tactful.experiments import ope
from tactful.experiments.ope import Estimate
from tactful.experiments.ope_intervals import Way, delta

MOST_WEIGHT: Final = 5.0
"""At which clipped IPS clips and Switch-DR switches; stated beforehand, not chosen by a result."""
ESTIMATORS: Final = ("IPS", "SNIPS", "clipped IPS", "DM", "DR", "Switch-DR")


def estimated(
    name: str,
    reward: Float64[np.ndarray, " n"],
    logged: Float64[np.ndarray, " n"],
    target: Float64[np.ndarray, "n a"],
    action: Int64[np.ndarray, " n"],
    expected: Float64[np.ndarray, "n a"],
    interval: Way = delta,
) -> Estimate:
    """Returns one estimate of a target policy.

    Args:
        name: of `ESTIMATORS`.
        reward, action: of each row.
        logged: chance of that action under the log.
        target: chances of all actions under the target.
        expected: reward that a model expects of each action.
        interval: the way to the interval.
    """
    unit, here = np.arange(len(reward)), np.arange(len(reward))
    own = np.clip(target[here, action], 0.0, 1.0)
    q_logged: NDArray[np.float64] = expected[here, action]
    q_target: NDArray[np.float64] = (target * expected).sum(axis=1)
    if name == "IPS":
        return ope.ips(reward, logged, own, unit, interval)
    if name == "SNIPS":
        return ope.snips(reward, logged, own, unit, interval)
    if name == "clipped IPS":
        return ope.clipped_ips(reward, logged, own, unit, MOST_WEIGHT, interval)
    if name == "DM":
        return ope.dm(q_target, unit, interval)
    if name == "DR":
        return ope.dr(reward, logged, own, unit, q_logged, q_target, interval)
    return ope.switch_dr(reward, logged, own, unit, q_logged, q_target, MOST_WEIGHT, interval)
