"""The permanent holdout: users who get no ranked message, so that the effect of all messages shows."""

import numpy as np
from jaxtyping import Bool, UInt64
from numpy.typing import NDArray

from tactful.draws import uniform
from tactful.errors import InvalidExperiment


def held_out(user: UInt64[np.ndarray, " n"], share: float, salt: int) -> Bool[np.ndarray, " n"]:
    """Returns which users are in the permanent holdout.

    A larger share keeps everyone who was in before, a smaller one lets no new user in.

    Args:
        user: `draws.key` of the user ids.
        share: of all users, 0..1.
        salt: the installation's seed; independent of every layer of `assign`.

    Raises:
        InvalidExperiment: for a share outside 0..1.
    """
    if not 0.0 <= share <= 1.0:
        raise InvalidExperiment(f"got a holdout share of {share}, expected 0..1")
    members: NDArray[np.bool_] = uniform(salt, user, 0, "holdout") < share
    return members
