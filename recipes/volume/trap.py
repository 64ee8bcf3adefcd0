"""The trap: response models fitted to volume that nobody drew at random.

The app's habit gave more to those who click more (`simulator/habit.py`), so more messages go with more activity. The
randomisation check finds it out; overruled, the models credit the messages with the habit of their readers.
"""

import warnings
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np

from tactful.errors import NotRandomised
from tactful.experiments.stats import Interval
from tactful.models.volume_response import VolumeResponse
from tactful.simulator.arms.budgeted import Learned
from tactful.simulator.arms.delivery import fixed_budgets
from tactful.simulator.bench.lifts import default_world
from tactful.simulator.volume_log import volume_log
from tactful.training.volume.fit import fit
from tactful.training.volume.log import VolumeLog
from tactful.training.volume.randomised import check
from volume.curves import active_share
from volume.stage import training_world

SEED: Final = 200
"""Of the world in which the trap is set: 2200."""


class Sprung(msgspec.Struct, frozen=True):
    """What became of it.

    Attributes:
        auc: of foretelling the budget from covariates, on the habit's volume.
        refusal, warning: what was said, first without and then with `allow_observational`.
        budgets: those of the habit, at which all curves are read.
        naive: active days a day of the people who had each budget, as a dashboard would show.
        observational, randomised: mean over everyone of the curve learned there, and of that learned from drawn volume.
        true, true_error: by running everyone at each budget, with standard errors over people.
    """

    users: int
    auc: Interval
    refusal: str
    warning: str
    budgets: tuple[int, ...]
    naive: tuple[float, ...]
    observational: tuple[float, ...]
    randomised: tuple[float, ...]
    true: tuple[float, ...]
    true_error: tuple[float, ...]


def spring(learned: Learned, users: int, warm_up: int, learning: int) -> Sprung:
    """Lives under the habit, and learns from it."""
    explored = training_world(SEED, users, warm_up)
    habit = np.rint(default_world(explored).habit_per_week()).astype(np.int64)
    log = volume_log(explored, fixed_budgets(explored.log, SEED, habit), learning)
    refusal = refused(log)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = fit(log, seed=SEED, allow_observational=True)
    budgets = tuple(int(k) for k in np.unique(log.k))
    ran = [
        active_share(volume_log(explored, fixed_budgets(explored.log, SEED, np.full(users, k)), learning // 14 * 7))
        for k in budgets
    ]
    shares = [active_share(log.only(log.k == k))[0] for k in budgets]
    first = log.only(log.start_us == log.start_us.min())
    return Sprung(
        users=users,
        auc=check(log, SEED).auc,
        refusal=refusal,
        warning=str(caught[0].message) if caught else "",
        budgets=budgets,
        naive=tuple(shares),
        observational=curve(fitted.model, first, budgets),
        randomised=curve(learned.model, first, budgets),
        true=tuple(share for share, _ in ran),
        true_error=tuple(error for _, error in ran),
    )


def refused(log: VolumeLog) -> str:
    """Returns what the check says to somebody who claims that these budgets were drawn."""
    try:
        fit(replace(log, randomised=np.ones(len(log), dtype=np.bool_)), seed=SEED)
    except NotRandomised as refusal:
        return str(refusal)
    return ""


def curve(model: VolumeResponse, log: VolumeLog, budgets: tuple[int, ...]) -> tuple[float, ...]:
    """Returns the mean over everyone of the active days a day that the model expects of each budget."""
    said = model.responses(log.features, log.reach, log.activity, max(budgets))
    return tuple(float(said.active[k].mean()) for k in budgets)
