"""What the HTTP service keeps in SQLite: answers by idempotency key, and API keys.

The functions expect an open write transaction where they write.
"""

import sqlite3

from tactful.stores.protocols import Answer, ApiKey
from tactful.stores.refusals import known_api_key

_ANSWER = "at_us, fingerprint, status, body"
_KEY = "key_id, digest, scopes, name, created_us, revoked_us"


def keep_answer(db: sqlite3.Connection, request_key: bytes, answer: Answer) -> None:
    """Keeps an answer; see `Answers.keep_answer`."""
    db.execute(
        f"INSERT OR REPLACE INTO answers (request_key, {_ANSWER}) VALUES (?, ?, ?, ?, ?)", (request_key, *answer)
    )


def answer(db: sqlite3.Connection, request_key: bytes) -> Answer | None:
    """Returns what was answered, None if nothing was."""
    row = db.execute(f"SELECT {_ANSWER} FROM answers WHERE request_key = ?", (request_key,)).fetchone()
    return None if row is None else Answer(*row)


def forget_answers(db: sqlite3.Connection, before_us: int, limit: int) -> int:
    """Forgets old answers and returns how many."""
    return db.execute(
        "DELETE FROM answers WHERE request_key IN "
        "(SELECT request_key FROM answers WHERE at_us < ? ORDER BY at_us LIMIT ?)",
        (before_us, limit),
    ).rowcount


def add_api_key(db: sqlite3.Connection, key: ApiKey) -> None:
    """Adds a key; see `ApiKeys.add_api_key`."""
    row = (key.key_id, key.digest, " ".join(key.scopes), key.name, key.created_us, key.revoked_us)
    try:
        db.execute(f"INSERT INTO api_keys ({_KEY}) VALUES (?, ?, ?, ?, ?, ?)", row)
    except sqlite3.IntegrityError:
        raise known_api_key(key.key_id) from None


def api_keys(db: sqlite3.Connection) -> list[ApiKey]:
    """Returns all keys, revoked ones included."""
    rows = db.execute(f"SELECT {_KEY} FROM api_keys ORDER BY created_us, key_id")
    return [ApiKey(key, digest, tuple(scopes.split()), *rest) for key, digest, scopes, *rest in rows]


def revoke_api_key(db: sqlite3.Connection, key_id: str, at_us: int) -> bool:
    """Revokes a key; returns whether there was one in force."""
    done = db.execute("UPDATE api_keys SET revoked_us = ? WHERE key_id = ? AND revoked_us IS NULL", (at_us, key_id))
    return done.rowcount > 0
