"""The exploration as the slot model reads it: user-days to learn from, and the days before the scored ones."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.events.records import ACTIVE_KINDS, KINDS
from tactful.features.context import Zones
from tactful.features.day_types import day_types
from tactful.features.slots import day_slots
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.timing_only import SLOTS, open_slots
from tactful.simulator.visits import CLICK
from tactful.training.timing.user_days import PastAndDay

DAYS_BACK: Final = 28
FEWEST_KNOWN: Final = 3
"""Days on record before a day that is learned from."""
RECEIPT: Final = KINDS.index("receipt")
_ACTIVE: Final = [KINDS.index(kind) for kind in ACTIVE_KINDS]


def history(log: ExplorationLog, today: NDArray[np.int64], days: int = DAYS_BACK) -> NDArray[np.float32]:
    """Returns [n, K, days, f]: what the app knows of the days before each user's `today`; each send is a receipt."""
    sends, seen, zero = log.sends, log.seen, np.zeros(len(log.sends.user), dtype=np.float32)
    return day_slots(
        user=np.concatenate([sends.user, seen.user]),
        at_us=np.concatenate([sends.at_us, seen.at_us]),
        kind=np.concatenate([np.full(len(zero), RECEIPT), seen.kind.astype(np.int64)]),
        value=np.concatenate([zero, seen.value]),
        zone=log.users.zone,
        today=today,
        zones=Zones.of(log.users.zones),
        n_days=days,
    )


def known(log: ExplorationLog, today: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns [n, L]: which of the days before `today` lie in the log from their beginning on."""
    zones, ago = Zones.of(log.users.zones), np.arange(1, DAYS_BACK + 1)
    begins = zones.day_start_us(log.users.zone[:, None], today[:, None] - ago)
    return begins >= log.start_us


def past_and_days(log: ExplorationLog) -> list[PastAndDay]:
    """Returns the local days of the log with some past before and all answers after them.

    The chance of a slot was 1 over the open ones, so that is what the click head's weights are made of.
    """
    n, last = log.users.n, log.end_us // DAY_US - 2
    days = range(log.start_us // DAY_US + 1 + FEWEST_KNOWN, last + 1)
    everything = history(log, np.full(n, last + 1), DAYS_BACK + len(days))
    sent, clicked, active = (_by_slot(log, what, days) for what in ("sent", "clicked", "active"))
    chance = np.repeat(1.0 / open_slots(log.users).sum(axis=1), SLOTS).reshape(n, SLOTS).astype(np.float32)
    made = []
    for i, day in enumerate(days):
        back = last + 1 - day
        today = np.full(n, day)
        made.append(
            PastAndDay(
                history=everything[:, :, back : back + DAYS_BACK],
                known=known(log, today),
                rest=day_types(day - np.arange(1, DAYS_BACK + 1)).astype(np.int64),
                today_rest=int(day_types(np.array([day]))[0]),
                segment=np.full(n, -1),
                active=np.minimum(active[i], 1.0),
                receipts=sent[i],
                clicked=np.where(sent[i] > 0, clicked[i] / np.maximum(sent[i], 1.0), 0.0).astype(np.float32),
                slot_probability=chance,
            )
        )
    return made


def _by_slot(log: ExplorationLog, what: str, days: range) -> NDArray[np.float32]:
    """Counts [days, n, K] by local day and slot; a click counts where its message was sent, not where it came."""
    sends, seen = log.sends, log.seen
    if what == "active":
        mine = np.isin(seen.kind, _ACTIVE)
        user, at_us = seen.user[mine], seen.at_us[mine]
    else:
        answered = np.isin(sends.decision, seen.decision[seen.kind == CLICK])
        mine = answered if what == "clicked" else np.ones(len(answered), dtype=np.bool_)
        user, at_us = sends.user[mine], sends.at_us[mine]
    local_us = Zones.of(log.users.zones).local_us(log.users.zone[user], at_us)
    day, slot = local_us // DAY_US - days.start, local_us % DAY_US * SLOTS // DAY_US
    inside = (day >= 0) & (day < len(days))
    cell = np.ravel_multi_index((day[inside], user[inside], slot[inside]), (len(days), log.users.n, SLOTS))
    counts = np.bincount(cell, minlength=len(days) * log.users.n * SLOTS)
    return counts.reshape(len(days), log.users.n, SLOTS).astype(np.float32)
