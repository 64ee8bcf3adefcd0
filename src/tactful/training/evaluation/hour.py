"""At which hour: a rank job at another local hour, from days whose slots were sampled instead of chosen.

The sampler puts a job into a slot with a chance that is on record. A day that has a job at the target's hour counts by
one over that chance; its other jobs are as they were drawn. The present policy is a job at the hour of the largest
chance, the one that a plan takes first.
"""

import numpy as np

from tactful.clock import DAY_US, to_us
from tactful.errors import NotIdentifiable
from tactful.events.records import SlotPlan, decode
from tactful.features.history import SLOTS
from tactful.features.join import Touches, closed
from tactful.stores.protocols import Store
from tactful.training.evaluation.findings import Trials
from tactful.training.evaluation.rewards import ACTIVE, counts_within_a_day
from tactful.training.ranking.random_choices import user_number


def read_sampled_days(store: Store) -> list[SlotPlan]:
    """Returns the first plan of each user-day whose slots were sampled, up to the last committed decision.

    A day that is planned again has only the slots that remain: what it draws depends on what the first plan brought.
    """
    until_us = int(store.load_meta("committed") or b"-1") + 1
    found: dict[tuple[str, int], SlotPlan] = {}
    for row in store.plans_between(0, until_us):
        plan = decode(row.data)
        if isinstance(plan, SlotPlan):
            found.setdefault((plan.user_id, plan.day), plan)
    return [plan for plan in found.values() if plan.randomised and plan.jobs]


def of_hour(plans: list[SlotPlan], touches: Touches, until_us: int, hour: int) -> Trials:
    """Returns sampled user-days as trials of a job at the hour that is planned first against one at another hour.

    Args:
        plans: of sampled days.
        touches: all engagements of their people.
        until_us: what came later is not known.
        hour: of the user's clock, 0..23. Days on which it is not open are left out, for both.

    Raises:
        NotIdentifiable: an hour that no day has open.
    """
    if not 0 <= hour < SLOTS:
        raise NotIdentifiable(f"got the hour {hour}, expected one of 0..{SLOTS - 1}, on each user's clock")
    chance = np.array([plan.inclusion for plan in plans], dtype=np.float64).reshape(-1, SLOTS)
    open_ = np.flatnonzero(chance[:, hour] > 0.0)
    if not len(open_):
        raise NotIdentifiable(f"got {len(plans)} sampled days, of which none could have a job at {hour}:00")
    some = [plans[i] for i in open_.tolist()]
    chance, here, first = chance[open_], np.arange(len(open_)), chance[open_].argmax(axis=1)
    jobs = np.zeros(chance.shape, dtype=np.bool_)
    for row, plan in enumerate(some):
        jobs[row, list(plan.jobs)] = True
    user = np.array([user_number(plan.user_id) for plan in some], dtype=np.int64)
    at_us = np.array([to_us(plan.at) for plan in some], dtype=np.int64)
    active = counts_within_a_day(user, at_us, touches, ACTIVE) > 0
    clicked = counts_within_a_day(user, at_us, touches, ("click",)) > 0
    known = closed(at_us, np.full(len(some), DAY_US), until_us)
    # Both are events of one draw, so each is weighted by one over its own chance: over a common product of the two.
    return Trials(
        user=user,
        logged=chance[:, hour] * chance[here, first],
        present=jobs[here, first] * chance[:, hour],
        target=jobs[:, hour] * chance[here, first],
        reward={
            "active_24h": active.astype(np.float64),
            "click_24h": clicked.astype(np.float64),
        },
        known={"active_24h": known, "click_24h": known},
        left_out=len(plans) - len(open_),
    )
