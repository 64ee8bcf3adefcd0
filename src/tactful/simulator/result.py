"""What a run of an arm came to: counts by user and day, and what it takes to look at volume, hours and budgets."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int16, Int64, UInt8
from numpy.typing import NDArray

from tactful.clock import HOUR_US
from tactful.events.records import CHANNELS
from tactful.simulator.columns import joined
from tactful.simulator.hours import local_minutes, zone_minutes
from tactful.simulator.protocol import EngagementColumns, SendColumns, UserColumns
from tactful.simulator.visits import CLICK, DISABLE, OPEN, SESSION, UNSUBSCRIBE

_COUNTED = {"opens": (OPEN,), "clicks": (CLICK,), "unsubscribes": (UNSUBSCRIBE, DISABLE)}


@dataclass(frozen=True)
class Result:
    """One arm in one world over some UTC days; simulated. n users, d days, 24 hours or slots of the local day.

    Attributes:
        arm: its name.
        start_us: the first instant that counts.
        sends, opens, clicks, unsubscribes: counts by user and day. A push that is looked at shows as its click
            only; `unsubscribes` has channels switched off, too.
        clicks_by_channel: clicks by user and channel.
        active: whether there was any session.
        quiet_hour_violations: messages, critical ones apart, that went out inside the user's quiet hours; found from
            the instants of the sends, her zone and her hours alone.
        target: the volume that each day's controller aimed at, in sends; what a day planned without headroom.
        plan_by_hour, sends_by_hour: planned and real sends by UTC day and hour.
        local_hours: real sends by user and hour of her day.
        open_channels: the channels still open at the end, a bitmask.
        budget: weekly budgets in force at the end, -1 where no day was planned.
        slot_profile: chance of each slot of her day, as last predicted.
        remaining_value: discounted active days to come, from the world's truth; NaN if nobody asked for it.
        holds, drops: decisions by reason.
        sent: every send, by (instant, user).
    """

    arm: str
    start_us: int
    sends: Int16[np.ndarray, "n d"]
    opens: Int16[np.ndarray, "n d"]
    clicks: Int16[np.ndarray, "n d"]
    unsubscribes: Int16[np.ndarray, "n d"]
    clicks_by_channel: Int16[np.ndarray, "n c"]
    active: Bool[np.ndarray, "n d"]
    quiet_hour_violations: Int16[np.ndarray, "n d"]
    target: Float64[np.ndarray, " d"]
    plan_by_hour: Int64[np.ndarray, "d 24"]
    sends_by_hour: Int64[np.ndarray, "d 24"]
    local_hours: Int16[np.ndarray, "n 24"]
    open_channels: UInt8[np.ndarray, " n"]
    budget: Int64[np.ndarray, " n"]
    slot_profile: Float32[np.ndarray, "n 24"]
    remaining_value: Float64[np.ndarray, " n"]
    holds: dict[str, int]
    drops: dict[str, int]
    sent: SendColumns

    @property
    def weekly_active(self) -> Bool[np.ndarray, "n w"]:
        """Whether each user had a session in each whole week."""
        n, days = self.active.shape
        weeks: NDArray[np.bool_] = np.logical_or.reduce(self.active[:, : days // 7 * 7].reshape(n, -1, 7), axis=2)
        return weeks


class Diary:
    """Counts a run tick by tick, by user and UTC day from `start_us` on."""

    def __init__(self, users: UserColumns, start_us: int, days: int, critical: Bool[np.ndarray, " types"]) -> None:
        """Starts at nothing; `critical` says which of the world's types pass quiet hours."""
        self._users, self._critical, self._first_hour = users, critical, start_us // HOUR_US
        shape = (users.n, days)
        self._count = {name: np.zeros(shape, np.int16) for name in ("sends", "quiet_hour_violations", *_COUNTED)}
        self._clicks_by_channel = np.zeros((users.n, len(CHANNELS)), np.int16)
        self._active = np.zeros(shape, np.bool_)
        self._by_hour = np.zeros((days, 24), np.int64)
        self._local_hours = np.zeros((users.n, 24), np.int16)
        self._sent = [SendColumns.none()]

    def write(self, hour: int, sends: SendColumns, seen: EngagementColumns) -> None:
        """Adds the tick of a UTC hour since 1970."""
        day, hour_of_day = divmod(hour - self._first_hour, 24)
        for name, kinds in _COUNTED.items():
            np.add.at(self._count[name][:, day], seen.user[np.isin(seen.kind, kinds)], 1)
        clicked = seen.kind == CLICK
        np.add.at(self._clicks_by_channel, (seen.user[clicked], seen.channel[clicked]), 1)
        self._active[seen.user[seen.kind == SESSION], day] = True
        if not len(sends.user):
            return
        self._sent.append(sends)
        self._by_hour[day, hour_of_day] = len(sends.user)
        np.add.at(self._count["sends"][:, day], sends.user, 1)
        zone = self._users.zone[sends.user]
        minute = local_minutes(sends.at_us, zone, zone_minutes(self._users.zones, hour * HOUR_US)) % 1440
        np.add.at(self._local_hours, (sends.user, minute // 60), 1)
        wrong = self._is_quiet(sends.user, minute) & ~self._critical[sends.type]
        np.add.at(self._count["quiet_hour_violations"][:, day], sends.user[wrong], 1)

    def close(
        self,
        arm: str,
        target: Float64[np.ndarray, " d"],
        plan_by_hour: Int64[np.ndarray, "d 24"],
        open_channels: UInt8[np.ndarray, " n"],
        budget: Int64[np.ndarray, " n"],
        slot_profile: Float32[np.ndarray, "n 24"],
        remaining_value: Float64[np.ndarray, " n"],
        holds: dict[str, int],
        drops: dict[str, int],
    ) -> Result:
        """Returns the result of the whole run."""
        return Result(
            arm=arm,
            start_us=self._first_hour * HOUR_US,
            clicks_by_channel=self._clicks_by_channel,
            active=self._active,
            target=target,
            plan_by_hour=plan_by_hour,
            sends_by_hour=self._by_hour,
            local_hours=self._local_hours,
            open_channels=open_channels,
            budget=budget,
            slot_profile=slot_profile,
            remaining_value=remaining_value,
            holds=holds,
            drops=drops,
            sent=joined(self._sent),
            **self._count,
        )

    def _is_quiet(self, user: NDArray[np.int64], minute: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether minutes of the local day lie in [start, end) of the users' quiet hours, which may cross midnight."""
        start, end = self._users.quiet_start[user], self._users.quiet_end[user]
        inside: NDArray[np.bool_] = (minute >= start) & (minute < end)
        across: NDArray[np.bool_] = (minute >= start) | (minute < end)
        return np.where(start <= end, inside, across)
