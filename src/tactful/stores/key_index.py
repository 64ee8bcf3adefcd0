"""Which dedupe keys the input log holds: the newest in memory, the others in a table filled in key order.

The log itself keeps every key durably, so the table `keys` is only an index of it and may lag behind. Written
at once, each key would dirty a page of its own (keys are hashes). Instead two generations stay in memory:
the *young* one is a hash table that fills; the *old* one is sorted and moves into the table bit by bit, each
lump a run of neighbouring keys that share pages. Every append moves its share, so that the old generation is
in the table when the young one is full, without a long pause.

After a restart, or a rollback, the generations are read back from the log: two of them at most.
"""

import json
import sqlite3

import numpy as np
from jaxtyping import Int64

from tactful.kernel import kernel
from tactful.stores.order_preserving import signed

NO_KEY = signed(0)
"""Belongs to an input that is never looked up, or was refused."""
GENERATION = 1 << 19
"""Keys in a generation; two take 24 MB at most."""
LUMP = 512
"""The fewest keys worth moving at once."""


@kernel
def _find_or_add(
    slot_keys: Int64[np.ndarray, " slots"],
    slot_offsets: Int64[np.ndarray, " slots"],
    keys: Int64[np.ndarray, " n"],
    offsets: Int64[np.ndarray, " n"],
    known: Int64[np.ndarray, " n"],
) -> int:
    """Open addressing with linear probing; offset -1 is an empty slot. Returns how many keys were added."""
    mask = len(slot_keys) - 1
    added = 0
    for i in range(len(keys)):
        if known[i] >= 0:
            continue
        slot = ((keys[i] * np.int64(0x1E3779B97F4A7C15)) >> 24) & mask
        while slot_offsets[slot] >= 0 and slot_keys[slot] != keys[i]:
            slot = (slot + 1) & mask
        if slot_offsets[slot] >= 0:
            known[i] = slot_offsets[slot]
        else:
            slot_keys[slot] = keys[i]
            slot_offsets[slot] = offsets[i]
            added += 1
    return added


class KeyIndex:
    """Maps a dedupe key (stored form) to the offset of its input, for one connection.

    Call it inside a write transaction; after a rollback make a new one, for memory does not roll back.
    """

    def __init__(self, connection: sqlite3.Connection, generation: int = GENERATION) -> None:
        self._db = connection
        self._generation = generation
        (self._through,) = connection.execute("SELECT offset FROM keys_through").fetchone()
        self._old_keys = np.empty(0, dtype=np.int64)
        self._old_offsets = np.empty(0, dtype=np.int64)
        self._old_through = self._through
        self._moved = 0
        self._due = 0
        self._clear_young()

    def catch_up(self, last_offset: int) -> None:
        """Takes in the keys of inputs up to `last_offset` that were appended earlier, or by others."""
        if self._through == last_offset:
            return
        pages = self._db.execute(
            "SELECT first_offset, keys FROM input_pages WHERE first_offset >= "
            "coalesce((SELECT max(first_offset) FROM input_pages WHERE first_offset <= ?), 0) "
            "ORDER BY first_offset",
            (self._through + 1,),
        )
        for first_offset, blob in pages:
            stored = np.frombuffer(blob, dtype=np.int64)
            offsets = np.arange(first_offset, first_offset + len(stored))
            wanted = (stored != NO_KEY) & (offsets > self._through)
            self._remember_all(stored[wanted], offsets[wanted])
        self._through = last_offset

    def _remember_all(self, keys: Int64[np.ndarray, " n"], offsets: Int64[np.ndarray, " n"]) -> None:
        for start in range(0, len(keys), self._generation):
            part = slice(start, start + self._generation)
            self._make_room(len(keys[part]))
            self._remember(keys[part], offsets[part], np.full(len(keys[part]), -1, dtype=np.int64))

    def find_or_add(self, keys: Int64[np.ndarray, " n"], offsets: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """Returns for each key the offset of the input that holds it already, -1 if none; those are added.

        Of equal keys in `keys` the first is added.
        """
        known = np.full(len(keys), -1, dtype=np.int64)
        for start in range(0, len(keys), self._generation):
            part = slice(start, start + self._generation)
            self._make_room(len(keys[part]))
            self._find_old(keys[part], known[part])
            self._find_stored(keys[part], known[part])
            self._remember(keys[part], offsets[part], known[part])
            self._move_share(len(known[part]))
        return known

    def _find_old(self, keys: Int64[np.ndarray, " n"], known: Int64[np.ndarray, " n"]) -> None:
        if not len(self._old_keys):
            return
        at = np.minimum(np.searchsorted(self._old_keys, keys), len(self._old_keys) - 1)
        hit = self._old_keys[at] == keys
        known[hit] = self._old_offsets[at[hit]]

    def _find_stored(self, keys: Int64[np.ndarray, " n"], known: Int64[np.ndarray, " n"]) -> None:
        found = dict(
            self._db.execute(
                "SELECT dedupe_key, offset FROM json_each(?) JOIN keys ON dedupe_key = value",
                (json.dumps(np.sort(keys).tolist()),),
            ).fetchall()
        )
        if found:
            for position in np.flatnonzero(np.isin(keys, list(found))).tolist():
                known[position] = found[int(keys[position])]

    def _remember(
        self,
        keys: Int64[np.ndarray, " n"],
        offsets: Int64[np.ndarray, " n"],
        known: Int64[np.ndarray, " n"],
    ) -> None:
        self._young += _find_or_add(self._slot_keys, self._slot_offsets, keys, offsets, known)
        self._through = max(self._through, int(offsets[known < 0].max(initial=-1)))

    def _make_room(self, count: int) -> None:
        """Makes the young generation the old one if `count` keys do not fit in; before any search, not after."""
        if self._young + count <= self._generation:
            return
        self._move(len(self._old_keys))
        used = self._slot_offsets >= 0
        order = np.argsort(self._slot_keys[used])
        self._old_keys = self._slot_keys[used][order]
        self._old_offsets = self._slot_offsets[used][order]
        self._old_through = self._through
        self._moved = 0
        self._clear_young()

    def _clear_young(self) -> None:
        self._young = 0
        self._slot_keys = np.zeros(2 * self._generation, dtype=np.int64)
        self._slot_offsets = np.full(2 * self._generation, -1, dtype=np.int64)

    def _move_share(self, added: int) -> None:
        """Moves what is due after `added` keys: the old generation is done when the young one is full."""
        left, room = len(self._old_keys) - self._moved, self._generation - self._young
        self._due += -(-left * added // max(room, 1))
        if self._due >= LUMP:
            self._move(self._due)

    def _move(self, count: int) -> None:
        """Moves the next `count` keys of the old generation into the table."""
        self._due = 0
        if self._moved == len(self._old_keys):
            return
        part = slice(self._moved, self._moved + count)
        self._db.executemany(
            "INSERT OR IGNORE INTO keys VALUES (?, ?)",
            zip(self._old_keys[part].tolist(), self._old_offsets[part].tolist(), strict=True),
        )
        self._moved = min(self._moved + count, len(self._old_keys))
        if self._moved == len(self._old_keys):
            self._db.execute("UPDATE keys_through SET offset = max(offset, ?)", (self._old_through,))
