"""Measures the default world against what is published: runs under the habit, halved and multiplied.

All runs of a seed share people and luck, so differences are paired by user. The test and the recipe both use it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from tactful.clock import DAY_US
from tactful.simulator.answers import EMAIL
from tactful.simulator.columns import pick
from tactful.simulator.habit import HabitualPolicy
from tactful.simulator.luck import uniforms
from tactful.simulator.protocol import TICK_US, EngagementColumns
from tactful.simulator.visits import DISABLE, OPEN, SESSION, UNSUBSCRIBE, VIEW
from tactful.simulator.world import DefaultWorld

SEGMENTS = {"very inactive": (0.0, 0.1), "between": (0.2, 0.8), "very active": (0.95, 1.0)}
"""Segments by percentile of own visits; the two gaps are where the best volume crosses the habit."""


@dataclass(frozen=True)
class Run:
    """What a run under the habit came to, by user. `worth` is the remaining value at its end, active days."""

    active_days: Int64[np.ndarray, " n"]
    views: Int64[np.ndarray, " n"]
    mails: Int64[np.ndarray, " n"]
    pushes: Int64[np.ndarray, " n"]
    opens: Int64[np.ndarray, " n"]
    unsubscribes: Int64[np.ndarray, " n"]
    disables: Int64[np.ndarray, " n"]
    worth: Float64[np.ndarray, " n"]

    @property
    def score(self) -> Float64[np.ndarray, " n"]:
        """J by user: active days in the run and what is left at its end."""
        score: Float64[np.ndarray, " n"] = self.active_days + self.worth
        return score


@dataclass(frozen=True)
class Estimate:
    """A figure with its standard error over users."""

    value: float
    standard_error: float


def run_habit(world: DefaultWorld, seed: int, days: int, times: float = 1.0, mail_share: float = 1.0) -> Run:
    """Runs a fresh world for `days` days at `times` the habitual volume, each e-mail kept with `mail_share`."""
    people, at = world.users(), world.start_us
    policy = HabitualPolicy(people, world.habit_per_week(), world.start_us, seed, times)
    count = {name: np.zeros(people.n, np.int64) for name in Run.__dataclass_fields__ if name != "worth"}
    for _ in range(days):
        came = np.zeros(people.n, np.bool_)
        for _ in range(DAY_US // TICK_US):
            sends = policy.sends(at)
            policy.take_up(world.candidates(at, at + TICK_US))
            kept = uniforms(seed, people.user_key[sends.user], at, "keep mail") < mail_share
            sends = pick(sends, (sends.channel != EMAIL) | kept)
            seen = world.respond(sends, at, at + TICK_US)
            policy.observe(seen)
            came[seen.user[seen.kind == SESSION]] = True
            count["mails"] += np.bincount(sends.user[sends.channel == EMAIL], minlength=people.n)
            count["pushes"] += np.bincount(sends.user[sends.channel != EMAIL], minlength=people.n)
            _count_kinds(count, seen, people.n)
            at += TICK_US
        count["active_days"] += came
    return Run(worth=world.truth().remaining_value(), **count)


def _count_kinds(count: dict[str, Int64[np.ndarray, " n"]], seen: EngagementColumns, n: int) -> None:
    kinds = {"views": VIEW, "opens": OPEN, "unsubscribes": UNSUBSCRIBE, "disables": DISABLE}
    for name, kind in kinds.items():
        count[name] += np.bincount(seen.user[seen.kind == kind], minlength=n)


def segment(world: DefaultWorld, name: str) -> Bool[np.ndarray, " n"]:
    """Returns who belongs to a segment of `SEGMENTS`, by the rank of own visits at no habit."""
    visits = world.truth().people.visits
    percentile = np.argsort(np.argsort(visits, kind="stable"), kind="stable") / len(visits)
    low, high = SEGMENTS[name]
    return np.logical_and(percentile >= low, percentile < high, dtype=np.bool_)


def ratio(above: Int64[np.ndarray, " n"], below: Int64[np.ndarray, " n"]) -> Estimate:
    """Returns sum(above) / sum(below) with its standard error over users (delta method)."""
    value = float(above.sum() / below.sum())
    deviation = above - value * below
    return Estimate(value, float(deviation.std() * np.sqrt(len(above)) / below.sum()))


def difference(run: Run, base: Run, who: Bool[np.ndarray, " n"]) -> Estimate:
    """Returns the mean paired difference in score, active days a user."""
    paired = (run.score - base.score)[who]
    return Estimate(float(paired.mean()), float(paired.std() / np.sqrt(len(paired))))


def views_lost(run: Run, base: Run) -> Estimate:
    """Returns the share of the base's views that a run lost, with its standard error over users."""
    return ratio(base.views - run.views, base.views)
