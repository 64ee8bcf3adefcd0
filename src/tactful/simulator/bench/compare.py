"""What cells say of arms: gains over the base with intervals, shares of what can be gained, equal unsubscribes, wins.

Every comparison is of the same people in the same worlds with the same luck. Intervals are Student's over people, of
all seeds together: how worlds and trainings differ is in them only as far as there are several seeds.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tactful.experiments.stats import Interval, wilson
from tactful.simulator.bench.arms import ORACLES, SIMPLE
from tactful.simulator.bench.cell import BoundCell, Cell
from tactful.simulator.scoring import paired_interval, share_of_gain

SILENCE: Final = "silence"
LEADING: Final = 6
"""Arms whose ranking is followed through scaled constants."""


class AtEqualLoss(NamedTuple):
    """An arm where it closes as many channels as the base: between two of its volumes.

    `volume` is messages a user and week; `daily_active` a share; `gain` J over the base.
    """

    arm: str
    volume: float
    unsubscribes: float
    daily_active: float
    gain: Interval


class Wins(NamedTuple):
    """An arm against all of the drawn worlds: where it had more J than `against`, and by how much on average."""

    arm: str
    against: str
    won: int
    of: int
    rate: Interval
    gain: Interval


def of_world(cells: Sequence[Cell], world: str, times: float = 1.0) -> dict[str, list[Cell]]:
    """Returns the cells of a world at a multiple of the volume by arm, in the order of seeds; silence always."""
    found: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: cell.seed):
        if cell.world == world and (cell.times == times or cell.arm == SILENCE):
            found.setdefault(cell.arm, []).append(cell)
    return found


def base_of(arms: dict[str, list[Cell]]) -> str | None:
    """Returns the better of the simple ways by mean J over the seeds that both have; None if there is none."""
    there = {name: arms[name] for name in SIMPLE if name in arms}
    if not there:
        return None
    seeds = set.intersection(*({cell.seed for cell in cells} for cells in there.values()))
    return max(there, key=lambda name: _mean_score(there[name], seeds))


def gain(arm: Sequence[Cell], base: Sequence[Cell]) -> Interval | None:
    """Returns everybody's J less her J under the base, over the seeds that both have; None without such a seed."""
    gaps = [mine - theirs for mine, theirs in _paired(arm, base)]
    return paired_interval(np.concatenate(gaps)) if gaps else None


def share(
    arm: Sequence[Cell], base: Sequence[Cell], silence: Sequence[Cell], bounds: Sequence[BoundCell]
) -> Interval | None:
    """Returns the share of the attainable gain over the base; None for fewer than two seeds, or nothing to attain.

    Gains over silence stand for J, so that the luck which all runs of a seed share cancels (`scoring.share_of_gain`).
    """
    most = {bound.seed: bound.value - bound.silence for bound in bounds}
    own, usual, quiet = ({cell.seed: cell.score for cell in cells} for cells in (arm, base, silence))
    seeds = sorted(set(most) & set(own) & set(usual) & set(quiet))
    if len(seeds) < 2:
        return None
    of_arm, of_base = (np.array([of[seed] - quiet[seed] for seed in seeds]) for of in (own, usual))
    return share_of_gain(of_arm, of_base, np.array([most[seed] for seed in seeds]))


def precision(arm: Sequence[Cell], base: Sequence[Cell]) -> float | None:
    """Returns how many times more variance the difference of two arms would have if their people and luck were apart.

    With common random numbers a difference varies as everybody's J less her own J under the other arm does; apart, as
    the sum of both variances. None without a seed that both have, or where nobody differs.
    """
    pairs = _paired(arm, base)
    together = sum(float(np.var(mine - theirs)) for mine, theirs in pairs)
    apart = sum(float(np.var(mine) + np.var(theirs)) for mine, theirs in pairs)
    return apart / together if together > 0.0 else None


def at_equal_loss(cells: Sequence[Cell], world: str, base: str) -> list[AtEqualLoss]:
    """Returns every arm with a sweep where it closes as many channels as the base does at the volume itself.

    Between the two neighbouring volumes everything is taken to be linear; an arm whose sweep does not reach the base's
    unsubscribes is left out. Volumes are chosen on the means over the seeds, and not doubted by the interval.
    """
    usual = of_world(cells, world)[base]
    wanted = float(np.mean([cell.unsubscribes for cell in usual]))
    swept = sorted({cell.times for cell in cells if cell.world == world and cell.arm != SILENCE})
    arms = {cell.arm: None for cell in cells if cell.world == world and cell.arm != SILENCE}
    found = []
    for arm in arms:
        points = [of_world(cells, world, times).get(arm, []) for times in swept]
        points = [point for point in points if point]
        found += [one for one in [_between(arm, points, wanted, usual)] if one is not None]
    return sorted(found, key=lambda one: -one.gain.value)


def wins(cells: Sequence[Cell], worlds: Sequence[str], arm: str, against: str) -> Wins | None:
    """Returns in how many worlds an arm had more J than another; None unless two worlds have both."""
    gaps = []
    for world in worlds:
        arms = of_world(cells, world)
        pairs = _paired(arms.get(arm, []), arms.get(against, []))
        gaps += [float(np.mean([np.mean(mine - theirs) for mine, theirs in pairs]))] if pairs else []
    if len(gaps) < 2:
        return None
    won = int(np.sum(np.array(gaps) > 0.0))
    return Wins(arm, against, won, len(gaps), wilson(won / len(gaps), len(gaps)), paired_interval(np.array(gaps)))


def ranks(cells: Sequence[Cell], world: str, arms: Sequence[str]) -> dict[str, int]:
    """Returns the places of arms by mean J over the seeds that all of them have, the first is 1; none if one lacks."""
    found = of_world(cells, world)
    if any(arm not in found for arm in arms):
        return {}
    seeds = set.intersection(*({cell.seed for cell in found[arm]} for arm in arms))
    if not seeds:
        return {}
    order = sorted(arms, key=lambda arm: -_mean_score(found[arm], seeds))
    return {arm: place for place, arm in enumerate(order, start=1)}


def leading(arms: dict[str, list[Cell]], most: int) -> list[str]:
    """Returns the arms of the largest mean J, oracles and silence apart."""
    honest = [name for name in arms if name not in (*ORACLES, SILENCE)]
    return sorted(honest, key=lambda name: -float(np.mean([cell.score for cell in arms[name]])))[:most]


def leading_everywhere(cells: Sequence[Cell], worlds: Sequence[str], most: int = LEADING) -> list[str]:
    """Returns the arms of the largest mean J in the first of the worlds on file, of those that all of these have."""
    there = [arms for arms in (of_world(cells, name) for name in worlds) if arms]
    if not there:
        return []
    common = set.intersection(*(set(arms) for arms in there))
    return leading({arm: found for arm, found in there[0].items() if arm in common}, most)


def _paired(arm: Sequence[Cell], base: Sequence[Cell]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    theirs = {cell.seed: cell for cell in base}
    return [(cell.of_each, theirs[cell.seed].of_each) for cell in arm if cell.seed in theirs]


def _between(arm: str, points: list[list[Cell]], wanted: float, base: Sequence[Cell]) -> AtEqualLoss | None:
    """The arm between the two volumes whose unsubscribes enclose what is wanted."""
    lost = [float(np.mean([cell.unsubscribes for cell in point])) for point in points]
    for i in range(len(points) - 1):
        below, above = lost[i], lost[i + 1]
        if not below <= wanted <= above or below == above:
            continue
        w = (wanted - below) / (above - below)
        low, high = points[i], points[i + 1]
        upper = {cell.seed: cell for cell in high}
        usual = {cell.seed: cell for cell in base}
        shared = [cell for cell in low if cell.seed in upper and cell.seed in usual]
        if not shared:
            return None
        gaps = [(1.0 - w) * cell.of_each + w * upper[cell.seed].of_each - usual[cell.seed].of_each for cell in shared]
        volume, daily = (
            (1.0 - w) * _mean(low, field) + w * _mean(high, field) for field in ("sends_per_user_week", "daily_active")
        )
        return AtEqualLoss(arm, volume, wanted, daily, paired_interval(np.concatenate(gaps)))
    return None


def _mean(cells: Sequence[Cell], field: str) -> float:
    return float(np.mean([getattr(cell, field) for cell in cells]))


def _mean_score(cells: Sequence[Cell], seeds: set[int]) -> float:
    return float(np.mean([cell.score for cell in cells if cell.seed in seeds]))
