"""The report of an experiment from a store: who was in which arm, what became of them by day, and what that says."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
import numpy as np

from tactful.clock import DAY_US, to_us
from tactful.errors import InvalidExperiment
from tactful.experiments.compare import Counted, compare
from tactful.experiments.comparison import Comparison
from tactful.experiments.design import Experiment
from tactful.experiments.schedule import Announced
from tactful.runtime.experiment_members import LONGEST_BEFORE, Members, Summed
from tactful.runtime.experiment_rows import METRICS, daily_rows
from tactful.runtime.experiments_in_force import schedule_of
from tactful.runtime.log_spans import through
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

PLANNED_DAYS: Final = 28.0
"""For which always-valid intervals are narrowest, where the experiment names no end."""

Progress = Callable[[float], None]
"""Told how many days are read."""


def report(
    store: Store,
    experiment: Experiment,
    settings: Settings,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress = lambda days: None,
) -> Comparison:
    """Returns what an experiment says so far, or said when it ended.

    Everybody who was dealt to an arm counts, whatever became of her: the effect is that of being in the arm. Who came
    in when it grew counts from then on, beside those who came in then. The days before the start, as many as were
    planned (28 at most), adjust for habit.

    Args:
        store: of an engine, which may be running; it is only read.
        experiment: as the store knows it, with its start.
        settings: of that engine: the salt and the holdout.
        since: counts from here instead of from the start, such as after thresholds have settled. The pre-period stays
            before the start.
        until: looks no further, by default up to what was decided; an experiment's end is never passed.
        progress: told after every day.

    Raises:
        InvalidExperiment: it has not begun, or an arm has fewer than two users.
    """
    if experiment.started_at is None:
        raise InvalidExperiment(f"experiment {experiment.name!r} has not begun; the engine starts it as it goes on")
    begun_us = to_us(experiment.started_at)
    start_us = begun_us if since is None else max(begun_us, to_us(since))
    ends = [through(store) + 1, *(to_us(at) for at in (until, experiment.ended_at) if at is not None)]
    planned = (to_us(experiment.ended_at) - begun_us) / DAY_US if experiment.ended_at else PLANNED_DAYS
    before = max(1, min(LONGEST_BEFORE, round(planned)))
    looks, decided = [], np.zeros(len(experiment.arms), dtype=np.int64)
    members, last = Members(store, _stages(store, experiment, begun_us), settings, min(ends)), None
    for rows in daily_rows(store, start_us, min(ends), before, begun_us):
        last = members.summed(rows, start_us)
        looks.append(Counted(rows.days, last.sums))
        decided = np.bincount(last.arm[rows.decided & (last.arm >= 0)], minlength=len(experiment.arms))
        progress(rows.days)
    shares = None if last is None else last.shares
    found = compare(experiment, METRICS, looks, decided.tolist(), planned, shares)
    return found if last is None else _with_those_alone(found, last)


def _stages(store: Store, experiment: Experiment, begun_us: int) -> list[Announced]:
    """The definitions that dealt people, the last as it is given."""
    stages = schedule_of(store).stages(experiment.name) or (Announced(begun_us, experiment),)
    return [*stages[:-1], Announced(stages[-1].since_us, experiment)]


def _with_those_alone(found: Comparison, last: Summed) -> Comparison:
    if not last.alone:
        return found
    told = (
        f"{last.alone:,} users came in when not every arm grew: they are compared with nobody, and left out. "
        "Let all arms grow at one time, in proportion."
    )
    return msgspec.structs.replace(found, warnings=(*found.warnings, told))
