"""What 12,000 readers of a news site did on 1-16 October 2017, as arrays, and the slot model fitted to the warm-up."""

from datetime import date
from typing import Final

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from tactful import draws
from tactful.events.records import KINDS
from tactful.features.context import Zones
from tactful.models.slot_histogram import GlobalSlots, SlotHistogram
from tactful.runtime.importing import Log, Mapping
from tactful.runtime.importing.mapping import Category, Choice, Defaults, Sessions, Time

ZONE: Final = "America/Sao_Paulo"
MAPPING: Final = Mapping(
    user="user_id",
    time=Time("ts", "s"),
    kind=Choice(constant="view"),
    item="article",
    category=Category("article", 790),
    users=Defaults(ZONE, "pt", ("push",), "user_id"),
    sessions=Sessions("30m"),
)


def _day(of_october: int) -> int:
    return (date(2017, 10, of_october) - date(1970, 1, 1)).days


TRAIN: Final = range(_day(1), _day(9))
VALIDATE: Final = range(_day(9), _day(12))
WARM_UP: Final = range(_day(1), _day(12))
DECIDE: Final = range(_day(12), _day(17))
HOLIDAY: Final = _day(12)
_HERE: Final = np.zeros(1, dtype=np.int64)


class People:
    """Reads and sessions sorted by (user, time); users are rows 0 .. n-1, local days count from 1970-01-01."""

    def __init__(self, log: Log) -> None:
        rows = log.rows
        order = np.lexsort((rows.at_us, rows.user))
        present, user = np.unique(rows.user[order], return_inverse=True)
        session, at_us = rows.kind[order] == KINDS.index("session"), rows.at_us[order]
        self.ids = [log.users[position] for position in present.tolist()]
        self.row_of = {user_id: row for row, user_id in enumerate(self.ids)}
        self.keys = np.array([draws.key(user_id) for user_id in self.ids], dtype=np.uint64)
        self.n = len(self.ids)
        self.item_ids = log.items
        self.zones = Zones.of((ZONE,))
        self.session_user, self.session_us = user[session], at_us[session]
        self.user, self.at_us = user[~session], at_us[~session]
        self.item = rows.item[order][~session].astype(np.int64)
        self.category = rows.category[order][~session].astype(np.int64)

    def day(self, at_us: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """Returns the local days of instants."""
        return self.zones.local_day(_HERE, at_us)

    def hour(self, at_us: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """Returns the local hours of instants."""
        return self.zones.local_minute(_HERE, at_us) // 60

    def start_us(self, day: int) -> int:
        """Returns the first instant of a local day: 01:00 on the 15th, when clocks went forward."""
        return int(self.zones.day_start_us(_HERE, np.array([day]))[0])

    def slot_us(self, day: Int[np.ndarray, " m"], slot: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """Returns the start of local hours."""
        return self.zones.slot_start_us(_HERE, day, slot)[0]

    def sessions_by_hour(self, days: range) -> Float[np.ndarray, "n 24"]:
        """Returns how many sessions each user began in each local hour on these days."""
        first, end = self.start_us(days.start), self.start_us(days.stop)
        inside = (self.session_us >= first) & (self.session_us < end)
        counts: NDArray[np.float64] = np.zeros((self.n, 24))
        np.add.at(counts, (self.session_user[inside], self.hour(self.session_us[inside])), 1.0)
        return counts


def fit(people: People) -> SlotHistogram:
    """Returns the slot histogram of the warm-up: strengths by the likelihood of days 9-11 given 1-8.

    The profile of everybody is then taken from all eleven days; nothing of 12-16 is seen.
    """
    chosen = SlotHistogram.fit(people.sessions_by_hour(TRAIN), people.sessions_by_hour(VALIDATE)).parameters()
    profile = GlobalSlots.fit(people.sessions_by_hour(WARM_UP)).parameters()["prior_profile"]
    weight, bandwidth_hours = float(chosen["prior_weight"]), float(chosen["bandwidth_hours"])
    return SlotHistogram(np.asarray(profile), weight, bandwidth_hours)
