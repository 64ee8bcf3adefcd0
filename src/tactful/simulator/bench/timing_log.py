"""The exploration of a world as the log that slot models learn from: what an app reads of its store."""

from typing import Final

import numpy as np

from tactful.clock import DAY_US
from tactful.events.records import KINDS
from tactful.features.context import Zones
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.timing_only import open_slots
from tactful.simulator.visits import CLICK
from tactful.training.timing.log import TimingLog

RECEIPT: Final = KINDS.index("receipt")


def timing_log(log: ExplorationLog) -> TimingLog:
    """Returns the log as the product reads it from a store; the chance of a slot was 1 over the open ones."""
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
