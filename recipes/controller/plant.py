"""The plant: people with rank jobs of some utility, hour by hour, as far as a price of sends is concerned.

It keeps what makes a price hard to set: jobs and utilities have hours, the plan has these hours wrong, a person who
was told is done for the day (so a low price in the morning empties the evening), and people differ. It leaves out what
a price does not see: contents, caps, channels, and what messages do to people. All luck is drawn by hash: every rule
meets the same jobs of the same utilities.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64
from numpy.typing import NDArray

from controller.disturbance import Disturbance
from tactful import draws

SPREAD_PEOPLE: Final = 0.5
SPREAD_JOBS: Final = 0.6
"""Standard deviation of the logarithm of utility: between people, and between one person's jobs."""
COST: Final = 0.004
"""Taken off every utility; so a few are negative."""
WAKE_SHARE: Final = 0.3
"""Chance of a fourth job on a day, for something fresh."""


@dataclass(frozen=True)
class Segment:
    """People of one kind: how many, how often they may be told, at which share of that the target stands.

    `index` is that of `tactful.features.segments.SEGMENTS`; `quota_share` the share of people with a send planned on a
    day; `target_share` the target as a share of these; `median` of the utility before `COST`; `peak` the hour at which
    utilities and jobs are highest.
    """

    name: str
    index: int
    people: int
    quota_share: float
    target_share: float
    median: float
    peak: int

    @property
    def target(self) -> float:
        """Sends a day."""
        return self.people * self.quota_share * self.target_share


SEGMENTS: Final = (
    Segment("core", 2, 6_000, 0.8, 0.75, 0.045, 18),
    Segment("casual", 4, 8_000, 0.5, 0.60, 0.030, 20),
    Segment("marginal", 6, 6_000, 0.4, 0.45, 0.020, 12),
    Segment("200 users", 14, 200, 0.6, 0.75, 0.025, 18),
)


@dataclass(frozen=True)
class Day:
    """The jobs of one UTC day by hour: row of the person, cell, utility; `first` is where each hour begins.

    A cell is a segment in an arm. `planned` are planned sends by hour; `reachable` people who have a job.
    """

    person: Int[np.ndarray, " jobs"]
    cell: Int[np.ndarray, " jobs"]
    utility: Float[np.ndarray, " jobs"]
    first: Int[np.ndarray, " 25"]
    planned: Float[np.ndarray, "24 cells"]
    reachable: Float[np.ndarray, " cells"]


class Plant:
    """People, and the days they have jobs on."""

    def __init__(self, seed: int, disturbance: Disturbance, segments: tuple[Segment, ...] = SEGMENTS) -> None:
        self.segments, self.disturbance, self._seed = segments, disturbance, seed
        self.segment = np.repeat(np.arange(len(segments)), [s.people for s in segments])
        self._key = np.arange(len(self.segment), dtype=np.uint64)
        self.arm = (self._draw("arm", 0) * disturbance.arms).astype(np.int64)
        self.cell = self.arm * len(segments) + self.segment
        self.n_cells = disturbance.arms * len(segments)
        self._own = SPREAD_PEOPLE * self._normal("own", 0)

    def target(self) -> Float[np.ndarray, " cells"]:
        """Returns the sends a day that each cell is to have; people are dealt to arms in equal parts."""
        return np.tile([s.target / self.disturbance.arms for s in self.segments], self.disturbance.arms)

    def day(self, day: int) -> Day:
        """Returns the jobs of a day as they come up, and the plan that was made for it."""
        in_quota = self._draw("quota", day) < np.array([s.quota_share for s in self.segments])[self.segment]
        start = self._draw("slot", day)
        slots = [self._hour(start + part / 3) for part in range(3)]
        best = np.select([self._draw("best", day) < part / 3 for part in (1, 2)], slots[:2], slots[2])
        planned = np.zeros((24, self.n_cells))
        np.add.at(planned, (best[in_quota], self.cell[in_quota]), 1.0)
        wakes = np.where(self._draw("wake", day) < WAKE_SHARE, self._hour(self._draw("fresh", day)), -1)
        hours = [*slots, wakes]
        for extra in range(3):
            more = self._hour(start + (extra + 0.5) / 3)
            hours.append(np.where(self.disturbance.doubled(day)[more], more, -1))
        person, hour = _jobs(np.stack(hours, axis=1), in_quota)
        first = np.searchsorted(hour, np.arange(25))
        utility = self._utility(person, hour, day)
        reachable = np.bincount(self.cell[np.unique(person)], minlength=self.n_cells).astype(np.float64)
        return Day(person, self.cell[person], utility, first, planned, reachable)

    def _utility(
        self, person: Int[np.ndarray, " jobs"], hour: Int[np.ndarray, " jobs"], day: int
    ) -> Float[np.ndarray, " jobs"]:
        """The utility of the best candidate of each job, under the model that scores it."""
        what, when = self.disturbance, day * 24 + hour
        key, of = self._key[person], self.segment[person]
        luck = _normal(self._seed, key, when, "job")
        better = what.best_of_two(day)[hour]
        luck = np.where(better, np.maximum(luck, _normal(self._seed, key, when, "second")), luck)
        peak = np.array([s.peak for s in self.segments])[of]
        log = self._own[person] + SPREAD_JOBS * luck + what.amplitude * np.cos((hour - peak) / 12 * np.pi)
        log += what.mood(self._seed, day)
        new = what.new_model(day)[hour] | (self.arm[person] > 0)
        log = np.where(new, 1.2 * log + np.log(1.8) + 0.3 * _normal(self._seed, key, when, "model"), log)
        log += what.drift(when)
        worth: NDArray[np.float64] = np.array([s.median for s in self.segments])[of] * np.exp(log) - COST
        return what.scale * worth

    def _hour(self, at: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """The hour below which a share `at` (of a circle) of the person's segment's jobs lies."""
        hour = np.zeros(len(at), dtype=np.int64)
        for i, segment in enumerate(self.segments):
            mine = self.segment == i
            below = np.cumsum(self.disturbance.profile(segment.peak))
            hour[mine] = np.minimum(np.searchsorted(below, at[mine] % 1.0, side="right"), 23)
        return hour

    def _draw(self, purpose: str, day: int) -> Float[np.ndarray, " n"]:
        return draws.uniform(self._seed, self._key, day, "bench:" + purpose)

    def _normal(self, purpose: str, day: int) -> Float[np.ndarray, " n"]:
        return _normal(self._seed, self._key, np.full(len(self._key), day), purpose)


def _jobs(
    hours: Int[np.ndarray, "n jobs"], in_quota: Bool[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Person and hour of every job, by hour and person; two in one hour are one, -1 is none."""
    person = np.repeat(np.arange(len(hours)), hours.shape[1])
    hour = hours.ravel()
    kept = (hour >= 0) & in_quota[person]
    place = np.unique(hour[kept] * len(hours) + person[kept])
    return place % len(hours), place // len(hours)


def _normal(
    seed: int, key: UInt64[np.ndarray, " n"], when: Int[np.ndarray, " n"], purpose: str
) -> Float[np.ndarray, " n"]:
    """Normal draws by hash (Box and Muller)."""
    a, b = (draws.uniform(seed, key, when, f"bench:{purpose}:{part}") for part in ("radius", "angle"))
    normal: NDArray[np.float64] = np.sqrt(-2 * np.log1p(-a)) * np.cos(2 * np.pi * b)
    return normal
