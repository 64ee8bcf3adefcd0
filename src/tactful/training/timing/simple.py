"""The simple models, fitted to the days that are learned from: the smoothed histogram that others must beat, and rates.

Strengths are those under which these days, each given the days before it, are most likely.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from tactful.features.day_types import REST, WORK
from tactful.features.slot_table import SESSIONS
from tactful.models.slot_histogram import GlobalSlots, SlotHistogram
from tactful.models.slot_rates import GRID, SlotRates, shares
from tactful.models.slot_simple import HourChances, Outcome, SimpleChances, past
from tactful.models.work_rest import WorkRestRates, WorkRestSlots, tilts
from tactful.training.timing.days import LocalDay, stacked

ENOUGH: Final = 30_000
"""User-days from which strengths are picked; everyone's rates come from all."""
WEIGHTS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
FEWEST_CLICKS: Final = 100
"""Clicks among the days that are learned from, below which nothing is said about them."""
_COLUMNS: Final[dict[str, tuple[str, str]]] = {"active": ("active", "exists"), "click": ("clicks", "receipts")}
"""Successes and trials of a day."""


@dataclass(frozen=True, eq=False)
class Simple:
    """What needs no trees and no network; `click` is None without enough clicks to learn from."""

    histogram: SlotHistogram
    hour: HourChances
    active: SimpleChances
    click: SimpleChances | None


@dataclass(frozen=True, eq=False)
class Trials:
    """m user-days of one outcome: successes in trials by slot, and on which day, 1 in `rest` for one of rest."""

    day: Int64[np.ndarray, " m"]
    rest: Int64[np.ndarray, " m"]
    positives: Float64[np.ndarray, "m K"]
    tried: Float64[np.ndarray, "m K"]


def fit_simple(days: Sequence[LocalDay]) -> Simple:
    """Returns the simple models of these days."""
    clicks = sum(float(day.clicks[day.present].sum()) for day in days)
    return Simple(
        fit_histogram(days),
        fit_hour_chances(days),
        fit_chances(days, "active"),
        fit_chances(days, "click") if clicks >= FEWEST_CLICKS else None,
    )


def fit_histogram(days: Sequence[LocalDay]) -> SlotHistogram:
    """Returns the smoothed histogram; without a session, the one that needs no training."""
    return _histogram(stacked(days, "counts"), stacked(days, "sessions"))


def came_of(days: Sequence[LocalDay]) -> str:
    """Returns the column that says in which slots people came: where sessions began; without any, of activity."""
    return "sessions" if any(day.sessions.any() for day in days) else "active"


def fit_hour_chances(days: Sequence[LocalDay]) -> HourChances:
    """Returns everyone's hours, her own, and those by type of day, of when people came."""
    came = stacked(days, came_of(days))
    windows = [day.window for day in days]
    counts, same = (
        np.concatenate([w.summed(SESSIONS, same_type)[day.present] for w, day in zip(windows, days, strict=True)])
        for same_type in (False, True)
    )
    sizes = [int(day.present.sum()) for day in days]
    rest, number = (np.repeat([getattr(day, name) for day in days], sizes) for name in ("rest", "number"))
    few = np.flatnonzero(came.any(axis=1))
    few = few[:: max(1, len(few) // ENOUGH)]
    base = _histogram(counts, came)
    typed = WorkRestSlots(base, np.ones((2, came.shape[1])))
    if len(few):
        typed = WorkRestSlots.fit(base, counts[few], same[few], rest[few], came[few], number[few])
    by_type = [_profile(came[rest == kind] if (rest == kind).any() else came) for kind in (WORK, REST)]
    return HourChances(typed, np.stack(by_type))


def _histogram(counts: NDArray[np.float64], sessions: NDArray[np.float64]) -> SlotHistogram:
    some = sessions.any(axis=1)
    if not some.any():
        return SlotHistogram()
    few = np.flatnonzero(some)[:: max(1, int(some.sum()) // ENOUGH)]
    strengths = SlotHistogram.fit(counts[few], sessions[few], weights=WEIGHTS).parameters()
    weight, hours = (float(strengths[name]) for name in ("prior_weight", "bandwidth_hours"))
    return SlotHistogram(_profile(sessions), weight, hours)


def _profile(sessions: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(GlobalSlots.fit(sessions).parameters()["prior_profile"], dtype=np.float64)


def fit_chances(days: Sequence[LocalDay], outcome: Outcome) -> SimpleChances:
    """Returns everyone's rates, her own, and those by type of day, of one outcome."""
    everything, few = trials(days, outcome), every_few(days, outcome)
    some = trials(few, outcome)
    own, same = (_stacked_past(few, outcome, same_type) for same_type in (False, True))
    rates = shares(everything.positives, everything.tried)
    base = replace(SlotRates.fit(*own, some.positives, some.tried, GRID), rates=rates)
    typed = WorkRestRates.fit(base, own, same, some.rest, some.positives, some.tried, some.day)
    tilt = tilts(everything.positives, everything.tried, everything.rest, everything.day)[0]
    by_type = [_shares_of(everything, everything.rest == kind, rates) for kind in (WORK, REST)]
    return SimpleChances(replace(typed, tilt=tilt), np.stack(by_type))


def with_trial(day: LocalDay, outcome: Outcome) -> Int64[np.ndarray, " m"]:
    """Returns who was present on the day and had a trial."""
    return np.flatnonzero(day.present & getattr(day, _COLUMNS[outcome][1]).any(axis=1))


def trials(days: Sequence[LocalDay], outcome: Outcome) -> Trials:
    """Returns the user-days of those present who had a trial."""
    people = [with_trial(day, outcome) for day in days]
    sizes = [len(some) for some in people]
    positives, tried = (
        np.concatenate([getattr(day, name)[some] for day, some in zip(days, people, strict=True)]).astype(np.float64)
        for name in _COLUMNS[outcome]
    )
    number, rest = (np.repeat([getattr(day, name) for day in days], sizes) for name in ("number", "rest"))
    return Trials(number, rest, positives, tried)


def every_few(days: Sequence[LocalDay], outcome: Outcome, most: int = ENOUGH) -> list[LocalDay]:
    """Returns the days with some of their people: at most about so many user-days with a trial."""
    people = [with_trial(day, outcome) for day in days]
    step = max(1, sum(map(len, people)) // most)
    return [day.only(some[::step]) for day, some in zip(days, people, strict=True)]


def _stacked_past(
    days: Sequence[LocalDay], outcome: Outcome, same_type: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pasts = [past(day.window, outcome, same_type) for day in days]
    return np.concatenate([own for own, _ in pasts]), np.concatenate([tried for _, tried in pasts])


def _shares_of(some: Trials, rows: NDArray[np.bool_], otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
    return shares(some.positives[rows], some.tried[rows]) if rows.any() else otherwise
