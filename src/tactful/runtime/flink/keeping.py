"""The operator that makes prices: one for the whole job, between the counts of all groups and the next control file.

Prices go round outside the job: the keeper writes a file of one line into the control folder, and the job reads that
folder. What is written follows from the counts, so a keeper that was restored writes the same again; a file that is
there stands.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from tactful.events.records import decode
from tactful.runtime import logbook
from tactful.runtime.flink import bundle, moved, rows
from tactful.runtime.flink.groups import DONE, Output, Plan
from tactful.runtime.flink.state import ALONE, Context, Descriptors, States, Table, Value
from tactful.runtime.price_keeper import PriceKeeper
from tactful.stores.protocols import ControlRow

FINISHED = "_finished"
"""A file of this name in the control folder says that every group has come to the end; sources pass it over."""


class Keeper:
    """Takes the reports of all groups under one key; gives the control log, and writes control files."""

    def __init__(self, plan: Plan, controls: str, descriptors: Descriptors) -> None:
        """`controls` is the folder that the job reads prices from; "" writes no files."""
        self._plan, self._controls = plan, controls
        self._descriptors = descriptors

    def open(self, states: States) -> None:
        """Takes the states; the keeper itself is read at the first report."""
        value, table = self._descriptors.value, self._descriptors.table
        self._kept: Value[bytes] = states.get_state(value("keeper"))
        self._waiting: Table[bytes] = states.get_map_state(table("reports"))
        self._done: Table[int] = states.get_map_state(table("done"))
        with ALONE:
            told = bundle.load(Path(self._plan.folder))
            self._settings, self._start_us = bundle.settings_of(told), told.start_us
            self._begun = moved.keeper_of_job(Path(self._plan.folder)) if told.moved_groups else None
        self._keeper: PriceKeeper | None = None
        self._reports = 0

    def process_element(self, value: Output, ctx: Context) -> Iterator[str]:
        """Takes one report, and yields the control of every epoch that it closes."""
        kind, text = value
        if kind == DONE:
            self._done.put(text, self._plan.until_us)
            if self._told_if_done():
                (Path(self._controls) / FINISHED).touch()
            return
        with ALONE:
            closed = self._take(text)
        self._told_if_done()
        for row in closed:
            if self._controls:
                bundle.write_control(Path(self._controls), row)
            yield rows.told(decode(row.data))

    def _told_if_done(self) -> bool:
        """Writes the keeper as it is once all groups are done; their last reports may be on their way still."""
        done = list(self._done.values()).count(self._plan.until_us) == self._plan.groups and bool(self._controls)
        if done:
            with ALONE:
                (Path(self._controls) / moved.KEEPER).write_bytes(self._opened().to_bytes())
        return done

    def _take(self, text: str) -> list[ControlRow]:
        """Takes a report, and returns the controls of the epochs that it closes."""
        keeper = self._opened()
        report = msgspec.json.decode(text, type=bytes)
        closed = [logbook.control(epoch) for epoch in keeper.take(report)]
        if not closed:
            self._waiting.put(f"{self._reports:010d}", report)
            self._reports += 1
            return []
        self._kept.update(keeper.to_bytes())
        for name in list(self._waiting.keys()):
            self._waiting.remove(name)
        self._reports = 0
        return closed

    def _opened(self) -> PriceKeeper:
        """The keeper: from memory, else from its state or an engine's, and the reports that came since."""
        if self._keeper is None:
            kept = self._kept.value() or self._begun
            if kept is None:
                self._keeper = PriceKeeper(self._settings, self._plan.groups, self._start_us)
            else:
                self._keeper = PriceKeeper.from_bytes(kept, self._settings)
            waiting = sorted(self._waiting.items())  # as they came: a group's later report would hide an earlier one
            for _, report in waiting:
                self._keeper.take(report)
            self._reports = len(waiting)
        return self._keeper
