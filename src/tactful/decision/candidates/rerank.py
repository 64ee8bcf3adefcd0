"""The order of the items inside one candidate, before it is shown: the simple form, by interest and quality."""

import numpy as np
from jaxtyping import Float, Int


def order(match: Int[np.ndarray, " i"], quality: Float[np.ndarray, " i"]) -> Int[np.ndarray, " i"]:
    """Returns the items by falling response: the user's engagements with the category, then quality, then place.

    Args:
        match: how many of the user's recent engagements fall in the item's category.
        quality: the item's prior, 0..1.

    >>> order(np.array([0, 3, 3]), np.array([0.9, 0.1, 0.5])).tolist()
    [2, 1, 0]
    """
    return np.lexsort((np.arange(len(match)), -quality, -match))
