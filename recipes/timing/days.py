"""Behaviour as days: what was known of all users before each local day, and what happened on it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int8
from numpy.typing import NDArray

from tactful.events.records import KINDS, EngagementKind
from tactful.features.context import Zones
from tactful.features.day_types import day_types
from tactful.features.slots import FEATURES, SLOTS_PER_DAY, day_slots

Trial = Literal["day", "receipt"]
"""What may come out positive: a slot of a day (was she active?) or a message received in it (did she act?)."""

RECEIPTS, CLICKS, ACTIVE, SESSIONS = (FEATURES.index(name) for name in ("receipts", "clicks", "active", "sessions"))
NOT_KNOWN: Final = -1
"""Type of a day before the log begins; its history is 0 for want of a log, not of visits."""


@dataclass(frozen=True, eq=False)
class Day:
    """One local day of n users. L days before it are known at most; `history[:, :, l]` is l + 1 days ago.

    Attributes:
        number: local days since 1970-01-01.
        type: 0 work, 1 rest.
        history: `features.slots.day_slots` as of this day; it is a view, not a copy.
        types_before: of the same days as the history, `NOT_KNOWN` before the log begins.
        sessions: begun in each slot of this day.
        positives, trials: in each slot of this day.
    """

    number: int
    type: int
    history: Float32[np.ndarray, "n K L d"]
    types_before: Int8[np.ndarray, " L"]
    sessions: Float32[np.ndarray, "n K"]
    positives: Float32[np.ndarray, "n K"]
    trials: Float32[np.ndarray, "n K"]
    trial: Trial

    @property
    def known(self) -> int:
        """How many of the days before are on record."""
        return int((self.types_before != NOT_KNOWN).sum())

    def take(self, users: NDArray[np.int64]) -> "Day":
        """Returns the day of some users only."""
        parts = (self.history, self.sessions, self.positives, self.trials)
        history, sessions, positives, trials = (part[users] for part in parts)
        return replace(self, history=history, sessions=sessions, positives=positives, trials=trials)

    def counts(self, same_type: bool = False) -> Float64[np.ndarray, "n K"]:
        """Returns the sessions of the known days by slot, or of those that are of this day's type."""
        return self._summed(SESSIONS, same_type)

    def past(self, same_type: bool = False) -> tuple[Float64[np.ndarray, "n K"], Float64[np.ndarray, "n K"]]:
        """Returns successes and trials of the known days by slot, or of those that are of this day's type."""
        if self.trial == "receipt":
            return self._summed(CLICKS, same_type), self._summed(RECEIPTS, same_type)
        positives = self._summed(ACTIVE, same_type)
        return positives, np.full_like(positives, self._chosen(same_type).sum())

    def _summed(self, feature: int, same_type: bool) -> NDArray[np.float64]:
        total = self.history[:, :, self._chosen(same_type), feature].sum(axis=2)
        return np.asarray(total, dtype=np.float64)

    def _chosen(self, same_type: bool) -> NDArray[np.bool_]:
        chosen: NDArray[np.bool_] = self.types_before == (self.type if same_type else NOT_KNOWN)
        return chosen if same_type else ~chosen


@dataclass(frozen=True, eq=False)
class SlotData:
    """A data set: days to learn from, later days to be judged on, and by how many sessions each user was known.

    `left_out` is a day that one stratum is judged without.
    """

    name: str
    train: tuple[Day, ...]
    score: tuple[Day, ...]
    past_sessions: Int[np.ndarray, " n"]
    left_out: int | None = None


@dataclass(frozen=True, eq=False)
class Engagements:
    """Columns of engagements of users 0 .. n - 1, in the kinds of `events.records`."""

    user: Int[np.ndarray, " e"]
    at_us: Int[np.ndarray, " e"]
    kind: Int8[np.ndarray, " e"]
    value: Float[np.ndarray, " e"]

    @staticmethod
    def of(
        *parts: tuple[EngagementKind, NDArray[np.int64], NDArray[np.int64], NDArray[np.floating[Any]] | None],
    ) -> "Engagements":
        """Returns parts of one kind each: (kind, user, at_us, value or None)."""
        values = [np.zeros(len(user)) if value is None else value.astype(np.float64) for _, user, _, value in parts]
        kinds = [np.full(len(user), KINDS.index(kind), dtype=np.int8) for kind, user, _, _ in parts]
        return Engagements(
            np.concatenate([user for _, user, _, _ in parts]),
            np.concatenate([at_us for _, _, at_us, _ in parts]),
            np.concatenate(kinds),
            np.concatenate(values),
        )


def sessions(user: Int[np.ndarray, " e"], at_us: Int[np.ndarray, " e"], gap_us: int) -> NDArray[np.int64]:
    """Returns the rows, in order of user and time, with which a session begins: after a gap longer than this."""
    order = np.lexsort((at_us, user))
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = (user[order][1:] != user[order][:-1]) | (np.diff(at_us[order]) > gap_us)
    chosen: NDArray[np.int64] = order[begins]
    return chosen


def as_days(
    engagements: Engagements,
    n: int,
    zone: str,
    days: range,
    window: int,
    country: str | None = None,
    acted: Engagements | None = None,
    asof: int | None = None,
) -> tuple[Day, ...]:
    """Returns every local day of the log with its past.

    Args:
        n: users.
        days: local days of the log.
        window: L, days of history at most.
        country: whose holidays are days of rest.
        acted: receipts that were acted on, as clicks at the receipts' instants; a trial then is a receipt. None: it is
            the slot of a day.
        asof: day whose past is that of all later days, too: nothing newer is known (None: every day is).
    """
    zones, here = Zones.of((zone,)), np.zeros(n, dtype=np.int64)
    end = np.full(n, days.stop, dtype=np.int64)

    def extract(rows: Engagements, n_days: int) -> NDArray[np.float32]:
        return day_slots(rows.user, rows.at_us, rows.kind, rows.value, here, end, zones, n_days)

    x = extract(engagements, len(days) + window)
    clicks = None if acted is None else extract(acted, len(days))[..., CLICKS]
    types = np.concatenate([np.full(window, NOT_KNOWN), day_types(np.array(days), country)]).astype(np.int8)[::-1]
    exists = zones.slots_of_days(np.zeros(len(days), dtype=np.int64), np.array(days), SLOTS_PER_DAY)[1]
    made = []
    for day in days:
        ago = days.stop - 1 - day  # the day's own place in x, whose 0 is the last day
        past = days.stop - min(day, asof if asof is not None else day)
        trials = np.broadcast_to(exists[day - days.start], (n, SLOTS_PER_DAY)).astype(np.float32)
        made.append(
            Day(
                number=day,
                type=int(types[ago]),
                history=x[:, :, past : past + window],
                types_before=types[past : past + window],
                sessions=x[:, :, ago, SESSIONS],
                positives=x[:, :, ago, ACTIVE] if clicks is None else clicks[:, :, ago],
                trials=trials if clicks is None else x[:, :, ago, RECEIPTS],
                trial="day" if clicks is None else "receipt",
            )
        )
    return tuple(made)


def stacked(parts: Sequence[NDArray[np.floating[Any]]]) -> NDArray[np.float64]:
    """Returns the days' arrays below each other."""
    return np.concatenate(parts).astype(np.float64)
