"""Counts of sends, complaints and bounces by (UTC day, channel, mailbox group): what the sender's reputation rests on.

Counts only add, so the order within an epoch is free. At its end the window is judged
(`decision/policy/reputation.py`), and the verdict takes effect with the thresholds of that epoch, an hour later.
"""

from typing import Final

import msgspec
import numpy as np
from jaxtyping import Int

from tactful.clock import DAY_US
from tactful.decision.policy.reputation import SHAPE, Guard, Levels, judge
from tactful.runtime.counts import Counts

DAYS_KEPT: Final = 30
"""The longest window, today, and a day that inputs may be ahead of a timer."""


class Reputation:
    """What was sent and what came back, in the last days."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels
        self._counts = np.zeros((DAYS_KEPT, 3, *SHAPE), dtype=np.int64)
        self._day = -1

    def add(self, counts: Counts) -> None:
        """Adds sends and answers (`mailboxes`); the order and the parts of counts are free."""
        cells = counts.of.get("mailboxes")
        if cells is not None and len(cells.day):
            self._advance(int(cells.day.max()))
            np.add.at(self._counts.reshape(DAYS_KEPT, -1), (cells.day % DAYS_KEPT, cells.cell), cells.n)

    def judged(self, end_us: int) -> Guard:
        """Returns what the window that ends before an instant leaves open."""
        sends, complaints, bounces = self.window(end_us)
        return judge(sends, complaints, bounces, self._levels)

    def window(self, end_us: int) -> Int[np.ndarray, "3 channels mailboxes"]:
        """Returns SENT, COMPLAINED and BOUNCED of `counts.py` in the days that are judged at an instant."""
        day = (end_us - 1) // DAY_US
        self._advance(day)
        window = [(day - ago) % DAYS_KEPT for ago in range(self._levels.window_days)]
        counted: Int[np.ndarray, "3 channels mailboxes"] = self._counts[window].sum(axis=0)
        return counted

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
