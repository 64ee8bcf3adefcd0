"""Prices on record, as if the controller had just written them: for a log whose counts nobody knows any more."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tactful.decision.policy.reputation import Guard
from tactful.decision.request import Thresholds
from tactful.events.records import CHANNELS, Control, decode
from tactful.features.mailbox import MAILBOXES
from tactful.stores.protocols import ControlRow


def logged_prices(rows: Iterable[ControlRow]) -> dict[int, Thresholds]:
    """Returns the thresholds of a control log by the instant at which they take effect: what `logbook.control` wrote.

    Of channels that reputation does not hold back the rate is 0: it is not on record, and decides nothing.
    """
    found = {}
    for row in rows:
        control = decode(row.data) if row.key == "thresholds" else None
        if isinstance(control, Control):
            value = control.value
            mid, low, high = (np.array(value[name]).reshape(value["shape"]) for name in ("threshold", "low", "high"))
            guard = _guard(value.get("reputation", []))
            found[row.effective_us] = Thresholds(mid, low, high, killed=False, version=row.version, guard=guard)
    return found


def _guard(told: list[list[Any]]) -> Guard:
    guard = Guard.open()
    for channel, group, share, rate, level in told:
        cell = CHANNELS.index(channel), MAILBOXES.index(group)
        guard.share[cell], guard.rate[cell], guard.level[cell] = share, rate, level
    return guard
