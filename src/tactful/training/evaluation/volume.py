"""How many: everybody at another mean weekly budget, from budgets that were drawn and delivered without a price.

A mean between two budgets that were drawn is a mixture of the two, as an allocation without knowledge of people would
make it. The rewards are those of the whole weeks that a budget has been in force, eight at most.
"""

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US, WEEK_US
from tactful.errors import NotIdentifiable
from tactful.events.records import EngagementKind
from tactful.features.join import LEAVING_KINDS, kinds_mask
from tactful.training.evaluation.findings import Trials
from tactful.training.evaluation.rewards import ACTIVE
from tactful.training.ranking.labels import count_until
from tactful.training.volume.log import VolumeLog


def of_volume(log: VolumeLog, present: float, target: float) -> Trials:
    """Returns drawn budgets as trials of two mean weekly budgets.

    Args:
        log: of a store, or of a simulated slice.
        present, target: messages a user and week.

    Raises:
        NotIdentifiable: no drawn budget has been in force for a week, or a mean that lies beyond those drawn.
    """
    weeks = (np.minimum(log.end_us, log.until_us) - log.start_us) // WEEK_US
    log, weeks = log.only(log.randomised & (weeks >= 1)), weeks[log.randomised & (weeks >= 1)]
    if not len(log):
        raise NotIdentifiable("got no drawn budget that has been in force for a week; set exploration.volume_share")
    end_us = log.start_us + weeks * WEEK_US
    budgets = np.unique(log.k)
    known = np.ones(len(log), dtype=np.bool_)
    through = (np.minimum(log.end_us, log.until_us) - log.start_us) / WEEK_US
    reward = {
        "active_days_a_week": _active_days(log, end_us) / weeks,
        "left": (_events(log, end_us, LEAVING_KINDS) > 0).astype(np.float64),
        "sent_a_week": log.sent / through,
    }
    return Trials(
        user=log.user,
        logged=log.probability,
        present=_mixed(budgets, present)[np.searchsorted(budgets, log.k)],
        target=_mixed(budgets, target)[np.searchsorted(budgets, log.k)],
        reward=reward,
        known=dict.fromkeys(reward, known),
    )


def _mixed(budgets: Int64[np.ndarray, " b"], mean: float) -> NDArray[np.float64]:
    """Chance of each drawn budget under the mixture of the two nearest that has this mean."""
    if not budgets[0] <= mean <= budgets[-1]:
        raise NotIdentifiable(
            f"got a mean weekly budget of {mean:g}, expected one within those that were drawn, {budgets[0]}.."
            f"{budgets[-1]}; set exploration.volume_choices, or judge by an experiment"
        )
    above = int(np.searchsorted(budgets, mean))
    chance = np.zeros(len(budgets))
    if budgets[above] == mean:
        chance[above] = 1.0
        return chance
    low, high = float(budgets[above - 1]), float(budgets[above])
    chance[above] = (mean - low) / (high - low)
    chance[above - 1] = 1.0 - chance[above]
    return chance


def _events(log: VolumeLog, end_us: NDArray[np.int64], kinds: tuple[EngagementKind, ...]) -> NDArray[np.float64]:
    """How many engagements of some kinds each assignment's person had while it was in force."""
    row, _ = _within(log, end_us, kinds)
    return np.bincount(row, minlength=len(log)).astype(np.float64)


def _active_days(log: VolumeLog, end_us: NDArray[np.int64]) -> NDArray[np.float64]:
    """On how many days, counted from its beginning, each assignment's person was there."""
    row, at = _within(log, end_us, ACTIVE)
    days = np.unique(np.stack([row, (at - log.start_us[row]) // DAY_US]), axis=1)
    return np.bincount(days[0], minlength=len(log)).astype(np.float64)


def _within(
    log: VolumeLog, end_us: NDArray[np.int64], kinds: tuple[EngagementKind, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(assignment, instant) of each engagement while an assignment was in force; a person's do not overlap."""
    chosen = np.flatnonzero((np.left_shift(1, log.e_kind) & kinds_mask(kinds)) != 0)
    user, at = log.e_user[chosen], log.e_at_us[chosen]
    order = np.lexsort((log.start_us, log.user))
    place = count_until(log.user[order], log.start_us[order], user, at) - 1
    row = order[np.maximum(place, 0)]
    on = (place >= 0) & (log.user[row] == user) & (at < end_us[row])
    return row[on], at[on]
