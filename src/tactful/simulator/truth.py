"""What only an oracle may know: a snapshot of the default world's truth at the end of a tick."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64, Int8, Int64, UInt8

from tactful.clock import HOUR_US, WEEK_US
from tactful.simulator.activity import State, own_visits
from tactful.simulator.answers import Chances, chances
from tactful.simulator.constants import Constants
from tactful.simulator.hours import local_minutes, visit_curve, zone_minutes
from tactful.simulator.protocol import SendColumns
from tactful.simulator.users import People, drift
from tactful.simulator.value import Prospects, remaining_value


@dataclass(frozen=True)
class WorldTruth:
    """The truth of the default world; it fits `protocol.Truth`. `ahead` is computed once a world.

    `clicks_under_way` counts clicks still to come on messages already sent; `seed` is that of the world's luck.
    """

    now_us: int
    people: People
    state: State
    favourites: Int8[np.ndarray, "n 3"]
    constants: Constants
    ahead: Prospects
    seed: int
    start_us: int
    clicks_under_way: Int64[np.ndarray, " n"]

    @property
    def fatigue(self) -> Float32[np.ndarray, " n"]:
        """The decayed count of messages that weigh on each user."""
        return self.state.fatigue

    @property
    def reachable(self) -> UInt8[np.ndarray, " n"]:
        """The channels still open, a bitmask."""
        return self.state.reach

    def organic(self, start_us: int, hours: int) -> Float32[np.ndarray, "n hours"]:
        """Returns the chance of a session of her own in each of `hours` hours, were habit to stay."""
        n, s = self.people.columns.n, self.state
        a_day = own_visits(self.people.visits, s.habit, s.fatigue, s.burnout, s.stay, self.constants)
        chance = np.empty((n, hours), np.float32)
        for j in range(hours):
            at = start_us + j * HOUR_US
            offsets = zone_minutes(self.people.columns.zones, at)
            local = local_minutes(np.full(n, at), self.people.columns.zone, offsets) // 60
            chance[:, j] = 1.0 - np.exp(-a_day * visit_curve(self.people, np.arange(n), local) / 24.0)
        return chance

    @cached_property
    def _after_leaving(self) -> Float32[np.ndarray, " n"]:
        chance: Float32[np.ndarray, " n"] = (1.0 - np.exp(-self.ahead.own[0])).astype(np.float32)
        return chance

    def favourites_ahead(self, end_us: int) -> Int8[np.ndarray, "weeks n 3"]:
        """Returns the favourites of each week of the world from the present one to that before `end_us`."""
        week, last = ((at - self.start_us) // WEEK_US for at in (self.now_us, end_us - 1))
        keys, chance, found = self.people.columns.user_key, self.constants.drift_per_week, [self.favourites]
        for later in range(week + 1, last + 1):
            found.append(drift(found[-1], keys, self.seed, later, chance))
        return np.stack(found)

    def active_after_leaving(self) -> Float32[np.ndarray, " n"]:
        """Returns the daily chance of activity once every channel is closed and habit has settled."""
        return self._after_leaving

    def click_probability(self, sends: SendColumns) -> Float32[np.ndarray, " m"]:
        """Returns the chance that each send, were it the next, is clicked; 0 on a closed channel."""
        clicked: Float64[np.ndarray, " m"] = self._chances(sends).clicked * self._open(sends)
        return clicked.astype(np.float32)

    def leave_probability(self, sends: SendColumns) -> Float32[np.ndarray, " m"]:
        """Returns the chance that each send makes its user close the channel; 0 on a closed channel."""
        leaves: Float64[np.ndarray, " m"] = self._chances(sends).leaves * self._open(sends)
        return leaves.astype(np.float32)

    def remaining_value(self) -> Float64[np.ndarray, " n"]:
        """Returns the discounted active days to come that reach and habit are worth."""
        return remaining_value(self.state, self.state.reach, self.ahead, self.constants)

    def _chances(self, sends: SendColumns) -> Chances:
        offsets = zone_minutes(self.people.columns.zones, self.now_us)
        return chances(sends, self.people, self.favourites, self.state, offsets, self.constants)

    def _open(self, sends: SendColumns) -> UInt8[np.ndarray, " m"]:
        masks: UInt8[np.ndarray, " m"] = self.state.reach[sends.user]
        return (masks >> sends.channel.astype(np.uint8)) & np.uint8(1)
