"""The boosted slot model on the exploration of a world: trained by the product's own training, asked for days ahead."""

import numpy as np
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.features.context import Zones
from tactful.features.day_types import day_types
from tactful.features.slot_table import SlotWindow
from tactful.models.slot_boosted import SlotBoosted
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.timing_only import SLOTS, open_slots
from tactful.simulator.visits import CLICK
from tactful.training.timing.fit import fit_timing
from tactful.training.timing.log import TimingLog
from timing_simulated.slots import DAYS_BACK, RECEIPT, history, known

_A_DAY_OF_WORK, _A_DAY_OF_REST = 2, 5
"""Wednesday and Saturday stand for the kinds of days."""


def fit_boosted(log: ExplorationLog, seed: int) -> SlotBoosted:
    """Returns what `tactful train timing` makes of the log as boosted model; the last fifth of days only judges it."""
    model = fit_timing(_timing_log(log), "boosted", seed=seed).model
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


def _timing_log(log: ExplorationLog) -> TimingLog:
    """The log as the product reads it from a store; the chance of a slot was 1 over the open ones."""
    users, sends, seen = log.users, log.sends, log.seen
    zones, zone = Zones.of(users.zones), users.zone.astype(np.int64)
    return TimingLog(
        key=users.user_key,
        zone=zone,
        known_from=zones.local_day(zone, np.full(users.n, log.start_us + DAY_US)),
        zones=zones,
        e_user=np.concatenate([sends.user, seen.user]),
        e_at_us=np.concatenate([sends.at_us, seen.at_us]),
        e_kind=np.concatenate([np.full(len(sends.user), RECEIPT), seen.kind.astype(np.int64)]),
        e_value=np.concatenate([np.zeros(len(sends.user)), seen.value.astype(np.float64)]),
        s_user=sends.user,
        s_at_us=sends.at_us,
        s_probability=(1.0 / open_slots(users).sum(axis=1))[sends.user],
        s_clicked=np.isin(sends.decision, seen.decision[seen.kind == CLICK]),
        began_us=log.start_us,
        until_us=log.end_us,
    )
