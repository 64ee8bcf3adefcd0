"""All records in one SQLite file: write-ahead log, one writer at a time, any number of readers.

The methods do what `protocols` says. Larger concerns rest in files of their own: the tables in `schema`, the
input log in `sqlite_inputs`, decisions and plans in `sqlite_decisions`, the outbox in `sqlite_outbox`, the
inbox in `sqlite_inbox`, what the HTTP service keeps in `sqlite_access`, what another sender sent in
`sqlite_shadow`, parts of many rows in `sqlite_samples`.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Literal

from tactful.errors import StoreError
from tactful.stores import sqlite_access as access
from tactful.stores import sqlite_decisions as decisions
from tactful.stores import sqlite_erasing as erasing
from tactful.stores import sqlite_inbox as inbox
from tactful.stores import sqlite_outbox as outbox
from tactful.stores import sqlite_samples as samples
from tactful.stores import sqlite_shadow as shadow
from tactful.stores.order_preserving import signed, unsigned
from tactful.stores.protocols import (
    Answer,
    ApiKey,
    Attempt,
    BudgetRow,
    ControlRow,
    DecisionRow,
    Erased,
    InboxDeed,
    InboxRow,
    LoggedInput,
    OutboxEntry,
    OutboxRow,
    PlanRow,
    Refused,
    Reject,
    ShadowSendRow,
    Versioned,
)
from tactful.stores.refusals import nested_transaction, version_differs
from tactful.stores.schema import READABLE_SINCE, upgrade, version_of
from tactful.stores.sqlite_inputs import SqliteInputLog

_CACHE_KIB = 8 * 1024
_CHECKPOINT_PAGES = 4096
_LOG_BYTES = 64 * 1024 * 1024  # the write-ahead log is cut to this after a snapshot made it grow
_BUSY_SECONDS = 30.0
_CHECKPOINT_WAIT_MS = 200  # writers wait as long; who calls may try again


class SqliteStore:
    """A store in one file.

    Args:
        path: the file; made if missing, brought to the present schema if older.
        synchronous: "full" outlives a power cut; "normal" outlives a killed process, and may lose the last
            commits in a power cut.
        read_only: opens an existing file without ever writing to it.

    Raises:
        StoreError: if the file cannot be opened, is another program's, or of a newer schema.
    """

    def __init__(self, path: Path, synchronous: Literal["full", "normal"] = "full", read_only: bool = False) -> None:
        try:
            self._db = _connect(path, synchronous, read_only)
        except (sqlite3.Error, StoreError) as error:
            raise StoreError(f"{path}: {error}") from error
        self._inputs = SqliteInputLog(self._db)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._db.in_transaction:
            raise nested_transaction()
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"{error}: got no write access within {_BUSY_SECONDS:.0f} s; "
                "end the other writer's transaction, or open the store without read_only"
            ) from error
        try:
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise StoreError(f"{error}: nothing of this transaction was kept; check the disk") from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self._inputs.forget_index()

    def _writing(self) -> AbstractContextManager[None]:
        """The open transaction, or one for this call alone."""
        return nullcontext() if self._db.in_transaction else self.transaction()

    def close(self) -> None:
        self._db.close()

    # Erasing

    def erase(
        self, people: Mapping[int, str], hers: Callable[[bytes], bool], without: Callable[[bytes], bytes]
    ) -> Erased:
        with self._writing():
            return erasing.erase(self._db, people, hers, without)

    def checkpoint(self) -> bool:
        self._db.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_WAIT_MS}")
        (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._db.execute(f"PRAGMA busy_timeout = {round(_BUSY_SECONDS * 1000)}")
        return int(busy) == 0

    # Input log

    def append(self, inputs: Sequence[LoggedInput]) -> list[Refused]:
        with self._writing():
            return self._inputs.append(inputs)

    def read(self, after_offset: int, limit: int) -> list[LoggedInput]:
        return self._inputs.read(after_offset, limit)

    def fetch(self, offsets: Sequence[int]) -> dict[int, bytes]:
        return self._inputs.fetch(offsets)

    def last(self) -> tuple[int, int]:
        return self._inputs.last()

    def inputs_of(self, user_key: int, since_us: int, until_us: int) -> list[LoggedInput]:
        return self._inputs.inputs_of(user_key, since_us, until_us)

    # Mailbox

    def post(self, letters: Sequence[bytes]) -> None:
        with self._writing():
            self._db.executemany("INSERT INTO mailbox (data) VALUES (?)", [(letter,) for letter in letters])

    def posted(self) -> int:
        # Letters are added behind the last and taken from the first on, so nobody needs to count them.
        (count,) = self._db.execute(
            "SELECT coalesce((SELECT max(seq) FROM mailbox) - (SELECT min(seq) FROM mailbox) + 1, 0)"
        ).fetchone()
        return int(count)

    def take_posted(self, limit: int, most_bytes: int | None = None) -> list[bytes]:
        with self._writing():
            letters: list[bytes] = []
            size, last = 0, 0
            for seq, data in self._db.execute("SELECT seq, data FROM mailbox ORDER BY seq LIMIT ?", (limit,)):
                size += len(data)
                if most_bytes is not None and size > most_bytes and letters:
                    break
                letters.append(data)
                last = seq
            if letters:
                self._db.execute("DELETE FROM mailbox WHERE seq <= ?", (last,))
            return letters

    # What the HTTP service keeps

    def keep_answer(self, request_key: bytes, answer: Answer) -> None:
        with self._writing():
            access.keep_answer(self._db, request_key, answer)

    def answer(self, request_key: bytes) -> Answer | None:
        return access.answer(self._db, request_key)

    def forget_answers(self, before_us: int, limit: int) -> int:
        with self._writing():
            return access.forget_answers(self._db, before_us, limit)

    def add_api_key(self, key: ApiKey) -> None:
        with self._writing():
            access.add_api_key(self._db, key)

    def api_keys(self) -> list[ApiKey]:
        return access.api_keys(self._db)

    def revoke_api_key(self, key_id: str, at_us: int) -> bool:
        with self._writing():
            return access.revoke_api_key(self._db, key_id, at_us)

    # State snapshots

    def save_states(self, rows: Iterable[tuple[str, bytes]]) -> None:
        with self._writing():
            self._db.executemany(
                "INSERT INTO states (user_id, data) VALUES (?, ?) "
                "ON CONFLICT (user_id) DO UPDATE SET data = excluded.data",
                rows,
            )

    def load_states(self) -> Iterator[tuple[str, bytes]]:
        yield from self._db.execute("SELECT user_id, data FROM states ORDER BY ordinal")

    def save_meta(self, name: str, data: bytes) -> None:
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, data))

    def load_meta(self, name: str) -> bytes | None:
        row = self._db.execute("SELECT data FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    # Decision log

    def append_decisions(self, rows: Sequence[DecisionRow]) -> int:
        with self._writing():
            return decisions.append_decisions(self._db, rows)

    def decision(self, decision_key: int) -> DecisionRow | None:
        return decisions.decision(self._db, decision_key)

    def decisions_of(self, user_key: int, since_us: int, until_us: int) -> list[DecisionRow]:
        return decisions.decisions_of(self._db, user_key, since_us, until_us)

    def decisions_between(self, since_us: int, until_us: int) -> Iterator[DecisionRow]:
        return decisions.decisions_between(self._db, since_us, until_us)

    def decisions_before(self, place: tuple[int, int, int], since_us: int, limit: int) -> list[DecisionRow]:
        return decisions.decisions_before(self._db, place, since_us, limit)

    def count_decisions(self) -> int:
        (count,) = self._db.execute("SELECT count(*) FROM decisions").fetchone()
        return int(count)

    def append_plans(self, rows: Sequence[PlanRow]) -> int:
        with self._writing():
            return decisions.append_plans(self._db, rows)

    def plans_of(self, user_key: int, since_us: int, until_us: int) -> list[PlanRow]:
        return decisions.plans_of(self._db, user_key, since_us, until_us)

    def plans_between(self, since_us: int, until_us: int) -> Iterator[PlanRow]:
        return decisions.plans_between(self._db, since_us, until_us)

    # Samples

    def sample_decisions(
        self, since_us: int, until_us: int, at_most: int, action_code: int | None = None
    ) -> tuple[list[DecisionRow], int]:
        return samples.sample_decisions(self._db, since_us, until_us, at_most, action_code)

    def sample_plans(self, since_us: int, until_us: int, at_most: int) -> tuple[list[PlanRow], int]:
        return samples.sample_plans(self._db, since_us, until_us, at_most)

    def sample_states(self, at_most: int) -> tuple[list[tuple[str, bytes]], int]:
        return samples.sample_states(self._db, at_most)

    # Control log

    def append_controls(self, rows: Sequence[ControlRow]) -> None:
        with self._writing():
            self._db.executemany(
                "INSERT OR IGNORE INTO controls (version, effective_us, key, data) VALUES (?, ?, ?, ?)", rows
            )

    def controls(self) -> list[ControlRow]:
        rows = self._db.execute("SELECT version, effective_us, key, data FROM controls ORDER BY version, key")
        return [ControlRow(*row) for row in rows]

    def latest_control(self, key: str) -> ControlRow | None:
        found = self._db.execute(
            "SELECT version, effective_us, key, data FROM controls WHERE key = ? ORDER BY version DESC LIMIT 1", (key,)
        ).fetchone()
        return None if found is None else ControlRow(*found)

    def controls_of(self, key: str, after_version: int) -> list[ControlRow]:
        rows = self._db.execute(
            "SELECT version, effective_us, key, data FROM controls WHERE key = ? AND version > ? ORDER BY version",
            (key, after_version),
        )
        return [ControlRow(*row) for row in rows]

    # Rights

    def suppress(self, user_key: int, channel_code: int, log_ts_us: int, lifted: bool) -> None:
        with self._writing():
            self._db.execute(
                "INSERT INTO suppressions VALUES (?, ?, ?, ?) ON CONFLICT (user_key, channel_code) DO UPDATE "
                "SET log_ts_us = excluded.log_ts_us, lifted = excluded.lifted "
                "WHERE (excluded.log_ts_us, -excluded.lifted) > (log_ts_us, -lifted)",
                (signed(user_key), channel_code, log_ts_us, int(lifted)),
            )

    def suppressed(self, user_key: int, channel_code: int) -> bool:
        return self._holds(
            "SELECT 1 FROM suppressions WHERE user_key = ? AND channel_code IN (-1, ?) AND lifted = 0",
            (signed(user_key), channel_code),
        )

    def cancel(self, user_key: int, candidate_key: int, at_us: int) -> None:
        with self._writing():
            self._db.execute(
                "INSERT OR IGNORE INTO cancels VALUES (?, ?, ?)",
                (signed(user_key), signed(candidate_key), at_us),
            )

    def cancel_group(self, user_key: int, cancel_key: int, at_us: int) -> None:
        with self._writing():
            self._db.execute(
                "INSERT INTO group_cancels VALUES (?, ?, ?) ON CONFLICT (user_key, cancel_key) DO UPDATE "
                "SET at_us = max(at_us, excluded.at_us)",
                (signed(user_key), signed(cancel_key), at_us),
            )

    def cancelled(self, user_key: int, candidate_key: int, cancel_key: int, log_ts_us: int) -> bool:
        user = signed(user_key)
        return self._holds(
            "SELECT 1 FROM cancels WHERE user_key = ? AND candidate_key = ?", (user, signed(candidate_key))
        ) or (
            cancel_key != 0
            and self._holds(
                "SELECT 1 FROM group_cancels WHERE user_key = ? AND cancel_key = ? AND at_us >= ?",
                (user, signed(cancel_key), log_ts_us),
            )
        )

    def _holds(self, query: str, arguments: tuple[int, ...]) -> bool:
        return self._db.execute(query, arguments).fetchone() is not None

    # Choices

    def put_preferences(self, user_key: int, data: bytes) -> None:
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO preferences VALUES (?, ?)", (signed(user_key), data))

    def preferences_of(self, user_key: int) -> bytes | None:
        row = self._db.execute("SELECT data FROM preferences WHERE user_key = ?", (signed(user_key),)).fetchone()
        return None if row is None else bytes(row[0])

    # Shadow sends

    def put_shadow_sends(self, rows: Sequence[ShadowSendRow]) -> None:
        with self._writing():
            shadow.put_shadow_sends(self._db, rows)

    def shadow_sends(self) -> Iterator[ShadowSendRow]:
        return shadow.shadow_sends(self._db)

    def shadow_sends_of(self, user_key: int) -> list[ShadowSendRow]:
        return shadow.shadow_sends_of(self._db, user_key)

    # Budgets

    def append_budgets(self, rows: Sequence[BudgetRow]) -> None:
        with self._writing():
            self._db.executemany(
                "INSERT OR IGNORE INTO budgets (user_key, period, at_us, data) VALUES (?, ?, ?, ?)",
                [(signed(user), period, at, data) for user, period, at, data in rows],
            )

    def budgets_of(self, user_key: int, period: int) -> list[BudgetRow]:
        rows = self._db.execute(
            "SELECT at_us, data FROM budgets WHERE user_key = ? AND period = ? ORDER BY at_us, data",
            (signed(user_key), period),
        )
        return [BudgetRow(user_key, period, at, data) for at, data in rows]

    def budgets_between(self, since_us: int, until_us: int) -> Iterator[BudgetRow]:
        rows = self._db.execute(
            "SELECT user_key, period, at_us, data FROM budgets WHERE at_us >= ? AND at_us < ? "
            "ORDER BY user_key, period, at_us, data",
            (since_us, until_us),
        )
        for user, period, at, data in rows:
            yield BudgetRow(unsigned(user), period, at, data)

    # Outbox

    def enqueue(self, rows: Sequence[OutboxRow]) -> int:
        with self._writing():
            return outbox.enqueue(self._db, rows)

    def pending(self, limit: int, now_us: int, channel_code: int | None = None) -> list[OutboxRow]:
        return outbox.pending(self._db, limit, now_us, channel_code)

    def begin_attempt(self, decision_key: int, at_us: int) -> int | None:
        with self._writing():
            return outbox.begin_attempt(self._db, decision_key, at_us)

    def end_attempt(
        self, decision_key: int, attempt_no: int, outcome: str, detail: str, next_try_us: int | None
    ) -> None:
        with self._writing():
            outbox.end_attempt(self._db, decision_key, attempt_no, outcome, detail, next_try_us)

    def in_doubt(self) -> list[Attempt]:
        return outbox.in_doubt(self._db)

    def outbox_stock(self) -> dict[int, int]:
        return outbox.stock(self._db)

    def outbox_of(self, decision_key: int) -> OutboxEntry | None:
        return outbox.outbox_of(self._db, decision_key)

    def dead_letters(self, limit: int) -> list[Attempt]:
        return outbox.dead_letters(self._db, limit)

    def redrive(self, decision_key: int, at_us: int) -> bool:
        with self._writing():
            return outbox.redrive(self._db, decision_key, at_us)

    # Inbox

    def put_inbox(self, rows: Sequence[InboxRow]) -> int:
        with self._writing():
            return inbox.put_inbox(self._db, rows)

    def inbox_of(self, user_key: int, now_us: int, limit: int, before_seq: int | None = None) -> list[InboxRow]:
        return inbox.inbox_of(self._db, user_key, now_us, limit, before_seq)

    def inbox_after(self, after_seq: int, limit: int, user_key: int | None = None) -> list[InboxRow]:
        return inbox.inbox_after(self._db, after_seq, limit, user_key)

    def inbox_last(self) -> int:
        return inbox.inbox_last(self._db)

    def inbox_unread(self, user_key: int, now_us: int) -> int:
        return inbox.inbox_unread(self._db, user_key, now_us)

    def mark_inbox(self, user_key: int, decision_key: int, deed: InboxDeed, at_us: int) -> InboxRow | None:
        with self._writing():
            return inbox.mark_inbox(self._db, user_key, decision_key, deed, at_us)

    # Rejects

    def reject(self, log_ts_us: int, kind: str, reason: str, data: bytes) -> None:
        with self._writing():
            self._db.execute(
                "INSERT INTO rejects (log_ts_us, kind, reason, data) VALUES (?, ?, ?, ?)",
                (log_ts_us, kind, reason, data),
            )

    def count_rejects(self) -> int:
        (count,) = self._db.execute("SELECT count(*) FROM rejects").fetchone()
        return int(count)

    def rejects(self, limit: int) -> list[Reject]:
        rows = self._db.execute("SELECT log_ts_us, kind, reason, data FROM rejects ORDER BY seq DESC LIMIT ?", (limit,))
        return [Reject(*row) for row in rows]

    # Artefacts

    def put_model(self, name: str, version: str, data: bytes) -> None:
        self._put("model", name, version, data)

    def model(self, name: str, version: str | None = None) -> Versioned | None:
        return self._artefact("model", name, version)

    def model_versions(self, name: str, limit: int) -> list[str]:
        rows = self._db.execute(
            "SELECT version FROM artefacts WHERE family = 'model' AND name = ? ORDER BY seq DESC LIMIT ?", (name, limit)
        )
        return [version for (version,) in rows]

    def put_catalogue(self, version: str, data: bytes) -> None:
        self._put("catalogue", "catalogue", version, data)

    def catalogue(self, version: str | None = None) -> Versioned | None:
        return self._artefact("catalogue", "catalogue", version)

    def _put(self, family: str, name: str, version: str, data: bytes) -> None:
        with self._writing():
            known = self._artefact(family, name, version)
            if known is not None and known.data != data:
                raise version_differs(name, version)
            self._db.execute(
                "INSERT OR IGNORE INTO artefacts (family, name, version, data) VALUES (?, ?, ?, ?)",
                (family, name, version, data),
            )

    def _artefact(self, family: str, name: str, version: str | None) -> Versioned | None:
        row = self._db.execute(
            "SELECT version, data FROM artefacts "
            "WHERE family = ? AND name = ? AND version = coalesce(?, version) ORDER BY seq DESC LIMIT 1",
            (family, name, version),
        ).fetchone()
        return None if row is None else Versioned(*row)


def _connect(path: Path, synchronous: str, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=_BUSY_SECONDS
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        version = version_of(connection)
        if read_only and version < READABLE_SINCE:
            raise StoreError(f"got schema {version}, expected {READABLE_SINCE} or later; open it for writing once")
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
            connection.execute("PRAGMA secure_delete = ON")
            upgrade(connection)
    except BaseException:
        connection.close()
        raise
    return connection
