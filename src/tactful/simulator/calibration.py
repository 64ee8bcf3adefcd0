"""Measures the default world against what is published: runs under the habit, whole, halved and multiplied."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from tactful.clock import DAY_US
from tactful.simulator.answers import EMAIL
from tactful.simulator.columns import pick
from tactful.simulator.habit import HabitualPolicy
from tactful.simulator.luck import uniforms
from tactful.simulator.protocol import TICK_US, EngagementColumns
from tactful.simulator.visits import DISABLE, OPEN, SESSION, UNSUBSCRIBE, VIEW
from tactful.simulator.world import DefaultWorld


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


def run_habit(world: DefaultWorld, seed: int, days: int, times: float = 1.0, mail_share: float = 1.0) -> Run:
    """Runs `days` days at `times` the habitual volume, each e-mail kept with chance `mail_share`."""
    people, at = world.users(), world.start_us
    policy = HabitualPolicy(people, world.habit_per_week(), world.start_us, seed, times)
    count = {name: np.zeros(people.n, np.int64) for name in Run.__dataclass_fields__ if name != "worth"}
    for _ in range(days):
        came = np.zeros(people.n, np.bool_)
        for _ in range(DAY_US // TICK_US):
            sends = policy.sends(at)
            policy.take_up(world.candidates(at, at + TICK_US))
            coin = uniforms(seed, people.user_key[sends.user], at, "keep mail") < mail_share
            sends = pick(sends, (sends.channel != EMAIL) | coin)
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
