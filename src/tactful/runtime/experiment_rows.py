"""Reads a store into one row of metrics a user: what she did, and was sent, within an experiment and before it.

One pass over the input log and one over the decisions, day by day; nothing but counts is kept, some 200 bytes a user.
An engagement belongs to the day on which it was accepted, so a day that is over never changes, and a look back at it
gives what a look on that day gave.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, get_args

import msgspec
import numpy as np
from jaxtyping import Bool, Float64, UInt64
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.errors import InvalidExperiment
from tactful.events.records import ACTIVE_KINDS, Engagement, EngagementKind, UserInput
from tactful.runtime.intake import KIND_CODE
from tactful.runtime.log_spans import accepted_parts
from tactful.stores.protocols import LoggedInput, Store

_COUNTED: Final[dict[str, tuple[EngagementKind, ...]]] = {
    "sessions": ("session",),
    "opens": ("open",),
    "clicks": ("click",),
    "conversions": ("conversion",),
    "unsubscribes": ("unsubscribe", "disable", "uninstall"),
    "complaints": ("complaint",),
}
METRICS: Final = ("active_days", "sends", *_COUNTED, "active_weeks")
"""The columns: days with any activity in the app, messages decided to be sent, engagements of these kinds, and weeks
with any activity, which begin every seven days from the start on."""

_ACTIVE_DAYS, _SENDS, _ACTIVE_WEEKS = (METRICS.index(name) for name in ("active_days", "sends", "active_weeks"))
_SEND_CODE: Final = 0
_AT_ONCE: Final = 8_192
_WEEK: Final = 7
_OF_USERS: Final = {KIND_CODE[kind] for kind in get_args(UserInput)}
_COLUMN: Final[dict[str, int]] = {kind: METRICS.index(name) for name, kinds in _COUNTED.items() for kind in kinds}


class _Kind(msgspec.Struct, gc=False):
    """What is read of an engagement."""

    kind: str


_KIND: Final = msgspec.msgpack.Decoder(_Kind)


@dataclass(frozen=True, eq=False)
class UserRows:
    """Everyone of whom the log has anything up to a look, and what is counted of her: `METRICS`.

    Attributes:
        user_key: `draws.key` of the user ids, in the order in which they came.
        before: counts of the days before the experiment.
        since: counts from its start to the look.
        decided: whether an engine decided anything for her since the start.
        days: from the start to the look.
    """

    user_key: UInt64[np.ndarray, " n"]
    before: Float64[np.ndarray, "n m"]
    since: Float64[np.ndarray, "n m"]
    decided: Bool[np.ndarray, " n"]
    days: float


def daily_rows(
    store: Store, start_us: int, until_us: int, days_before: int, begun_us: int | None = None
) -> Iterator[UserRows]:
    """Yields the rows at the end of each day since the start, and at last those up to `until_us`.

    Days have 24 hours and are counted from the start, on both sides of it. Who has nothing on record since the days
    before began, no candidate, no decision and no engagement, is not among the rows: nothing was done for her in any
    arm.

    Args:
        store: of an engine, which may be running; it is only read.
        start_us: when the experiment began, or from when on it is counted.
        until_us: exclusive; nothing must be able to come before it any more.
        days_before: length of the pre-period.
        begun_us: when the pre-period ends, if not at `start_us`: nothing in it may have been treated.

    Raises:
        InvalidExperiment: an end that is not after the start.
    """
    if until_us <= start_us:
        raise InvalidExperiment("got an experiment that has not begun by the look, expected a later look; wait a day")
    tally = _Tally()
    treated_us = start_us if begun_us is None else begun_us
    for day in range(-days_before, 0):
        tally.count(store, treated_us + day * DAY_US, treated_us + (day + 1) * DAY_US, day % _WEEK == 0)
    tally.begin()
    for at_us in range(start_us, until_us, DAY_US):
        end_us = min(at_us + DAY_US, until_us)
        tally.count(store, at_us, end_us, (at_us - start_us) // DAY_US % _WEEK == 0)
        yield tally.rows((end_us - start_us) / DAY_US)


class _Tally:
    """Counts of users who are numbered as they come; room for them grows by doubling."""

    def __init__(self) -> None:
        self._number: dict[int, int] = {}
        self._before = np.zeros((0, len(METRICS)))
        self._since = np.zeros((1024, len(METRICS)))
        self._decided = np.zeros(1024, dtype=np.bool_)
        self._active = np.zeros(1024, dtype=np.bool_)
        self._this_week = np.zeros(1024, dtype=np.bool_)

    def begin(self) -> None:
        """Puts what was counted aside: the experiment begins."""
        self._before, self._since = self._since, np.zeros_like(self._since)
        self._decided[:] = False
        self._this_week[:] = False

    def count(self, store: Store, since_us: int, until_us: int, begins_a_week: bool) -> None:
        """Counts one day."""
        self._active[:] = False
        if begins_a_week:
            self._this_week[:] = False
        for lines in accepted_parts(store, since_us, until_us):
            self._engagements([line for line in lines if line.kind in _OF_USERS])
        users: list[int] = []
        sends: list[bool] = []
        for row in store.decisions_between(since_us, until_us):
            users.append(row.user_key)
            sends.append(row.action_code == _SEND_CODE)
            if len(users) == _AT_ONCE:
                self._decisions(users, sends)
                users, sends = [], []
        self._decisions(users, sends)
        self._since[:, _ACTIVE_DAYS] += self._active
        self._since[:, _ACTIVE_WEEKS] += self._active & ~self._this_week
        self._this_week |= self._active

    def rows(self, days: float) -> UserRows:
        """Returns what was counted so far."""
        n = len(self._number)
        before = np.zeros((n, len(METRICS)))
        known = min(n, len(self._before))
        before[:known] = self._before[:known]
        key = np.fromiter(self._number, dtype=np.uint64, count=n)
        return UserRows(key, before, self._since[:n].copy(), self._decided[:n].copy(), days)

    def _engagements(self, lines: list[LoggedInput]) -> None:
        place = self._places([line.user_key for line in lines])
        did = [i for i, line in enumerate(lines) if line.kind == KIND_CODE[Engagement]]
        kinds = [_KIND.decode(lines[i].data).kind for i in did]
        active = np.array([kind in ACTIVE_KINDS for kind in kinds], dtype=np.bool_)
        column = np.array([_COLUMN.get(kind, -1) for kind in kinds], dtype=np.int64)
        who = place[did]
        self._active[who[active]] = True
        np.add.at(self._since, (who[column >= 0], column[column >= 0]), 1.0)

    def _decisions(self, users: list[int], sends: list[bool]) -> None:
        place = self._places(users)
        self._decided[place] = True
        np.add.at(self._since[:, _SENDS], place[np.array(sends, dtype=np.bool_)], 1.0)

    def _places(self, user_keys: list[int]) -> NDArray[np.int64]:
        number = self._number
        place = np.array([number.setdefault(key, len(number)) for key in user_keys], dtype=np.int64)
        while len(number) > len(self._since):
            self._since = np.concatenate([self._since, np.zeros_like(self._since)])
            self._decided, self._active, self._this_week = (
                np.concatenate([one, np.zeros_like(one)]) for one in (self._decided, self._active, self._this_week)
            )
        return place
