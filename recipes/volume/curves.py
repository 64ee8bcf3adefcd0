"""Learned curves against the truth: what every budget does, by activity state, in a world that nothing was fitted on.

The truth is had twice. By running: everyone in the world lives eight weeks at each budget, with the same luck. And by
mean-field arithmetic (`simulator/value.py`), which knows what comes after the eight weeks as well.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful.features.segments import ACTIVITIES
from tactful.models.volume_response import GAMMA, Responses, discounted_value
from tactful.simulator.arms.budgeted import Learned
from tactful.simulator.arms.delivery import VOLUME_CHOICES, fixed_budgets
from tactful.simulator.arms.true_curves import TrueCurves
from tactful.simulator.bench.lifts import Lifts, default_world
from tactful.simulator.volume_log import volume_log
from tactful.training.volume.labels import label
from tactful.training.volume.log import VolumeLog
from volume.stage import training_world

SEED: Final = 100
"""Of the world in which curves are compared: 2100."""


class Point(msgspec.Struct, frozen=True):
    """One activity state at one budget: learned and true means, with the standard error of what was run.

    `active` is active days a day while subscribed, `leaves` the chance a week to close a channel, `gain` discounted
    active days to come beyond those of a budget of 0.
    """

    activity: str
    k: int
    people: int
    active_learned: float
    active_true: float
    active_error: float
    leaves_learned: float
    leaves_true: float
    leaves_error: float
    gain_learned: float
    gain_true: float


class Curves(msgspec.Struct, frozen=True):
    """All points, and how well people are told apart.

    `gain_correlation` is that over people between the learned and the true gain of a budget of 3 over 0.
    """

    users: int
    points: tuple[Point, ...]
    gain_correlation: float


def compare(learned: Learned, lifts: Lifts, users: int, days: int, warm_up: int) -> Curves:
    """Returns the comparison, in the world of curves with so many users."""
    world = training_world(SEED, users, warm_up)
    logs = {k: volume_log(world, fixed_budgets(world.log, SEED, np.full(users, k)), days) for k in VOLUME_CHOICES}
    first = logs[VOLUME_CHOICES[0]]
    k_max = max(VOLUME_CHOICES)
    said = learned.model.responses(first.features, first.reach, first.activity, k_max)
    gain = gains(said)
    rule = TrueCurves.of(default_world(world).truth(), learned.fill, lifts.click, lifts.leave)
    true_gain = rule.value[first.reach + 1, :, first.user].T
    true_gain = true_gain - true_gain[0]
    groups = {"all": np.ones(len(first), dtype=np.bool_)}
    groups |= {name: first.activity == i for i, name in enumerate(ACTIVITIES) if (first.activity == i).any()}
    points = [
        _point(name, mine, k, logs[k], said, gain, true_gain) for name, mine in groups.items() for k in VOLUME_CHOICES
    ]
    return Curves(users, tuple(points), float(np.corrcoef(gain[3], true_gain[3])[0, 1]))


def gains(said: Responses) -> NDArray[np.float64]:
    """Returns discounted active days to come beyond those of a budget of 0: 7 (V(k) - V(0)) / (1 - gamma)."""
    value = discounted_value(said, GAMMA).astype(np.float64)
    found: NDArray[np.float64] = 7.0 * (value - value[0]) / (1.0 - GAMMA)
    return found


def active_share(log: VolumeLog) -> tuple[float, float]:
    """Returns active days a day while subscribed, with the standard error over people."""
    days = label(log).days
    return _ratio(days.positives, days.trials)


def _point(
    name: str,
    mine: NDArray[np.bool_],
    k: int,
    log: VolumeLog,
    said: Responses,
    gain: NDArray[np.float64],
    true_gain: NDArray[np.float32],
) -> Point:
    labels = label(log)
    days, weeks = labels.days.trials[mine], labels.left.trials[mine]
    active, active_error = _ratio(labels.days.positives[mine], days)
    leaves, leaves_error = _ratio(labels.left.positives[mine], weeks)
    return Point(
        activity=name,
        k=k,
        people=int(mine.sum()),
        active_learned=float(np.average(said.active[k, mine], weights=days)),
        active_true=active,
        active_error=active_error,
        leaves_learned=float(np.average(said.leaves[k, mine], weights=weeks)),
        leaves_true=leaves,
        leaves_error=leaves_error,
        gain_learned=float(gain[k, mine].mean()),
        gain_true=float(true_gain[k, mine].mean()),
    )


def _ratio(positives: NDArray[np.int64], trials: NDArray[np.int64]) -> tuple[float, float]:
    """A share of trials, with its standard error over people."""
    share = positives.sum() / trials.sum()
    spread = positives - share * trials
    return float(share), float(np.sqrt((spread**2).sum()) / trials.sum())
