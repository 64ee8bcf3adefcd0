"""Off-policy estimates: what another policy would have brought, from a log whose choices were drawn with known chances.

Only what was randomised can be answered; whoever calls this says what that was. The person is the unit: her rows are
alike.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from tactful.errors import InvalidExperiment
from tactful.experiments.stats import ratio


class Estimate(NamedTuple):
    """An estimated mean reward with its 95 % interval, and the effective number of rows that it rests on."""

    value: float
    low: float
    high: float
    ess: float


def snips(
    reward: Float[np.ndarray, " n"],
    logged_propensity: Float[np.ndarray, " n"],
    target_propensity: Float[np.ndarray, " n"],
    unit: Int64[np.ndarray, " n"],
) -> Estimate:
    """Returns the mean reward of a target policy: `Σ w r / Σ w` with `w = target / logged`, self-normalised.

    Its interval is the delta method's over units; the effective number of rows is `(Σ w)² / Σ w²`.

    >>> reward, user = np.array([1.0, 0.0, 1.0, 0.0]), np.arange(4)
    >>> snips(reward, np.full(4, 0.5), np.array([1.0, 1.0, 0.0, 0.0]), user).value
    0.5

    Args:
        reward: what came of each choice.
        logged_propensity: chance that the log's policy made this choice, in (0, 1].
        target_propensity: chance that the judged policy makes it, 0..1.
        unit: whose choice it was; units are independent.

    Raises:
        InvalidExperiment: a logged chance outside (0, 1], fewer than two units, or choices none of which the target
            policy makes.

    Source: Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning", NeurIPS 2015.
    """
    if not ((logged_propensity > 0.0) & (logged_propensity <= 1.0)).all():
        raise InvalidExperiment("got a logged propensity outside (0, 1], expected the chance of each logged choice")
    weight = target_propensity / logged_propensity
    if not weight.any():
        raise InvalidExperiment(
            f"got {len(weight)} logged choices of which the target policy makes none; the log says nothing of it"
        )
    _, place = np.unique(unit, return_inverse=True)
    found = ratio(np.bincount(place, weight * reward), np.bincount(place, weight))
    return Estimate(found.value, found.low, found.high, float(weight.sum() ** 2 / np.square(weight).sum()))
