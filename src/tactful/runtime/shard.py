"""A part of the users with their states and timers, for an engine that deals users to many machines.

A shard is a `Population` of the users whose keys fall into one group, the texts of their open candidates and profiles,
and inputs that wait. It needs no store: what came goes in as bytes, what was decided comes out as rows of a store, what
must survive comes out as bytes by user. The price of a send is not made here: a shard reports its counts
(`price_keeper.py`) and never runs past the last instant for which it knows the price. So the same log gives the same
decisions in any number of shards, however often they run. Nothing here knows of Flink.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
from jaxtyping import Int64, UInt64

from tactful.clock import to_us
from tactful.errors import InvalidRecord, InvalidSettings
from tactful.events import type_changes
from tactful.events.records import Candidate, Control, User, decode
from tactful.events.registry import Registry
from tactful.experiments.design import POLICY
from tactful.features.context import Zones
from tactful.features.history import layout
from tactful.runtime.control import EPOCH_US
from tactful.runtime.entering import Entrance
from tactful.runtime.filing import Filing, decision_rows
from tactful.runtime.intake import candidate_key
from tactful.runtime.logged_prices import logged_prices
from tactful.runtime.population import Population
from tactful.runtime.scoring import Scorer
from tactful.runtime.settings import Settings
from tactful.runtime.shard_inputs import Refused, Waiting
from tactful.runtime.shard_report import Reports
from tactful.runtime.shard_state import ShardState, UserState, layout_key, load_rows, needed_texts, read_users, users_of
from tactful.runtime.steps import Frame
from tactful.stores.protocols import BudgetRow, ControlRow, DecisionRow, LoggedInput, OutboxRow, PlanRow


class Made(msgspec.Struct, frozen=True):
    """What came of one run.

    Attributes:
        until_us: how far the shard went: as far as asked, or up to where it knows the price.
        decisions: by (instant, user, key), as an embedded engine files them; each is in no other run.
        plans, budgets: plans of days, and weekly budgets that were drawn at random.
        messages: for the outbox, one for each decision to send.
        refused: inputs that were not taken since the last run.
        report: counts of the epochs that were passed, for `PriceKeeper.take`; b"" where none was.
    """

    until_us: int
    decisions: list[DecisionRow]
    plans: list[PlanRow]
    budgets: list[BudgetRow]
    messages: list[OutboxRow]
    refused: list[Refused]
    report: bytes


class Changed(msgspec.Struct, frozen=True):
    """What has to be written so that the shard can be restored: what concerns all of it, and users who changed."""

    shard: bytes
    users: list[tuple[str, bytes]]


def group_of(user_key: UInt64[np.ndarray, " n"], groups: int) -> Int64[np.ndarray, " n"]:
    """Returns the group (0 .. groups - 1) of each user; the number of groups is a power of two.

    >>> group_of(np.array([5, 8], dtype=np.uint64), 4).tolist()
    [1, 0]
    """
    return (user_key & np.uint64(groups - 1)).astype(np.int64)


class Shard:
    """One group of users: takes their inputs, fires their timers, tells what was decided and what changed.

    Attributes:
        group, groups: which of how many.
    """

    def __init__(
        self, group: int, groups: int, settings: Settings, registry: Registry, scorer: Scorer, start_us: int
    ) -> None:
        """Knows nobody yet.

        Args:
            group, groups: which of how many.
            settings: as an embedded engine's.
            registry: the event types that the log begins with; changes of it come as inputs.
            scorer: the models; which speak when, its `versions` say.
            start_us: the log time of the first input of any user of the whole log, or earlier (live: when the job
                began); prices begin an epoch after that one. The same for all shards and the keeper.

        Raises:
            InvalidSettings: the number of groups is no power of two, or there is no such group.
        """
        if groups < 1 or groups & (groups - 1) or not 0 <= group < groups:
            raise InvalidSettings(
                f"got group {group} of {groups}, expected one of 0 .. groups - 1 of a number of groups that is a power "
                "of two, such as 128; it stands for the life of a job"
            )
        self.group, self.groups = group, groups
        self._known_until_us = (start_us // EPOCH_US + 2) * EPOCH_US - 1
        self._begin(Reports(group, groups), settings, registry, scorer)

    def _begin(self, reports: Reports, settings: Settings, registry: Registry, scorer: Scorer) -> None:
        self._reports = reports
        self._population = Population(settings, registry, scorer, reporter=reports)
        self._entrance = Entrance(self._population)
        self._filing = Filing(self._entrance, settings, self._fetch)
        self._controls: dict[int, bytes] = {}
        self._waiting = Waiting(self.group, self.groups)
        self._texts: dict[int, bytes] = {}
        self._held: list[set[int]] = []
        self._layouts = {layout_key(): layout()}

    @classmethod
    def restored(cls, shard: bytes, users: Iterable[bytes], settings: Settings, scorer: Scorer) -> "Shard":
        """Returns the shard that `changed` told of.

        Args:
            shard: the latest `Changed.shard`.
            users: the latest bytes of each of its users, in any order.
            settings: those with which it was made.
            scorer: the models.

        Raises:
            StoreError: a later version wrote the bytes, or they are damaged.
        """
        state, people = ShardState.from_bytes(shard), read_users(users)
        made = Shard(state.group, state.groups, settings, type_changes.from_bytes(state.types), scorer, 0)
        reports = Reports(state.group, state.groups, state.counted, state.reported_us)
        made._begin(reports, settings, made.registry, scorer)
        made._known_until_us = state.known_until_us
        made._layouts |= state.layouts
        made._waiting = Waiting(state.group, state.groups, state.waiting)
        made._load(state, people)
        for control in state.controls.values():
            made.price(control)
        return made

    def _load(self, state: ShardState, people: Sequence[UserState]) -> None:
        population, entrance = self._population, self._entrance
        zones = ("UTC", *sorted({one.zone for one in people} - {"UTC"}))
        older = load_rows(population.table, people, self._layouts, zones)
        population.frame = Frame(population.frame.settings, self.registry.columns(), Zones.of(zones))
        opted_out = {name for one in people for name in one.opted_out}
        keys = population.table.rows["user_key"].tolist()
        population.restore_types(
            self.registry,
            {n: [key for key, one in zip(keys, people, strict=True) if n in one.opted_out] for n in opted_out},
        )
        population.killed, population.stopped = state.killed, state.stopped
        population.schedule, population.spoke = state.schedule, state.spoke
        population.applied_us, population.first_us = state.applied_us, state.first_us
        population.regrouped = [(at_us, np.array(source, dtype=np.int64)) for at_us, source in state.regrouped]
        running = state.schedule.at(state.applied_us, POLICY)
        asked = {one.name: _asked(one.name, people) for one in running if not one.targeting.everybody()}
        population.arms.restore(running, asked)
        population.refresh()
        population.changed[:] = False
        population.changed[older] = True
        entrance.user_ids = [one.user_id for one in people]
        self._held = [set(one.texts) for one in people]
        for one in people:
            self._texts.update(one.texts)
        for data in self._texts.values():
            record = decode(data)
            if isinstance(record, Candidate):
                entrance.candidates[candidate_key(record.candidate_id)] = record.candidate_id

    @property
    def registry(self) -> Registry:
        """The event types behind what was applied."""
        return self._entrance.registry

    @property
    def population(self) -> Population:
        """The users' states; for whoever puts shards together (`moving.py`)."""
        return self._population

    @property
    def known_until_us(self) -> int:
        """The last instant for which the price is known."""
        return self._known_until_us

    @property
    def applied_us(self) -> int:
        """The instant up to which everything is decided; -1 before the first run."""
        return self._population.applied_us

    @property
    def next_us(self) -> int:
        """The earliest instant at which there is something to do: an input that waits, or a timer; else `NEVER`."""
        return min(self._population.next_us, self._waiting.next_us)

    def take(self, inputs: Iterable[LoggedInput], begun_us: int = -1) -> None:
        """Takes accepted inputs, in any order of arrival: those of its users, and what concerns everybody.

        The latter (kill switches, experiments, changes of event types, budget plans; user key 0) go to every shard. An
        input that is taken twice counts once. Each is applied when a run reaches its log time; who takes inputs just
        before the run that reaches them has none waiting in the states.

        Up to `begun_us`, where the job begins, inputs come too late, also before the first run: an input of long ago
        would have the shard live through all the time since.
        """
        self._waiting.take(inputs, max(self.applied_us, begun_us))

    def price(self, control: bytes) -> None:
        """Takes prices of the control log: the data of `logbook.control(epoch)`, as the keeper's epochs give it.

        Those of one epoch hold for an hour. They may come early, twice, and in any order.

        Raises:
            InvalidRecord: it is no control of prices.
        """
        record = decode(control)
        if not isinstance(record, Control) or record.key != "thresholds":
            raise InvalidRecord(
                f"got a {type(record).__name__}, expected a control with key thresholds; pass others to `take`"
            )
        effective_us = to_us(record.effective_at)
        if effective_us + EPOCH_US <= self.applied_us or effective_us in self._controls:
            return
        self._controls[effective_us] = control
        row = ControlRow(record.version, effective_us, record.key, control)
        self._population.take_prices(logged_prices([row]))
        while self._known_until_us + 1 in self._controls:
            self._known_until_us += EPOCH_US

    def run(self, until_us: int) -> Made:
        """Applies what was taken up to an instant and fires every timer up to it, each at its own instant.

        Goes no further than `known_until_us`. How often it is called, and with which instants, changes no decision.

        Raises:
            InvalidScores: a model says what nobody can use; the shard has to be restored.
        """
        end = min(until_us, self._known_until_us)
        if end > self.applied_us:
            self._enter(end)
            self._population.run(end, self._filing)
            self._drop_texts()
            self._controls = {at_us: told for at_us, told in self._controls.items() if at_us + EPOCH_US > end}
        filed = self._filing.taken()
        decided = filed.in_order()
        self._entrance.forget(decided)
        return Made(
            until_us=max(end, self.applied_us),
            decisions=decision_rows(decided),
            plans=filed.plans,
            budgets=filed.budgets,
            messages=filed.messages,
            refused=self._waiting.refused(),
            report=self._reports.taken(),
        )

    def changed(self) -> Changed:
        """Returns what has changed since the last call; at first, everybody who is known."""
        population = self._population
        rows = np.flatnonzero(population.changed).tolist()
        population.changed[:] = False
        state = ShardState(
            group=self.group,
            groups=self.groups,
            known_until_us=self._known_until_us,
            applied_us=population.applied_us,
            first_us=population.first_us,
            spoke=population.spoke,
            types=type_changes.to_bytes(self.registry),
            layouts=self._layouts,
            controls=self._controls,
            regrouped=[(at_us, source.tolist()) for at_us, source in population.regrouped],
            killed=population.killed,
            stopped=population.stopped,
            schedule=population.schedule,
            counted=self._reports.open_parts(),
            reported_us=self._reports.told_us,
            waiting=self._waiting.kept(),
        )
        return Changed(state.to_bytes(), users_of(population, self._entrance.user_ids, self._texts, rows))

    def _enter(self, end: int) -> None:
        """Hands over what is due, and keeps the texts that a message may need."""
        lines = self._waiting.due(end, self.registry)
        self._entrance.enter(lines)
        for line in lines:
            if isinstance(line.record, Candidate | User):
                self._texts[line.offset] = line.data
                self._hold(line.row).add(line.offset)

    def _hold(self, row: int) -> set[int]:
        while len(self._held) <= row:
            self._held.append(set())
        return self._held[row]

    def _drop_texts(self) -> None:
        """Lets go of the texts that the rows that changed refer to no more."""
        rows = np.flatnonzero(self._population.changed)
        for row, needed in zip(rows.tolist(), needed_texts(self._population.table.rows, rows), strict=True):
            held = self._hold(row)
            for offset in held - needed:
                del self._texts[offset]
            held &= needed

    def _fetch(self, offsets: Sequence[int]) -> Mapping[int, bytes]:
        return {offset: self._texts[offset] for offset in offsets}


def _asked(name: str, people: Sequence[UserState]) -> bytes:
    return np.array([one.asked.get(name, -1) for one in people], dtype=np.int8).tobytes()
