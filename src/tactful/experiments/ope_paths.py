"""Off-policy estimates over paths: several choices in a row, each made on what the earlier ones left behind.

Two forms. `per_decision` is for steps that were drawn one by one: a reward is weighted by the choices up to it only.
`path_chance` and `mixed_path_chance` are for a user-day whose choices share one drawn bucket: within a bucket chances
are multiplied, and the buckets are mixed; what comes out are the propensities of whole days, for any estimator of
`ope.py`.
"""

import numpy as np
from jaxtyping import Float, Int64

from tactful.errors import InvalidExperiment, NotIdentifiable
from tactful.experiments.ope import Estimate
from tactful.experiments.ope_intervals import Way, delta, effective_size


def per_decision(
    reward: Float[np.ndarray, "n t"],
    logged_propensity: Float[np.ndarray, "n t"],
    target_propensity: Float[np.ndarray, "n t"],
    unit: Int64[np.ndarray, " n"],
    discount: float = 1.0,
    interval: Way = delta,
) -> Estimate:
    """Returns the mean over paths of `Σ_t γ^t (Π_{s ≤ t} w_s) r_t`.

    Later choices cannot have brought an earlier reward, so their weights are left out of it. The effective number of
    paths is that of the weights of whole paths, the least of all steps.

    Args:
        reward: what came after each step; 0 behind a path's end.
        logged_propensity: chance of each step's choice given the path so far, in (0, 1]; 1 behind the end.
        target_propensity: the same under the judged policy, 0..1; 1 behind the end.
        unit: whose path it is; units are independent.
        discount: γ, what a reward one step later counts for.
        interval: the way to the interval.

    Raises:
        InvalidExperiment: a chance or a discount out of range.
        NotIdentifiable: the target policy makes the first choice of no path.

    Source: Precup, Sutton and Singh, "Eligibility traces for off-policy policy evaluation", ICML 2000.

    >>> half, one = np.full((4, 2), 0.5), np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    >>> per_decision(one, half, half, np.arange(4)).value
    1.0
    """
    _refuse_chances(logged_propensity, target_propensity)
    if not 0.0 < discount <= 1.0:
        raise InvalidExperiment(f"got the discount {discount}, expected one in (0, 1]")
    weight = np.cumprod(target_propensity / logged_propensity, axis=1)
    if not weight[:, 0].any():
        raise NotIdentifiable(f"got {len(weight)} paths of which the target policy begins none")
    gamma = discount ** np.arange(reward.shape[1])
    value = interval((weight * reward) @ gamma, np.ones(len(reward)), unit)
    return Estimate(*value, effective_size(weight[:, -1]))


def path_chance(chance: Float[np.ndarray, "n t"]) -> Float[np.ndarray, " n"]:
    """Returns the chance of each whole path, `Π_t π(a_t | h_t)`; pad absent steps with 1."""
    return np.asarray(chance.prod(axis=1))


def mixed_path_chance(
    by_bucket: Float[np.ndarray, "n t b"], shares: Float[np.ndarray, " b"]
) -> Float[np.ndarray, " n"]:
    """Returns the chance of each path under a bucket drawn once for all of it: `Σ_b P(b) Π_t π_b(a_t | h_t)`.

    Args:
        by_bucket: chance of each step's choice in each bucket; pad absent steps with 1.
        shares: chance of each bucket.

    Raises:
        InvalidExperiment: shares that do not sum to 1, or a path that no bucket could have taken.

    >>> mixed_path_chance(np.array([[[0.5, 0.0], [0.5, 1.0]]]), np.array([0.8, 0.2])).tolist()
    [0.2]
    """
    if not abs(float(shares.sum()) - 1.0) < 1e-9:
        raise InvalidExperiment(f"got buckets with the shares {shares.tolist()}, expected 1 in sum")
    chance: Float[np.ndarray, " n"] = by_bucket.prod(axis=1) @ shares
    if not (chance > 0.0).all():
        row = int(np.argmin(chance > 0.0))
        raise InvalidExperiment(f"got a path (row {row}) that no bucket could have taken, expected paths of the log")
    at_most_one: Float[np.ndarray, " n"] = np.minimum(chance, 1.0)  # shares may sum to a hair above 1
    return at_most_one


def _refuse_chances(logged: Float[np.ndarray, "n t"], target: Float[np.ndarray, "n t"]) -> None:
    if not ((logged > 0.0) & (logged <= 1.0)).all():
        raise InvalidExperiment("got a logged propensity outside (0, 1], expected the chance of each logged choice")
    if not ((target >= 0.0) & (target <= 1.0)).all():
        raise InvalidExperiment("got a target propensity outside 0..1, expected the chance of each logged choice")
