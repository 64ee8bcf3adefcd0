"""Inputs that were accepted and wait for their time: what an instant takes from them, in the order of the log."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from tactful.events import budget_plan
from tactful.events.records import BudgetPlan, UserInput
from tactful.events.registry import Registry
from tactful.features.assignment import BudgetRows
from tactful.features.history import NEVER, EngagementRows, UserTable, take
from tactful.features.pool import CandidateRows
from tactful.runtime.intake import Batch, columns


@dataclass
class Inputs:
    """Inputs about users that were accepted and not yet applied; `rest` as in `intake.Batch`."""

    engagements: EngagementRows
    candidates: CandidateRows
    rest: list[tuple[int, int, int, int, UserInput]]
    budgets: BudgetRows

    def __len__(self) -> int:
        return len(self.engagements.row) + len(self.candidates.row) + len(self.rest) + len(self.budgets.row)

    def first_per_row(self, n: int) -> Int64[np.ndarray, " n"]:
        """Returns the instant of the first input of each of n users; `NEVER` where there is none."""
        first = np.full(n, NEVER)
        for part in (self.engagements, self.candidates, self.budgets):
            np.minimum.at(first, part.row, part.log_us)
        for log_us, row, *_ in self.rest:
            first[row] = min(int(first[row]), log_us)
        return first


class Pending:
    """Inputs whose time has not come."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, int, Inputs]] = []
        self._plans: list[tuple[int, int, BudgetPlan]] = []

    def keep(self, batch: Batch) -> int:
        """Puts inputs by until their time comes, and returns the earliest instant of them (plans apart), or `NEVER`."""
        self._plans += batch.plans
        return self._keep(Inputs(batch.engagements, batch.candidates, batch.rest, batch.budgets))

    def take(self, end_us: int, table: UserTable, registry: Registry) -> Inputs:
        """Removes and returns what waits up to and including an instant; budget plans as budgets of known users."""
        parts, self._parts = self._parts, []
        now: list[Inputs] = []
        for first, last, part in parts:
            if first > end_us:
                self._parts.append((first, last, part))
            elif last <= end_us:
                now.append(part)
            else:
                soon, later = _split(part, end_us)
                now.append(soon)
                self._keep(later)
        if not now:
            nothing = columns((), registry)
            now.append(Inputs(nothing.engagements, nothing.candidates, [], nothing.budgets))
        return Inputs(
            _joined([part.engagements for part in now]),
            _in_log_order(_joined([part.candidates for part in now])),
            [record for part in now for record in part.rest],
            _joined([*(part.budgets for part in now), *self._planned_budgets(end_us, table)]),
        )

    def _keep(self, part: Inputs) -> int:
        """Puts inputs by under their first and last instants, and returns the first."""
        rest = np.array([r[0] for r in part.rest], dtype=np.int64)
        stamps = np.concatenate([part.engagements.log_us, part.candidates.log_us, part.budgets.log_us, rest])
        if len(stamps):
            self._parts.append((int(stamps.min()), int(stamps.max()), part))
        return int(stamps.min(initial=NEVER))

    def _planned_budgets(self, end_us: int, table: UserTable) -> list[BudgetRows]:
        """Removes the budget plans up to an instant and returns their budgets for the users who were known by then."""
        plans, self._plans = self._plans, []
        found = []
        for log_us, content, plan in plans:
            if log_us > end_us:
                self._plans.append((log_us, content, plan))
                continue
            users, k = budget_plan.assigned(plan)
            row = table.rows_of(users)
            state = table.rows[["plan_day", "next_plan"]]
            known = row >= 0
            # one whose first input is yet to come has her row already, if it was submitted by now
            known[known] = (state["plan_day"][row[known]] >= 0) | (state["next_plan"][row[known]] <= log_us)
            row, n = row[known], int(known.sum())
            found.append(
                BudgetRows(row, np.full(n, log_us), k[known].astype(np.int64), np.full(n, content, dtype=np.uint64))
            )
        return found


def _split(part: Inputs, end_us: int) -> tuple[Inputs, Inputs]:
    """What lies up to an instant, and what lies behind it."""
    acts, told = part.engagements.log_us <= end_us, part.candidates.log_us <= end_us
    given = part.budgets.log_us <= end_us
    soon, later = [r for r in part.rest if r[0] <= end_us], [r for r in part.rest if r[0] > end_us]
    return (
        Inputs(take(part.engagements, acts), take(part.candidates, told), soon, take(part.budgets, given)),
        Inputs(take(part.engagements, ~acts), take(part.candidates, ~told), later, take(part.budgets, ~given)),
    )


def _joined(parts: Sequence[Any]) -> Any:
    """Columns of several batches as one."""
    if len(parts) == 1:
        return parts[0]
    kind = type(parts[0])
    return kind(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(kind)})


def _in_log_order(candidates: CandidateRows) -> CandidateRows:
    """What a full pool gives up does not depend on the order of arrival, but the instants at which it does would."""
    if (np.diff(candidates.log_us) >= 0).all():
        return candidates
    order: NDArray[np.int64] = np.lexsort((candidates.key, candidates.log_us))
    ordered: CandidateRows = take(candidates, order)
    return ordered
