"""An arm in a world, hour by hour: what came up, what is decided, what people do, and that again as input.

It drives `runtime.population.Population` with columns: the same decisions as the embedded engine makes of the same
world's records (a test compares them), without records, log or store. Engagements of a tick are accepted at its end,
as they would be by an engine that hears of them when the hour is over. Everything here is simulated.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US, WEEK_US
from tactful.events.records import UserInput
from tactful.events.registry import Registry
from tactful.features.assignment import BudgetRows
from tactful.features.context import Zones
from tactful.features.history import EngagementRows, layout
from tactful.kernel import at_most_threads
from tactful.runtime.intake import Batch, columns
from tactful.runtime.population import Population
from tactful.simulator.adapter import user_records, user_row
from tactful.simulator.arms.neutral import Neutral
from tactful.simulator.arms.policy import Arm, Moment, Policy
from tactful.simulator.batches import candidate_rows, engagement_rows
from tactful.simulator.columns import joined
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.protocol import TICK_US, EngagementColumns, SendColumns, World
from tactful.simulator.result import Diary, Result
from tactful.simulator.tally import OnPlan, OnRank, SendFeatures, Tally

WARM_UP_DAYS = 28
TIMERS_AT_ONCE = 1_024
"""Twice as many as in an engine: a loop keeps no records, so that heap matters less than the cost of a call."""
USERS_PER_THREAD = 20_000
"""An hour of fewer people's lives is over before a second thread is awake."""


@dataclass(frozen=True)
class Explored:
    """A world after the exploration weeks, what the app knows of its users by then, and the log."""

    world: World
    rows: NDArray[Any]
    zones: Zones
    waiting: EngagementRows
    tick: int
    log: ExplorationLog


def run(world: World, arm: Arm, days: int = 28, seed: int = 0, warm_up_days: int = 0, judge: bool = True) -> Result:
    """Lives through `days` with an arm, after as many days of exploration as it may learn from.

    Args:
        world: at its first instant; it moves on with the exploration, or with the run if there is none.
        arm: prepares its policy on the exploration log, or on none.
        days: UTC days that count.
        seed: of the app's own draws.
        warm_up_days: days before, under the neutral policy (`explore`); they do not count.
        judge: whether to ask the world's truth for the remaining value at the end.
    """
    if warm_up_days:
        return follow(explore(world, warm_up_days, seed), arm, days, seed, judge)
    loop = Loop.start(world, arm.prepare(None, seed))
    return loop.run(arm.name, days, judge)


def explore(world: World, days: int = WARM_UP_DAYS, seed: int = 0, per_user_per_week: float = 3.0) -> Explored:
    """Runs the neutral policy for some weeks and returns where that leads; moves the world on."""
    loop = Loop.start(world, Neutral(per_user_per_week).prepare(None, seed))
    return loop.explore(days)


def follow(explored: Explored, arm: Arm, days: int = 28, seed: int = 0, judge: bool = True) -> Result:
    """Lives through `days` after the exploration with an arm; `explored` is left as it is, for the next arm.

    Every arm begins with the same users' states, plans everyone's day anew, and prices its sends from scratch.
    """
    policy = arm.prepare(explored.log, seed)
    return Loop.after(explored, policy).run(arm.name, days, judge)


class Loop:
    """A world and a population at the same instant."""

    def __init__(self, world: World, policy: Policy, zones: Zones | None) -> None:
        self.world, self.policy, self.users = world, policy, world.users()
        self.registry = Registry.shipped()
        self.population = Population(policy.settings, self.registry, policy.scorer, zones, TIMERS_AT_ONCE)
        self.at_us, self.tick, self.began_us = world.start_us, 0, world.start_us
        self.sent, self.sent_week = np.zeros((2, self.users.n), dtype=np.int64)
        self.waiting = columns((), self.registry).engagements
        self.type_of = np.array([self.registry.index(name) for name in world.types])
        if policy.meet is not None:
            policy.meet(world)

    @classmethod
    def start(cls, world: World, policy: Policy) -> "Loop":
        """A world at its first instant, in which everyone has just been made known."""
        loop = cls(world, policy, None)
        records = user_records(loop.users)
        loop.population.table.ensure(loop.users.user_key, np.full(loop.users.n, loop.at_us))
        loop._tell(records)
        loop._assign(policy.budgets)
        return loop

    @classmethod
    def after(cls, explored: Explored, policy: Policy) -> "Loop":
        """The world and everyone's state after the exploration, under another policy."""
        loop = cls(copy.deepcopy(explored.world), policy, explored.zones)
        loop.tick, loop.waiting = explored.tick, explored.waiting
        loop.at_us += explored.tick * TICK_US
        loop.began_us = loop.at_us
        rows = explored.rows.copy()
        rows["next_plan"], rows["plan_day"] = loop.at_us, -1
        loop.population.table.load([rows.tobytes()], layout())
        loop.population.applied_us = loop.at_us - 1
        loop.population.refresh()
        loop._assign(policy.budgets)
        return loop

    def run(self, name: str, days: int, judge: bool) -> Result:
        """Lives through days that count."""
        critical = self.registry.columns().critical[self.type_of]
        diary = Diary(self.users, self.at_us, days, critical)
        tally = self.tally(days)
        with at_most_threads(1 + self.users.n // USERS_PER_THREAD):
            for _ in range(days * DAY_US // TICK_US):
                sends, _, seen = self.live(tally)
                diary.write((self.at_us - TICK_US) // TICK_US, sends, seen)
        rows = self.population.table.rows
        worth = self.world.truth().remaining_value() if judge else np.full(self.users.n, np.nan)
        return diary.close(
            name,
            tally.target,
            tally.plan_by_hour,
            rows["addresses"] & rows["opt_in"] & ~rows["blocked"],
            rows["k_now"].astype(np.int64),
            rows["slot_p"].copy(),
            worth,
            tally.holds,
            tally.drops,
        )

    def explore(self, days: int) -> Explored:
        """Lives through days that are learned from."""
        start_us, tally = self.at_us, self.tally(days)
        with at_most_threads(1 + self.users.n // USERS_PER_THREAD):
            ticks = [self.live(tally) for _ in range(days * DAY_US // TICK_US)]
        sends, features, seen = zip(*ticks, strict=True)
        log = ExplorationLog(
            self.users, start_us, self.at_us, self.type_of, joined([*sends]), joined([*features]), joined([*seen])
        )
        population = self.population
        return Explored(self.world, population.table.rows.copy(), population.frame.zones, self.waiting, self.tick, log)

    def live(self, tally: Tally) -> tuple[SendColumns, SendFeatures, EngagementColumns]:
        """Lives through one tick: inputs, decisions, and what people do about them."""
        self._rebudget()
        self._show_day()
        start, end = self.at_us, self.at_us + TICK_US
        came = self.world.candidates(start, end)
        told = candidate_rows(came, self.registry, self.type_of, self.policy.waits_for_slot)
        self.population.offer(Batch(self.waiting, told, []))
        self.population.run(end - 1, tally)
        sends, features = tally.take_sends()
        seen = self.world.respond(sends, start, end)
        for sent in (self.sent, self.sent_week):
            np.add.at(sent, sends.user, 1)
        self.waiting = engagement_rows(seen, self.tick, end)
        self.at_us, self.tick = end, self.tick + 1
        return sends, features, seen

    def tally(self, days: int, on_plan: OnPlan | None = None, on_rank: OnRank | None = None) -> Tally:
        """Returns what listens to the population for `days` from now on."""
        names = self.world.types
        world_type = [names.index(name) if name in names else -1 for name in self.registry.names]
        return Tally(self.at_us, days, np.array(world_type), on_plan, on_rank)

    def _tell(self, records: Sequence[UserInput]) -> None:
        """Offers records about users, as accepted now."""
        rest = [(self.at_us, user_row(record.user_id), 0, 0, record) for record in records]
        self.population.offer(replace(columns((), self.registry), rest=rest))

    def _assign(self, budgets: Int64[np.ndarray, " n"] | None) -> None:
        """Gives everyone a weekly budget, as assigned now; None leaves them as they are."""
        if budgets is None:
            return
        n = self.users.n
        given = BudgetRows(np.arange(n), np.full(n, self.at_us), budgets, np.zeros(n, dtype=np.uint64))
        self.population.offer(replace(columns((), self.registry), budgets=given))

    def _rebudget(self) -> None:
        """Every seven days: the policy's budgets for the week to come, assigned now."""
        weeks, within = divmod(self.at_us - self.began_us, WEEK_US)
        if self.policy.rebudget is None or within:
            return
        self._assign(self.policy.rebudget(self._moment(weeks)))
        self.sent_week[:] = 0

    def _show_day(self) -> None:
        """Every day: what a policy that plans by itself may see."""
        days, within = divmod(self.at_us - self.began_us, DAY_US)
        if self.policy.daily is not None and not within:
            self.policy.daily(self._moment(days // 7))

    def _moment(self, weeks: int) -> Moment:
        return Moment(self.population.table.rows, self.at_us, weeks, self.sent.copy(), self.sent_week.copy())
