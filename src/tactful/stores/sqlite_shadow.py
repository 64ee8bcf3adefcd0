"""What another sender sent, in SQLite. The functions expect an open write transaction where they write."""

import sqlite3
from collections.abc import Iterator, Sequence

from tactful.stores.order_preserving import signed, unsigned
from tactful.stores.protocols import ShadowSendRow

_ROWS = "SELECT send_key, user_key, at_us, data FROM shadow_sends"


def put_shadow_sends(db: sqlite3.Connection, rows: Sequence[ShadowSendRow]) -> None:
    """Keeps messages that are not there yet."""
    db.executemany(
        "INSERT OR IGNORE INTO shadow_sends VALUES (?, ?, ?, ?)",
        [(signed(row.send_key), signed(row.user_key), row.at_us, row.data) for row in rows],
    )


def shadow_sends(db: sqlite3.Connection) -> Iterator[ShadowSendRow]:
    """Yields all messages by instant; none of a file that only an earlier version has opened."""
    known = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'shadow_sends'").fetchone()
    if known[0]:
        yield from map(_row, db.execute(f"{_ROWS} ORDER BY at_us, send_key"))


def shadow_sends_of(db: sqlite3.Connection, user_key: int) -> list[ShadowSendRow]:
    """Returns a user's messages by instant."""
    rows = db.execute(f"{_ROWS} WHERE user_key = ? ORDER BY at_us, send_key", (signed(user_key),))
    return [_row(row) for row in rows]


def _row(row: tuple[int, int, int, bytes]) -> ShadowSendRow:
    return ShadowSendRow(unsigned(row[0]), unsigned(row[1]), row[2], row[3])
