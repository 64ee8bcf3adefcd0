"""How many users an experiment needs, and what one of a given size would have found."""

import math

from tactful.errors import InvalidExperiment
from tactful.experiments.distributions import normal_quantile


def users_needed(spread: float, difference: float, level: float = 0.95, power: float = 0.8) -> int:
    """Returns the users an arm, of two equal ones, that find a difference with a chance of `power`, in one look.

    `n = 2·((z_{(1+level)/2} + z_power)·σ/δ)²`. CUPED multiplies σ by √(1 − r²), r being the correlation with the
    covariate; intervals that hold at every look need `(sequential.errors(1, level)/z_{(1+level)/2})²` as many for the
    same width.

    Args:
        spread: σ, the metric's standard deviation over users.
        difference: δ, in the metric's units.
        level: of the interval.
        power: wanted chance.

    Raises:
        InvalidExperiment: a difference or spread that is not above 0, or chances outside (0, 1).

    >>> users_needed(spread=1.0, difference=0.1)
    1570
    """
    if not (difference > 0.0 and spread > 0.0):
        raise InvalidExperiment(f"got difference {difference} and spread {spread}, expected both above 0")
    return math.ceil(2.0 * (_quantiles(level, power) * spread / difference) ** 2)


def detectable(error: float, level: float = 0.95, power: float = 0.8) -> float:
    """Returns the difference that an experiment with this standard error finds with a chance of `power`."""
    return _quantiles(level, power) * error


def _quantiles(level: float, power: float) -> float:
    if not (0.0 < level < 1.0 and 0.0 < power < 1.0):
        raise InvalidExperiment(f"got level {level} and power {power}, expected both between 0 and 1")
    return normal_quantile((1.0 + level) / 2.0) + normal_quantile(power)
