"""The outbox and its attempts in SQLite: which message may be tried, and what is known of every try.

A message is *pending* while `next_try_us` is set and no attempt is in doubt; it is done once `next_try_us` is
NULL. The functions expect an open write transaction where they write.
"""

import sqlite3
from collections.abc import Sequence

from tactful.stores.order_preserving import signed, unsigned
from tactful.stores.protocols import DEAD_OUTCOMES, REDRIVEN, Attempt, OutboxEntry, OutboxRow
from tactful.stores.refusals import no_open_attempt

_ROW = "decision_key, user_key, at_us, channel_code, message"
_ATTEMPT = "decision_key, attempt_no, begun_us, outcome, detail"
_DEAD = "('failed', 'gave_up', 'unrenderable')"
"""`DEAD_OUTCOMES` as the index `attempts_dead` spells them: otherwise it is not used."""


def enqueue(db: sqlite3.Connection, rows: Sequence[OutboxRow]) -> int:
    """Adds messages; see `Outbox.enqueue`."""
    return db.executemany(
        f"INSERT OR IGNORE INTO outbox ({_ROW}, next_try_us, in_doubt) VALUES (?, ?, ?, ?, ?, ?, 0)",
        [(signed(r.decision_key), signed(r.user_key), r.at_us, r.channel_code, r.message, r.at_us) for r in rows],
    ).rowcount


def pending(db: sqlite3.Connection, limit: int, now_us: int, channel_code: int | None) -> list[OutboxRow]:
    """Returns messages that may be tried now."""
    of_channel = "" if channel_code is None else "channel_code = ? AND "
    rows = db.execute(
        f"SELECT {_ROW} FROM outbox WHERE {of_channel}next_try_us <= ? AND next_try_us IS NOT NULL AND in_doubt = 0 "
        "ORDER BY next_try_us, decision_key LIMIT ?",
        (now_us, limit) if channel_code is None else (channel_code, now_us, limit),
    )
    return [_row(row) for row in rows]


def begin_attempt(db: sqlite3.Connection, decision_key: int, at_us: int) -> int | None:
    """Returns the number of a new attempt, None if there is nothing to try now."""
    key = signed(decision_key)
    taken = db.execute(
        "UPDATE outbox SET in_doubt = 1 WHERE decision_key = ? AND next_try_us <= ? AND in_doubt = 0",
        (key, at_us),
    )
    if taken.rowcount == 0:
        return None
    (before,) = db.execute("SELECT count(*) FROM attempts WHERE decision_key = ?", (key,)).fetchone()
    db.execute(f"INSERT INTO attempts ({_ATTEMPT}) VALUES (?, ?, ?, NULL, '')", (key, before + 1, at_us))
    return int(before) + 1


def end_attempt(
    db: sqlite3.Connection,
    decision_key: int,
    attempt_no: int,
    outcome: str,
    detail: str,
    next_try_us: int | None,
) -> None:
    """Ends an attempt; see `Outbox.end_attempt`."""
    key = signed(decision_key)
    if db.execute(
        "SELECT 1 FROM outbox WHERE decision_key = ? AND user_key = ? AND message = x''", (key, signed(0))
    ).fetchone():
        detail, next_try_us = "", None  # its person was erased while the provider was called
    ended = db.execute(
        "UPDATE attempts SET outcome = ?, detail = ? WHERE decision_key = ? AND attempt_no = ? AND outcome IS NULL",
        (outcome, detail, key, attempt_no),
    )
    if ended.rowcount == 0:
        raise no_open_attempt(decision_key, attempt_no)
    db.execute("UPDATE outbox SET in_doubt = 0, next_try_us = ? WHERE decision_key = ?", (next_try_us, key))


def in_doubt(db: sqlite3.Connection) -> list[Attempt]:
    """Returns attempts without a result."""
    rows = db.execute(f"SELECT {_ATTEMPT} FROM attempts WHERE outcome IS NULL ORDER BY begun_us, decision_key")
    return [_attempt(row) for row in rows]


def stock(db: sqlite3.Connection) -> dict[int, int]:
    """Returns how many messages are neither done nor in doubt, by channel; `outbox_by_channel` holds only those."""
    rows = db.execute(
        "SELECT channel_code, count(*) FROM outbox WHERE next_try_us IS NOT NULL AND in_doubt = 0 GROUP BY channel_code"
    )
    return dict(rows.fetchall())


def outbox_of(db: sqlite3.Connection, decision_key: int) -> OutboxEntry | None:
    """Returns a message with its attempts."""
    key = signed(decision_key)
    found = db.execute(f"SELECT {_ROW}, next_try_us FROM outbox WHERE decision_key = ?", (key,)).fetchone()
    if found is None:
        return None
    attempts = db.execute(f"SELECT {_ATTEMPT} FROM attempts WHERE decision_key = ? ORDER BY attempt_no", (key,))
    return OutboxEntry(_row(found[:-1]), found[-1], tuple(_attempt(row) for row in attempts))


def dead_letters(db: sqlite3.Connection, limit: int) -> list[Attempt]:
    """Returns the last attempts of messages that ended undelivered; see `DeadLetters.dead_letters`."""
    rows = db.execute(
        f"SELECT {_ATTEMPT} FROM attempts AS a WHERE outcome IN {_DEAD} "
        "AND attempt_no = (SELECT max(attempt_no) FROM attempts AS b WHERE b.decision_key = a.decision_key) "
        "ORDER BY begun_us DESC, decision_key DESC LIMIT ?",
        (limit,),
    )
    return [_attempt(row) for row in rows]


def redrive(db: sqlite3.Connection, decision_key: int, at_us: int) -> bool:
    """Lets a dead letter be tried again; see `DeadLetters.redrive`."""
    entry = outbox_of(db, decision_key)
    if entry is None or entry.next_try_us is not None or entry.attempts[-1].outcome not in DEAD_OUTCOMES:
        return False
    key, number = signed(decision_key), entry.attempts[-1].attempt_no + 1
    db.execute(f"INSERT INTO attempts ({_ATTEMPT}) VALUES (?, ?, ?, ?, '')", (key, number, at_us, REDRIVEN))
    db.execute("UPDATE outbox SET next_try_us = ? WHERE decision_key = ?", (at_us, key))
    return True


def _row(row: tuple[int, int, int, int, bytes]) -> OutboxRow:
    decision_key, user_key, at_us, channel_code, message = row
    return OutboxRow(unsigned(decision_key), unsigned(user_key), at_us, channel_code, message)


def _attempt(row: tuple[int, int, int, str | None, str]) -> Attempt:
    return Attempt(unsigned(row[0]), *row[1:])
