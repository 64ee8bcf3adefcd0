"""Everybody's state in memory, and the order of events: inputs up to a timer, the timer, and so on.

Users are independent between two control epochs, so all timers that are due are fired in rounds of one padded call,
each at its own instant: a timer at T sees exactly the inputs stamped at or before T, and the controls in force at T.
What happens is told to a `Listener`; nothing is stored here. The embedded engine and the simulator's closed loop
both run on this.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from tactful.clock import from_us, to_us
from tactful.decision.request import Request, Scores, Thresholds
from tactful.events.records import CHANNELS, Cancel, Suppression, User, UserInput
from tactful.events.registry import Registry
from tactful.events.switches import Stops, Switch, in_force
from tactful.experiments.design import POLICY, Experiment
from tactful.experiments.schedule import Schedule
from tactful.features import assignment, history, pool
from tactful.features.context import Zones
from tactful.features.day_types import day_types
from tactful.features.history import N_CHANNELS, NEVER, EngagementRows, UserTable, take
from tactful.features.mailbox import mailbox_of
from tactful.features.pool import CandidateRows
from tactful.features.segments import SEGMENTS
from tactful.models.protocol import SlotScores
from tactful.runtime import budgets, counts, steps
from tactful.runtime.arms import Arms, Regrouping
from tactful.runtime.control import EPOCH_US, Epoch, VolumeState, closed
from tactful.runtime.counts import Counts
from tactful.runtime.intake import Batch, cancel_keys
from tactful.runtime.pending import Inputs, Pending
from tactful.runtime.reputation import Reputation
from tactful.runtime.scoring import Scorer, of_messages, version_at
from tactful.runtime.settings import Settings
from tactful.runtime.steps import DayPlan, Frame, Outcome, PlanRequest
from tactful.runtime.timer import next_job, next_timer

FIRE_AT_ONCE: Final = 512
"""Timers per call: large enough to forget the cost of a call, small enough that states and scores fit in cache and
leave little heap behind (at 10,000 users 9.4 KB a user in all, 11.5 at 2,048)."""


@runtime_checkable
class Reporter(Protocol):
    """Is told what the controller must know of a population that is one shard of the users."""

    def add(self, found: Counts) -> None:
        """Something was counted."""
        ...

    def regrouped(self, at_us: int, running: tuple[Experiment, ...], change: Regrouping) -> None:
        """Other experiments run from an instant on."""
        ...

    def model_changed(self, at_us: int) -> None:
        """Another model scores messages from an instant on."""
        ...

    def passed(self, end_us: int) -> None:
        """An epoch is over."""
        ...


@runtime_checkable
class Listener(Protocol):
    """Is told of everything that happens, in batches; rows are positions in the user table."""

    def planned(self, rows: NDArray[np.int64], request: PlanRequest, scores: SlotScores, plan: DayPlan) -> None:
        """Daily plans were made."""
        ...

    def ranked(
        self, rows: NDArray[np.int64], request: Request, scores: Scores, outcome: Outcome, controls: Thresholds
    ) -> None:
        """Rank jobs were concluded."""
        ...

    def evicted(self, candidates: CandidateRows, version: int) -> None:
        """Pools were full and these candidates gave way; `version` is the control in force."""
        ...

    def conflicted(self, kind: str, keys: NDArray[np.uint64]) -> None:
        """Inputs with a known id and other content lost against the smaller one."""
        ...

    def priced(self, epoch: Epoch) -> None:
        """An epoch was closed and new thresholds written."""
        ...


class Population:
    """All users of one app between their inputs and their timers.

    Attributes:
        scorer: the models; another one may be put here between two runs.
        rankers: the scorers of arms that have a ranker of their own, by its version; where one is missing, `scorer`.
        spoke: the version that spoke last; "" before the first.
        arms: which arm each user is in.
        schedule: which experiments run when.
        killed, stopped: turns of the kill switch of everything, and of those of channels and types, by the instant at
            which each takes effect.
        prices: on record, by the instant at which they take effect; these are taken, and not those that counts give:
            for the replay of a log from which people were erased, whose counts nobody knows any more, and for shards.
        reporter: hears the counts and makes no prices of them, where this is one shard of the users; None: prices are
            made here, of `volume` and `reputation`.
        regrouped: recent changes of the arms, each with the instant and the old arm whose price each new one has; only
            for a reporter.
        changed: by row, whether anything of it may be another than when somebody cleared this; grows with the runs.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        scorer: Scorer,
        zones: Zones | None = None,
        at_once: int = FIRE_AT_ONCE,
        reporter: Reporter | None = None,
    ) -> None:
        """Knows nobody yet; `at_once` timers are fired in one call."""
        self._at_once = at_once
        self.reporter = reporter
        self.table = UserTable()
        self.volume = VolumeState(settings)
        self.reputation = Reputation(settings.reputation)
        self.scorer = scorer
        self.rankers: Mapping[str, Scorer] = {}
        self.spoke = ""
        self.frame = Frame(settings, registry.columns(), zones or Zones.of(("UTC",)))
        day_types(np.zeros(1, dtype=np.int64), settings.timing.country or None)  # an unknown country is refused now
        self._counted = budgets.counted(settings)
        self.awaited: dict[str, set[int]] = {}
        self._use(registry)
        self.arms = Arms(settings)
        self.schedule = Schedule()
        self.killed: list[tuple[int, bool]] = []
        self.stopped: list[tuple[int, Switch]] = []
        self.thresholds: list[tuple[int, Thresholds]] = []
        self.prices: dict[int, Thresholds] = {}
        self.applied_us = -1
        self.first_us = NEVER
        self._pending = Pending()
        self._declared: list[tuple[int, Registry]] = []
        self._due: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._plans: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self.changed: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self.regrouped: list[tuple[int, NDArray[np.int64]]] = []

    @property
    def next_us(self) -> int:
        """The instant of the earliest timer, `NEVER` if none; behind `run`."""
        return int(self._due.min(initial=NEVER))

    def offer(self, batch: Batch) -> None:
        """Takes accepted inputs; they are applied when time reaches them.

        Zones are numbered here, in the order of the log: the order in which inputs are applied is another.
        """
        zones = self.frame.zones
        for *_, record in batch.rest:
            if isinstance(record, User):
                zones = zones.with_zone(record.timezone)
        if zones is not self.frame.zones:
            self.frame = Frame(self.frame.settings, self.frame.types, zones)
        self.first_us = min(self.first_us, self._pending.keep(batch))

    def declare(self, at_us: int, registry: Registry) -> None:
        """Takes the event types that hold from an instant on, which is not before those of earlier calls."""
        self._declared.append((at_us, registry))

    def announce(self, since_us: int, experiment: Experiment) -> None:
        """Takes an experiment's definition, which holds from an instant on that was not reached."""
        self.schedule = self.schedule.and_then(since_us, experiment)

    def take_prices(self, prices: Mapping[int, Thresholds]) -> None:
        """Takes prices that are on record, by the instant at which they take effect, before it is reached."""
        self.prices.update(prices)
        # each is written when its epoch ends, one before it takes effect; the first may lie before all that is left
        self.first_us = min([self.first_us, *(effective - 2 * EPOCH_US for effective in prices)])

    def restore_types(self, registry: Registry, awaited: Mapping[str, Collection[int]]) -> None:
        """Sets the types in force and who has opted out of which that are not declared: after loading a snapshot."""
        self.awaited = {name: set(users) for name, users in awaited.items()}
        self._use(registry)

    def _use(self, registry: Registry) -> None:
        """Event types come into force; who has opted out of one of them before it was declared has no need to again."""
        self.registry = registry
        self.frame = Frame(self.frame.settings, registry.columns(), self.frame.zones)
        self._type_bit = {name: 1 << i for i, name in enumerate(registry.names)}
        self._unbound = ~self.frame.types.ranked | self.frame.types.critical
        for name in self.awaited.keys() & self._type_bit.keys():
            users = np.array(sorted(self.awaited.pop(name)), dtype=np.uint64)
            rows = self.table.rows_of(users)
            self.table.rows["type_opt_out"][rows] |= np.uint64(self._type_bit[name])
            self.changed[rows[rows < len(self.changed)]] = True  # who comes later is marked then

    def refresh(self) -> None:
        """Recomputes what is derived from the rows: after loading a snapshot."""
        self._grow()
        self._touch(np.arange(len(self.table)))

    def controls_at(self, at_us: int) -> Thresholds:
        """Returns the controls in force at an instant."""
        killed = False
        for effective, value in self.killed:
            if effective <= at_us:
                killed = value
        found = _unpriced(len(self.arms.names))
        for effective, prices in self.thresholds:
            if effective <= at_us:
                found = prices
        stops = in_force((turn for _, turn in self.stopped), from_us(at_us)) if self.stopped else Stops()
        return replace(
            found,
            killed=killed,
            stopped_channels=_mask(stops.channels),
            stopped_types=tuple(i for i, name in enumerate(self.registry.names) if name in stops.types),
        )

    def run(self, until_us: int, listener: Listener) -> None:
        """Applies every input and fires every timer up to and including `until_us`, epoch by epoch."""
        if self.applied_us < 0:
            self.applied_us = min(self.first_us, until_us) - 1
        while self.applied_us < until_us:
            while self._declared and self._declared[0][0] <= self.applied_us + 1:
                self._use(self._declared.pop(0)[1])
                self._touch(np.arange(len(self._due)))
            if self.reporter is not None:
                self._take_reported()
            self._regroup(self.schedule.at(self.applied_us + 1, POLICY))
            self._hear(version_at(self.scorer.versions, self.applied_us + 1))
            boundary = ((self.applied_us + 1) // EPOCH_US + 1) * EPOCH_US
            breaks = [at_us for at_us, _ in (*self.killed, *self.stopped, *self._declared, *self.scorer.versions)]
            breaks += self.schedule.changes_us()
            cuts = [at_us for at_us in breaks if self.applied_us + 1 < at_us <= until_us]
            end = min([until_us, boundary - 1, *(c - 1 for c in cuts)])
            self._window(end, listener)
            self.applied_us = end
            if end == boundary - 1 and self.reporter is not None:
                self.reporter.passed(boundary)
            elif end == boundary - 1 and self.first_us <= end:
                epoch = closed(self.volume, self.reputation, boundary, self.arms.names)
                if epoch.effective_us in self.prices:
                    epoch = replace(epoch, thresholds=self.prices[epoch.effective_us])
                self.thresholds = [*self.thresholds[-2:], (epoch.effective_us, epoch.thresholds)]
                listener.priced(epoch)

    def _take_reported(self) -> None:
        """Prices that were made elsewhere come into force; they are of the arms at the end of their epoch."""
        now = self.applied_us + 1
        for effective in sorted(effective for effective in self.prices if effective <= now):
            prices = self.prices.pop(effective)
            for at_us, source in self.regrouped:
                if at_us >= effective - EPOCH_US:
                    prices = _of_arms(prices, source)
            self.thresholds = [*self.thresholds[-2:], (effective, prices)]
        self.regrouped = [change for change in self.regrouped if change[0] >= now - 2 * EPOCH_US]

    def _hear(self, version: str) -> None:
        """Prepares the controller for other utilities, where others than before score messages from here on."""
        if self.spoke and of_messages(self.spoke) != of_messages(version):
            if self.reporter is not None:
                self.reporter.model_changed(self.applied_us + 1)
            else:
                self.volume.model_changed(self.arms.without_own_ranker())
        self.spoke = version

    def _regroup(self, running: tuple[Experiment, ...]) -> None:
        """Other experiments run from here on: everybody's arm, counts and prices follow."""
        if running == self.arms.experiments:
            return
        dealt, now = self.table.rows[: len(self.arms.of)], self.applied_us + 1
        # whose first input is yet to come has her row already, if it was submitted by now
        known = (dealt["plan_day"] >= 0) | (dealt["next_plan"] < now)
        change = self.arms.change(running, dealt, known)
        self.changed[:] = True
        if self.reporter is not None:
            self.reporter.regrouped(now, running, change)
            self.regrouped.append((now, change.source))
        else:
            self.volume.regroup(change)
        self.thresholds = [(effective, _of_arms(prices, change.source)) for effective, prices in self.thresholds]

    def _window(self, end: int, listener: Listener) -> None:
        """Rounds within one epoch: apply inputs up to each user's next timer, fire what is due, repeat."""
        waiting = self._pending.take(end, self.table, self.registry)
        self._grow()
        controls = self.controls_at(end)
        while True:
            applied = False
            if len(waiting):
                limit = np.minimum(self._due, end)
                np.minimum.at(limit, *self._breaks(waiting))
                applied = self._apply(waiting, limit, listener, controls.version)
            first = waiting.first_per_row(len(self.table))
            due = np.flatnonzero((self._due <= end) & (self._due < first))
            if len(due):
                self._fire(due, controls, listener)
            elif not applied:
                break

    def _breaks(self, waiting: Inputs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Timers that waiting inputs may set: profiles and failures at their own instant, candidates at their wake or
        next job."""
        users = [(row, log) for log, row, _, _, record in waiting.rest if isinstance(record, User)]
        told, failed = waiting.candidates, take(waiting.engagements, waiting.engagements.kind == history.FAILURE)
        soonest = next_job(self.table.rows, told.row, told.log_us)
        timer = np.minimum(np.where(told.wake_us > 0, told.wake_us, NEVER), soonest)
        rows = np.concatenate([told.row, failed.row, np.array([r for r, _ in users], dtype=np.int64)])
        return rows, np.concatenate([timer, failed.log_us, np.array([t for _, t in users], dtype=np.int64)])

    def _apply(self, waiting: Inputs, limit: NDArray[np.int64], listener: Listener, version: int) -> bool:
        """Folds every waiting input up to its user's limit; returns whether there was one."""
        rows = self.table.rows
        acts = waiting.engagements.log_us <= limit[waiting.engagements.row]
        told = waiting.candidates.log_us <= limit[waiting.candidates.row]
        given = waiting.budgets.log_us <= limit[waiting.budgets.row]
        rest = [r for r in waiting.rest if r[0] <= limit[r[1]]]
        if not (acts.any() or told.any() or given.any() or rest):
            return False
        engagements: EngagementRows = take(waiting.engagements, acts)
        candidates: CandidateRows = take(waiting.candidates, told)
        waiting.engagements = take(waiting.engagements, ~acts)
        waiting.candidates = take(waiting.candidates, ~told)
        waiting.rest = [r for r in waiting.rest if r[0] > limit[r[1]]]
        assignment.assign(rows, take(waiting.budgets, given))
        self.changed[waiting.budgets.row[given]] = True
        waiting.budgets = take(waiting.budgets, ~given)

        status = history.observe(rows, engagements)
        self._count(counts.of_answers(engagements, rows["mailbox"][engagements.row], status))
        if (status >= history.CONFLICT_LOST).any():
            listener.conflicted("engagement", engagements.key[status >= history.CONFLICT_LOST])
        status, evicted = pool.admit(rows, candidates)
        lost = (status == history.CONFLICT_LOST) | (status == history.CONFLICT_WON)
        if lost.any():
            listener.conflicted("candidate", candidates.key[lost])
        if len(evicted.row):
            listener.evicted(evicted, version)
        for log_us, row, content, offset, record in rest:
            self._apply_record(rows, log_us, row, content, offset, record)
        touched = np.concatenate([engagements.row, candidates.row, np.array([r[1] for r in rest], dtype=np.int64)])
        self._touch(np.unique(touched))
        return True

    def _apply_record(
        self, rows: NDArray[Any], log_us: int, row: int, content: int, offset: int, record: UserInput
    ) -> None:
        one = rows[row : row + 1]
        here, at = np.array([row]), np.array([log_us])
        if isinstance(record, User):
            self._profile(one, log_us, content, offset, record)
        elif isinstance(record, Cancel):
            key, _ = cancel_keys(record)
            pool.cancel(rows, here, np.array([key], dtype=np.uint64), at)
        elif isinstance(record, Suppression):
            place = CHANNELS.index(record.channel) if record.channel else history.EVERY_CHANNEL
            history.suppress(rows, here, np.array([place]), at, lifted=record.lifted)

    def _profile(self, one: NDArray[Any], log_us: int, content: int, offset: int, user: User) -> None:
        """The last profile by (log time, content) wins; if it says something new, the day is planned anew."""
        if (log_us, content) <= (int(one["profile_log"][0]), int(one["profile_hash"][0])):
            return
        if content == int(one["profile_hash"][0]) and int(one["profile_offset"][0]) >= 0:
            one["profile_log"], one["profile_offset"] = log_us, offset
            return
        one["profile_log"], one["profile_hash"], one["profile_offset"] = log_us, content, offset
        one["zone"] = self.frame.zones.index(user.timezone)
        quiet = user.quiet_hours
        one["quiet_start"], one["quiet_end"] = (quiet.start_minute, quiet.end_minute) if quiet else (-1, -1)
        one["addresses"] = _mask(user.addresses)
        one["opt_in"] = _mask(user.opt_in)
        one["wish"] = -1 if user.weekly_wish is None else user.weekly_wish
        one["mailbox"] = mailbox_of(user.addresses.get("email", ""))
        one["type_opt_out"] = sum(self._type_bit.get(t, 0) for t in set(user.type_opt_out))
        self._await(int(one["user_key"][0]), set(user.type_opt_out) - self._type_bit.keys())
        if user.signup_at is not None:
            one["signup"] = to_us(user.signup_at)
        one["next_plan"] = min(int(one["next_plan"][0]), log_us)

    def _await(self, user_key: int, names: set[str]) -> None:
        """Keeps opt-outs of types that are not declared, in place of those of the user's last profile."""
        for name in [n for n, users in self.awaited.items() if user_key in users and n not in names]:
            self.awaited[name].discard(user_key)
        for name in names:
            self.awaited.setdefault(name, set()).add(user_key)

    def _fire(self, rows: NDArray[np.int64], controls: Thresholds, listener: Listener) -> None:
        """Fires timers in chunks; rank jobs by the size of their pools, so that a chunk is as wide as it must be."""
        planned = self._plans[rows]
        plans, ranks = rows[planned], rows[~planned]
        for alike in self.arms.treated_alike(plans):
            for chunk in self._chunks(alike):
                self._plan(chunk, listener)
                self._touch(chunk)  # now, while the rows are still in the processor's cache
        for alike in self.arms.treated_alike(ranks):
            for chunk in self._chunks(alike[np.argsort(self.table.rows["c_len"][alike], kind="stable")]):
                self._rank(chunk, controls, listener)
                self._touch(chunk)

    def _chunks(self, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        return np.array_split(rows, -(-len(rows) // self._at_once)) if len(rows) else []

    def _plan(self, rows: NDArray[np.int64], listener: Listener) -> None:
        # take and put copy a row as one block; indexing would copy its hundred fields one by one, three times slower
        state, now, frame = self.table.rows.take(rows), self._due[rows], self._frame_of(rows)
        state = steps.take_back(state, frame)
        request = steps.plan_request(state, now, frame)
        scores = self.scorer.slots(state["user_key"], request)
        state, plan = steps.plan_day(state, request, scores, frame)
        self.table.rows.put(rows, state)
        self.arms.plan(rows, self.table.rows)
        reach = (state["addresses"] & state["opt_in"] & ~state["blocked"]).astype(np.int64)
        settings, arms = self.frame.settings, len(self.arms.names)
        self._count(counts.of_plans(settings, arms, state["user_key"], request, plan, self.arms.of[rows], reach))
        listener.planned(rows, request, scores, plan)

    def _rank(self, rows: NDArray[np.int64], controls: Thresholds, listener: Listener) -> None:
        state, now, frame = self.table.rows.take(rows), self._due[rows], self._frame_of(rows)
        request = steps.rank_request(state, now, self.arms.of[rows], frame)
        request, left = steps.sendable(request, controls, frame)
        scores = self.scorer_of(rows).scores(request)
        outcome = steps.conclude(self.table.rows, rows, state, request, scores, controls, frame, left)
        before, arms = state["feasible_jobs"].astype(np.int64), len(self.arms.names)
        self._count(counts.of_jobs(arms, request, outcome.verdict, before))
        self._count(counts.of_sends(request.person, outcome.verdict))
        listener.ranked(rows, request, scores, outcome, controls)

    def _count(self, found: Counts) -> None:
        if self.reporter is not None:
            self.reporter.add(found)
        else:
            self.volume.add(found)
            self.reputation.add(found)

    def scorer_of(self, rows: Int[np.ndarray, " n"]) -> Scorer:
        """Returns who scores the messages of users who are treated alike."""
        ranker = self.arms.treatment_of(rows).ranker
        return self.rankers.get(ranker, self.scorer) if ranker else self.scorer

    def _frame_of(self, rows: Int[np.ndarray, " n"]) -> Frame:
        """What holds for users who are treated alike."""
        settings = self.arms.treatment_of(rows).settings
        return self.frame if settings is self.frame.settings else replace(self.frame, settings=settings)

    def _touch(self, rows: Int[np.ndarray, " n"]) -> None:
        """Derives the next timer of rows that changed."""
        if len(rows):
            self._due[rows], self._plans[rows] = next_timer(self.table.rows, rows, self._unbound, self._counted)
            self.changed[rows] = True

    def _grow(self) -> None:
        known, total = len(self._due), len(self.table)
        if total == known:
            return
        fresh = np.arange(known, total)
        self._due = np.concatenate([self._due, np.full(total - known, NEVER)])
        self._plans = np.concatenate([self._plans, np.zeros(total - known, dtype=np.bool_)])
        self.changed = np.concatenate([self.changed, np.ones(total - known, dtype=np.bool_)])
        self.arms.grow(self.table.rows["user_key"][fresh])
        self._touch(fresh)


def _mask(channels: Iterable[str]) -> int:
    return sum(1 << CHANNELS.index(channel) for channel in CHANNELS if channel in set(channels))


def _of_arms(prices: Thresholds, source: NDArray[np.int64]) -> Thresholds:
    """The thresholds of arms that begin with those of others."""
    return replace(prices, mid=prices.mid[source], low=prices.low[source], high=prices.high[source])


def _unpriced(arms: int) -> Thresholds:
    """Before the first epoch nothing is known: whatever has a positive utility may go, within budgets and caps."""
    zero = np.zeros((arms, len(SEGMENTS), N_CHANNELS))
    return Thresholds(zero, zero, zero, killed=False, version=0)
