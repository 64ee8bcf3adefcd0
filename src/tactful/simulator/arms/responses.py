"""What a budget's value is made of, user by user, from the exploration log: organic days, clicks, leaving.

A user has a dozen sends in the log, so her own rates are shrunk towards those of people as active as she is.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from tactful.events.registry import Registry
from tactful.features.segments import CASUAL_DAYS, CORE_DAYS
from tactful.models.shrinkage import prior_strength, shrunk
from tactful.simulator.exploration_log import ExplorationLog, organic_days, send_rows

GROUPS = (1, CASUAL_DAYS, CORE_DAYS)
"""Organic days in four weeks at which dormant ends, marginal ends, casual ends."""
_GROUP_CLICK_WEIGHT, _GROUP_LEAVE_WEIGHT = 200.0, 2000.0
"""Sends that everyone's rate counts for in a group's."""
_OWN_CLICK_WEIGHT = 40.0
"""Sends that the group's click rate counts for in a user's own, where the data cannot say."""
_PRIOR_DAYS, _PRIOR_ACTIVE_DAYS = 2.0, 0.2


@dataclass(frozen=True)
class Responses:
    """One number a user: chance of a day with a visit of her own, and of a click and of leaving per message."""

    p_organic: Float64[np.ndarray, " n"]
    p_click: Float64[np.ndarray, " n"]
    p_unsubscribe: Float64[np.ndarray, " n"]


def responses(log: ExplorationLog, registry: Registry) -> Responses:
    """Returns everyone's responses as the log has them."""
    n, rows = log.users.n, send_rows(log, registry)
    own_days = organic_days(log).sum(axis=1)
    group = np.searchsorted(GROUPS, own_days * 28.0 / log.days, side="right")
    sends = np.bincount(rows.user, minlength=n).astype(np.float64)
    clicked = np.bincount(rows.user, rows.clicked, minlength=n)
    left = np.bincount(rows.user, rows.left, minlength=n)
    of_group = _group_rate(group, clicked, sends, _GROUP_CLICK_WEIGHT)
    weight = prior_strength(clicked, sends, of_group, default=_OWN_CLICK_WEIGHT)
    return Responses(
        p_organic=(own_days + _PRIOR_ACTIVE_DAYS) / (log.days + _PRIOR_DAYS),
        p_click=shrunk(clicked, sends, of_group, weight),
        p_unsubscribe=_group_rate(group, left, sends, _GROUP_LEAVE_WEIGHT),
    )


def _group_rate(
    group: Int64[np.ndarray, " n"], hits: Float64[np.ndarray, " n"], sends: Float64[np.ndarray, " n"], weight: float
) -> Float64[np.ndarray, " n"]:
    """Each user's group's rate, shrunk towards everyone's."""
    overall = (hits.sum() + 1.0) / (sends.sum() + 100.0)
    size = len(GROUPS) + 1
    seen, tried = np.bincount(group, hits, minlength=size), np.bincount(group, sends, minlength=size)
    rate: NDArray[np.float64] = shrunk(seen, tried, np.full(size, overall), weight)[group]
    return rate
