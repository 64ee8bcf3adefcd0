"""The boosted slot model on the exploration of a world: trained by the product's own training, asked for days ahead."""

import numpy as np
from numpy.typing import NDArray

from tactful.features.context import Zones
from tactful.features.day_types import day_types
from tactful.features.slot_table import SlotWindow
from tactful.models.slot_boosted import SlotBoosted
from tactful.simulator.bench.timing_log import timing_log
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.timing_only import SLOTS
from tactful.training.timing.fit import fit_timing
from timing_simulated.slots import DAYS_BACK, history, known

_A_DAY_OF_WORK, _A_DAY_OF_REST = 2, 5
"""Wednesday and Saturday stand for the kinds of days."""


def fit_boosted(log: ExplorationLog, seed: int) -> SlotBoosted:
    """Returns what `tactful train timing` makes of the log as boosted model; the last fifth of days only judges it."""
    model = fit_timing(timing_log(log), "boosted", seed=seed).model
    assert isinstance(model, SlotBoosted)
    return model


def chances(model: SlotBoosted, log: ExplorationLog) -> NDArray[np.float64]:
    """Returns [2, n, K, 2]: chances of a click and of activity on a day of work and on one of rest after the log."""
    n, days = log.users.n, model.n_days
    today = Zones.of(log.users.zones).local_day(log.users.zone, np.full(n, log.end_us))
    past, there = history(log, today)[:, :, :days], known(log, today)[:, :days]
    rest = day_types(today[:, None] - np.arange(1, DAYS_BACK + 1))[:, :days].astype(np.int64)
    out = np.empty((2, n, SLOTS, 2))
    for kind, weekday in enumerate((_A_DAY_OF_WORK, _A_DAY_OF_REST)):
        window = SlotWindow(past, there, rest, np.full(n, kind), np.full(n, weekday))
        out[kind, :, :, 0] = model.heads["click"].chances(window)
        out[kind, :, :, 1] = model.heads["active"].chances(window)
    return out
