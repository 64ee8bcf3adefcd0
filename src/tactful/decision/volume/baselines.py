"""The rules that the allocator is measured against, by name; each returns one weekly budget a user.

None of them does better than `allocate` on the same curves at the volume that it spends: that is a test.
"""

import numpy as np
from jaxtyping import Float, UInt8

from tactful.errors import InvalidScores

_MOST = 255


def uniform_budgets(n: int, total: int, u: Float[np.ndarray, " n"]) -> UInt8[np.ndarray, " n"]:
    """Returns a total spread evenly over n users; what does not divide goes, one each, to the least u.

    Args:
        u: hash draws in [0, 1).

    Raises:
        InvalidScores: for a total below 0 or above 255 each.

    >>> uniform_budgets(3, 4, np.array([0.5, 0.1, 0.7])).tolist()
    [1, 2, 1]
    """
    if n < 1 or not 0 <= total <= _MOST * n:
        raise InvalidScores(f"got a total of {total} for {n} users, expected between 0 and {_MOST} for each")
    budget = np.full(n, total // n, dtype=np.uint8)
    budget[np.argsort(u, kind="stable")[: total % n]] += 1
    return budget
