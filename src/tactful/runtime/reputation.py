"""Counts of sends, complaints and bounces by (UTC day, channel, mailbox group): what the sender's reputation rests on.

Counts only add, so the order within an epoch is free. At its end the window is judged
(`decision/policy/reputation.py`), and the verdict takes effect with the thresholds of that epoch, an hour later.
"""

from typing import Any, Final

import msgspec
import numpy as np
from jaxtyping import Int, UInt8
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.decision.decide import Verdict
from tactful.decision.policy.reputation import SHAPE, Guard, Levels, groups, judge
from tactful.decision.request import Person
from tactful.events.records import KINDS
from tactful.features.history import APPLIED, EVICTED, EngagementRows

DAYS_KEPT: Final = 30
"""The longest window, today, and a day that inputs may be ahead of a timer."""
_COMPLAINT: Final = KINDS.index("complaint")
_BOUNCE: Final = KINDS.index("bounce")
_SENDS, _COMPLAINTS, _BOUNCES = range(3)


class Reputation:
    """What was sent and what came back, in the last days."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels
        self._counts = np.zeros((DAYS_KEPT, 3, *SHAPE), dtype=np.int64)
        self._day = -1

    def sent(self, person: Person, verdict: Verdict) -> None:
        """Counts sends of every kind: a provider does not tell them apart."""
        rows = np.flatnonzero(verdict.sends)
        if len(rows):
            channel = verdict.channel[rows]
            self._add(_SENDS, person.now_us[rows], channel, groups(person.mailbox)[rows, channel])

    def answered(self, acts: EngagementRows, mailbox: UInt8[np.ndarray, " m"], status: Int[np.ndarray, " m"]) -> None:
        """Counts complaints and bounces that name their channel, each once, on the day on which they were accepted.

        Args:
            acts: engagements of m rows.
            mailbox: the group of each one's user.
            status: what `history.observe` said of them.
        """
        new = ((status == APPLIED) | (status == EVICTED)) & (acts.channel >= 0)
        for what, kind in ((_COMPLAINTS, _COMPLAINT), (_BOUNCES, _BOUNCE)):
            rows = np.flatnonzero(new & (acts.kind == kind))
            if len(rows):
                channel = acts.channel[rows].astype(np.int64)
                group = groups(mailbox[rows].astype(np.int64))[np.arange(len(rows)), channel]
                self._add(what, acts.log_us[rows], channel, group)

    def judged(self, end_us: int) -> Guard:
        """Returns what the window that ends before an instant leaves open."""
        day = (end_us - 1) // DAY_US
        self._advance(day)
        window = [(day - ago) % DAYS_KEPT for ago in range(self._levels.window_days)]
        sends, complaints, bounces = self._counts[window].sum(axis=0)
        return judge(sends, complaints, bounces, self._levels)

    def _add(self, what: int, at_us: NDArray[Any], channel: NDArray[Any], group: NDArray[Any]) -> None:
        day = at_us // DAY_US
        self._advance(int(day.max()))
        np.add.at(self._counts[:, what], (day % DAYS_KEPT, channel, group), 1)

    def _advance(self, day: int) -> None:
        """Clears the days that a new latest day pushes out of the ring."""
        for passed in range(max(self._day + 1, day - DAYS_KEPT + 1), day + 1):
            self._counts[passed % DAYS_KEPT] = 0
        self._day = max(self._day, day)

    def to_bytes(self) -> bytes:
        """Returns all counts."""
        return msgspec.msgpack.encode(_Stored(self._day, self._counts.shape, self._counts.tobytes()))

    @classmethod
    def from_bytes(cls, data: bytes, levels: Levels) -> "Reputation":
        """Returns the counts that `to_bytes` wrote; none for b"", which earlier versions left."""
        made = cls(levels)
        if data:
            stored = msgspec.msgpack.decode(data, type=_Stored)
            made._day = stored.day
            made._counts[:] = np.frombuffer(stored.counts, dtype=np.int64).reshape(stored.shape)
        return made


class _Stored(msgspec.Struct, frozen=True):
    day: int
    shape: tuple[int, ...]
    counts: bytes
