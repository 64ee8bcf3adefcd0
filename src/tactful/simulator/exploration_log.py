"""What learning arms learn from: the sends and engagements of some weeks under a neutral policy (`arms/neutral.py`).

Every arm gets the same log of the world that it is judged in, and everyone bears its cost alike: scores start after.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.events.event_type import EngagementRule
from tactful.events.registry import Registry
from tactful.features import join
from tactful.simulator.columns import pick
from tactful.simulator.hours import local_minutes, zone_minutes
from tactful.simulator.protocol import EngagementColumns, SendColumns, UserColumns
from tactful.simulator.tally import SendFeatures
from tactful.simulator.visits import CLICK, SESSION

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class ExplorationLog:
    """Sends with what was known of them, and what people did, from `start_us` to `end_us`.

    `type_of` is the registry's index of each of the world's types.
    """

    users: UserColumns
    start_us: int
    end_us: int
    type_of: Int64[np.ndarray, " types"]
    sends: SendColumns
    features: SendFeatures
    seen: EngagementColumns

    @property
    def days(self) -> int:
        """How many days it covers."""
        return (self.end_us - self.start_us) // DAY_US


@dataclass(frozen=True)
class SendRows:
    """One row a send whose window has closed: what was known, and whether it was clicked or made her leave.

    A click only: a type may count a session within days as engagement (win_back does), and people come by themselves.
    """

    user: Int64[np.ndarray, " m"]
    at_us: Int64[np.ndarray, " m"]
    type: Int64[np.ndarray, " m"]
    channel: Int64[np.ndarray, " m"]
    match: Int64[np.ndarray, " m"]
    recency: Int64[np.ndarray, " m"]
    sent_7d: Int64[np.ndarray, " m"]
    clicked: Int64[np.ndarray, " m"]
    left: Int64[np.ndarray, " m"]


def send_rows(log: ExplorationLog, registry: Registry) -> SendRows:
    """Returns the joined rows of the log, within the windows of the event types."""
    order = np.lexsort((log.sends.decision, log.sends.at_us, log.sends.user))
    sends, features = pick(log.sends, order), pick(log.features, order)
    kind = log.type_of[sends.type]
    window = np.array([window_us(each.engagement) for each in registry.types], dtype=np.int64)[kind]
    sent = join.Sends(
        user=sends.user,
        at_us=sends.at_us,
        window_us=window,
        kinds=np.full(len(kind), join.kinds_mask(["click"])),
        channel=sends.channel.astype(np.int64),
        decision=_key(sends.decision),
    )
    touches = join.Touches(
        user=log.seen.user,
        at_us=log.seen.at_us,
        kind=log.seen.kind.astype(np.int64),
        channel=log.seen.channel.astype(np.int64),
        decision=_key(log.seen.decision),
    )
    became = join.outcomes(sent, touches, join.attribute(sent, touches))
    over = np.flatnonzero(join.closed(sends.at_us, window, log.end_us))
    return SendRows(
        user=sends.user[over],
        at_us=sends.at_us[over],
        type=kind[over],
        channel=sends.channel[over].astype(np.int64),
        match=features.match[over],
        recency=features.recency[over],
        sent_7d=features.sent_7d[over],
        clicked=became.engaged[over].astype(np.int64),
        left=became.left[over].astype(np.int64),
    )


def sessions_by_slot(log: ExplorationLog, first_day: int, end_day: int) -> Float64[np.ndarray, "n 24"]:
    """Returns everyone's sessions by hour of their own day, in days [first_day, end_day) of the log."""
    begin, end = log.start_us + first_day * DAY_US, log.start_us + end_day * DAY_US
    mine = (log.seen.kind == SESSION) & (log.seen.at_us >= begin) & (log.seen.at_us < end)
    user = log.seen.user[mine]
    cell = user * 24 + local_hour(log.users, user, log.seen.at_us[mine])
    return np.bincount(cell, minlength=log.users.n * 24).reshape(-1, 24).astype(np.float64)


def organic_days(log: ExplorationLog) -> Bool[np.ndarray, "n days"]:
    """Returns the UTC days on which each user came without a message: a session that no click began."""
    days = np.zeros((log.users.n, log.days), dtype=np.bool_)
    own = (log.seen.kind == SESSION) & (log.seen.decision < 0)
    days[log.seen.user[own], (log.seen.at_us[own] - log.start_us) // DAY_US] = True
    return days


def clicks(log: ExplorationLog) -> Int64[np.ndarray, " n"]:
    """Returns everyone's clicks."""
    return np.bincount(log.seen.user[log.seen.kind == CLICK], minlength=log.users.n).astype(np.int64)


def local_hour(
    users: UserColumns, user: Int64[np.ndarray, " m"], at_us: Int64[np.ndarray, " m"]
) -> Int64[np.ndarray, " m"]:
    """Returns the hour that the users' wall clocks show, 0..23."""
    found = np.empty(len(user), dtype=np.int64)
    day = at_us // DAY_US
    for one in np.unique(day).tolist():
        on = day == one
        offsets = zone_minutes(users.zones, one * DAY_US + DAY_US // 2)
        found[on] = local_minutes(at_us[on], users.zone[user[on]], offsets) // 60 % 24
    return found


def window_us(rule: EngagementRule) -> int:
    """Returns how long an engagement counts for a message of the type, microseconds."""
    return int(rule.within.total_seconds() * _MICROSECONDS)


def _key(decision: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Decision numbers as keys, 0 for none."""
    return (decision + 1).astype(np.uint64)
