"""The report of an experiment from a store: who was in which arm, what became of them by day, and what that says."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Int64, UInt64
from numpy.typing import NDArray

from tactful.clock import DAY_US, to_us
from tactful.errors import InvalidExperiment
from tactful.experiments.assign import OUTSIDE, assigned
from tactful.experiments.compare import Counted, compare
from tactful.experiments.comparison import Comparison
from tactful.experiments.design import Experiment, Targeting
from tactful.experiments.holdout import held_out
from tactful.experiments.sums import sums_of
from tactful.runtime.experiment_rows import METRICS, UserRows, daily_rows
from tactful.runtime.log_spans import through
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

LONGEST_BEFORE: Final = 28
"""Days before the start from which habits are read: four whole weeks."""
PLANNED_DAYS: Final = 28.0
"""For which always-valid intervals are narrowest, where the experiment names no end."""

Progress = Callable[[float], None]
"""Told how many days are read."""


class _Segment(msgspec.Struct, gc=False):
    """What is read of a plan."""

    segment: str = ""


_SEGMENT: Final = msgspec.msgpack.Decoder(_Segment)


def report(
    store: Store,
    experiment: Experiment,
    settings: Settings,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress = lambda days: None,
) -> Comparison:
    """Returns what an experiment says so far, or said when it ended.

    Everybody who was dealt to an arm counts, whatever became of her: the effect is that of being in the arm. The days
    before the start, as many as were planned (28 at most), adjust for habit.

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
    arms = _Members(store, experiment, settings, begun_us, min(ends))
    for rows in daily_rows(store, start_us, min(ends), before, begun_us):
        arm = arms.of(rows.user_key)
        looks.append(Counted(rows.days, sums_of(_columns(rows), arm, len(experiment.arms))))
        decided = np.bincount(arm[rows.decided & (arm >= 0)], minlength=len(experiment.arms))
        progress(rows.days)
    return compare(experiment, METRICS, looks, decided.tolist(), planned)


class _Members:
    """Who is in which arm; where an experiment is targeted, by the plans that told the engine for whom it is."""

    def __init__(self, store: Store, experiment: Experiment, settings: Settings, begun_us: int, until_us: int) -> None:
        self._experiment, self._settings = experiment, settings
        targeting = experiment.targeting
        self._meant = None if targeting.everybody() else _meant(store, targeting, begun_us, until_us)

    def of(self, user_key: UInt64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """Returns each user's arm, `OUTSIDE` for none."""
        arm = assigned([self._experiment], user_key, self._settings.seed)
        outside = held_out(user_key, self._settings.holdout.share, self._settings.seed)
        if self._meant is not None:
            outside |= ~np.isin(user_key, self._meant)
        return np.where(outside, OUTSIDE, arm)


def _meant(store: Store, targeting: Targeting, begun_us: int, until_us: int) -> NDArray[np.uint64]:
    """For whom a targeted experiment is: by the segment of her last plan before it began, else of her first since."""
    segment = dict(_segments(store, begun_us - LONGEST_BEFORE * DAY_US, begun_us))
    for user, told in _segments(store, begun_us, until_us):
        segment.setdefault(user, told)
    fits = [user for user, told in segment.items() if _fits(targeting, told)]
    return np.array(sorted(fits), dtype=np.uint64)


def _segments(store: Store, since_us: int, until_us: int) -> Iterator[tuple[int, str]]:
    return ((row.user_key, _SEGMENT.decode(row.data).segment) for row in store.plans_between(since_us, until_us))


def _fits(targeting: Targeting, segment: str) -> bool:
    activity, _, reach = segment.partition("/")
    return activity in (targeting.activities or (activity,)) and reach in (targeting.reaches or (reach,))


def _columns(rows: UserRows) -> NDArray[np.float64]:
    return np.concatenate([rows.since, rows.before], axis=1)
