"""Taking people out of the SQLite file. The functions expect an open write transaction.

What is addressed by its place in a log (inputs) leaves an empty row, so that offsets and the ids that were taken stay
as they are. Messages leave one, too, for a call of a provider may be under way. Everything else is deleted: from every
table that has a `user_key`, those that come later included. Deleted bytes are overwritten (`PRAGMA secure_delete`).
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import numpy as np
from jaxtyping import Int64

from tactful.stores.order_preserving import signed
from tactful.stores.prints import hits, prints_of
from tactful.stores.protocols import Erased

_EVERYBODY: Final = signed(0)
_GONE: Final = -1
"""The kind of an input that was erased."""
_BLANKED: Final = {"inputs", "outbox", "decisions", "plans"}
"""Tables with a `user_key` that need more than a deletion by it."""


def erase(
    db: sqlite3.Connection,
    people: Mapping[int, str],
    hers: Callable[[bytes], bool],
    without: Callable[[bytes], bytes],
) -> Erased:
    """Takes people out; see `Erasing.erase`."""
    inputs = decisions = messages = 0
    for user_key, user_id in people.items():
        inputs += _blank_inputs(db, signed(user_key))
        keys = _delete_decisions(db, signed(user_key))
        decisions += len(keys)
        messages += _blank_messages(db, keys)
        _delete_by_key(db, signed(user_key))
        db.execute("DELETE FROM states WHERE user_id = ?", (user_id,))
        db.execute("DELETE FROM answers WHERE instr(body, ?) > 0", (user_id.encode(),))
    _rewrite_shared(db, without)
    _blank_rejects(db, hers)
    return Erased(inputs, decisions, messages)


def _blank_inputs(db: sqlite3.Connection, user: int) -> int:
    """Empties a person's inputs; what may be refused as a repeated id still is."""
    pages = db.execute("SELECT first_offset, user_prints FROM input_pages")
    rows = db.execute(
        "SELECT offset FROM json_each(?) JOIN inputs ON offset = value WHERE user_key = ?",
        (json.dumps(hits(pages, user)), user),
    )
    offsets = [offset for (offset,) in rows]
    db.executemany(
        "UPDATE inputs SET user_key = ?, content_hash = ?, kind = ?, data = x'' WHERE offset = ?",
        [(_EVERYBODY, _EVERYBODY, _GONE, offset) for offset in offsets],
    )
    _blank_prints(db, "input_pages", "first_offset", ("user_prints",), offsets)
    return len(offsets)


def _delete_decisions(db: sqlite3.Connection, user: int) -> list[int]:
    """Deletes a person's decisions and plans; returns the stored keys of the decisions."""
    pages = db.execute("SELECT first_seq, user_prints FROM decision_pages")
    found = db.execute(
        "SELECT seq, decision_key FROM json_each(?) JOIN decisions ON seq = value WHERE user_key = ?",
        (json.dumps(hits(pages, user)), user),
    ).fetchall()
    places = [seq for seq, _ in found]
    db.executemany("DELETE FROM decisions WHERE seq = ?", [(seq,) for seq in places])
    _blank_prints(db, "decision_pages", "first_seq", ("key_prints", "user_prints"), places)
    plans = db.execute("SELECT seq FROM plans INDEXED BY plans_by_time WHERE user_key = ?", (user,)).fetchall()
    db.executemany("DELETE FROM plans WHERE seq = ?", plans)
    return [key for _, key in found]


def _blank_messages(db: sqlite3.Connection, keys: Collection[int]) -> int:
    """Empties the messages of decisions, and what providers said of them; nothing of them is tried again."""
    messages = 0
    for key in keys:
        messages += db.execute(
            "UPDATE outbox SET user_key = ?, message = x'', next_try_us = NULL WHERE decision_key = ?",
            (_EVERYBODY, key),
        ).rowcount
        db.execute("UPDATE attempts SET detail = '' WHERE decision_key = ?", (key,))
    return messages


def _delete_by_key(db: sqlite3.Connection, user: int) -> None:
    """Deletes from every table that names people by key."""
    for table in tables_with(db, "user_key") - _BLANKED:
        db.execute(f"DELETE FROM {table} WHERE user_key = ?", (user,))


def tables_with(db: sqlite3.Connection, column: str) -> set[str]:
    """Returns the tables that have a column."""
    rows = db.execute(
        "SELECT t.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND c.name = ?",
        (column,),
    )
    return {name for (name,) in rows}


def _rewrite_shared(db: sqlite3.Connection, without: Callable[[bytes], bytes]) -> None:
    """Takes people out of inputs that concern everybody (budget plans, catalogues), and of kept catalogues."""
    pages = db.execute("SELECT first_offset, user_prints FROM input_pages")
    offsets = json.dumps(hits(pages, _EVERYBODY))
    shared = db.execute(
        "SELECT offset, data FROM json_each(?) JOIN inputs ON offset = value WHERE user_key = ? AND kind <> ?",
        (offsets, _EVERYBODY, _GONE),
    )
    changed = [(after, offset) for offset, data in shared if (after := without(data)) != data]
    db.executemany("UPDATE inputs SET data = ? WHERE offset = ?", changed)
    kept = db.execute("SELECT seq, data FROM artefacts WHERE family = 'catalogue'")
    changed = [(after, seq) for seq, data in kept if (after := without(data)) != data]
    db.executemany("UPDATE artefacts SET data = ? WHERE seq = ?", changed)


def _blank_rejects(db: sqlite3.Connection, hers: Callable[[bytes], bool]) -> None:
    """Empties what was refused of these people; that something was, stays."""
    found = [(seq,) for seq, data in db.execute("SELECT seq, data FROM rejects") if hers(data)]
    db.executemany("UPDATE rejects SET reason = 'erased', data = x'' WHERE seq = ?", found)


def _blank_prints(
    db: sqlite3.Connection, table: str, first: str, columns: Sequence[str], places: Sequence[int]
) -> None:
    """Overwrites the fingerprints at places of a log with those of nobody."""
    nobody = np.frombuffer(prints_of(np.array([_EVERYBODY], dtype=np.int64)), dtype=np.uint16)[0]
    wanted = np.array(sorted(places), dtype=np.int64)
    for start in np.unique(_page_starts(db, table, first, wanted)).tolist():
        blobs = db.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {first} = ?", (start,)).fetchone()
        for column, blob in zip(columns, blobs, strict=True):
            prints = np.frombuffer(blob, dtype=np.uint16).copy()
            prints[[place - start for place in places if start <= place < start + len(prints)]] = nobody
            db.execute(f"UPDATE {table} SET {column} = ? WHERE {first} = ?", (prints.tobytes(), start))


def _page_starts(
    db: sqlite3.Connection, table: str, first: str, places: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Where the page of each place begins."""
    starts: Int64[np.ndarray, " pages"] = np.array(
        [s for (s,) in db.execute(f"SELECT {first} FROM {table} ORDER BY {first}")], dtype=np.int64
    )
    found: Int64[np.ndarray, " n"] = starts[np.searchsorted(starts, places, side="right") - 1]
    return found
