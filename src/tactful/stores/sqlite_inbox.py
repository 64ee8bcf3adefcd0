"""The in-app inbox in SQLite. The functions expect an open write transaction where they write."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from tactful.stores.order_preserving import signed, unsigned
from tactful.stores.protocols import InboxDeed, InboxRow

_ROW = "seq, decision_key, user_key, at_us, expires_us, data, seen_us, read_us, clicked_us"
_IMPLIED: Final[dict[InboxDeed, tuple[str, ...]]] = {
    "seen": ("seen_us",),
    "read": ("seen_us", "read_us"),
    "clicked": ("seen_us", "read_us", "clicked_us"),
}


def put_inbox(db: sqlite3.Connection, rows: Sequence[InboxRow]) -> int:
    """Adds messages; see `Inbox.put_inbox`."""
    return db.executemany(
        "INSERT OR IGNORE INTO inbox (decision_key, user_key, at_us, expires_us, data) VALUES (?, ?, ?, ?, ?)",
        [(signed(r.decision_key), signed(r.user_key), r.at_us, r.expires_us, r.data) for r in rows],
    ).rowcount


def inbox_of(db: sqlite3.Connection, user_key: int, now_us: int, limit: int, before_seq: int | None) -> list[InboxRow]:
    """Returns a user's messages, newest first."""
    rows = db.execute(
        f"SELECT {_ROW} FROM inbox WHERE user_key = ? AND seq < ? AND expires_us > ? ORDER BY seq DESC LIMIT ?",
        (signed(user_key), 2**63 - 1 if before_seq is None else before_seq, now_us, limit),
    )
    return [_row(row) for row in rows]


def inbox_after(db: sqlite3.Connection, after_seq: int, limit: int, user_key: int | None) -> list[InboxRow]:
    """Returns messages above a number."""
    of_user = "" if user_key is None else "user_key = ? AND "
    rows = db.execute(
        f"SELECT {_ROW} FROM inbox WHERE {of_user}seq > ? ORDER BY seq LIMIT ?",
        (after_seq, limit) if user_key is None else (signed(user_key), after_seq, limit),
    )
    return [_row(row) for row in rows]


def inbox_last(db: sqlite3.Connection) -> int:
    """Returns the number of the last message."""
    (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM inbox").fetchone()
    return int(last)


def inbox_unread(db: sqlite3.Connection, user_key: int, now_us: int) -> int:
    """Returns how many of a user's messages are unread."""
    (count,) = db.execute(
        "SELECT count(*) FROM inbox WHERE user_key = ? AND read_us IS NULL AND expires_us > ?",
        (signed(user_key), now_us),
    ).fetchone()
    return int(count)


def mark_inbox(
    db: sqlite3.Connection, user_key: int, decision_key: int, deed: InboxDeed, at_us: int
) -> InboxRow | None:
    """Notes what a user did with a message; see `Inbox.mark_inbox`."""
    first = ", ".join(f"{column} = coalesce({column}, :at)" for column in _IMPLIED[deed])
    row = db.execute(
        f"UPDATE inbox SET {first} WHERE decision_key = :key AND user_key = :user RETURNING {_ROW}",
        {"at": at_us, "key": signed(decision_key), "user": signed(user_key)},
    ).fetchone()
    return None if row is None else _row(row)


def _row(row: tuple[int, int, int, int, int, bytes, int | None, int | None, int | None]) -> InboxRow:
    return InboxRow(row[0], unsigned(row[1]), unsigned(row[2]), *row[3:])
