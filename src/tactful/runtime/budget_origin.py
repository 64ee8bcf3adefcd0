"""Where a user's weekly budget comes from: drawn at random, allocated by a plan, assigned by itself, or the default."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np

from tactful.clock import WEEK_US, from_us, to_us
from tactful.events.budget_plan import assigned
from tactful.events.records import BudgetAssignment, BudgetPlan, decode
from tactful.runtime.intake import KIND_CODE
from tactful.stores.protocols import LoggedInput, Store

Kind: TypeAlias = Literal["drawn", "plan", "assigned", "default"]

_WINDOW_US: Final = 4 * WEEK_US
"""Budget plans are looked for so far back at a time: they are the largest inputs of a log."""


class BudgetOrigin(msgspec.Struct, frozen=True):
    """How the budget in force came about.

    `name` is that of the plan or the assignment; `since` when it was accepted or drawn, None for the default.
    `price` is a plan's value of one more message a week, `probability` the chance of this budget under the draw.
    """

    kind: Kind
    name: str = ""
    since: datetime | None = None
    model_version: str = ""
    price: float | None = None
    probability: float = 1.0


def budget_origin(
    store: Store, user_key: int, inputs: Sequence[LoggedInput], planned_us: int, period_weeks: int
) -> BudgetOrigin:
    """Returns where the budget comes from that the plan of a user's day put in force.

    Args:
        store: is only read.
        inputs: all of the user's inputs, in order.
        planned_us: when that plan was made; later budgets are not in force yet.
        period_weeks: for how long a random budget holds (`exploration.volume_period_weeks`).
    """
    for row in reversed(store.budgets_of(user_key, planned_us // (period_weeks * WEEK_US))):
        drawn = decode(row.data)
        if isinstance(drawn, BudgetAssignment) and drawn.randomised and to_us(drawn.at) <= planned_us:
            return BudgetOrigin("drawn", drawn.assignment_id, drawn.at, probability=drawn.probability)
    code = KIND_CODE[BudgetAssignment]
    own = [i for i in inputs if i.kind == code and i.log_ts_us <= planned_us]
    last = max(own, key=lambda i: (i.log_ts_us, i.content_hash), default=None)
    since_us = last.log_ts_us if last else inputs[0].log_ts_us
    for logged, plan in _plans(store, user_key, since_us, planned_us):
        if last is None or (logged.log_ts_us, logged.content_hash) > (last.log_ts_us, last.content_hash):
            return BudgetOrigin("plan", plan.plan_id, from_us(logged.log_ts_us), plan.model_version, plan.price)
    if last is None:
        return BudgetOrigin("default")
    given = decode(last.data)
    assert isinstance(given, BudgetAssignment)
    return BudgetOrigin(
        "assigned", given.assignment_id, from_us(last.log_ts_us), given.model_version, probability=given.probability
    )


def told(origin: BudgetOrigin, since: str) -> str:
    """Returns where a budget comes from in words; `since` is the instant as the reader wants it.

    >>> told(BudgetOrigin("plan", "w40", model_version="volume-3", price=0.0123), "2026-10-01 00:10 UTC")
    'from plan w40 (model volume-3, price 0.0123 a message) since 2026-10-01 00:10 UTC'
    """
    by = f"model {origin.model_version or 'not named'}"
    match origin.kind:
        case "drawn":
            return f"drawn at random with probability {origin.probability:.3g}, since {since}"
        case "plan":
            return f"from plan {origin.name} ({by}, price {origin.price:.4g} a message) since {since}"
        case "assigned":
            return f"assigned by {origin.name} ({by}) since {since}"
        case "default":
            return "the default of the settings; none was assigned"


def _plans(store: Store, user_key: int, since_us: int, until_us: int) -> Iterator[tuple[LoggedInput, BudgetPlan]]:
    """The budget plans that name a user, the newest first."""
    code, key = KIND_CODE[BudgetPlan], np.uint64(user_key)
    end = until_us + 1
    while end > since_us:
        start = max(end - _WINDOW_US, since_us)
        found = [i for i in store.inputs_of(0, start, end) if i.kind == code]
        for logged in sorted(found, key=lambda i: (i.log_ts_us, i.content_hash), reverse=True):
            plan = decode(logged.data)
            if isinstance(plan, BudgetPlan) and (assigned(plan)[0] == key).any():
                yield logged, plan
        end = start
