"""The decision log in SQLite: decisions and slot plans, in order of time; one user's, or one by key.

Decisions are numbered as they are appended, and the only index is by time, the order in which they come. One
decision, or one user's, is found by `prints`. Plans are one a user and day: the time index is enough for them.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence

from tactful.stores.order_preserving import signed, signed_column, unsigned
from tactful.stores.prints import hits, prints_of
from tactful.stores.protocols import DecisionRow, PlanRow

_DECISION = "decision_key, user_key, at_us, action_code, data"
_DECISION_ORDER = "ORDER BY at_us, user_key, decision_key"
_PLAN = "user_key, day, at_us, data"


def append_decisions(db: sqlite3.Connection, rows: Sequence[DecisionRow]) -> int:
    """Appends decisions and returns how many were new; expects an open write transaction."""
    if not rows:
        return 0
    keys, user_keys, instants, actions, data = zip(*rows, strict=True)
    stored_keys, users = signed_column(keys), signed_column(user_keys)
    # behind the last page, too: its rows may have been erased
    (first,) = db.execute(
        "SELECT 1 + max(coalesce((SELECT max(seq) FROM decisions), -1), "
        "coalesce((SELECT max(first_seq) FROM decision_pages), -1))"
    ).fetchone()
    added = db.executemany(
        f"INSERT OR IGNORE INTO decisions ({_DECISION}, seq) VALUES (?, ?, ?, ?, ?, ?)",
        zip(
            stored_keys.tolist(),
            users.tolist(),
            instants,
            actions,
            data,
            range(first, first + len(rows)),
            strict=True,
        ),
    ).rowcount
    if added:
        db.execute(
            "INSERT INTO decision_pages VALUES (?, ?, ?, ?, ?)",
            (first, min(instants), max(instants), prints_of(stored_keys), prints_of(users)),
        )
    return added


def decision(db: sqlite3.Connection, decision_key: int) -> DecisionRow | None:
    """Returns one decision, None if there is none."""
    key = signed(decision_key)
    pages = db.execute("SELECT first_seq, key_prints FROM decision_pages")
    rows = db.execute(
        f"SELECT {_DECISION} FROM json_each(?) JOIN decisions ON seq = value WHERE decision_key = ?",
        (json.dumps(hits(pages, key)), key),
    )
    return next(_decisions(rows), None)


def decisions_of(db: sqlite3.Connection, user_key: int, since_us: int, until_us: int) -> list[DecisionRow]:
    """Returns one user's decisions in the interval."""
    user = signed(user_key)
    pages = db.execute(
        "SELECT first_seq, user_prints FROM decision_pages WHERE max_us >= ? AND min_us < ?",
        (since_us, until_us),
    )
    rows = db.execute(
        f"SELECT {_DECISION} FROM json_each(?) JOIN decisions ON seq = value "
        f"WHERE user_key = ? AND at_us >= ? AND at_us < ? {_DECISION_ORDER}",
        (json.dumps(hits(pages, user)), user, since_us, until_us),
    )
    return list(_decisions(rows))


def decisions_between(db: sqlite3.Connection, since_us: int, until_us: int) -> Iterator[DecisionRow]:
    """Yields all decisions in the interval."""
    return _decisions(
        db.execute(
            f"SELECT {_DECISION} FROM decisions WHERE at_us >= ? AND at_us < ? {_DECISION_ORDER}",
            (since_us, until_us),
        )
    )


def decisions_before(
    db: sqlite3.Connection, place: tuple[int, int, int], since_us: int, limit: int
) -> list[DecisionRow]:
    """Returns up to `limit` decisions before a place, the last first."""
    at_us, user_key, decision_key = place
    rows = db.execute(
        f"SELECT {_DECISION} FROM decisions WHERE at_us >= ? AND (at_us, user_key, decision_key) < (?, ?, ?) "
        "ORDER BY at_us DESC, user_key DESC, decision_key DESC LIMIT ?",
        (since_us, at_us, signed(user_key), signed(decision_key), limit),
    )
    return list(_decisions(rows))


def append_plans(db: sqlite3.Connection, rows: Sequence[PlanRow]) -> int:
    """Appends plans and returns how many were new; expects an open write transaction."""
    return db.executemany(
        f"INSERT OR IGNORE INTO plans ({_PLAN}) VALUES (?, ?, ?, ?)",
        [(signed(user), day, at, data) for user, day, at, data in rows],
    ).rowcount


def plans_of(db: sqlite3.Connection, user_key: int, since_us: int, until_us: int) -> list[PlanRow]:
    """Returns one user's plans made in the interval."""
    rows = db.execute(
        f"SELECT {_PLAN} FROM plans INDEXED BY plans_by_time "
        "WHERE at_us >= ? AND at_us < ? AND user_key = ? ORDER BY at_us, user_key, day",
        (since_us, until_us, signed(user_key)),
    )
    return list(_plans(rows))


def plans_between(db: sqlite3.Connection, since_us: int, until_us: int) -> Iterator[PlanRow]:
    """Yields all plans made in the interval."""
    return _plans(
        db.execute(
            f"SELECT {_PLAN} FROM plans WHERE at_us >= ? AND at_us < ? ORDER BY at_us, user_key, day",
            (since_us, until_us),
        )
    )


def _decisions(rows: sqlite3.Cursor) -> Iterator[DecisionRow]:
    for key, user, at, action, data in rows:
        yield DecisionRow(unsigned(key), unsigned(user), at, action, data)


def _plans(rows: sqlite3.Cursor) -> Iterator[PlanRow]:
    for user, day, at, data in rows:
        yield PlanRow(unsigned(user), day, at, data)
