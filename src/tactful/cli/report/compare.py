"""Runs the arms in the default world and keeps what a report tells of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Final

import numpy as np

from tactful.cli.report.story import ArmDays, Volume
from tactful.simulator import closed_loop
from tactful.simulator.arms import ARMS
from tactful.simulator.arms.policy import Arm, Policy
from tactful.simulator.result import Result
from tactful.simulator.world import make

TITLES: Final = {
    "silence": "silence",
    "nine_oclock": "everyone at 9:00",
    "hand_caps": "hand caps, best hour",
    "uniform_personal": "uniform, own hours",
    "trained": "Tactful",
}
"""The arms that are compared, in the order of the table, and what a person reads."""

VOLUME: Final = {"silence": 0.0, "nine_oclock": 3.47, "hand_caps": 3.54, "uniform_personal": 3.36, "trained": 3.02}
"""Messages a user and week that each arm aims at so that all send as many as Tactful. Arms without a threshold fall
short of their aim, for people leave or have nothing to be told; set on seed 101 (1,500 people, 14 days)."""


@dataclass(frozen=True)
class Compared:
    """All arms on the same people, Tactful's volume, and its policy with the budgets that it ended with."""

    start_us: int
    arms: tuple[ArmDays, ...]
    volume: Volume
    policy: Policy


def compare(n_users: int, days: int, warm_up_days: int, seed: int, step: Callable[[str], None]) -> Compared:
    """Explores for some days, then lives through `days` with every arm from the same start.

    Args:
        n_users: simulated people.
        days: days that count, of every arm.
        warm_up_days: days before, from whose log the arms learn; they do not count.
        seed: of the world and of the arms' draws.
        step: told before each part what comes next.
    """
    step("warm-up: random messages to learn from")
    explored = closed_loop.explore(make(seed, n_users), warm_up_days, seed)
    found: list[Result] = []
    for name, title in TITLES.items():
        step(f"arm: {title}")
        found.append(closed_loop.follow(explored, arm_of(name), days, seed, judge=False))
    arms = tuple(_arm_days(result) for result in found)
    learned = arm_of("trained").prepare(explored.log, seed)
    policy = replace(learned, budgets=found[-1].budget, rebudget=None)
    return Compared(found[-1].start_us, arms, _volume(found[-1]), policy)


def arm_of(name: str) -> Arm:
    """Returns an arm by its name in `simulator.arms.ARMS`, at its volume here."""
    module, _, kind = ARMS[name].partition(":")
    arm: Arm = getattr(import_module(module), kind)()
    return arm.at_volume(VOLUME[name])


def _arm_days(result: Result) -> ArmDays:
    return ArmDays(
        key=result.arm,
        title=TITLES[result.arm],
        sends=result.sends,
        opens=result.opens,
        clicks=result.clicks,
        active=result.active,
        left=result.unsubscribes,
        quiet=result.quiet_hour_violations,
    )


def _volume(result: Result) -> Volume:
    return Volume(
        target=result.target,
        sent=result.sends.sum(axis=0, dtype=np.int64),
        planned_by_hour=result.plan_by_hour.sum(axis=0),
        sent_by_hour=result.sends_by_hour.sum(axis=0),
        budget=result.budget,
    )
