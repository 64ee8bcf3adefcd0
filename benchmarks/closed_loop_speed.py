"""What an arm costs beside the world it lives in: the same people and weeks, alone and under an arm's decisions.

Command: python benchmarks/closed_loop_speed.py [--users 2000] [--days 7] [--warm-up 7] [--arms simple trained]
The goal of issue 7 is --users 100000 --days 56 --arms simple: minutes to an hour, and 1.5 GB.
Prints CPU seconds, the ratio to the world alone (every hour lived through, candidates made, nothing sent), how much of
it was scoring (slots and messages apart), rank jobs and plans, and peak memory. `simple` is Tactful's default with
simple predictors, `trained` everything together with the models that are shipped. Everything is simulated.
Seeds: world 1, arm 1. Hardware: one core; set NUMBA_NUM_THREADS=1.
"""

import argparse
import copy
import resource
import time
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import UInt64

from tactful.decision.request import Request, Scores
from tactful.decision.rules import Rules
from tactful.models.protocol import SlotScores
from tactful.models.shipped import shipped
from tactful.runtime.scoring import Scorer, Versions
from tactful.runtime.steps import PlanRequest
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.budgeted import Budgeted, Learned
from tactful.simulator.arms.policy import Arm
from tactful.simulator.arms.tactful import Tactful
from tactful.simulator.arms.volume_rules import RULES
from tactful.simulator.closed_loop import Explored, Loop, explore
from tactful.simulator.protocol import TICK_US, SendColumns
from tactful.simulator.world import make

SEED: Final = 1
HOURS: Final = 24
K_MAX: Final = 10
"""The largest budget that the shipped response models know."""


@dataclass
class Timed:
    """A scorer that counts what it is asked, and its own CPU seconds."""

    scorer: Scorer
    plans: int = 0
    jobs: int = 0
    slot_s: float = 0.0
    message_s: float = 0.0

    @property
    def version(self) -> str:
        """Of the scorer."""
        return self.scorer.version

    @property
    def versions(self) -> Versions:
        """Of the scorer."""
        return self.scorer.versions

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> SlotScores:
        """Returns what the scorer says of slots."""
        begins = time.process_time()
        said = self.scorer.slots(keys, request)
        self.slot_s += time.process_time() - begins
        self.plans += len(keys)
        return said

    def scores(self, request: Request) -> Scores:
        """Returns what the scorer says of messages."""
        begins = time.process_time()
        said = self.scorer.scores(request)
        self.message_s += time.process_time() - begins
        self.jobs += request.n
        return said


def simple() -> Arm:
    """Returns Tactful's default: no learned ranker."""
    return Tactful()


def trained() -> Arm:
    """Returns everything together with the shipped models: budgets by response each week, hours, and the ranker."""
    delivery = Assembled(hours=shipped("hours"), ranker=shipped("ranker"), rules=Rules(candidates_ranked=6))
    learned = Learned(shipped("volume"), delivery.sent_by_budget(K_MAX))
    return Budgeted("trained", RULES["discounted"], learned, delivery=delivery)


ARMS: Final = {"simple": simple, "trained": trained}


def alone(explored: Explored, days: int) -> float:
    """Returns the CPU seconds of the world without an app."""
    world = copy.deepcopy(explored.world)
    begins = time.process_time()
    for hour in range(explored.tick, explored.tick + days * HOURS):
        start = world.start_us + hour * TICK_US
        world.candidates(start, start + TICK_US)
        world.respond(SendColumns.none(), start, start + TICK_US)
    return time.process_time() - begins


def under(explored: Explored, arm: Arm, days: int) -> tuple[float, Timed]:
    """Returns the CPU seconds of the world under an arm, its preparation left out, and its scorer."""
    policy = arm.prepare(explored.log, SEED)
    timed = Timed(policy.scorer)
    loop = Loop.after(explored, replace(policy, scorer=timed))
    begins = time.process_time()
    loop.run(arm.name, days, judge=False)
    return time.process_time() - begins, timed


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--warm-up", type=int, default=7)
    parser.add_argument("--arms", nargs="+", choices=sorted(ARMS), default=sorted(ARMS))
    args = parser.parse_args()
    small = explore(make(seed=2, n_users=50), 1, SEED)
    for name in args.arms:
        under(small, ARMS[name](), 1)  # compiles, or loads what was compiled before
    explored = explore(make(seed=SEED, n_users=args.users), args.warm_up, SEED)
    base = alone(explored, args.days)
    print(f"{args.users:,} users x {args.days} days, simulated; CPU seconds of one process")
    print(f"{'':10} {'CPU s':>8} {'x world':>8} {'messages':>9} {'slots':>8} {'x less':>8} {'jobs':>11} {'plans':>10}")
    print(f"{'alone':10} {base:8.2f} {1.0:8.1f}")
    for name in args.arms:
        seconds, of = under(explored, ARMS[name](), args.days)
        less = (seconds - of.message_s - of.slot_s) / base
        print(
            f"{name:10} {seconds:8.2f} {seconds / base:8.1f} {of.message_s:9.2f} {of.slot_s:8.2f} {less:8.1f} "
            f"{of.jobs:11,} {of.plans:10,}"
        )
    print(f"messages, slots: scoring them; x less: the ratio without it; {_peak_mib():,.0f} MiB at the peak")


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


if __name__ == "__main__":
    main()
