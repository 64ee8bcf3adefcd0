"""Gains of every rule, by the same small grid on seeds that are not scored."""

from typing import Final

import msgspec
import numpy as np

from controller.contestants import CONTESTANTS, Contestant, Gains
from controller.disturbance import SEVEN, Disturbance
from controller.follow import days_of, follow
from controller.judge import judge
from controller.plant import Plant
from controller.rules import best_constant

SEEDS: Final = (101, 102)
START_SEED: Final = 100
"""Of the plant whose best constant the rivals begin with."""
DAYS: Final = 18
ON: Final = tuple(d for d in SEVEN if d.name[0] in "24" or "jobs" in d.name or "unannounced" in d.name)
"""A daily cycle, more jobs, late counts, and a swap: one of each kind of trouble."""


class Tried(msgspec.Struct, frozen=True):
    """One place of a grid: the mean absolute error over (day, cell), and the range of the price's rank."""

    rule: str
    gains: Gains
    error: float
    rank_low: float
    rank_high: float


def tune(seeds: tuple[int, ...] = SEEDS, on: tuple[Disturbance, ...] = ON, days: int = DAYS) -> list[Tried]:
    """Returns what every place of every grid came to, means over seeds and disturbances."""
    found: dict[tuple[str, Gains], list[tuple[float, float, float]]] = {}
    for what in on:
        start = best_constant(START_SEED, what)
        for seed in seeds:
            plant = Plant(seed, what)
            lived = days_of(plant, days)
            for one in CONTESTANTS:
                for gains in one.grid:
                    verdict = judge(one.name, what, seed, follow(one.make(plant, start, gains), plant, lived))
                    of = found.setdefault((one.name, gains), [])
                    of.append((verdict.error_cells, verdict.rank_low, verdict.rank_high))
    return [
        Tried(name, gains, float(np.mean(error)), min(low), max(high))
        for (name, gains), values in found.items()
        for error, low, high in [tuple(zip(*values, strict=True))]
    ]


def best(tried: list[Tried], one: Contestant) -> Gains:
    """Returns the gains that a rule is scored with: its fixed ones, else those that the grid found (`found`)."""
    return found(tried, one) if one.chosen is None else one.chosen


def found(tried: list[Tried], one: Contestant) -> Gains:
    """Returns the gains of the smallest error among those whose price stayed strictly inside 5-95 %."""
    inside = [t for t in tried if t.rule == one.name and t.rank_low > 0.05 and t.rank_high < 0.95]
    return min(inside, key=lambda t: t.error).gains
