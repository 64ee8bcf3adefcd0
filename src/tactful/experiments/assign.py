"""Who is in which arm: a hash of (salt, layer, user), worked out anywhere and never changed."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64, Integer, UInt64

from tactful.draws import uniform
from tactful.errors import InvalidExperiment
from tactful.experiments.design import Experiment, arm_name
from tactful.experiments.distributions import chi_square_tail

OUTSIDE = -1
"""The arm of a user who is in none."""


def place(layer: str, user_key: UInt64[np.ndarray, " n"], salt: int) -> Float64[np.ndarray, " n"]:
    """Returns each user's place in a layer, uniform in [0, 1); places in two layers are independent.

    Args:
        layer: its name.
        user_key: `draws.key` of the user ids.
        salt: the installation's seed; another salt deals anew.
    """
    return uniform(salt, user_key, 0, f"layer:{layer}")


def arms_of(experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """Returns the arms of experiments, one after the other, as decisions name them."""
    return tuple(arm_name(one.name, arm.name) for one in experiments for arm in one.arms)


def assigned(
    experiments: Sequence[Experiment], user_key: UInt64[np.ndarray, " n"], salt: int
) -> Int64[np.ndarray, " n"]:
    """Returns every user's arm, an index into `arms_of(experiments)`; `OUTSIDE` for none.

    Targeting is not asked, for a key tells nothing of a person; the holdout is another draw (`holdout.py`).

    Args:
        experiments: of one layer, in disjoint parts (`layers.refuse_overlaps`).
        user_key: `draws.key` of the user ids.
        salt: the installation's seed.

    Raises:
        InvalidExperiment: they are of several layers.
    """
    layers = sorted({one.layer for one in experiments})
    if len(layers) > 1:
        raise InvalidExperiment(f"got experiments of the layers {layers}, expected those of one; ask layer by layer")
    parts = [of_arm for one in experiments for of_arm in one.ranges()]
    ordered = sorted((low, high, arm) for arm, of_arm in enumerate(parts) for low, high in of_arm)
    if not ordered:
        return np.full(len(user_key), OUTSIDE, dtype=np.int64)
    low, high = np.array([part[:2] for part in ordered]).T
    arm = np.array([part[2] for part in ordered], dtype=np.int64)
    where = place(layers[0], user_key, salt)
    part = np.searchsorted(low, where, side="right") - 1
    inside = (part >= 0) & (where < high[part])
    return np.where(inside, arm[part], OUTSIDE).astype(np.int64)


def sample_ratio_p(counts: Integer[np.ndarray, " arms"], shares: tuple[float, ...]) -> float:
    """Returns the p-value of the arms' sizes against their shares (chi-square, arms − 1 degrees of freedom).

    Below 0.001, do not read the experiment: something loses or doubles users in one arm.

    Raises:
        InvalidExperiment: without users, or with an arm that has no share.

    >>> round(sample_ratio_p(np.array([500, 500]), (0.5, 0.5)), 3)
    1.0
    """
    weights = np.asarray(shares, dtype=np.float64)
    if counts.sum() == 0 or weights.shape != counts.shape or weights.min() <= 0.0 or len(counts) < 2:
        raise InvalidExperiment(
            f"got counts {counts.tolist()} and shares {shares}; expected users, and two arms or more with shares > 0"
        )
    expected = counts.sum() * weights / weights.sum()
    return chi_square_tail(float(((counts - expected) ** 2 / expected).sum()), len(counts) - 1)
