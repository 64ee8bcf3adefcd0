"""How a candidate's category meets what the user did lately: two coarse features that need no training."""

import numpy as np
from jaxtyping import Int8, Integer

from tactful.clock import DAY_US

RECENT_ENGAGEMENTS = 48
"""How many of the user's last engagements are looked at."""
MATCH_BUCKETS = 4
RECENCY_BUCKETS = 4
NEVER_US = 2**62
"""The age of an engagement that never was."""

_MATCH_EDGES = np.array([1, 2, 4], dtype=np.int64)
_RECENCY_EDGES_US = np.array([1, 3, 7], dtype=np.int64) * DAY_US


def match_bucket(count: Integer[np.ndarray, "*d"]) -> Int8[np.ndarray, "*d"]:
    """Returns the bucket of how many of the last 48 engagements had the category: 0, 1, 2-3, 4 or more.

    >>> match_bucket(np.array([0, 1, 2, 3, 4, 48])).tolist()
    [0, 1, 2, 2, 3, 3]
    """
    return np.searchsorted(_MATCH_EDGES, count, side="right").astype(np.int8)


def recency_bucket(age_us: Integer[np.ndarray, "*d"]) -> Int8[np.ndarray, "*d"]:
    """Returns the bucket of the time since the last one: under 1, 3, 7 days, or longer (`NEVER_US`: never).

    A negative age (a client's clock runs ahead) counts as just now.

    >>> recency_bucket(np.array([0, DAY_US, 3 * DAY_US, 7 * DAY_US, NEVER_US])).tolist()
    [0, 1, 2, 3, 3]
    """
    return np.searchsorted(_RECENCY_EDGES_US, age_us, side="right").astype(np.int8)
