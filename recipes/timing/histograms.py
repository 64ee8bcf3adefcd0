"""The simple models, fitted on the training days alone: everyone's hours, her own, smoothed, work and rest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tactful.models.slot_histogram import GlobalSlots, SlotHistogram
from tactful.models.slot_rates import GRID, SlotRates, shares
from tactful.models.work_rest import WorkRestRates, WorkRestSlots, tilts
from timing.days import Day, stacked

Task = Literal["sessions", "trials"]
"""A: in which slot a session falls. B: how likely a trial is positive."""
Probabilities = NDArray[np.float64]
Predict = Callable[[Day], Probabilities]
"""From a day (its past and its type; its outcomes are not looked at) to p [n, K]: rows sum to 1 in task A."""
Days = tuple[Day, ...]
Fit = Callable[[Days, Task, int], Predict]
"""From training days, task and seed to a prediction."""

NO_SMOOTHING: Final = (0.0,)
BANDWIDTHS: Final = GRID["bandwidth_hours"]
ENOUGH: Final = 30_000
"""User-days from which the strengths of rates are picked."""
WEIGHTS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


def everyone(train: Days, task: Task, seed: int) -> Predict:
    """Fits one profile for all users and days."""
    if task == "sessions":
        profile = GlobalSlots.fit(stacked([day.sessions for day in train]))
        return lambda day: profile.slots(day.counts())
    flat = SlotRates(_shares(train), np.inf, np.inf)
    return lambda day: flat.active(*day.past())


def everyone_by_type(train: Days, task: Task, seed: int) -> Predict:
    """Fits one profile for days of work and one for days of rest."""
    by_type = {
        kind: everyone(tuple(day for day in train if day.type == kind), task, seed) for kind in {d.type for d in train}
    }
    whole = everyone(train, task, seed)
    return lambda day: by_type.get(day.type, whole)(day)


def histogram(train: Days, task: Task, seed: int) -> Predict:
    """Fits how much a user's own slots count, each for itself."""
    return _own(train, task, NO_SMOOTHING)


@lru_cache(maxsize=4)
def smoothed(train: Days, task: Task, seed: int) -> Predict:
    """Fits how much a user's own slots count, and over how many hours around the clock they are spread."""
    return _own(train, task, BANDWIDTHS)


@lru_cache(maxsize=4)
def work_rest(train: Days, task: Task, seed: int) -> Predict:
    """Fits how much her own days of the type count over her smoothed profile, tilted as everyone's is."""
    if task == "sessions":
        slots = WorkRestSlots.fit(
            _slots(train, BANDWIDTHS),
            stacked([day.counts() for day in train]),
            stacked([day.counts(same_type=True) for day in train]),
            _by_row(train, [day.type for day in train]),
            stacked([day.sessions for day in train]),
            _by_row(train, [day.number for day in train]),
        )
        return lambda day: slots.slots(day.counts(), day.counts(same_type=True), _types(day))
    some = _every_few(train)
    rates = WorkRestRates.fit(
        _rates(train, BANDWIDTHS),
        _stacked_past(some, same_type=False),
        _stacked_past(some, same_type=True),
        _by_row(some, [day.type for day in some]),
        stacked([day.positives for day in some]),
        stacked([day.trials for day in some]),
        _by_row(some, [day.number for day in some]),
    )
    tilt = tilts(
        *(stacked([day.positives for day in train]), stacked([day.trials for day in train])),
        *(_by_row(train, [day.type for day in train]), _by_row(train, [day.number for day in train])),
    )[0]
    rates = replace(rates, tilt=tilt)
    return lambda day: rates.active(*day.past(), *day.past(same_type=True), _types(day))


def _own(train: Sequence[Day], task: Task, bandwidths: Sequence[float]) -> Predict:
    if task == "sessions":
        slots = _slots(train, bandwidths)
        return lambda day: slots.slots(day.counts())
    rates = _rates(train, bandwidths)
    return lambda day: rates.active(*day.past())


def _slots(train: Sequence[Day], bandwidths: Sequence[float]) -> SlotHistogram:
    """Strengths by the likelihood of each training day given the days before it; the prior is everyone's."""
    counts, sessions = (stacked([f(day) for day in train]) for f in (Day.counts, lambda day: day.sessions))
    some = sessions.any(axis=1)
    chosen = SlotHistogram.fit(counts[some], sessions[some], weights=WEIGHTS, bandwidths_hours=bandwidths).parameters()
    profile = np.asarray(GlobalSlots.fit(sessions).parameters()["prior_profile"])
    return SlotHistogram(profile, float(chosen["prior_weight"]), float(chosen["bandwidth_hours"]))


def _rates(train: Sequence[Day], bandwidths: Sequence[float]) -> SlotRates:
    """Everyone's rates from all users; the three strengths from every few of them, which is plenty."""
    some = _every_few(train)
    outcomes = stacked([day.positives for day in some]), stacked([day.trials for day in some])
    grid = {**GRID, "bandwidth_hours": bandwidths}
    return replace(SlotRates.fit(*_stacked_past(some, same_type=False), *outcomes, grid), rates=_shares(train))


def _shares(train: Sequence[Day]) -> NDArray[np.float64]:
    return shares(stacked([day.positives for day in train]), stacked([day.trials for day in train]))


def _every_few(train: Sequence[Day]) -> list[Day]:
    n = len(train[0].sessions)
    return [day.take(np.arange(0, n, max(1, len(train) * n // ENOUGH))) for day in train]


def _stacked_past(train: Sequence[Day], same_type: bool) -> tuple[Probabilities, Probabilities]:
    pasts = [day.past(same_type) for day in train]
    return stacked([positives for positives, _ in pasts]), stacked([trials for _, trials in pasts])


def _by_row(train: Sequence[Day], values: Sequence[int]) -> NDArray[np.int64]:
    return np.repeat(np.array(values, dtype=np.int64), [len(day.sessions) for day in train])


def _types(day: Day) -> NDArray[np.int64]:
    return np.full(len(day.sessions), day.type, dtype=np.int64)


SIMPLE: Final[Mapping[str, Fit]] = {
    "everyone": everyone,
    "everyone, by type of day": everyone_by_type,
    "histogram": histogram,
    "smoothed": smoothed,
    "work/rest": work_rest,
}
