"""Reads the volume log out of a store: the randomised slice of a running engine.

One pass over the budgets, one over the decisions and one over the input log; only the engagements of the slice are
decoded. Times of engagements are the client's, no later than their acceptance, as the engine takes them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.clock import DAY_US, WEEK_US, to_us
from tactful.errors import NotEnoughData
from tactful.events.records import KINDS, BudgetAssignment, Engagement, decode
from tactful.features import volume
from tactful.features.segments import REACHES
from tactful.stores.protocols import Store
from tactful.training.volume.log import VolumeLog

_READ_AT_ONCE: Final = 50_000
_SEND: Final = 0
_KIND_OF: Final = {kind: code for code, kind in enumerate(KINDS)}
_REACHED: Final = [i for i, name in enumerate(volume.NAMES) if name.startswith("reached_by_")]


def read_log(store: Store, period_weeks: int = 8) -> VolumeLog:
    """Returns the assignments that were drawn at random, and what those people did, up to the last decision.

    A budget holds from its first daily plan to the first plan of the next period, or to the user's next assignment.
    Left out are people whom no channel reached when it began, and assignments with features of another schema.

    Args:
        store: of an engine; may be open read-only.
        period_weeks: `exploration.volume_period_weeks` with which the budgets were drawn.

    Raises:
        NotEnoughData: no budget was drawn at random, or none with the features of this release.
    """
    until_us = int(store.load_meta("committed") or b"-1") + 1
    drawn = _drawn(store, until_us)
    users = {key: number for number, key in enumerate(dict.fromkeys(key for key, _ in drawn))}
    user = np.array([users[key] for key, _ in drawn], dtype=np.int64)
    start = np.array([to_us(record.at) for _, record in drawn], dtype=np.int64)
    period = np.array([record.period for _, record in drawn], dtype=np.int64)
    end = _ends(user, start, period, period_weeks * WEEK_US)
    segment = np.array([record.segment for _, record in drawn], dtype=np.int64)
    e_user, e_at, e_kind = _engagements(store, users, until_us)
    return VolumeLog(
        user=user,
        start_us=start,
        end_us=end,
        k=np.array([record.k for _, record in drawn], dtype=np.int64),
        probability=np.array([record.probability for _, record in drawn], dtype=np.float64),
        randomised=np.ones(len(drawn), dtype=np.bool_),
        reach=segment % len(REACHES),
        activity=segment // len(REACHES),
        features=np.array([record.features for _, record in drawn], dtype=np.float32).reshape(-1, len(volume.NAMES)),
        sent=_sent(store, users, user, start, np.minimum(end, until_us)),
        e_user=e_user,
        e_at_us=e_at,
        e_kind=e_kind,
        until_us=until_us,
    )


def _drawn(store: Store, until_us: int) -> list[tuple[int, BudgetAssignment]]:
    """Assignments that can teach, by (user key, period)."""
    records = [(row.user_key, decode(row.data)) for row in store.budgets_between(0, until_us)]
    drawn = [(key, r) for key, r in records if isinstance(r, BudgetAssignment) and r.randomised]
    known = [(key, r) for key, r in drawn if r.feature_schema == volume.SCHEMA and r.segment >= 0]
    if not known:
        raise NotEnoughData(
            f"got {len(drawn):,} budgets drawn at random, of which none has the features {volume.SCHEMA} of this "
            "release; set exploration.volume_share, or wait for the next period if the release is new"
        )
    return [(key, r) for key, r in known if any(r.features[i] > 0.0 for i in _REACHED)]


def _ends(
    user: NDArray[np.int64], start: NDArray[np.int64], period: NDArray[np.int64], period_us: int
) -> NDArray[np.int64]:
    """When each budget ceases to hold: plans are made daily, so a period ends for a user at her hour of the day."""
    over = (period + 1) * period_us
    end = over + (start - over) % DAY_US
    again = user[1:] == user[:-1]
    end[:-1] = np.where(again, np.minimum(end[:-1], start[1:]), end[:-1])
    return np.maximum(end, start)


def _sent(
    store: Store,
    users: dict[int, int],
    user: NDArray[np.int64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Messages sent within each assignment; assignments are sorted by (user, start)."""
    if not len(user):
        return np.zeros(0, dtype=np.int64)
    decisions = store.decisions_between(int(start.min()), int(end.max()))
    sends = [
        (users[row.user_key], row.at_us) for row in decisions if row.action_code == _SEND and row.user_key in users
    ]
    who, at = _sorted_pairs(sends)
    first, last = (_position(who, at, user, edge) for edge in (start, end))
    return last - first


def _engagements(
    store: Store, users: dict[int, int], until_us: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """User, instant and kind of what the slice's people did, sorted by (user, instant)."""
    found, offset = [], -1
    while part := store.read(offset, _READ_AT_ONCE):
        offset = part[-1].offset
        for line in part:
            if line.user_key in users and line.log_ts_us < until_us:
                record = decode(line.data)
                if isinstance(record, Engagement):
                    at = min(to_us(record.at), line.log_ts_us)
                    found.append((users[line.user_key], at, _KIND_OF[record.kind]))
    columns = np.array(sorted(found), dtype=np.int64).reshape(-1, 3)
    return columns[:, 0].copy(), columns[:, 1].copy(), columns[:, 2].copy()


def _sorted_pairs(pairs: list[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    columns = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


def _position(
    who: NDArray[np.int64], at: NDArray[np.int64], user: NDArray[np.int64], edge: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many of the pairs sorted by (who, at) lie before (user, edge)."""
    begin, finish = np.searchsorted(who, user, side="left"), np.searchsorted(who, user, side="right")
    return np.array(
        [b + np.searchsorted(at[b:f], e, side="left") for b, f, e in zip(begin, finish, edge, strict=True)],
        dtype=np.int64,
    )
