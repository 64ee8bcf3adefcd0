"""The tables of the SQLite store, as the migrations that made them. Once released, a migration never changes.

All keys are stored as `order_preserving.signed`. Nothing that grows with the inputs has an index in random
order: with eight million keys in it, such an index cost eight times as much as writing the inputs themselves.
So logs are clustered by offset or by instant, `keys` is filled lazily (see `key_index`), and the `*_pages`
hold in columns, one row an append, what a search or a restart runs through (see `prints`).
"""

import sqlite3

from tactful.errors import StoreError

APPLICATION_ID = 0x54414354

_SCHEMA_1 = """
CREATE TABLE inputs (offset INTEGER PRIMARY KEY, log_ts_us INTEGER NOT NULL, user_key INTEGER NOT NULL,
    dedupe_key INTEGER NOT NULL, content_hash INTEGER NOT NULL, kind INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE input_pages (first_offset INTEGER PRIMARY KEY, user_prints BLOB NOT NULL, keys BLOB NOT NULL);
CREATE TABLE keys (dedupe_key INTEGER PRIMARY KEY, offset INTEGER NOT NULL);
CREATE TABLE keys_through (id INTEGER PRIMARY KEY CHECK (id = 0), offset INTEGER NOT NULL);
INSERT INTO keys_through VALUES (0, -1);

CREATE TABLE states (ordinal INTEGER PRIMARY KEY, user_id TEXT NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE decisions (seq INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, user_key INTEGER NOT NULL,
    decision_key INTEGER NOT NULL, action_code INTEGER NOT NULL, data BLOB NOT NULL);
CREATE UNIQUE INDEX decisions_by_time ON decisions (at_us, user_key, decision_key);
CREATE TABLE decision_pages (first_seq INTEGER PRIMARY KEY, min_us INTEGER NOT NULL, max_us INTEGER NOT NULL,
    key_prints BLOB NOT NULL, user_prints BLOB NOT NULL);
CREATE TABLE plans (seq INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, user_key INTEGER NOT NULL,
    day INTEGER NOT NULL, data BLOB NOT NULL);
CREATE UNIQUE INDEX plans_by_time ON plans (at_us, user_key, day);

CREATE TABLE controls (version INTEGER NOT NULL, key TEXT NOT NULL, effective_us INTEGER NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY (version, key)) WITHOUT ROWID;
CREATE TABLE budgets (user_key INTEGER NOT NULL, period INTEGER NOT NULL, at_us INTEGER NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY (user_key, period, at_us, data)) WITHOUT ROWID;

CREATE TABLE suppressions (user_key INTEGER NOT NULL, channel_code INTEGER NOT NULL,
    log_ts_us INTEGER NOT NULL, lifted INTEGER NOT NULL, PRIMARY KEY (user_key, channel_code)) WITHOUT ROWID;
CREATE TABLE cancels (user_key INTEGER NOT NULL, candidate_key INTEGER NOT NULL, at_us INTEGER NOT NULL,
    PRIMARY KEY (user_key, candidate_key)) WITHOUT ROWID;
CREATE TABLE group_cancels (user_key INTEGER NOT NULL, cancel_key INTEGER NOT NULL, at_us INTEGER NOT NULL,
    PRIMARY KEY (user_key, cancel_key)) WITHOUT ROWID;

CREATE TABLE outbox (decision_key INTEGER PRIMARY KEY, user_key INTEGER NOT NULL, at_us INTEGER NOT NULL,
    channel_code INTEGER NOT NULL, next_try_us INTEGER, in_doubt INTEGER NOT NULL, message BLOB NOT NULL);
CREATE INDEX outbox_pending ON outbox (next_try_us) WHERE next_try_us IS NOT NULL AND in_doubt = 0;
CREATE TABLE attempts (decision_key INTEGER NOT NULL, attempt_no INTEGER NOT NULL, begun_us INTEGER NOT NULL,
    outcome TEXT, detail TEXT NOT NULL, PRIMARY KEY (decision_key, attempt_no)) WITHOUT ROWID;
CREATE INDEX attempts_in_doubt ON attempts (begun_us, decision_key) WHERE outcome IS NULL;

CREATE TABLE rejects (seq INTEGER PRIMARY KEY, log_ts_us INTEGER NOT NULL, kind TEXT NOT NULL,
    reason TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE artefacts (seq INTEGER PRIMARY KEY, family TEXT NOT NULL, name TEXT NOT NULL,
    version TEXT NOT NULL, data BLOB NOT NULL, UNIQUE (family, name, version));
"""

_SCHEMA_2 = """
CREATE TABLE mailbox (seq INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""

_SCHEMA_3_DELIVERY = """
CREATE INDEX outbox_by_channel ON outbox (channel_code, next_try_us, decision_key)
    WHERE next_try_us IS NOT NULL AND in_doubt = 0;
CREATE INDEX attempts_dead ON attempts (begun_us, decision_key)
    WHERE outcome IN ('failed', 'gave_up', 'unrenderable');
CREATE TABLE inbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, decision_key INTEGER NOT NULL UNIQUE,
    user_key INTEGER NOT NULL, at_us INTEGER NOT NULL, expires_us INTEGER NOT NULL, data BLOB NOT NULL,
    seen_us INTEGER, read_us INTEGER, clicked_us INTEGER);
CREATE INDEX inbox_by_user ON inbox (user_key, seq);
"""

_SCHEMA_4_REQUESTS = """
CREATE TABLE answers (request_key BLOB PRIMARY KEY, at_us INTEGER NOT NULL, fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX answers_by_age ON answers (at_us);
CREATE TABLE api_keys (key_id TEXT PRIMARY KEY, digest BLOB NOT NULL, scopes TEXT NOT NULL, name TEXT NOT NULL,
    created_us INTEGER NOT NULL, revoked_us INTEGER) WITHOUT ROWID;
"""

_SCHEMA_5_CHOICES = """
CREATE TABLE preferences (user_key INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""

_SCHEMA_6_SHADOW = """
CREATE TABLE shadow_sends (send_key INTEGER PRIMARY KEY, user_key INTEGER NOT NULL, at_us INTEGER NOT NULL,
    data BLOB NOT NULL);
CREATE INDEX shadow_sends_by_time ON shadow_sends (at_us, send_key);
"""

MIGRATIONS = (_SCHEMA_1, _SCHEMA_2, _SCHEMA_3_DELIVERY, _SCHEMA_4_REQUESTS, _SCHEMA_5_CHOICES, _SCHEMA_6_SHADOW)
"""The n-th brings a file from schema n to n + 1; an empty file is schema 0."""

SCHEMA_VERSION = len(MIGRATIONS)
READABLE_SINCE = 1
"""The oldest schema that may be opened read-only as it is: what came later only serves a writer (the mailbox, answers)
or a service, which upgrades first (keys, shadow sends)."""


def upgrade(connection: sqlite3.Connection) -> None:
    """Brings an empty or older file to the present schema, in one transaction.

    Raises:
        StoreError: if the file is newer than this version of Tactful, or another program's.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection)
        for script in MIGRATIONS[version:]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection) -> int:
    """Returns the schema version of an open file, 0 if it is empty.

    Raises:
        StoreError: if the file is newer than this version of Tactful, or another program's.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != APPLICATION_ID:
        raise StoreError("got a database of another program, expected a Tactful store; give another path")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"got a store of schema {version}, expected at most {SCHEMA_VERSION}: a newer Tactful wrote it; "
            "upgrade this installation, or open a copy made before that upgrade"
        )
    return int(version)
