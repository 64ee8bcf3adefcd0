"""The log as local days: what was known of everybody before each day, as the engine would have it, and what came.

Engagements are thinned to one of a kind in a half hour, as the engine's marks keep them, and become features by the
one extractor. Days are split by time: earlier ones to learn from, the last ones to be judged on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.errors import NotEnoughData
from tactful.events.records import KINDS
from tactful.features.context import Zones, weekday
from tactful.features.day_types import day_types
from tactful.features.slot_marks import HISTORY_DAYS, thinned
from tactful.features.slot_table import ACTIVE, SESSIONS, SlotWindow
from tactful.features.slots import SLOTS_PER_DAY, day_slots
from tactful.training.timing.log import TimingLog

JUDGED_SHARE: Final = 0.2
"""Of the days that have a past, the last ones: nothing is fitted to them."""
FEWEST_KNOWN: Final = 3
"""Days with fewer days of log before them say little about days with many."""
FEWEST_DAYS: Final = 9
"""Whole local days of a log: three of mere past, four to learn from, two to be judged on."""
_LEARNED: Final = 28
_JUDGED: Final = 7
CLIP: Final = 10.0
"""Largest weight of a message in a slot that was seldom chosen."""
_SESSION: Final = KINDS.index("session")


@dataclass(frozen=True, eq=False)
class LocalDay:
    """One local day of n people: what was known at its beginning, and what happened on it, by slot.

    Attributes:
        number: days since 1970-01-01.
        window: of everybody; the history is a view.
        counts: fading sessions of the days before, as the engine's slot histogram reads them.
        present: who had a day on record by then.
        exists: 1 where the slot exists on the day, for clocks may go forward.
        active: 1 where she was active.
        sessions: half hours of the slot in which a session began.
        receipts: messages that she received in the slot.
        clicks: how many of those she clicked.
        weight: the same messages, each by 1 / the logged chance of its slot, `CLIP` at most; 1 where none was logged.
    """

    number: int
    window: SlotWindow
    counts: Float64[np.ndarray, "n K"]
    present: Bool[np.ndarray, " n"]
    exists: Float32[np.ndarray, "n K"]
    active: Float32[np.ndarray, "n K"]
    sessions: Float32[np.ndarray, "n K"]
    receipts: Float32[np.ndarray, "n K"]
    clicks: Float32[np.ndarray, "n K"]
    weight: Float32[np.ndarray, "n K"]

    @property
    def rest(self) -> int:
        """1 for a day of rest."""
        return int(self.window.today_rest[0])

    def only(self, people: Int64[np.ndarray, " m"]) -> "LocalDay":
        """Returns the day of some people."""
        rows = {k: v[people] for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        window = SlotWindow(**{k: v[people] for k, v in vars(self.window).items()})
        return replace(self, window=window, **rows)


@dataclass(frozen=True, eq=False)
class SplitDays:
    """Days to learn from, and later days to be judged on; their windows have `HISTORY_DAYS`.

    `seen_days` is how many days the last one that is learned from has behind it, at most those of a window; `log_days`
    counts the whole days of the log.
    """

    learned: tuple[LocalDay, ...]
    judged: tuple[LocalDay, ...]
    seen_days: int
    log_days: int


def split_days(log: TimingLog, half_life_days: float = 28.0, country: str = "") -> SplitDays:
    """Returns the days of a log that have a past, at most 28 to learn from and 7 to be judged on.

    Args:
        half_life_days: of `timing`, after which a session counts half for the histogram.
        country: of `timing`, whose holidays are days of rest.

    Raises:
        NotEnoughData: for fewer than `FEWEST_DAYS` whole days.
    """
    first, end = _whole_days(log)
    if end - first < FEWEST_DAYS:
        raise NotEnoughData(
            f"got {max(end - first, 0)} whole days of log, expected at least {FEWEST_DAYS}: {FEWEST_KNOWN} before the "
            f"first that is learned from, and two to be judged on; wait {FEWEST_DAYS - max(end - first, 0)} days, or "
            "import what there is of before"
        )
    usable = end - first - FEWEST_KNOWN
    n_judged = min(_JUDGED, max(2, round(JUDGED_SHARE * usable)))
    n_learned = min(_LEARNED, usable - n_judged)
    numbers = range(end - n_judged - n_learned, end)
    made = _days(log, numbers, first, half_life_days, country)
    seen_days = min(HISTORY_DAYS, numbers[n_learned - 1] - first)
    return SplitDays(made[:n_learned], made[n_learned:], seen_days, end - first)


def history(log: TimingLog, end: int, n_days: int) -> Float32[np.ndarray, "n K L d"]:
    """Returns the features of the last days before a local day, of everybody: what the engine's marks would give."""
    n = len(log)
    events = thinned(log.e_user, log.e_at_us, log.e_kind, log.e_value)
    return day_slots(*events, log.zone, np.full(n, end), log.zones, n_days)


def _whole_days(log: TimingLog) -> tuple[int, int]:
    """The first local day of the log, and the one after the last that is over everywhere."""
    zones = np.arange(len(log.zones.names))
    begun = log.zones.local_day(zones, np.full(len(zones), log.began_us))
    over = log.zones.local_day(zones, np.full(len(zones), log.until_us))
    return int(begun.min()), int(over.min())


def _days(log: TimingLog, numbers: range, first: int, half_life_days: float, country: str) -> tuple[LocalDay, ...]:
    n, end, n_days = len(log), numbers.stop, HISTORY_DAYS
    x = history(log, end, len(numbers) + n_days)
    counts = _fading(log, first, numbers, half_life_days)
    past = np.arange(numbers.start - n_days, end)
    rest = day_types(past, country or None).astype(np.int64)[::-1]
    known = past[::-1] >= log.known_from[:, None]
    sent = _sent(log, numbers)
    made: list[LocalDay] = []
    for place, number in enumerate(numbers):
        ago = end - 1 - number  # the day's own place in x, whose 0 is the last day
        before = slice(ago + 1, ago + 1 + n_days)
        window = SlotWindow(
            x[:, :, before],
            known[:, before],
            np.broadcast_to(rest[before], (n, n_days)),
            np.full(n, rest[ago]),
            np.repeat(weekday(np.array([number])), n),
        )
        present, exists = np.asarray(window.known.any(axis=1)), _exists(log.zones, log.zone, number)
        came = x[:, :, ago, ACTIVE] * exists, x[:, :, ago, SESSIONS]
        made.append(LocalDay(number, window, counts[place], present, exists, *came, *(part[place] for part in sent)))
    return tuple(made)


def _exists(zones: Zones, zone: NDArray[np.int64], number: int) -> NDArray[np.float32]:
    some = np.arange(len(zones.names))
    exists = zones.slots_of_days(some, np.full(len(some), number), SLOTS_PER_DAY)[1]
    return exists[zone].astype(np.float32)


def _fading(log: TimingLog, first: int, numbers: range, half_life_days: float) -> list[NDArray[np.float64]]:
    """Before each day, everybody's sessions by slot, each worth half after so many days: the engine's own counts, but
    for its whole numbers and the hour by which clocks go forward and back."""
    chosen = log.e_kind == _SESSION
    user = log.e_user[chosen]
    local = log.zones.local_us(log.zone[user], log.e_at_us[chosen])
    day = np.maximum(local // DAY_US, first)  # what was imported from before the log
    cell = user * SLOTS_PER_DAY + local % DAY_US * SLOTS_PER_DAY // DAY_US
    order = np.argsort(day, kind="stable")
    day, cell = day[order], cell[order]
    counts, found, size = np.zeros(len(log) * SLOTS_PER_DAY), [], len(log) * SLOTS_PER_DAY
    for number in range(first, numbers.stop):
        if number in numbers:
            found.append(counts.reshape(-1, SLOTS_PER_DAY).copy())
        here = slice(*np.searchsorted(day, [number, number + 1]).tolist())
        counts = (counts + np.bincount(cell[here], minlength=size)) * 2.0 ** (-1.0 / half_life_days)
    return found


def _sent(log: TimingLog, numbers: range) -> tuple[NDArray[np.float32], ...]:
    """Receipts, clicks and weights by day, person and slot."""
    local = log.zones.local_us(log.zone[log.s_user], log.s_at_us)
    day = local // DAY_US - numbers.start
    within = (day >= 0) & (day < len(numbers))
    shape = (len(numbers), len(log), SLOTS_PER_DAY)
    cell = ((day * shape[1] + log.s_user) * shape[2] + local % DAY_US * SLOTS_PER_DAY // DAY_US)[within]
    chance = log.s_probability[within]
    weight = np.where(chance > 0.0, np.minimum(1.0 / np.where(chance > 0.0, chance, 1.0), CLIP), 1.0)
    parts = (np.ones(len(cell)), log.s_clicked[within].astype(np.float64), weight)
    return tuple(_sum(cell, part, shape) for part in parts)


def _sum(cell: NDArray[np.int64], values: NDArray[np.float64], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    total: NDArray[np.float32] = np.bincount(cell, values, minlength=int(np.prod(shape))).astype(np.float32)
    return total.reshape(shape)


def stacked(days: Sequence[LocalDay], name: str) -> NDArray[np.float64]:
    """Returns one of a day's columns for all of them, below each other, of those who were present."""
    return np.concatenate([getattr(day, name)[day.present] for day in days]).astype(np.float64)
