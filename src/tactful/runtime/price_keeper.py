"""The price of a send where users are in many shards: adds up what the shards counted, and closes epochs.

Counts only add, so the order in which shards report is free, and a shard's own reports may overtake each other. An
epoch is closed when every shard has passed it; the prices made of it hold an hour later, so that shards may be an hour
ahead of the slowest one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np

from tactful.errors import InvalidRecord
from tactful.experiments.design import Experiment
from tactful.features.history import ROW
from tactful.runtime.arms import Arms, shares
from tactful.runtime.control import EPOCH_US, Epoch, VolumeState, closed
from tactful.runtime.counts import summed
from tactful.runtime.population import Population
from tactful.runtime.reputation import Reputation
from tactful.runtime.settings import Settings
from tactful.runtime.shard_report import EpochCounts, Part, Report, read

_NOBODY: Final = np.zeros(0, dtype=ROW)
_FORMAT: Final = 1


class PriceKeeper:
    """The controller of all shards: the same epochs as an embedded engine's over the same log."""

    def __init__(self, settings: Settings, groups: int, start_us: int) -> None:
        """Has counted nothing.

        Args:
            settings, start_us: those of the shards.
            groups: how many shards report; one that has no users reports, too.
        """
        self._settings = settings
        self._next_us = (start_us // EPOCH_US + 1) * EPOCH_US
        self._volume, self._reputation = VolumeState(settings), Reputation(settings.reputation)
        self._arms = Arms(settings)
        self._passed_us = [-1] * groups
        self._waiting: list[EpochCounts] = []
        self._early: list[Report] = []

    @classmethod
    def going_on(cls, population: Population, settings: Settings, groups: int) -> "PriceKeeper":
        """Returns a keeper that has counted what an engine's population has, also of the epoch that is open."""
        keeper = PriceKeeper(settings, groups, population.applied_us + 1)
        keeper._passed_us = [keeper._next_us - EPOCH_US] * groups
        keeper._volume = VolumeState.from_bytes(population.volume.to_bytes(), settings)
        keeper._reputation = Reputation.from_bytes(population.reputation.to_bytes(), settings.reputation)
        keeper._arms.restore(population.arms.experiments, {})
        return keeper

    def counted(self, still_open: Sequence[Part]) -> tuple[VolumeState, Reputation]:
        """Returns all counts, for an engine that goes on; nothing can be taken afterwards.

        Args:
            still_open: what all shards have counted in the epoch that is open (`ShardState.counted`).
        """
        self._add_parts(still_open)
        return self._volume, self._reputation

    @property
    def known_until_us(self) -> int:
        """The last instant for which prices are made."""
        return self._next_us + EPOCH_US - 1

    def take(self, report: bytes) -> list[Epoch]:
        """Takes a shard's report and returns the epochs that are closed by it, in order; mostly none.

        What a shard reports again after it was restored counts once, and a report that overtook an earlier one of its
        shard waits for that. `logbook.control` makes an epoch a row of the control log, whose data `Shard.price` reads.

        Raises:
            InvalidRecord: the report is of another number of groups, or cannot be read.
        """
        if not report:
            return []
        told = read(report)
        if told.groups != len(self._passed_us) or not 0 <= told.group < told.groups:
            raise InvalidRecord(
                f"got a report of group {told.group} of {told.groups}, expected one of {len(self._passed_us)}; "
                "the number of groups stands for the life of a job"
            )
        self._early.append(told)
        while (at := self._next_in_order()) is not None:
            self._pass(self._early.pop(at))
        done = []
        while self._next_us <= min(self._passed_us):
            done.append(self._close())
        return done

    def _next_in_order(self) -> int | None:
        """The place of a report before which none of its shard is missing."""
        return next((i for i, told in enumerate(self._early) if told.since_us <= self._passed_us[told.group]), None)

    def _pass(self, told: Report) -> None:
        known_us = self._passed_us[told.group]
        self._waiting += [epoch for epoch in told.epochs if epoch.end_us > known_us]
        self._passed_us[told.group] = max(known_us, told.passed_us)

    def _close(self) -> Epoch:
        mine = [part for epoch in self._waiting if epoch.end_us <= self._next_us for part in epoch.parts]
        self._waiting = [epoch for epoch in self._waiting if epoch.end_us > self._next_us]
        self._add_parts(mine)
        epoch = closed(self._volume, self._reputation, self._next_us, self._arms.names)
        self._next_us += EPOCH_US
        return epoch

    def _add_parts(self, parts: Sequence[Part]) -> None:
        for since_us in sorted({part.since_us for part in parts}):
            self._add([part for part in parts if part.since_us == since_us])

    def _add(self, parts: list[Part]) -> None:
        """Adds what all shards counted from one instant on, after what changed at that instant."""
        moved = [np.array(part.moved, dtype=np.int64) for part in parts if part.moved]
        if moved:
            self._regroup(next(part.running for part in parts if part.moved), np.sum(moved, axis=0))
        if any(part.model_changed for part in parts):
            self._volume.model_changed(self._arms.without_own_ranker())
        counts = summed([part.counts() for part in parts])
        self._volume.add(counts)
        self._reputation.add(counts)

    def _regroup(self, running: tuple[Experiment, ...], moved: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> None:
        before = self._arms.names
        change = self._arms.change(running, _NOBODY)
        self._volume.regroup(replace(change, moved=moved, share=shares(moved, before, self._arms.names)))

    def to_bytes(self) -> bytes:
        """Returns everything, exactly."""
        kept = _Kept(
            _FORMAT,
            self._next_us,
            self._passed_us,
            self._volume.to_bytes(),
            self._reputation.to_bytes(),
            self._arms.experiments,
            self._waiting,
            self._early,
        )
        return msgspec.msgpack.encode(kept)

    @classmethod
    def from_bytes(cls, data: bytes, settings: Settings) -> "PriceKeeper":
        """Returns the keeper that `to_bytes` wrote.

        Raises:
            InvalidRecord: the bytes are none, or of another format.
        """
        try:
            kept = msgspec.msgpack.decode(data, type=_Kept)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise InvalidRecord(f"got bytes that are no keeper of prices ({error}); restore an earlier one") from error
        if kept.format != _FORMAT:
            raise InvalidRecord(
                f"got a keeper of format {kept.format}, expected {_FORMAT}; run the version that wrote it"
            )
        keeper = PriceKeeper(settings, len(kept.passed_us), kept.next_us - EPOCH_US)
        keeper._passed_us, keeper._waiting, keeper._early = kept.passed_us, kept.waiting, kept.early
        keeper._volume = VolumeState.from_bytes(kept.volume, settings)
        keeper._reputation = Reputation.from_bytes(kept.reputation, settings.reputation)
        keeper._arms.restore(kept.running, {})
        return keeper


class _Kept(msgspec.Struct, frozen=True):
    format: int
    next_us: int
    passed_us: list[int]
    volume: bytes
    reputation: bytes
    running: tuple[Experiment, ...]
    waiting: list[EpochCounts]
    early: list[Report] = []
