"""Which experiments run at which instant: every definition that was announced, and from when on it holds.

A later definition of a name takes the place of the earlier one: other shares, or an end. Announcements are inputs of
the log, so whoever reads the log knows at every instant who is in which arm.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from tactful.clock import from_us, to_us
from tactful.errors import InvalidExperiment, InvalidRecord
from tactful.experiments.design import Experiment
from tactful.experiments.layers import refuse_moves, refuse_overlaps

KEY: Final = "experiments"
"""The key of controls whose value is the definition of an experiment."""


class Announced(msgspec.Struct, frozen=True):
    """A definition, and the instant from which on it stands in the place of earlier ones of its name."""

    since_us: int
    experiment: Experiment


class Schedule(msgspec.Struct, frozen=True):
    """All definitions in the order in which they were announced."""

    announced: tuple[Announced, ...] = ()

    def with_one(self, since_us: int, experiment: Experiment) -> "Schedule":
        """Returns the schedule after one more announcement.

        Raises:
            InvalidExperiment: the experiment has ended before; it goes on under another layer or other arms, so that
                what was measured would not be one thing; somebody would change the arm; it overlaps with another of
                its layer.
        """
        known = {one.name: one for one in self.latest()}
        before = known.get(experiment.name)
        if before is not None:
            _refuse_another(before, experiment, since_us)
            refuse_moves([one.experiment for one in self.announced if one.experiment.name == before.name], experiment)
        others = [one for one in known.values() if one.name != experiment.name]
        started = before.started_at if before else _started(since_us, experiment)
        refuse_overlaps([*others, msgspec.structs.replace(experiment, started_at=started)])
        return self.and_then(since_us, experiment)

    def and_then(self, since_us: int, experiment: Experiment) -> "Schedule":
        """Returns the schedule after one more announcement, which was checked when it was accepted."""
        return Schedule((*self.announced, Announced(since_us, experiment)))

    def latest(self) -> tuple[Experiment, ...]:
        """Returns the last definition of every experiment, with the start of its first."""
        found: dict[str, Experiment] = {}
        for since_us, one in self._in_order():
            known = found.get(one.name)
            started = known.started_at if known else _started(since_us, one)
            found[one.name] = msgspec.structs.replace(one, started_at=started)
        return tuple(found.values())

    def at(self, at_us: int, layer: str) -> tuple[Experiment, ...]:
        """Returns the experiments of a layer that run at an instant, in the order of their first announcement."""
        found: dict[str, Experiment] = {}
        for since_us, one in self._in_order():
            if since_us <= at_us:
                found[one.name] = one
        return tuple(one for one in found.values() if one.layer == layer and _runs(one, at_us))

    def stages(self, name: str) -> tuple[Announced, ...]:
        """Returns the definitions of an experiment that dealt people, each with the instant since which it did."""
        found: list[Announced] = []
        for since_us, one in self._in_order():
            if one.name != name:
                continue
            start_us = max(since_us, found[0].since_us) if found else to_us(_started(since_us, one))
            if found and found[-1].since_us == start_us:
                found[-1] = Announced(start_us, one)
            elif not found or one.ranges() != found[-1].experiment.ranges():
                found.append(Announced(start_us, one))
        return tuple(found)

    def changes_us(self) -> tuple[int, ...]:
        """Returns the instants at which somebody's arm may change, rising."""
        instants = {since_us for since_us, _ in self._in_order()}
        for _, one in self._in_order():
            instants |= {to_us(at) for at in (one.started_at, one.ended_at) if at is not None}
        return tuple(sorted(instants))

    def _in_order(self) -> Iterator[tuple[int, Experiment]]:
        for one in sorted(self.announced, key=lambda each: each.since_us):
            yield one.since_us, one.experiment


def value(experiment: Experiment) -> object:
    """Returns an experiment as a control's value: tables, lists and text."""
    return msgspec.to_builtins(experiment)


def read(told: object) -> Experiment:
    """Returns the experiment that a control's value holds.

    Raises:
        InvalidRecord: it is none.
        InvalidExperiment: it contradicts itself.
    """
    try:
        return msgspec.convert(told, Experiment)
    except msgspec.ValidationError as error:
        raise InvalidRecord(
            f"got an experiment that cannot be read ({error}); let `experiments_in_force.add` announce it"
        ) from error


def _started(since_us: int, experiment: Experiment) -> datetime:
    return max(from_us(since_us), experiment.started_at or from_us(since_us))


def _runs(experiment: Experiment, at_us: int) -> bool:
    started, ended = experiment.started_at, experiment.ended_at
    return (started is None or to_us(started) <= at_us) and (ended is None or at_us < to_us(ended))


def _refuse_another(before: Experiment, after: Experiment, since_us: int) -> None:
    if before.ended_at is not None and to_us(before.ended_at) <= since_us:
        raise InvalidExperiment(
            f"experiment {before.name!r} has ended at {before.ended_at.isoformat()}, expected a new name: what was "
            "measured under this one stands"
        )
    same = [(arm.name, arm.rules, arm.models) for arm in before.arms]
    if before.layer != after.layer or same != [(arm.name, arm.rules, arm.models) for arm in after.arms]:
        raise InvalidExperiment(
            f"got experiment {after.name!r} with another layer, other arms or treatments than it began with, expected "
            "other shares or an end; end it, and begin another"
        )
