"""Off-policy estimates: what another policy would have brought, from a log whose choices were drawn with known chances.

Only what was randomised can be answered; `identify.py` says what that is, `ope_support.py` whether a log suffices.
Every estimator is a mean over rows (`Σ top / Σ bottom`) and takes a way to its interval (`ope_intervals.py`). The
person is the unit: her rows are alike. Rows that hang together in time are in `ope_paths.py`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment, NotIdentifiable
from tactful.experiments.ope_intervals import Way, delta, effective_size


class Estimate(NamedTuple):
    """An estimated mean reward with its 95 % interval, and the effective number of rows that it rests on."""

    value: float
    low: float
    high: float
    ess: float


def ips(
    reward: Float[np.ndarray, " n"],
    logged_propensity: Float[np.ndarray, " n"],
    target_propensity: Float[np.ndarray, " n"],
    unit: Int64[np.ndarray, " n"],
    interval: Way = delta,
) -> Estimate:
    """Returns the mean reward of a target policy: `Σ w r / n` with `w = target / logged`. Unbiased, and wide.

    Args:
        reward: what came of each choice.
        logged_propensity: chance that the log's policy made this choice, in (0, 1].
        target_propensity: chance that the judged policy makes it, 0..1.
        unit: whose choice it was; units are independent.
        interval: the way to the interval.

    Raises:
        InvalidExperiment: a logged chance outside (0, 1], a target's outside 0..1, or fewer than two units.
        NotIdentifiable: the target policy makes none of the choices.

    Source: Horvitz and Thompson, "A generalization of sampling without replacement from a finite universe", Journal of
    the American Statistical Association 47, 1952.
    """
    weight = weights(logged_propensity, target_propensity)
    return _estimate(weight * reward, np.ones(len(reward)), unit, interval, weight)


def snips(
    reward: Float[np.ndarray, " n"],
    logged_propensity: Float[np.ndarray, " n"],
    target_propensity: Float[np.ndarray, " n"],
    unit: Int64[np.ndarray, " n"],
    interval: Way = delta,
) -> Estimate:
    """Returns the mean reward of a target policy: `Σ w r / Σ w` with `w = target / logged`, self-normalised.

    It stays within the rewards, and is narrower than `ips` unless all weights are alike; its bias fades with n. The
    effective number of rows is `(Σ w)² / Σ w²`.

    >>> reward, user = np.array([1.0, 0.0, 1.0, 0.0]), np.arange(4)
    >>> snips(reward, np.full(4, 0.5), np.array([1.0, 1.0, 0.0, 0.0]), user).value
    0.5

    Arguments and errors as of `ips`.

    Source: Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning", NeurIPS 2015.
    """
    weight = weights(logged_propensity, target_propensity)
    return _estimate(weight * reward, weight, unit, interval, weight)


def clipped_ips(
    reward: Float[np.ndarray, " n"],
    logged_propensity: Float[np.ndarray, " n"],
    target_propensity: Float[np.ndarray, " n"],
    unit: Int64[np.ndarray, " n"],
    most: float,
    interval: Way = delta,
) -> Estimate:
    """Returns `Σ min(w, most) r / n`, for rewards of 0 or more: low by what was clipped.

    The interval says nothing of that; `clipping_bias` times the largest reward bounds it.

    Arguments and errors as of `ips`; `most` is the largest weight that counts in full.

    Source: Ionides, "Truncated importance sampling", Journal of Computational and Graphical Statistics 17, 2008.
    """
    _refuse_no_bound(most)
    weight = np.minimum(weights(logged_propensity, target_propensity), most)
    return _estimate(weight * reward, np.ones(len(reward)), unit, interval, weight)


def clipping_bias(
    logged_propensity: Float[np.ndarray, " n"], target_propensity: Float[np.ndarray, " n"], most: float
) -> float:
    """Returns the weight that clipping takes away a row, `Σ (w − most)₊ / n`.

    For rewards in 0..R the expectation of `clipped_ips` lies below the truth by R times the expectation of this, at
    most.

    >>> clipping_bias(np.array([0.5, 0.1]), np.array([0.5, 0.5]), 3.0)
    1.0
    """
    _refuse_no_bound(most)
    return float(np.maximum(weights(logged_propensity, target_propensity) - most, 0.0).mean())


def dm(expected_target: Float[np.ndarray, " n"], unit: Int64[np.ndarray, " n"], interval: Way = delta) -> Estimate:
    """Returns the direct method: the mean over rows of `Σ_a π(a|x) q(x, a)`, as right as the model q.

    Its interval is that of the rows, not of the model: it does not hold what q is wrong by.

    Args:
        expected_target: reward that a model expects of the target policy in each row.
        unit: whose row it is.
        interval: the way to the interval.
    """
    one = np.ones(len(expected_target))
    return _estimate(expected_target, one, unit, interval, one)


def dr(
    reward: Float[np.ndarray, " n"],
    logged_propensity: Float[np.ndarray, " n"],
    target_propensity: Float[np.ndarray, " n"],
    unit: Int64[np.ndarray, " n"],
    expected_logged: Float[np.ndarray, " n"],
    expected_target: Float[np.ndarray, " n"],
    interval: Way = delta,
) -> Estimate:
    """Returns the doubly robust mean: `Σ (q_π + w (r − q_a)) / n`. The better the model, the less the weights matter.

    The model must not have learned from the rows that it is applied to (fit it by fold), or the interval is too
    narrow.

    Args:
        reward, logged_propensity, target_propensity, unit, interval: as of `ips`.
        expected_logged: what the model expects of the logged choice, `q(x, a)`.
        expected_target: what it expects of the target policy, `Σ_a π(a|x) q(x, a)`.

    Source: Dudík, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011.
    """
    weight = weights(logged_propensity, target_propensity)
    top = expected_target + weight * (reward - expected_logged)
    return _estimate(top, np.ones(len(reward)), unit, interval, weight)


def switch_dr(
    reward: Float[np.ndarray, " n"],
    logged_propensity: Float[np.ndarray, " n"],
    target_propensity: Float[np.ndarray, " n"],
    unit: Int64[np.ndarray, " n"],
    expected_logged: Float[np.ndarray, " n"],
    expected_target: Float[np.ndarray, " n"],
    most: float,
    interval: Way = delta,
) -> Estimate:
    """Returns `dr` that trusts the model alone where a weight exceeds `most`.

    Arguments as of `dr`. At a `most` of infinity it is `dr`, at 0 it is `dm`.

    Source: Wang, Agarwal and Dudík, "Optimal and adaptive off-policy evaluation in contextual bandits", ICML 2017.
    """
    if not most >= 0.0:
        raise InvalidExperiment(f"got the weight {most} to switch at, expected one of 0 or more")
    weight = weights(logged_propensity, target_propensity)
    weight = np.where(weight <= most, weight, 0.0)
    top = expected_target + weight * (reward - expected_logged)
    return _estimate(top, np.ones(len(reward)), unit, interval, weight)


def weights(
    logged_propensity: Float[np.ndarray, " n"], target_propensity: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Returns the importance weight of each choice, `target / logged`.

    Raises:
        InvalidExperiment: a logged chance outside (0, 1], or a target's outside 0..1.
        NotIdentifiable: the target policy makes none of the choices.
    """
    if not ((logged_propensity > 0.0) & (logged_propensity <= 1.0)).all():
        raise InvalidExperiment("got a logged propensity outside (0, 1], expected the chance of each logged choice")
    if not ((target_propensity >= 0.0) & (target_propensity <= 1.0)).all():
        raise InvalidExperiment("got a target propensity outside 0..1, expected the chance of each logged choice")
    if not target_propensity.any():
        raise NotIdentifiable(
            f"got {len(target_propensity)} logged choices of which the target policy makes none; "
            "the log says nothing of it"
        )
    weight: NDArray[np.float64] = target_propensity / logged_propensity
    return weight


def _estimate(
    top: NDArray[np.float64],
    bottom: NDArray[np.float64],
    unit: NDArray[np.int64],
    interval: Way,
    weight: NDArray[np.float64],
) -> Estimate:
    return Estimate(*interval(top, bottom, unit), effective_size(weight))


def _refuse_no_bound(most: float) -> None:
    if not most > 0.0:
        raise InvalidExperiment(f"got the largest weight {most}, expected one above 0")
