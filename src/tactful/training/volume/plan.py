"""How many people, for how many weeks, must have a random budget before an effect of a given size can be seen.

Two effects: what one more message a week does to daily activity, and by which factor it raises the weekly chance to
leave. What is planned is the test of one slope over everybody; a model that tells people apart needs several times
as much.
"""

import math
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from tactful.experiments.distributions import normal_quantile
from tactful.training.volume.labels import label
from tactful.training.volume.log import VolumeLog

ACTIVITY_SLOPES: Final = (0.001, 0.002, 0.005, 0.01)
"""Active days a day that one more message a week adds; 0.002 is a hundredth of an active day a week."""
HAZARD_RATIOS: Final = (1.02, 1.05, 1.1, 1.2)
"""Factors by which one more message a week raises the chance to leave."""


class Rates(msgspec.Struct, frozen=True):
    """What the size of a sample depends on, in an app.

    Attributes:
        daily_activity: share of days on which a person is active, 0..1.
        correlation: of two days of one person, beyond what her activity state says; what stays of it after many
            weeks is why more weeks do not replace more people.
        weekly_hazard: chance that a week ends a subscription.
    """

    daily_activity: float
    correlation: float
    weekly_hazard: float

    def __post_init__(self) -> None:
        shares = (self.daily_activity, self.correlation, self.weekly_hazard)
        if not (all(0.0 <= share < 1.0 for share in shares) and self.daily_activity > 0.0 and self.weekly_hazard > 0.0):
            raise InvalidExperiment(
                f"got the rates {shares}, expected daily activity and weekly hazard inside (0, 1) and a correlation of "
                "0 up to below 1; give your app's own"
            )


TYPICAL: Final = Rates(daily_activity=0.25, correlation=0.3, weekly_hazard=0.005)
"""Stated, until a log says better: a quarter of the days active, one person in 200 leaving a week."""


class Need(msgspec.Struct, frozen=True):
    """What one effect needs: people in the slice, and the weeks that they spend in it while subscribed.

    `effect` is active days a day for one more message a week (activity), or a hazard ratio (unsubscribe).
    """

    head: Literal["activity", "unsubscribe"]
    effect: float
    users: int
    user_weeks: int


def rates_of(log: VolumeLog) -> Rates:
    """Returns a log's own rates; `TYPICAL` for those that nothing of it tells yet.

    The correlation is by moments within activity states: `ρ = Σ[(x − n·m)² − n·m(1−m)] / Σ n(n−1)·p(1−p)`, for x
    active of n days, with m the state's daily activity and p everybody's.
    """
    labels = label(log)
    n, x = labels.days.trials, labels.days.positives
    p = float(x.sum()) / max(int(n.sum()), 1)
    pairs = float((n * (n - 1)).sum()) * p * (1.0 - p)
    if pairs <= 0.0:
        return TYPICAL
    state_n, state_x = np.bincount(log.activity, n), np.bincount(log.activity, x)
    m = (state_x / np.maximum(state_n, 1.0))[log.activity]
    beyond_chance: NDArray[np.float64] = (x - n * m) ** 2 - n * m * (1.0 - m)
    left = int(labels.left.positives.sum())
    return Rates(
        daily_activity=p,
        correlation=min(max(float(beyond_chance.sum()) / pairs, 0.0), 0.99),
        weekly_hazard=left / int(labels.left.trials.sum()) if left else TYPICAL.weekly_hazard,
    )


def plan(
    rates: Rates,
    choices: tuple[int, ...],
    weeks: int = 8,
    activity_slopes: tuple[float, ...] = ACTIVITY_SLOPES,
    hazard_ratios: tuple[float, ...] = HAZARD_RATIOS,
    power: float = 0.8,
    level: float = 0.95,
) -> tuple[Need, ...]:
    """Returns what each effect needs, activity first, two-sided at `level`.

    Args:
        rates: of the app; `rates_of` a log, or `TYPICAL`.
        choices: the budgets drawn from, equally likely (`exploration.volume_choices`).
        weeks: how long one draw holds (`exploration.volume_period_weeks`).
        activity_slopes, hazard_ratios: the effects.
        power: chance to see an effect that is there.
        level: of the interval that must not hold "no effect".

    Raises:
        InvalidExperiment: fewer than two budgets, an effect of nothing, or a power or level outside (0, 1).

    >>> [need.users for need in plan(TYPICAL, (0, 1, 2, 3, 5, 7, 10), activity_slopes=(0.005,), hazard_ratios=(1.1,))]
    [1696, 2025]
    """
    spread = float(np.var(choices)) if choices else 0.0
    fine = 0.0 < power < 1.0 and 0.0 < level < 1.0 and weeks >= 1 and spread > 0.0
    if not fine or 0.0 in activity_slopes or not all(ratio > 0.0 and ratio != 1.0 for ratio in hazard_ratios):
        raise InvalidExperiment(
            f"got budgets {choices}, weeks {weeks}, slopes {activity_slopes}, ratios {hazard_ratios}, power {power}, "
            f"level {level}; expected two budgets or more, a week or more, slopes other than 0, ratios other than 1, "
            "power and level inside (0, 1)"
        )
    z2 = (normal_quantile((1.0 + level) / 2.0) + normal_quantile(power)) ** 2
    at_risk = (1.0 - (1.0 - rates.weekly_hazard) ** weeks) / rates.weekly_hazard
    needs: list[tuple[Literal["activity", "unsubscribe"], float, float]] = [
        *(("activity", slope, _for_slope(rates, slope, spread, 7.0 * at_risk, z2)) for slope in activity_slopes),
        *(("unsubscribe", ratio, _for_ratio(rates, ratio, spread, at_risk, z2)) for ratio in hazard_ratios),
    ]
    return tuple(Need(head, effect, math.ceil(n), math.ceil(n * at_risk)) for head, effect, n in needs)


def _for_slope(rates: Rates, slope: float, spread: float, days: float, z2: float) -> float:
    """People for the slope of a straight line: `n = z²·Var(mean of her days) / (slope²·Var k)`."""
    day = rates.daily_activity * (1.0 - rates.daily_activity)
    mean_of_days = day * (rates.correlation + (1.0 - rates.correlation) / days)
    return z2 * mean_of_days / (slope * slope * spread)


def _for_ratio(rates: Rates, ratio: float, spread: float, at_risk: float, z2: float) -> float:
    """People for a hazard ratio a message: `z² / (Var k·(ln ratio)²)` must leave.

    Source: Hsieh and Lavori, "Sample-size calculations for the Cox proportional hazards regression model with
    nonbinary covariates", Controlled Clinical Trials 21, 2000.
    """
    leavers = z2 / (spread * math.log(ratio) ** 2)
    return leavers / (rates.weekly_hazard * at_risk)
