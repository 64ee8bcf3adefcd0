"""Puts imported rows in order: ids, duplicates and conflicts, derived sessions. Columns in, columns out."""

from dataclasses import dataclass, fields
from datetime import timedelta

import numpy as np
from jaxtyping import Bool, Float64, Int, Int8, Int16, Int32, Int64, UInt64

from tactful import draws
from tactful.events.records import ACTIVE_KINDS, KINDS

_MICROSECOND = timedelta(microseconds=1)
_SESSION = KINDS.index("session")
_ACTIVE = np.array([kind in ACTIVE_KINDS for kind in KINDS], dtype=np.bool_)


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Engagements as columns, 48 bytes a row.

    `engagement_id` is a hash, or the position of an explicit id in the log's list; `user` and `item` are positions
    in the log's lists, `kind` and `channel` in `records.KINDS` and `CHANNELS` (-1: none). `file` and `line` say
    where a row came from; line 0 is a derived row.
    """

    engagement_id: UInt64[np.ndarray, " n"]
    at_us: Int64[np.ndarray, " n"]
    user: Int32[np.ndarray, " n"]
    kind: Int8[np.ndarray, " n"]
    item: Int32[np.ndarray, " n"]
    category: Int32[np.ndarray, " n"]
    value: Float64[np.ndarray, " n"]
    channel: Int8[np.ndarray, " n"]
    file: Int16[np.ndarray, " n"]
    line: Int64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.at_us)

    def take(self, rows: Int[np.ndarray, " m"] | Bool[np.ndarray, " n"]) -> "Rows":
        """Returns these rows, in this order."""
        return Rows(*(getattr(self, each.name)[rows] for each in fields(self)))


def joined(parts: list[Rows]) -> Rows:
    """Returns the parts one after the other; there must be one at least."""
    return Rows(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Rows)))


def derived_ids(
    user_key: UInt64[np.ndarray, " n"],
    at_us: Int64[np.ndarray, " n"],
    kind: Int8[np.ndarray, " n"],
    item_key: UInt64[np.ndarray, " n"],
) -> UInt64[np.ndarray, " n"]:
    """Returns the hash of (user, time, kind, item): the same row gets the same id in every import.

    Of ten million rows, two different ones share a hash with a probability of 3e-6.
    """
    of_user = draws.bits(0, user_key, at_us, "engagement id")
    return draws.bits(0, of_user, draws.bits(0, item_key, kind, "engagement id"), "engagement id")


def repeats(rows: Rows) -> tuple[Bool[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Returns which rows repeat the id of an earlier one with equal content, and which with different content.

    Earlier is by (time, place in the log). Content is everything but the place.
    """
    order = np.lexsort((rows.at_us, rows.engagement_id))
    sorted_id = rows.engagement_id[order]
    again = np.concatenate([[False], sorted_id[1:] == sorted_id[:-1]])
    first = order[np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))]
    equal = np.ones(len(order), dtype=np.bool_)
    for name in ("at_us", "user", "kind", "item", "category", "value", "channel"):
        column = getattr(rows, name)
        equal &= column[order] == column[first]
    duplicate, conflict = np.zeros(len(order), dtype=np.bool_), np.zeros(len(order), dtype=np.bool_)
    duplicate[order], conflict[order] = again & equal, again & ~equal
    return duplicate, conflict


def sessions(
    rows: Rows, gap: timedelta, user_key: UInt64[np.ndarray, " users"], no_item: int, no_item_key: int
) -> Rows:
    """Returns a session at each user's first activity and at every one that follows a gap or more without any.

    Only kinds that show the person in the app count; a session's id is derived.

    Args:
        user_key: `draws.key` of each user in the log's list.
        no_item: the position of the empty item in the log's list.
        no_item_key: its key.
    """
    active = np.flatnonzero(_ACTIVE[rows.kind])
    active = active[np.lexsort((rows.at_us[active], rows.user[active]))]
    user, at_us = rows.user[active], rows.at_us[active]
    starts = np.ones(len(active), dtype=np.bool_)
    starts[1:] = (user[1:] != user[:-1]) | (np.diff(at_us) >= gap // _MICROSECOND)
    user, at_us = user[starts], at_us[starts]
    n = len(user)
    kind = np.full(n, _SESSION, dtype=np.int8)
    return Rows(
        engagement_id=derived_ids(user_key[user], at_us, kind, np.full(n, no_item_key, dtype=np.uint64)),
        at_us=at_us,
        user=user,
        kind=kind,
        item=np.full(n, no_item, dtype=np.int32),
        category=np.full(n, -1, dtype=np.int32),
        value=np.zeros(n),
        channel=np.full(n, -1, dtype=np.int8),
        file=np.zeros(n, dtype=np.int16),
        line=np.zeros(n, dtype=np.int64),
    )
