"""What a shard tells the keeper of prices: its counts, epoch by epoch.

Within an epoch there may be an instant from which on the arms are others, or another model scores messages. What was
counted before it means something else then, so an epoch's counts come in parts, each from such an instant on. All
shards have the same instants, since they follow from inputs that every shard hears.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec
import numpy as np

from tactful.errors import InvalidRecord
from tactful.experiments.design import Experiment
from tactful.runtime.arms import Regrouping
from tactful.runtime.counts import Cells, Counts, summed

_FORMAT: Final = 1
_Kept: TypeAlias = tuple[int, bytes, bytes, bytes]


class Part(msgspec.Struct, frozen=True):
    """Counts from an instant of an epoch on (`since_us`; -1: its beginning).

    Attributes:
        moved: if the arms are others since then, how many users of each old one are in each new one.
        running: the experiments that make those arms.
        model_changed: whether another model scores messages since then.
        newest, cells: of `Counts`; days and cells as 32 bits, numbers as 64.
    """

    since_us: int
    newest: int = -1
    cells: dict[str, _Kept] = {}
    moved: list[list[int]] = []
    running: tuple[Experiment, ...] = ()
    model_changed: bool = False

    def counts(self) -> Counts:
        """Returns the counts of this part."""
        return Counts(self.newest, {name: _cells(*kept) for name, kept in self.cells.items()})


class EpochCounts(msgspec.Struct, frozen=True):
    """One shard's counts of the epoch that ends at an instant."""

    end_us: int
    parts: tuple[Part, ...]


class Report(msgspec.Struct, frozen=True):
    """How far a shard has come (the end of the last epoch that it passed), and its counts since the last report.

    Epochs in which it counted nothing are left out. `since_us` is how far the last report had come, -1 if there was
    none: by it reports that overtook each other are put into their order.
    """

    format: int
    group: int
    groups: int
    passed_us: int
    epochs: tuple[EpochCounts, ...]
    since_us: int = -1


def read(report: bytes) -> Report:
    """Returns the report that a shard made.

    Raises:
        InvalidRecord: it is none, or of another format.
    """
    try:
        found = msgspec.msgpack.decode(report, type=Report)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidRecord(
            f"got bytes that are no report of a shard ({error}); pass on `Made.report` as it is"
        ) from error
    if found.format != _FORMAT:
        raise InvalidRecord(
            f"got a report of format {found.format}, expected {_FORMAT}; run keeper and shards of one version"
        )
    return found


class Reports:
    """Hears a shard's population (`population.Reporter`), and makes reports of it."""

    def __init__(self, group: int, groups: int, parts: Sequence[Part] = (), told_us: int = -1) -> None:
        """Begins with what was counted in the epoch that is open, if anything was, behind a report up to `told_us`."""
        self._group, self._groups = group, groups
        self._begun: list[Part] = list(parts) or [Part(-1)]
        self._counts: list[list[Counts]] = [[part.counts()] for part in self._begun]
        self._epochs: list[EpochCounts] = []
        self._passed_us, self._told_us = told_us, told_us

    @property
    def told_us(self) -> int:
        """How far the last report had come; -1 before the first."""
        return self._told_us

    def add(self, found: Counts) -> None:
        """Something was counted."""
        if found.of:
            self._counts[-1].append(found)

    def regrouped(self, at_us: int, running: tuple[Experiment, ...], change: Regrouping) -> None:
        """Other experiments run from an instant on."""
        self._begin(Part(at_us, moved=change.moved.tolist(), running=running))

    def model_changed(self, at_us: int) -> None:
        """Another model scores messages from an instant on; the arms change first, if they do."""
        if self._begun[-1].since_us == at_us:
            self._begun[-1] = msgspec.structs.replace(self._begun[-1], model_changed=True)
        else:
            self._begin(Part(at_us, model_changed=True))

    def passed(self, end_us: int) -> None:
        """An epoch is over."""
        parts = self.open_parts()
        if any(part.cells or part.since_us >= 0 for part in parts):
            self._epochs.append(EpochCounts(end_us, parts))
        self._begun, self._counts = [Part(-1)], [[]]
        self._passed_us = end_us

    def open_parts(self) -> tuple[Part, ...]:
        """Returns what was counted in the epoch that is not over."""
        return tuple(_with_counts(part, summed(counts)) for part, counts in zip(self._begun, self._counts, strict=True))

    def taken(self) -> bytes:
        """Returns the report since the last one; b"" if no epoch was passed."""
        if self._passed_us == self._told_us:
            return b""
        report = Report(_FORMAT, self._group, self._groups, self._passed_us, tuple(self._epochs), self._told_us)
        self._epochs, self._told_us = [], self._passed_us
        return msgspec.msgpack.encode(report)

    def _begin(self, part: Part) -> None:
        self._begun.append(part)
        self._counts.append([])


def _with_counts(part: Part, counts: Counts) -> Part:
    return msgspec.structs.replace(part, newest=counts.newest, cells=_kept(counts.of))


def _kept(cells: Mapping[str, Cells]) -> dict[str, _Kept]:
    return {
        name: (
            len(one.n),
            one.day.astype("<i4").tobytes(),
            one.cell.astype("<i4").tobytes(),
            one.n.astype("<i8").tobytes(),
        )
        for name, one in cells.items()
        if len(one.n)
    }


def _cells(count: int, day: bytes, cell: bytes, n: bytes) -> Cells:
    columns = [
        np.frombuffer(data, dtype=kind).astype(np.int64) for data, kind in ((day, "<i4"), (cell, "<i4"), (n, "<i8"))
    ]
    if {len(column) for column in columns} != {count}:
        raise InvalidRecord(
            f"got columns of {[len(c) for c in columns]} counts, expected {count} in each; the report is damaged"
        )
    return Cells(*columns)
