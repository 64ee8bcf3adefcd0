"""The disturbances of the bench, as plain numbers: when what happens to jobs, scores and counts."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from tactful import draws

START_DAY: Final = 10
"""UTC day on which something happens, at `START_HOUR`; the controller has had time to settle."""
START_HOUR: Final = 14
DAYS: Final = 24
LONG: Final = 38
"""Days of a trouble that comes back every week: two weeks to meet it, three and a bit in which it is known."""
FIRST_WEEKEND: Final = 5
_HOURS: Final = np.arange(24)


@dataclass(frozen=True)
class Disturbance:
    """One kind of trouble. Unless it says otherwise, jobs and utilities have a daily cycle.

    Attributes:
        name: of its row.
        cycle: whether jobs and utilities depend on the hour.
        more_jobs, two_candidates, swap: whether from `START_DAY` 14:00 on there are twice the jobs; each job has the
            better of two candidates; or a new model scores (1.8 times as high, spread by 1.2, with errors of its own).
        announced: whether a rule is told of the swap.
        delay_hours: how late counts are, beyond the hour it takes a price to come into force.
        outage_hours: from `START_DAY` 14:00 on, hours in which nobody has a job.
        drift_per_day: change of the logarithm of all scores a day, over `drift_days` from `START_DAY` on.
        mood_spread: standard deviation of a day's own level of utility, in logarithms.
        weekend: what Saturdays and Sundays (days 5, 6, 12, 13, ...) add to the logarithm of utility.
        days: how long it is lived through.
        known_from: the first day that is judged, of a trouble that has to be met before it can be known.
        scale: of all utilities.
        arms: experiment arms; all but the first are scored by the new model from the start.
        judged: the segment that is judged, all but the smallest if None.
    """

    name: str
    cycle: bool = True
    more_jobs: bool = False
    two_candidates: bool = False
    swap: bool = False
    announced: bool = False
    delay_hours: int = 0
    outage_hours: int = 0
    drift_per_day: float = 0.0
    drift_days: int = 0
    mood_spread: float = 0.0
    weekend: float = 0.0
    days: int = DAYS
    known_from: int | None = None
    scale: float = 1.0
    arms: int = 1
    judged: int | None = None

    @property
    def ends_day(self) -> int | None:
        """The day on which it ends; None if it is there all the time."""
        once = self.more_jobs or self.two_candidates or self.swap or self.outage_hours > 0
        if self.drift_days:
            return START_DAY + self.drift_days - 1
        return START_DAY if once else None

    @property
    def amplitude(self) -> float:
        """Half the difference of the logarithm of utility between the best and the worst hour."""
        return 0.3 if self.cycle else 0.0

    def profile(self, peak: int) -> Float[np.ndarray, " 24"]:
        """Returns the share of jobs by hour."""
        if not self.cycle:
            return np.full(24, 1 / 24)
        shape = np.exp(1.2 * np.cos((_HOURS - peak) / 12 * np.pi) + 0.4 * np.cos((_HOURS - peak + 8) / 6 * np.pi))
        return np.asarray(shape / shape.sum())

    def doubled(self, day: int) -> Bool[np.ndarray, " 24"]:
        """Returns the hours with twice the jobs."""
        return self._since(day) & self.more_jobs

    def best_of_two(self, day: int) -> Bool[np.ndarray, " 24"]:
        """Returns the hours in which each job has two candidates."""
        return self._since(day) & self.two_candidates

    def new_model(self, day: int) -> Bool[np.ndarray, " 24"]:
        """Returns the hours in which the new model scores."""
        return self._since(day) & self.swap

    def out(self, day: int) -> Bool[np.ndarray, " 24"]:
        """Returns the hours in which nothing can be sent."""
        return (day == START_DAY) & np.isin(_HOURS, START_HOUR + np.arange(self.outage_hours))

    def drift(self, hour: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Returns what has been added to the logarithm of scores by an hour of the run."""
        return self.drift_per_day * np.clip(hour / 24 - START_DAY, 0, self.drift_days)

    def mood(self, seed: int, day: int) -> float:
        """Returns the day's own level of utility, in logarithms: a uniform draw, and the weekend's."""
        draw = float(draws.uniform(seed, 0, day, "bench:mood")[0])
        weekend = self.weekend if day % 7 >= FIRST_WEEKEND else 0.0
        return self.mood_spread * (draw - 0.5) * float(np.sqrt(12)) + weekend

    def _since(self, day: int) -> Bool[np.ndarray, " 24"]:
        return np.asarray(day * 24 + _HOURS >= START_DAY * 24 + START_HOUR)


SMALL: Final = 3
SEVEN: Final = (
    Disturbance("1 constant demand", cycle=False),
    Disturbance("2 daily cycle"),
    Disturbance("3 supply doubled at 14:00: jobs", more_jobs=True),
    Disturbance("3 supply doubled at 14:00: candidates", two_candidates=True),
    Disturbance("4 counts an hour late", delay_hours=1),
    Disturbance("5 outage of two hours", outage_hours=2),
    Disturbance("6 a segment of 200 users", judged=SMALL),
    Disturbance("7 model swap, announced", swap=True, announced=True),
    Disturbance("7 model swap, unannounced", swap=True),
    Disturbance("7 scores drift by 50 % in five days", drift_per_day=0.08, drift_days=5),
)
"""The issue's seven; the third and the last can be read in two or three ways, and all are run."""
BEYOND: Final = (
    Disturbance("good and bad days", mood_spread=0.15),
    Disturbance("all utilities a fifth", scale=0.2),
    Disturbance("all utilities fivefold", scale=5.0),
)
"""Beyond the seven: days whose level nobody knows beforehand; another app, whose utilities have another scale, with the
gains that were tuned on this one."""
WEEKLY: Final = (
    Disturbance("8 weekly cycle", weekend=0.6, days=LONG),
    Disturbance("8 weekly cycle, from the third week", weekend=0.6, days=LONG, known_from=15),
)
"""Weekends whose utilities are 1.8 times as high: one run, judged from the third day on, and from day 15 on, the first
before which the same weekday was lived through twice."""
EVERY: Final = (*SEVEN, *WEEKLY, *BEYOND)
ARMS: Final = Disturbance("two arms at equal volume", arms=2)
