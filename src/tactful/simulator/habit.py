"""The habit: how the app notified people before anybody decided well. It is what the world starts from.

A cool-down by click rate, in the manner of Pinterest's older system: three scheduled kinds of message, each
at most every 3 days for the fifth of users who click most, every 14 days for the fifth who click least, linear
in the percentile between; so 7 to 1.5 messages a week in all, more to the active. The newest open candidate
goes out, evenly spaced, by day (9:00 to 21:00 local).

Source: Zhao, Narita, Orten and Egan, "Notification volume control and optimization system at Pinterest",
KDD 2018, where it is the system that was replaced.
"""

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from tactful.clock import DAY_US
from tactful.simulator.answers import EMAIL, PUSH
from tactful.simulator.hours import local_minutes, zone_minutes
from tactful.simulator.luck import uniforms
from tactful.simulator.protocol import CandidateColumns, EngagementColumns, SendColumns, UserColumns
from tactful.simulator.visits import DISABLE, UNSUBSCRIBE

KINDS_OF_MESSAGE = 3
SHORTEST_DAYS, LONGEST_DAYS = 3.0, 14.0
EMAIL_SHARE = 0.6
"""Share of e-mail among messages to people reachable both ways."""
FIRST_HOUR, LAST_HOUR = 9, 21


def weekly_volume(click: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Returns messages a week by the percentile of each user's click rate.

    >>> weekly_volume(np.array([0.01, 0.02, 0.03])).tolist()
    [1.5, 2.4705882352941178, 7.0]
    """
    rank = np.argsort(np.argsort(click, kind="stable"), kind="stable")
    percentile = rank / max(len(click) - 1, 1)
    between = np.clip((percentile - 0.2) / 0.6, 0.0, 1.0)
    return KINDS_OF_MESSAGE * 7.0 / (LONGEST_DAYS + (SHORTEST_DAYS - LONGEST_DAYS) * between)


class HabitualPolicy:
    """Sends as the app always did, at `times` the habitual volume: columns in, columns out, tick by tick."""

    def __init__(
        self,
        users: UserColumns,
        per_week: Float64[np.ndarray, " n"],
        start_us: int,
        seed: int,
        times: float = 1.0,
    ) -> None:
        self._users, self._seed = users, seed
        self._every_us = np.where(per_week > 0.0, 7.0 * DAY_US / np.maximum(per_week * times, 1e-3), 1e18)
        phase = uniforms(seed, users.user_key, 0, "habit phase")
        self._due_us = start_us + self._every_us * phase
        self._reach: UInt8[np.ndarray, " n"] = users.reach.copy()
        self._pool = {name: np.zeros(users.n, np.int64) for name in ("type", "category", "candidate", "expires_us")}
        self._quality = np.zeros(users.n, np.float32)
        self._decisions = 0

    def observe(self, seen: EngagementColumns) -> None:
        """Takes note of who left which channel."""
        left = (seen.kind == UNSUBSCRIBE) | (seen.kind == DISABLE)
        np.bitwise_and.at(self._reach, seen.user[left], ~(np.uint8(1) << seen.channel[left].astype(np.uint8)))

    def take_up(self, candidates: CandidateColumns) -> None:
        """Keeps the newest candidate of each user."""
        for name, kept in self._pool.items():
            kept[candidates.user] = vars(candidates)[name]
        self._quality[candidates.user] = candidates.quality

    def sends(self, start_us: int) -> SendColumns:
        """Returns what goes out at `start_us`, out of the candidates taken up before."""
        users, now = self._users, np.full(self._users.n, start_us)
        hour = local_minutes(now, users.zone, zone_minutes(users.zones, start_us)) % 1440 // 60
        by_day = (hour >= FIRST_HOUR) & (hour < LAST_HOUR)
        ready = by_day & (self._due_us <= start_us) & (self._pool["expires_us"] > start_us) & (self._reach > 0)
        who = np.flatnonzero(ready)
        every = self._every_us[who]
        self._due_us[who] = np.maximum(self._due_us[who] + every, start_us - every)
        pool = {name: kept[who] for name, kept in self._pool.items()}
        self._pool["expires_us"][who] = 0
        decision = self._decisions + np.arange(len(who))
        self._decisions += len(who)
        return SendColumns(
            user=who,
            at_us=now[who],
            channel=self._channel(who, start_us).astype(np.int8),
            type=pool["type"].astype(np.int16),
            category=pool["category"].astype(np.int32),
            quality=self._quality[who],
            candidate=pool["candidate"],
            decision=decision,
        )

    def _channel(self, who: Int64[np.ndarray, " m"], start_us: int) -> Int64[np.ndarray, " m"]:
        """E-mail or push by a coin where both are open, else the one that is."""
        coin = uniforms(self._seed, self._users.user_key[who], start_us, "habit channel") < EMAIL_SHARE
        return np.where(self._reach[who] == 3, np.where(coin, EMAIL, PUSH), self._reach[who].astype(np.int64) - 1)
