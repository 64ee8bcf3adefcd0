"""What a rule held: the day's volume against its bound, oscillation, where the price stood, the hours.

The bound of a day is the issue's: 2 % of the target and two binomial standard errors, √(F·(1 − F/n)), of n people who
had a job. Hours in which nothing could be sent are in no target. Scored are the days from the second after the end of a
disturbance on; where it does not end, from the second after the start.
"""

from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from controller.disturbance import SMALL, Disturbance
from controller.follow import Trace

SHARE: Final = 0.02
TURN: Final = 0.1
"""A price turns round when it has come back by so much, in rank among the day's utilities."""
TURNS_A_DAY: Final = 3.0
"""A daily cycle turns a price round twice a day; more than this, and it swings by itself."""
SWINGS: Final = 3
"""So many days out of bound in a row, each on the other side than the one before, are an oscillation that lasts."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Measures of a run. Errors are shares of the target; those of days are of the whole app unless they say `cell`.

    Attributes:
        rule, disturbance: names.
        seed: of the plant.
        within: share of scored days within the bound; `within_cells`: of (day, cell).
        error: mean of the absolute error; `error_cells`: of (day, cell).
        worst: the largest absolute error of a scored day; `worst_cells`: of (day, cell).
        mean: of the error, signed.
        swings: the longest run of days out of bound that alternate in sign, over cells.
        turns_a_day: how often a price turned round, the highest of the cells.
        rank_low, rank_high: the lowest and highest rank of a price in a scored hour; `rank_inside`: share of hours
            strictly between 0.05 and 0.95.
        hours: sum of |sends − plan| over scored hours, as a share of the plan.
        days: the signed error of every day.
    """

    rule: str
    disturbance: str
    seed: int
    within: float
    within_cells: float
    error: float
    error_cells: float
    worst: float
    worst_cells: float
    mean: float
    swings: int
    turns_a_day: float
    rank_low: float
    rank_high: float
    rank_inside: float
    hours: float
    days: tuple[float, ...]

    @property
    def oscillates(self) -> bool:
        """Whether volume or price swings for as long as one looks."""
        return self.swings >= SWINGS or self.turns_a_day > TURNS_A_DAY


def judge(rule: str, what: Disturbance, seed: int, trace: Trace) -> Verdict:
    """Returns the measures of a run."""
    cells = judged_cells(what, trace.sends.shape[1])
    days = trace.sends.shape[0] // 24
    sends, target = (by_day(x[:, cells]) for x in (trace.sends, trace.planned))
    reachable = trace.reachable[:, cells]
    on = scored(what, days)
    sides = side(sends, target, reachable)
    whole = [x.sum(axis=1, keepdims=True) for x in (sends, target, reachable)]
    total = side(*whole)
    error, error_cells = (whole[0] / whole[1] - 1)[:, 0], sends / target - 1
    rank = trace.rank[:, cells].reshape(days, 24, -1)[on]
    hours_sent, hours_planned = (x[:, cells].sum(axis=1).reshape(days, 24)[on] for x in (trace.sends, trace.planned))
    return Verdict(
        rule=rule,
        disturbance=what.name,
        seed=seed,
        within=float((total[on] == 0).mean()),
        within_cells=float((sides[on] == 0).mean()),
        error=float(np.abs(error[on]).mean()),
        error_cells=float(np.abs(error_cells[on]).mean()),
        worst=float(np.abs(error[on]).max()),
        worst_cells=float(np.abs(error_cells[on]).max()),
        mean=float(error[on].mean()),
        swings=max(longest_alternation(column) for column in sides[on].T),
        turns_a_day=max(turns(column.ravel()) for column in np.moveaxis(rank, 2, 0)) / len(rank),
        rank_low=float(rank.min()),
        rank_high=float(rank.max()),
        rank_inside=float(((rank > 0.05) & (rank < 0.95)).mean()),
        hours=float(np.abs(hours_sent - hours_planned).sum() / hours_planned.sum()),
        days=tuple(np.round(error, 5).tolist()),
    )


class ArmsGap(msgspec.Struct, frozen=True, kw_only=True):
    """Two arms' volumes from the third day on: the second less the first, as a share of the first's.

    `within` is the share of days on which the gap is at most 2 % and two standard errors of a difference; `follows`
    tells that the second's target was what the first had sent.
    """

    seed: int
    follows: bool
    error: float
    worst: float
    mean: float
    within: float


def judge_arms(seed: int, follows: bool, trace: Trace) -> ArmsGap:
    """Returns the gap between the two arms, without their smallest segments."""
    per_arm = trace.sends.shape[1] // 2
    kept = [c for c in range(per_arm) if c != SMALL]
    first, second = (by_day(trace.sends[:, [arm * per_arm + c for c in kept]]).sum(axis=1)[2:] for arm in (0, 1))
    reachable = trace.reachable[2:, kept].sum(axis=1)
    bound = SHARE * first + 2 * np.sqrt(2 * first * (1 - np.clip(first / reachable, 0, 1)))
    gap = second / first - 1
    return ArmsGap(
        seed=seed,
        follows=follows,
        error=float(np.abs(gap).mean()),
        worst=float(np.abs(gap).max()),
        mean=float(gap.mean()),
        within=float((np.abs(second - first) <= bound).mean()),
    )


def judged_cells(what: Disturbance, cells: int) -> NDArray[np.int64]:
    """Returns the cells that a disturbance is judged on."""
    every = np.arange(cells)
    return every[every % 4 != SMALL] if what.judged is None else np.array([what.judged])


def scored(what: Disturbance, days: int) -> Bool[np.ndarray, " days"]:
    """Returns which days count."""
    first = 2 if what.ends_day is None else what.ends_day + 2
    first = first if what.known_from is None else what.known_from
    return np.arange(days) >= first


def by_day(hours: Float[np.ndarray, "hours n"]) -> Float[np.ndarray, "days n"]:
    """Returns sums over days."""
    return np.asarray(hours.reshape(-1, 24, hours.shape[1]).sum(axis=1))


def side(
    sends: Float[np.ndarray, "days n"], target: Float[np.ndarray, "days n"], reachable: Float[np.ndarray, "days n"]
) -> Float[np.ndarray, "days n"]:
    """Returns 0 for a day within the bound, else the sign of its error."""
    share = np.clip(target / reachable, 0, 1)
    bound = SHARE * target + 2 * np.sqrt(target * (1 - share))
    return np.where(np.abs(sends - target) <= bound, 0.0, np.sign(sends - target))


def longest_alternation(sides: Float[np.ndarray, " days"]) -> int:
    """Returns how many days out of bound follow each other with alternating signs; days within the bound between them
    do not end it.

    >>> longest_alternation(np.array([1.0, 0.0, -1.0, 1.0, 1.0, 0.0]))
    3
    """
    out = sides[sides != 0]
    longest = run = min(len(out), 1)
    for before, now in pairwise(out.tolist()):
        run = run + 1 if now != before else 1
        longest = max(longest, run)
    return int(longest)


def turns(rank: Float[np.ndarray, " hours"], least: float = TURN) -> int:
    """Returns how often a series turns round by `least` or more.

    >>> turns(np.array([0.5, 0.7, 0.65, 0.9, 0.6, 0.62, 0.5, 0.8]))
    2
    """
    found, direction, extreme = 0, 0, float(rank[0])
    for value in rank.tolist():
        if (direction >= 0 and value > extreme) or (direction <= 0 and value < extreme):
            if direction == 0 and abs(value - extreme) < least:
                continue
            direction, extreme = direction or (1 if value > extreme else -1), value
        elif direction and abs(value - extreme) >= least:
            found, direction, extreme = found + 1, -direction, value
    return found
