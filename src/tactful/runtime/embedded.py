"""The embedded engine: one process, one store, the same decisions for the same log.

What was accepted rests in the input log before `submit` returns. `advance` works through it in micro-batches; the
decisions, plans, controls and outbox rows of one micro-batch are committed together with the mark of how far it
went. States are kept in memory and saved now and then: after a crash the engine loads the last saved states and
replays the log from there with the scores on record, which leads to the very same states.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from tactful import draws
from tactful.clock import DAY_US, Clock, WallClock, from_us, to_us
from tactful.errors import EngineStopped, ReplayMismatch
from tactful.events import type_changes
from tactful.events.records import Candidate, Control, Decision, Input, SlotPlan, decode
from tactful.events.registry import Registry
from tactful.events.type_changes import TypeChange
from tactful.experiments import schedule
from tactful.features.state_bytes import packed
from tactful.runtime import deciding_version, erasing, event_types, logbook, noted_models, snapshot
from tactful.runtime.accepting import Acceptance
from tactful.runtime.entering import Entrance
from tactful.runtime.filing import Filing, decision_rows, step_counts
from tactful.runtime.intake import Line, Receipt, candidate_key, logged_line
from tactful.runtime.logged_scores import LoggedScorer
from tactful.runtime.models_in_use import ModelsInUse
from tactful.runtime.population import Population
from tactful.runtime.scoring import Scorer, version_at
from tactful.runtime.settings import Settings, note
from tactful.stores.protocols import Store
from tactful.stores.sqlite import SqliteStore
from tactful.telemetry import Telemetry

_READ_AT_ONCE: Final = 4096
MOVED: Final = "moved_to"
"""In the store: who decides in the engine's place; it only accepts then (`moving.py`)."""


class Engine:
    """Takes records, decides, and remembers.

    >>> from tactful.stores.memory import MemoryStore
    >>> engine = Engine(MemoryStore(), Settings())
    >>> engine.advance(datetime.fromisoformat("2026-01-01T00:00:00+00:00"))
    []
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        scorer: Scorer | None = None,
        clock: Clock | None = None,
        registry: Registry | None = None,
    ) -> None:
        """Opens the engine over a store, and brings it to the last committed state.

        Args:
            store: where everything rests; the engine is its only writer besides delivery and what posts to it.
            settings: see `runtime/settings.py`; the same seed and log give the same decisions.
            scorer: the models; by default those in force in this store, whichever these are from now on, else the
                simple predictors.
            clock: stamps what is accepted; the wall clock by default.
            registry: the event types that the log begins with, for a replay; by default those of the settings' folder,
                which is read again (`reload_types`).

        Raises:
            InvalidEventType: an event-type file is mistaken.
            OtherDecidingVersion: code that decides otherwise was killed over the store.
            ReplayMismatch: what was decided since the last saved states does not come out as it is on record.
        """
        deciding_version.check(store)
        self.store = store
        self.settings = settings
        self.telemetry = Telemetry()
        self._first_types = registry or event_types.at_first(store, settings)
        self._folder = Path(settings.event_types) if settings.event_types and registry is None else None
        self._clock = clock or WallClock()
        self._models: ModelsInUse | None = None
        if scorer is None:
            self._models = ModelsInUse(store, self.telemetry, settings.engine.onnx_provider)
            scorer = self._models.scorer
        self._scorer: Scorer = scorer
        self._leaves_traces = False
        event_types.note_first(store, self._first_types)
        self._begin()
        if registry is None:
            self.reload_types()
        note(store, settings)
        deciding_version.note(store)
        self._collect()
        noted_models.note(store, self._scorer, self._committed_us + 1)

    def _begin(self) -> None:
        """Makes the engine's memory from what the store has committed, and from nothing else."""
        self._torn = True
        self.population = Population(self.settings, self._first_types, self._scorer)
        self._entrance = Entrance(self.population)
        self._filing = Filing(self._entrance, self.settings, self.store.fetch)
        self._acceptance = Acceptance(
            self.store, self.registry, self.population.table, self._clock, self.telemetry, self._folder,
            keeps_models=self._models is not None, climbs=self.settings.rules.channel_mode == "ladder",
        )  # fmt: skip
        self._moved_to = (self.store.load_meta(MOVED) or b"").decode()
        self._committed_us = -1
        self._saved_inputs, self._saved_us = 0, -1
        self._waiting_us: list[int] = []
        self._waiting_offsets: list[int] = []
        self._recover()
        self._torn = False

    @classmethod
    def open(cls, path: Path, settings: Settings, scorer: Scorer | None = None, clock: Clock | None = None) -> "Engine":
        """Returns the engine over one SQLite file, made if it does not exist."""
        return cls(SqliteStore(path), settings, scorer, clock)

    @property
    def registry(self) -> Registry:
        """The event types of what is accepted next."""
        return self._entrance.registry

    @property
    def user_ids(self) -> list[str]:
        """Who has a state, by row."""
        return self._entrance.user_ids

    @property
    def watermark(self) -> datetime | None:
        """The instant up to which everything is decided and committed; None before the first."""
        return from_us(self._committed_us) if self._committed_us >= 0 else None

    # --- accept ---------------------------------------------------------------------------------------------

    def submit(self, records: Iterable[Input], stamps_us: Sequence[int] | None = None) -> Receipt:
        """Accepts records durably and returns what became of each.

        Args:
            records: anything of `events.records.Input`; the bad ones are refused, the rest is taken.
            stamps_us: on import, the rows' own times (ascending); else the clock stamps them all. A stamp that
                lies behind the log's end is moved up to it, so nothing is ever late.
        """
        taken, receipt = self._acceptance.submitted(records, stamps_us, self._committed_us)
        self._enter(taken)
        return receipt

    def reload_types(self) -> TypeChange | None:
        """Takes what the event-type files say now, and returns what that changed; the engine may be running.

        The change is an input of the log, behind all that was accepted: from there on it holds, and in every replay. A
        candidate of an unknown type makes the engine look for a file by itself.

        Raises:
            InvalidEventType: a file is mistaken; the engine keeps the types that it has.
        """
        change = type_changes.change_between(self.registry, wanted := event_types.of_settings(self.settings))
        self._enter(self._acceptance.declared(wanted, self._committed_us))
        return change

    def _collect(self) -> None:
        """Takes what other processes posted into the store."""
        for taken in self._acceptance.collected(self._committed_us):
            self._enter(taken)

    def _enter(self, taken: Sequence[Line]) -> None:
        """Hands accepted inputs to the population, in the order of the log."""
        self._entrance.enter(taken)
        self._acceptance.registry = self.registry
        self._acceptance.remember(taken)
        self._waiting_us.extend([line.log_us for line in taken])
        self._waiting_offsets.extend([line.offset for line in taken])
        if any(isinstance(line.record, Control) and line.record.key == schedule.KEY for line in taken):
            self._load_rankers()

    # --- decide ---------------------------------------------------------------------------------------------

    def advance(self, until: datetime) -> list[Decision]:
        """Applies what was accepted up to an instant, fires all timers up to it, and returns what was decided.

        Every micro-batch is committed before the next begins; a crash loses none and repeats none. Before each,
        what other processes posted into the store is accepted, and models that were put in force are taken.

        Raises:
            InvalidScores: a model says what nobody can use. The micro-batch leaves nothing behind; the engine has to be
                opened again, best with another model in force.
            EngineStopped: it was not opened again, or its store has moved to a cluster, where all is decided now.
        """
        if self._moved_to:
            raise EngineStopped(
                f"decisions over this store are made by the job that reads {self._moved_to}; to decide here again end "
                "that job and bring its states back: tactful flink import"
            )
        until_us = to_us(until)
        decided: list[Decision] = []
        while self._committed_us < until_us:
            if self._torn:
                raise EngineStopped(
                    f"an error broke off what comes after {self.watermark or 'the beginning'}; nothing of it is on "
                    "record and nothing accepted is lost: open an engine over the store again"
                )
            self._collect()
            self._erase()
            self._follow()
            end = self._next_end(until_us)
            with self.telemetry.span("engine batch"):
                self._torn = True
                self.population.run(end, self._filing)
                self._torn = False
                decided.extend(self._commit(end))
        return decided

    def _erase(self) -> None:
        """Takes out people who are to be erased, then begins anew from the store, in which nothing of them is left.

        Their decisions have moved prices that the replay of a crash could not move again without them: so the states of
        all others are saved in the same transaction, and no replay reaches behind it.
        """
        wishes = erasing.asked(self.store)
        if not wishes:
            self._leaves_traces = self._leaves_traces and not self.store.checkpoint()
            return
        self._torn = True
        with self.store.transaction():
            erasing.erase(self.store, wishes, max(self._clock.now_us(), self._committed_us))
            kept = erasing.forget(self.population, {draws.key(wish.user_id) for wish in wishes})
            self._save(self._committed_us, kept)
        self._leaves_traces = not self.store.checkpoint()
        self._begin()
        self.telemetry.count("engine.erased.people", len(wishes))

    def _follow(self) -> None:
        """Takes models that were put in force since the last micro-batch; the next one is decided with them."""
        if self._models is not None and self._models.changed():
            self._scorer = self.population.scorer = self._models.scorer
            self._load_rankers()
            noted_models.note(self.store, self._scorer, self._committed_us + 1)

    def _load_rankers(self) -> None:
        """Takes the rankers of arms that have one of their own; scores from elsewhere are theirs, too."""
        if self._models is not None:
            known = self.population.schedule.latest()
            go_on = [one for one in known if one.ended_at is None or to_us(one.ended_at) > self._committed_us]
            self.population.rankers = self._models.rankers_of(go_on)

    def _next_end(self, until_us: int) -> int:
        """Where the next micro-batch ends: after `micro_batch` inputs, or at the end."""
        size = self.settings.engine.micro_batch
        return until_us if len(self._waiting_us) <= size else min(self._waiting_us[size - 1], until_us)

    def _commit(self, end: int) -> list[Decision]:
        """Writes everything that one micro-batch made, in one transaction."""
        filed = self._filing.taken()
        made = filed.in_order()
        rows = decision_rows(made)
        with self.store.transaction():
            self.store.append_decisions(rows)
            self.store.append_plans(filed.plans)
            self.store.append_budgets(filed.budgets)
            self.store.append_controls([logbook.control(epoch) for epoch in filed.epochs])
            self.store.enqueue(filed.messages)
            self.store.save_meta("committed", str(end).encode())
            if self._due_for_saving(end):
                self._save(end)
        self._committed_us = end
        for name, number in step_counts(rows).items():
            self.telemetry.count(name, number)
        self._pass(end)
        self._acceptance.forget(end)
        self._entrance.forget(made)
        return [d.record for d in made]

    def _pass(self, until_us: int) -> None:
        """Inputs up to an instant wait no longer."""
        passed = bisect_right(self._waiting_us, until_us)
        del self._waiting_us[:passed], self._waiting_offsets[:passed]

    # --- save, and recover ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Saves the states and closes the store; states that an error left half-way are not saved."""
        if not self._torn:
            with self.store.transaction():
                self._save(self._committed_us)
        self.store.close()

    def _due_for_saving(self, end: int) -> bool:
        engine = self.settings.engine
        if self._saved_us < 0:
            self._saved_us = end
        if end - self._saved_us >= engine.snapshot_days * DAY_US:
            return True
        limit = max(engine.snapshot_min_inputs, engine.snapshot_inputs_per_user * len(self.user_ids))
        return self._acceptance.offset - self._saved_inputs >= limit

    def _save(self, applied_us: int, kept: Sequence[int] | None = None) -> None:
        """Saves every state (a row, packed), or those of some rows, with the mark of what it includes.

        Part of the open transaction.
        """
        user_ids = self.user_ids if kept is None else [self.user_ids[i] for i in kept]
        self.store.save_states(zip(user_ids, packed(self.population.table.rows, kept), strict=True))
        first = bisect_right(self._waiting_us, applied_us)
        pending = [*self._waiting_offsets[first : first + 1], self._acceptance.offset + 1][0]
        self.store.save_meta("states", snapshot.taken(self.population, applied_us, pending - 1))
        self._saved_inputs, self._saved_us = self._acceptance.offset, applied_us

    def _recover(self) -> None:
        """Loads the saved states and replays what was committed after them, with the scores on record."""
        saved = self.store.load_meta("states")
        committed = int(self.store.load_meta("committed") or b"-1")
        after = -1
        if saved is not None:
            after = self._load(saved)
        saved_us = self._committed_us
        for part in self._log_after(after):
            self._enter(part)
        if committed > self._committed_us:
            self._replay(committed)
        self._committed_us = committed
        self._saved_inputs, self._saved_us = after + 1, saved_us

    def _load(self, saved: bytes) -> int:
        """Brings the population to a saved state and returns the last offset that it includes."""
        population = self.population
        self._committed_us, offset = snapshot.restore(population, saved, self._stored_rows())
        self._load_rankers()
        self._entrance.registry = self._acceptance.registry = population.registry
        spoke = noted_models.versions(noted_models.history(self.store))
        population.spoke = version_at(spoke, self._committed_us) if spoke else ""
        rows = population.table.rows
        held = np.arange(rows["c_offset"].shape[1]) < rows["c_len"][:, None]
        offsets = rows["c_offset"][held].tolist()
        for start in range(0, len(offsets), _READ_AT_ONCE):
            for data in self.store.fetch(offsets[start : start + _READ_AT_ONCE]).values():
                record = decode(data)
                if isinstance(record, Candidate):
                    self._entrance.candidates[candidate_key(record.candidate_id)] = record.candidate_id
        return offset

    def _stored_rows(self) -> Iterator[bytes]:
        """The saved rows, one by one; their users' ids are noted on the way."""
        self.user_ids.clear()
        for user_id, row in self.store.load_states():
            self.user_ids.append(user_id)
            yield row

    def _log_after(self, offset: int) -> Iterator[list[Line]]:
        while part := self.store.read(offset, _READ_AT_ONCE):
            offset = part[-1].offset
            yield [logged_line(i) for i in part]

    def _replay(self, until_us: int) -> None:
        """Goes over what was decided once more; every decision must be the one on record."""
        since = self._committed_us + 1
        rows = list(self.store.decisions_between(since, until_us + 1))
        records = [d for d in (decode(row.data) for row in rows) if isinstance(d, Decision)]
        plans = [p for p in (decode(row.data) for row in self.store.plans_between(since, until_us + 1))
                 if isinstance(p, SlotPlan)]  # fmt: skip
        spoke = noted_models.versions(noted_models.history(self.store))
        self.population.scorer = LoggedScorer(records, plans, spoke or self._scorer.versions)
        rankers, self.population.rankers = self.population.rankers, {}
        self.population.run(until_us, self._filing)
        self.population.scorer, self.population.rankers = self._scorer, rankers
        made = self._filing.taken().decisions
        again = {d.key for d in made}
        known = {row.decision_key for row in rows}
        if again != known:
            raise ReplayMismatch(
                f"recovery made {len(again - known)} decisions that are not on record and missed "
                f"{len(known - again)}; the settings, the event types or the code are not those of the stopped run"
            )
        self._pass(until_us)
        self._acceptance.forget(until_us)
        self._entrance.forget(made)
