"""Budget plans as arrays: cut into parts that the input log takes, and read from them again."""

from datetime import datetime
from math import isfinite
from typing import Final

import numpy as np
from jaxtyping import UInt8, UInt64

from tactful.errors import InvalidRecord
from tactful.events.records import BudgetPlan

MOST_USERS: Final = 100_000
"""Users in one part: 0.9 MB in the log, a tenth of a second of anybody's time."""
_KEY: Final = np.dtype("<u8")


def budget_plan(
    plan_id: str,
    period: int,
    users: UInt64[np.ndarray, " n"],
    budgets: UInt8[np.ndarray, " n"],
    at: datetime,
    model_version: str = "",
    price: float = 0.0,
    most_users: int = MOST_USERS,
) -> list[BudgetPlan]:
    """Returns a plan as parts of up to `most_users` users each; post them together, so that all arrive or none.

    Args:
        plan_id: names the plan; another plan needs another name.
        period: the week it is for, counted from 1970: instant // WEEK_US.
        users: keys of distinct users (`draws.key`).
        budgets: messages a week of each.
        at: when it was made.
        model_version: of the models behind it.
        price: value of one more message a week at this total.

    Raises:
        InvalidRecord: for a user who comes twice, or a price that is not finite.

    >>> parts = budget_plan("w40", 40, np.arange(5, dtype=np.uint64), np.full(5, 3, dtype=np.uint8),
    ...                     datetime.fromisoformat("2026-01-01T00:00:00+00:00"), most_users=2)
    >>> [(part.part, part.parts, len(part.budgets)) for part in parts]
    [(0, 3, 2), (1, 3, 2), (2, 3, 1)]
    """
    _check_distinct(plan_id, users)
    starts = range(0, max(len(users), 1), most_users)
    made = [
        BudgetPlan(
            plan_id=plan_id,
            period=period,
            model_version=model_version,
            price=price,
            part=part,
            parts=len(starts),
            users=users[start : start + most_users].astype(_KEY).tobytes(),
            budgets=budgets[start : start + most_users].tobytes(),
            at=at,
        )
        for part, start in enumerate(starts)
    ]
    check(made[0])
    return made


def assigned(plan: BudgetPlan) -> tuple[UInt64[np.ndarray, " n"], UInt8[np.ndarray, " n"]]:
    """Returns the user keys of a part and their budgets.

    Raises:
        InvalidRecord: for columns of different lengths, or users that are no whole number of keys.
    """
    keys, odd = divmod(len(plan.users), _KEY.itemsize)
    if odd or keys != len(plan.budgets):
        raise InvalidRecord(
            f"{_name(plan)}: got {len(plan.users)} bytes of users and {len(plan.budgets)} of budgets, expected "
            "8 and 1 for each user; make the part anew (events.budget_plan)"
        )
    return np.frombuffer(plan.users, dtype=_KEY).astype(np.uint64), np.frombuffer(plan.budgets, dtype=np.uint8)


def check(plan: BudgetPlan) -> None:
    """Refuses a part that cannot be taken as a whole.

    Raises:
        InvalidRecord: for columns that do not fit, more than `MOST_USERS` users, a user who comes twice, a part outside
            its plan, or a price that is not finite.
    """
    users, _ = assigned(plan)
    if len(users) > MOST_USERS:
        raise InvalidRecord(
            f"{_name(plan)}: got {len(users)} users, expected at most {MOST_USERS}; cut the plan into parts"
        )
    if plan.part >= plan.parts:
        raise InvalidRecord(f"{_name(plan)}: got part {plan.part}, expected 0 .. {plan.parts - 1}")
    if not isfinite(plan.price):
        raise InvalidRecord(f"{_name(plan)}: got the price {plan.price}, expected a finite number")
    _check_distinct(_name(plan), users)


def _check_distinct(name: str, users: UInt64[np.ndarray, " n"]) -> None:
    ordered = np.sort(users)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        raise InvalidRecord(
            f"{name}: got {len(twice)} users twice (key {int(twice[0])}), expected every user once; "
            "keep the budget that she is to have"
        )


def _name(plan: BudgetPlan) -> str:
    return f"budget plan {plan.plan_id}, part {plan.part + 1} of {plan.parts}"
