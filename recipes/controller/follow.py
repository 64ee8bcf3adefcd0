"""A rule and a plant, hour by hour: jobs, sends, counts, prices; and what it leaves on record."""

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from controller.disturbance import START_DAY, START_HOUR
from controller.plant import Day, Plant
from tactful.decision.policy.threshold import UtilityHistogram

HOURS_TO_FORCE: Final = 2
"""A price made of the counts up to the end of hour t is in force from the beginning of hour t + 2 on."""


@dataclass(frozen=True)
class Look:
    """What a rule sees at the end of an hour: counts of one day up to an hour of it, complete.

    `actual` and `planned` are of the day so far, `actual_hour` and `planned_hour` of the last hour alone; hours in
    which nothing could be sent are in none of the plans. `utilities` are those of yesterday's feasible jobs, by cell.
    """

    day: int
    hour: int
    actual: Float[np.ndarray, " cells"]
    planned: Float[np.ndarray, " cells"]
    actual_hour: Float[np.ndarray, " cells"]
    planned_hour: Float[np.ndarray, " cells"]
    target_day: Float[np.ndarray, " cells"]
    histogram: UtilityHistogram
    utilities: list[NDArray[np.float64]]


@runtime_checkable
class Rule(Protocol):
    """Sets a price for each cell, hour by hour."""

    def prices(self, look: Look) -> Float[np.ndarray, " cells"]:
        """Returns the price of each cell, given the counts."""
        ...

    def model_changed(self) -> None:
        """Is told that another model scores from now on."""
        ...


@dataclass(frozen=True)
class Trace:
    """What happened: by hour sends, plan scaled to the target, the price in force and its rank among the utilities of
    that day's feasible jobs; by day the people who could be reached. Hours without sending have no plan.
    """

    sends: Float[np.ndarray, "hours cells"]
    planned: Float[np.ndarray, "hours cells"]
    price: Float[np.ndarray, "hours cells"]
    rank: Float[np.ndarray, "hours cells"]
    reachable: Float[np.ndarray, "days cells"]


def follow(rule: Rule, plant: Plant, days: list[Day]) -> Trace:
    """Lives through days with a rule; before its first price everything positive is sent."""
    run = _Run(rule, plant, days)
    for t in range(24 * len(days)):
        run.hour(t)
    reachable = np.stack([day.reachable for day in days])
    return Trace(run.sends, run.planned, run.price[: 24 * len(days)], run.rank, reachable)


def days_of(plant: Plant, n: int | None = None) -> list[Day]:
    """Returns the days of a plant, all or the first n; they do not depend on prices, so all rules share them."""
    return [plant.day(day) for day in range(plant.disturbance.days if n is None else n)]


class _Run:
    """The state of a run: counts by hour, prices to come, and who was told today."""

    def __init__(self, rule: Rule, plant: Plant, days: list[Day]) -> None:
        hours, cells = 24 * len(days), plant.n_cells
        self.rule, self.plant, self.days = rule, plant, days
        self.histogram = UtilityHistogram(plant.disturbance.arms)
        self.sends, self.planned, self.rank = (np.zeros((hours, cells)) for _ in range(3))
        self.price = np.zeros((hours + HOURS_TO_FORCE, cells))
        self.told = np.zeros(len(plant.segment), dtype=np.bool_)
        self.jobs: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        self.yesterday: list[NDArray[np.float64]] = [np.zeros(0)] * cells
        for number, day in enumerate(days):
            possible = ~plant.disturbance.out(number)[:, None]
            share = np.divide(day.planned, day.planned.sum(axis=0))
            self.planned[24 * number : 24 * number + 24] = plant.target() * share * possible

    def hour(self, t: int) -> None:
        """Lives through one hour, and asks for the prices of the one after the next."""
        day, hour = divmod(t, 24)
        if hour == 0:
            self.told[:] = False
        if self.plant.disturbance.announced and (day, hour) == (START_DAY, START_HOUR):
            self.rule.model_changed()
            self.histogram = UtilityHistogram(self.plant.disturbance.arms)
        self._jobs(t, day, hour)
        if hour == 23:
            self._rank(day)
        seen = t - self.plant.disturbance.delay_hours
        if seen >= 0:
            self._count(seen)
            self.price[t + HOURS_TO_FORCE] = self.rule.prices(self._look(seen))
        else:
            self.price[t + HOURS_TO_FORCE] = self.price[t + HOURS_TO_FORCE - 1]

    def _jobs(self, t: int, day: int, hour: int) -> None:
        """Sends in every feasible job whose utility exceeds its price; who was told has no more jobs today."""
        today = self.days[day]
        rows = slice(today.first[hour], today.first[hour + 1])
        feasible = ~self.told[today.person[rows]] & ~self.plant.disturbance.out(day)[hour]
        cell, utility = today.cell[rows][feasible], today.utility[rows][feasible]
        sends = utility > self.price[t, cell]
        self.told[today.person[rows][feasible][sends]] = True
        self.sends[t] = np.bincount(cell[sends], minlength=self.plant.n_cells)
        self.jobs.append((cell, utility))

    def _count(self, t: int) -> None:
        """Adds the utilities of an hour to the histogram."""
        cell, utility = self.jobs[t]
        arm, segment = self._place(cell)
        self.histogram.add(t // 24, arm, segment, np.zeros(len(cell), dtype=np.int64), utility)

    def _place(self, cell: Int[np.ndarray, " n"]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        arm, segment = np.divmod(cell, len(self.plant.segments))
        return arm, np.array([s.index for s in self.plant.segments])[segment]

    def _rank(self, day: int) -> None:
        """Where the day's prices stood among the utilities of its feasible jobs."""
        cell, utility = (np.concatenate(part) for part in zip(*self.jobs[24 * day :], strict=True))
        self.yesterday = [np.sort(utility[cell == c]) for c in range(self.plant.n_cells)]
        for c, found in enumerate(self.yesterday):
            hours = slice(24 * day, 24 * day + 24)
            below = np.searchsorted(found, self.price[hours, c], side="right")
            self.rank[hours, c] = below / max(len(found), 1)

    def _look(self, t: int) -> Look:
        day, hour = divmod(t, 24)
        so_far = slice(24 * day, t + 1)
        done = self.planned[so_far].sum(axis=0)
        ahead = self.plant.target() * np.divide(
            self.days[day].planned[hour + 1 :].sum(axis=0), self.days[day].planned.sum(axis=0)
        )
        return Look(
            day,
            hour,
            self.sends[so_far].sum(axis=0),
            done,
            self.sends[t],
            self.planned[t],
            done + ahead,
            self.histogram,
            self.yesterday,
        )
