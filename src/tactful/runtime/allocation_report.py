"""What an allocation says of itself: who has which weekly budget, what it is expected to bring, against today."""

from datetime import datetime
from typing import Literal

import msgspec


class Expected(msgspec.Struct, frozen=True):
    """What the response model expects of a week under some budgets, summed over the people of a plan.

    Attributes:
        caps: sum of the weekly budgets.
        sent: messages if no price held any back, by the fill of the randomised slice; None where that is not known.
        active_days: person-days with activity; for people in a weekly state of the model an active week counts one.
        unsubscribes: people who leave in the week.
        value: discounted active days a day, what the allocation maximises.
    """

    caps: float
    sent: float | None
    active_days: float
    unsubscribes: float
    value: float


class Shift(msgspec.Struct, frozen=True):
    """How the budgets of a group of people move.

    Attributes:
        name: of `segments.ACTIVITIES` or `segments.SEGMENTS`.
        people: how many.
        mean_before, mean_after: weekly budget.
        up, down: shares of them whose budget rises, falls, 0..1.
        active_days_before, active_days_after: expected in a week, of one of them.
        before, after: people by budget, from 0 on.
    """

    name: str
    people: int
    mean_before: float
    mean_after: float
    up: float
    down: float
    active_days_before: float
    active_days_after: float
    before: tuple[int, ...]
    after: tuple[int, ...]


class Solved(msgspec.Struct, frozen=True):
    """One group that was given a total of its own (a reach segment, or `together`).

    Attributes:
        name: of the group.
        plan_id: of its budget plan, a hash of what it says.
        people: with a budget of this plan.
        caps_today: sum of the budgets that hold today.
        caps_allowed: sum that was allowed; None where a price was asked for.
        caps: sum that was given.
        price: active days that 1,000 more sends would bring at the margin; 0 where the total does not bind.
    """

    name: str
    plan_id: str
    people: int
    caps_today: float
    caps_allowed: float | None
    caps: float
    price: float


class AllocationReport(msgspec.Struct, frozen=True, kw_only=True):
    """One allocation.

    Attributes:
        model_version: of the response model.
        as_of: of the people's features.
        period: the week it is for, counted from 1970.
        goal, amount: what was asked for: messages a week in all, messages a user and week, or active days per 1,000.
        volume: messages a week that the engine aims at under these budgets: the caps without the headroom.
        headroom: caps are allocated at volume·(1 + headroom), so that a rank job may say no.
        k_min, k_max: smallest and largest budget.
        people: with a budget of the plan.
        unreachable: users without an open channel; they get none.
        drawn: people whose budget was drawn at random; they keep it.
        groups: what was solved by itself.
        before, after: a week under today's budgets, and under the new ones.
        activities, segments: how budgets move, by activity state, and by activity and reach.
        notes: what a reader should know.
    """

    model_version: str
    as_of: datetime
    period: int
    goal: Literal["total", "per_user", "price"]
    amount: float
    volume: float
    headroom: float
    k_min: int
    k_max: int
    people: int
    unreachable: int
    drawn: int
    groups: tuple[Solved, ...]
    before: Expected
    after: Expected
    activities: tuple[Shift, ...]
    segments: tuple[Shift, ...]
    notes: tuple[str, ...]

    @property
    def unspent(self) -> float:
        """Caps that were allowed and not given: nobody's activity would rise by them."""
        return sum(g.caps_allowed - g.caps for g in self.groups if g.caps_allowed is not None)
