"""Reads from a store what a report shows of single people: their last whole day, prices, and one near miss."""

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.cli.report.live import Live
from tactful.cli.report.story import Sample
from tactful.clock import DAY_US, to_us
from tactful.decision.timing.quiet_hours import quiet_slots
from tactful.events.records import CHANNELS, Control, Decision, SlotPlan, decode
from tactful.features.context import Zones
from tactful.features.history import SLOTS
from tactful.features.segments import SEGMENTS
from tactful.simulator.adapter import user_id, user_row
from tactful.stores.protocols import Store

_PRICES: Final = 4
_RECENT_DAYS: Final = 3
_CLEARLY: Final = 0.1


def sample(store: Store, lived: Live) -> Sample:
    """Returns everyone's last whole local day as planned and as it came, and the prices of the busiest segments."""
    users, n = lived.users, lived.users.n
    zones, zone = Zones.of(users.zones), users.zone.astype(np.int64)
    day = zones.local_day(zone, np.full(n, lived.end_us)) - 1
    slots, jobs = np.zeros((n, SLOTS)), np.zeros((n, SLOTS), dtype=np.bool_)
    for plan in _plans(store, lived.end_us - 4 * DAY_US, lived.end_us):
        row = user_row(plan.user_id)
        if plan.day == day[row]:
            slots[row], jobs[row] = plan.slot_probs, np.isin(np.arange(SLOTS), plan.jobs)
    told = np.zeros((n, SLOTS), dtype=np.int64)
    sends = [d for d in lived.decisions if d.action == "send"]
    rows = np.array([user_row(d.user_id) for d in sends], dtype=np.int64)
    at = np.array([to_us(d.at) for d in sends], dtype=np.int64)
    that_day = zones.local_day(zone[rows], at) == day[rows]
    np.add.at(told, (rows[that_day], zones.local_minute(zone[rows], at)[that_day] // 60), 1)
    at_us, price, names = _prices(store, sends)
    return Sample(
        user_ids=tuple(user_id(row) for row in range(n)),
        slots=slots,
        jobs=jobs,
        told=told,
        quiet=quiet_slots(users.quiet_start, users.quiet_end),
        price_at_us=at_us,
        price=price,
        price_names=names,
    )


def near_miss(lived: Live) -> Decision | None:
    """Returns a recent decision to hold a message that was nearly worth its price; None if there is none.

    Of the last three days' decisions that fell at least a tenth short of the price, the one that came closest.
    """
    since = lived.end_us - _RECENT_DAYS * DAY_US
    short = [(_shortfall(d), d.decision_id, d) for d in lived.decisions if to_us(d.at) >= since]
    return min((s for s in short if s[0] >= _CLEARLY), default=(0.0, "", None))[2]


def _shortfall(decision: Decision) -> float:
    """The part of the price that the utility lacked; 0 where the price did not decide."""
    told = decision.action == "hold" and decision.reasons and decision.reasons[-1].code == "below_threshold"
    if not told or decision.utility is None or decision.threshold is None or decision.threshold <= 0.0:
        return 0.0
    return 1.0 - decision.utility / decision.threshold


def _plans(store: Store, since_us: int, until_us: int) -> list[SlotPlan]:
    """Plans in the order in which they were made: of one day the last stands."""
    found = [decode(row.data) for row in store.plans_between(since_us, until_us)]
    return sorted((p for p in found if isinstance(p, SlotPlan)), key=lambda p: p.at)


def _prices(store: Store, sends: list[Decision]) -> tuple[NDArray[np.int64], NDArray[np.float64], tuple[str, ...]]:
    """The thresholds of the first arm over time, where most messages went: instants, values, names."""
    busiest = Counter((d.segment, d.channel) for d in sends if d.segment and d.channel).most_common(_PRICES)
    cells = [(SEGMENTS.index(segment), CHANNELS.index(channel)) for (segment, channel), _ in busiest if channel]
    controls = [c for c in (decode(row.data) for row in store.controls()) if isinstance(c, Control)]
    written = [c for c in controls if c.key == "thresholds"]
    at = np.array([to_us(c.effective_at) for c in written], dtype=np.int64)
    values = [np.reshape(c.value["threshold"], c.value["shape"])[0] for c in written]
    price = np.array([[v[cell] for cell in cells] for v in values], dtype=np.float64).reshape(len(at), len(cells))
    return at, price, tuple(f"{segment}, {channel}" for (segment, channel), _ in busiest)
