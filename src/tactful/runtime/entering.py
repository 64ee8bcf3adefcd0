"""How accepted inputs enter a population: told apart by kind, and their texts kept until they are needed no more.

A population's arrays refer to texts by number: to users by row, to candidates by key. What enters is in the log
already; nothing is refused here.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from tactful.clock import from_us, to_us
from tactful.events import switches, type_changes
from tactful.events.records import Candidate, Control
from tactful.experiments import schedule
from tactful.runtime import event_types, logbook
from tactful.runtime.intake import Line, candidate_key, columns
from tactful.runtime.population import Population


class Entrance:
    """The way of inputs into a population, in the order of the log.

    Attributes:
        population: which hears of them.
        registry: the event types behind the last input that entered.
        user_ids: by row.
        candidates: ids of those that may still be decided on, by key.
    """

    def __init__(self, population: Population) -> None:
        """Begins with an empty population."""
        self.population = population
        self.registry = population.registry
        self.user_ids: list[str] = []
        self.candidates: dict[int, str] = {}

    def enter(self, lines: Sequence[Line]) -> None:
        """Hands inputs to the population; what lies behind a change of event types is read by the new ones."""
        start = 0
        for end, line in enumerate(lines, 1):
            if isinstance(line.record, Control) and event_types.declares(line.record):
                self._enter(lines[start:end])
                start = end
                self.registry = type_changes.changed(self.registry, type_changes.read(line.record.value))
                self.population.declare(line.log_us, self.registry)
        self._enter(lines[start:])

    def forget(self, decided: Iterable[logbook.Logged]) -> None:
        """Candidates that were sent or dropped need no name any more; on a ladder a sent one may climb."""
        ladder = self.population.frame.settings.rules.channel_mode == "ladder"
        closing = {"drop"} if ladder else {"drop", "send"}
        for decision in decided:
            if decision.record.action in closing and decision.record.candidate_id is not None:
                self.candidates.pop(candidate_key(decision.record.candidate_id), None)

    def _enter(self, lines: Sequence[Line]) -> None:
        if not lines:
            return
        for line in lines:
            if isinstance(line.record, Control):
                self._control(line.log_us, line.record)
        own = [line for line in lines if line.user_id]
        keys = np.array([line.user_key for line in own], dtype=np.uint64)
        first_us = np.array([line.log_us for line in own], dtype=np.int64)
        rows = self.population.table.ensure(keys, first_us).tolist()
        for row, line in zip(rows, own, strict=True):
            line.row = row
            if row == len(self.user_ids):
                self.user_ids.append(line.user_id)
            if isinstance(line.record, Candidate):
                self.candidates[line.dedupe_key] = line.record.candidate_id
        self.population.offer(columns(lines, self.registry))

    def _control(self, log_us: int, control: Control) -> None:
        """An operator's control; one that would lie in the past takes effect as soon as it is accepted."""
        at = max(to_us(control.effective_at), log_us)
        if switches.is_switch(control.key):
            self._switch(at, msgspec.structs.replace(switches.read(control), at=from_us(at)))
        elif control.key == schedule.KEY:
            self.population.announce(at, schedule.read(control.value))

    def _switch(self, at: int, turn: switches.Switch) -> None:
        people = self.population
        if turn.what == "all":
            people.killed = sorted([*people.killed, (at, turn.on)])
        else:
            people.stopped = [*people.stopped, (at, turn)]
