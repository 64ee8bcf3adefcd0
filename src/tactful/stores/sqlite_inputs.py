"""The input log in SQLite: append at the speed of the disk, read in order, find one user's inputs.

Each append also writes one row of `input_pages`, in the order of offsets: the `prints` of its user keys, with
which `inputs_of` finds a user's inputs, and its dedupe keys, which a restart reads (see `key_index`). An input that was
erased (kind -1) is read by nobody, and keeps its place.
"""

import json
import sqlite3
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from tactful.stores.key_index import NO_KEY, KeyIndex
from tactful.stores.order_preserving import signed, signed_column, unsigned
from tactful.stores.prints import hits, prints_of
from tactful.stores.protocols import LoggedInput, Refused
from tactful.stores.refusals import check_order

_COLUMNS = "offset, log_ts_us, user_key, dedupe_key, content_hash, kind, data"


class SqliteInputLog:
    """The `InputLog` of one connection; `append` expects an open write transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._index: KeyIndex | None = None

    def forget_index(self) -> None:
        """Drops what is in memory, after a rollback."""
        self._index = None

    def append(self, inputs: Sequence[LoggedInput]) -> list[Refused]:
        """Appends inputs; see `InputLog.append`."""
        if not inputs:
            return []
        last = self.last()
        check_order(inputs, last)
        offsets, instants, user_keys, dedupe_keys, hashes, kinds, data = zip(*inputs, strict=True)
        users, keys = signed_column(user_keys), signed_column(dedupe_keys)
        known = self._known(keys, np.array(offsets, dtype=np.int64), last[0])
        rows = zip(
            offsets,
            instants,
            users.tolist(),
            keys.tolist(),
            signed_column(hashes).tolist(),
            kinds,
            data,
            strict=True,
        )
        fresh = rows if (known < 0).all() else [row for row, k in zip(rows, known, strict=True) if k < 0]
        self._db.executemany(f"INSERT INTO inputs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", fresh)
        self._db.execute(
            "INSERT OR REPLACE INTO input_pages VALUES (?, ?, ?)",
            (offsets[0], prints_of(users), np.where(known < 0, keys, NO_KEY).tobytes()),
        )
        return self._refused(known)

    def _known(
        self, keys: Int64[np.ndarray, " n"], offsets: Int64[np.ndarray, " n"], last_offset: int
    ) -> Int64[np.ndarray, " n"]:
        """For each input the offset that holds its dedupe key already, -1 if none."""
        if self._index is None:
            self._index = KeyIndex(self._db)
        self._index.catch_up(last_offset)
        keyed = keys != NO_KEY
        if keyed.all():
            return self._index.find_or_add(keys, offsets)
        known = np.full(len(keys), -1, dtype=np.int64)
        known[keyed] = self._index.find_or_add(keys[keyed], offsets[keyed])
        return known

    def _refused(self, known: Int64[np.ndarray, " n"]) -> list[Refused]:
        positions = np.flatnonzero(known >= 0).tolist()
        if not positions:
            return []
        hashes = dict(
            self._db.execute(
                "SELECT offset, content_hash FROM inputs JOIN json_each(?) ON offset = value",
                (json.dumps(np.unique(known[positions]).tolist()),),
            )
        )
        return [Refused(p, unsigned(hashes[int(known[p])])) for p in positions]

    def read(self, after_offset: int, limit: int) -> list[LoggedInput]:
        """Returns up to `limit` inputs above an offset."""
        return _logged(
            self._db.execute(
                f"SELECT {_COLUMNS} FROM inputs WHERE offset > ? AND kind >= 0 ORDER BY offset LIMIT ?",
                (after_offset, limit),
            )
        )

    def fetch(self, offsets: Sequence[int]) -> dict[int, bytes]:
        """Returns the data at these offsets."""
        return dict(
            self._db.execute(
                "SELECT offset, data FROM json_each(?) JOIN inputs ON offset = value WHERE kind >= 0",
                (json.dumps(sorted(offsets)),),
            )
        )

    def last(self) -> tuple[int, int]:
        """Returns offset and instant of the last input."""
        row = self._db.execute("SELECT offset, log_ts_us FROM inputs ORDER BY offset DESC LIMIT 1").fetchone()
        return (-1, 0) if row is None else (row[0], row[1])

    def inputs_of(self, user_key: int, since_us: int, until_us: int) -> list[LoggedInput]:
        """Returns one user's inputs in the interval."""
        first, end = self._first_since(since_us), self._first_since(until_us)
        offsets = self._offsets_of(signed(user_key), first, end)
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM json_each(?) JOIN inputs ON offset = value WHERE user_key = ? AND kind >= 0 "
            "ORDER BY offset",
            (json.dumps(offsets), signed(user_key)),
        )
        return _logged(rows)

    def _first_since(self, instant_us: int) -> int:
        """The lowest offset whose instant is not before `instant_us`; one above the last if there is none."""
        low, high = 0, self.last()[0] + 1
        while low < high:
            middle = (low + high) // 2
            offset, at_us = self._db.execute(
                "SELECT offset, log_ts_us FROM inputs WHERE offset >= ? ORDER BY offset LIMIT 1", (middle,)
            ).fetchone()
            if at_us >= instant_us:
                high = middle
            else:
                low = offset + 1
        return low

    def _offsets_of(self, stored_user_key: int, first: int, end: int) -> list[int]:
        """Offsets in [first, end) whose fingerprint is that of the user."""
        pages = self._db.execute(
            "SELECT first_offset, user_prints FROM input_pages WHERE first_offset < ? AND first_offset >= "
            "coalesce((SELECT max(first_offset) FROM input_pages WHERE first_offset <= ?), 0)",
            (end, first),
        )
        return [offset for offset in hits(pages, stored_user_key) if first <= offset < end]


def _logged(rows: sqlite3.Cursor) -> list[LoggedInput]:
    return [
        LoggedInput(offset, at_us, unsigned(user), unsigned(key), unsigned(content), kind, data)
        for offset, at_us, user, key, content, kind, data in rows
    ]
