"""All records in memory, for tests and simulation: what the SQLite store does, without a file.

The methods do what `protocols` says. Every change notes how to undo it, so that a transaction left by an
exception leaves nothing behind.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, islice
from typing import TypeVar

from tactful.stores.protocols import (
    DEAD_OUTCOMES,
    REDRIVEN,
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
from tactful.stores.refusals import check_order, known_api_key, nested_transaction, no_open_attempt, version_differs

K = TypeVar("K")
V = TypeVar("V")

_GONE = -1
"""The kind of an input that was erased: it keeps its place, and nobody reads it."""


class MemoryStore:
    """A store without a file."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] | None = None
        self._inputs: list[LoggedInput] = []
        self._inputs_by_user: dict[int, list[LoggedInput]] = {}
        self._hash_of_key: dict[int, int] = {}
        self._letters: list[bytes] = []
        self._answers: dict[bytes, Answer] = {}
        self._api_keys: dict[str, ApiKey] = {}
        self._states: dict[str, bytes] = {}
        self._meta: dict[str, bytes] = {}
        self._decisions: dict[int, DecisionRow] = {}
        self._plans: dict[tuple[int, int, int], PlanRow] = {}
        self._controls: dict[tuple[int, str], ControlRow] = {}
        self._suppressions: dict[tuple[int, int], tuple[int, bool]] = {}
        self._cancels: dict[tuple[int, int], int] = {}
        self._group_cancels: dict[tuple[int, int], int] = {}
        self._preferences: dict[int, bytes] = {}
        self._shadow_sends: dict[int, ShadowSendRow] = {}
        self._budgets: dict[BudgetRow, None] = {}
        self._outbox: dict[int, OutboxEntry] = {}
        self._inbox: dict[int, InboxRow] = {}
        self._rejects: dict[int, Reject] = {}
        self._artefacts: dict[tuple[str, str, str], Versioned] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._undo is not None:
            raise nested_transaction()
        self._undo = []
        try:
            yield
        except BaseException:
            for undo in reversed(self._undo):
                undo()
            raise
        finally:
            self._undo = None

    def close(self) -> None:
        pass

    def _set(self, table: dict[K, V], key: K, value: V) -> None:
        if self._undo is not None:
            if key in table:
                old = table[key]
                self._undo.append(lambda: table.__setitem__(key, old))
            else:
                self._undo.append(lambda: table.pop(key))
        table[key] = value

    def _drop(self, table: dict[K, V], key: K) -> None:
        old = table.pop(key)
        if self._undo is not None:
            self._undo.append(lambda: table.__setitem__(key, old))

    def _set_new(self, table: dict[K, V], rows: Iterable[tuple[K, V]]) -> int:
        """Adds rows whose key is not there yet; returns how many."""
        before = len(table)
        for key, row in rows:
            if key not in table:
                self._set(table, key, row)
        return len(table) - before

    # Erasing

    def erase(
        self, people: Mapping[int, str], hers: Callable[[bytes], bool], without: Callable[[bytes], bytes]
    ) -> Erased:
        inputs = [_of_nobody(i, people, without) for i in self._inputs]
        decisions = {key: row for key, row in self._decisions.items() if row.user_key not in people}
        gone = self._decisions.keys() - decisions.keys()
        erased = sum(i.user_key in people for i in self._inputs)
        self._replace("_inputs", inputs)
        self._replace("_inputs_by_user", _by_user(inputs))
        self._replace("_decisions", decisions)
        self._replace("_outbox", {k: _emptied(e) if k in gone else e for k, e in self._outbox.items()})
        hidden = {
            k: r._replace(user_key=0, expires_us=0, data=b"") for k, r in self._inbox.items() if r.user_key in people
        }
        self._replace("_inbox", {**self._inbox, **hidden})
        self._replace("_plans", {k: row for k, row in self._plans.items() if row.user_key not in people})
        self._replace("_budgets", {row: None for row in self._budgets if row.user_key not in people})
        self._replace("_preferences", {k: data for k, data in self._preferences.items() if k not in people})
        shadow = {k: row for k, row in self._shadow_sends.items() if row.user_key not in people}
        self._replace("_shadow_sends", shadow)
        for name in ("_suppressions", "_cancels", "_group_cancels"):
            self._replace(name, {k: row for k, row in getattr(self, name).items() if k[0] not in people})
        self._replace("_states", {user: data for user, data in self._states.items() if user not in people.values()})
        ids = [user_id.encode() for user_id in people.values()]
        answers = {k: a for k, a in self._answers.items() if not any(user_id in a.body for user_id in ids)}
        self._replace("_answers", answers)
        rejects = {k: r._replace(reason="erased", data=b"") if hers(r.data) else r for k, r in self._rejects.items()}
        self._replace("_rejects", rejects)
        kept = {k: v._replace(data=without(v.data)) if k[0] == "catalogue" else v for k, v in self._artefacts.items()}
        self._replace("_artefacts", kept)
        return Erased(erased, len(gone), len(gone & self._outbox.keys()))

    def checkpoint(self) -> bool:
        return True

    def _replace(self, name: str, value: object) -> None:
        before = getattr(self, name)
        if self._undo is not None:
            self._undo.append(lambda: setattr(self, name, before))
        setattr(self, name, value)

    # Input log

    def append(self, inputs: Sequence[LoggedInput]) -> list[Refused]:
        if not inputs:
            return []
        check_order(inputs, self.last())
        refused = []
        for position, logged in enumerate(inputs):
            if logged.dedupe_key != 0:
                known = self._hash_of_key.get(logged.dedupe_key)
                if known is not None:
                    refused.append(Refused(position, known))
                    continue
                self._set(self._hash_of_key, logged.dedupe_key, logged.content_hash)
            for log in (self._inputs, self._inputs_by_user.setdefault(logged.user_key, [])):
                log.append(logged)
                if self._undo is not None:
                    self._undo.append(log.pop)
        return refused

    def read(self, after_offset: int, limit: int) -> list[LoggedInput]:
        start = bisect_right(self._inputs, after_offset, key=lambda i: i.offset)
        found = self._inputs[start : start + limit]
        if all(i.kind != _GONE for i in found):
            return found
        return list(islice((i for i in islice(self._inputs, start, None) if i.kind != _GONE), limit))

    def fetch(self, offsets: Sequence[int]) -> dict[int, bytes]:
        found = (self.read(offset - 1, 1) for offset in offsets)
        return {
            rows[0].offset: rows[0].data
            for rows, offset in zip(found, offsets, strict=True)
            if rows and rows[0].offset == offset
        }

    def last(self) -> tuple[int, int]:
        return (self._inputs[-1].offset, self._inputs[-1].log_ts_us) if self._inputs else (-1, 0)

    def inputs_of(self, user_key: int, since_us: int, until_us: int) -> list[LoggedInput]:
        return [i for i in self._inputs_by_user.get(user_key, []) if since_us <= i.log_ts_us < until_us]

    # Mailbox

    def post(self, letters: Sequence[bytes]) -> None:
        self._set_letters([*self._letters, *letters])

    def posted(self) -> int:
        return len(self._letters)

    def take_posted(self, limit: int, most_bytes: int | None = None) -> list[bytes]:
        number = len(self._letters[:limit])
        if most_bytes is not None:
            sizes = accumulate(len(letter) for letter in self._letters[:limit])
            number = min(number, max(1, sum(size <= most_bytes for size in sizes)))
        taken, left = self._letters[:number], self._letters[number:]
        self._set_letters(left)
        return taken

    def _set_letters(self, letters: list[bytes]) -> None:
        if self._undo is not None:
            before = self._letters
            self._undo.append(lambda: setattr(self, "_letters", before))
        self._letters = letters

    # What the HTTP service keeps

    def keep_answer(self, request_key: bytes, answer: Answer) -> None:
        self._set(self._answers, request_key, answer)

    def answer(self, request_key: bytes) -> Answer | None:
        return self._answers.get(request_key)

    def forget_answers(self, before_us: int, limit: int) -> int:
        by_age = sorted(self._answers, key=lambda each: self._answers[each].at_us)
        old = [each for each in by_age if self._answers[each].at_us < before_us][:limit]
        for request_key in old:
            self._drop(self._answers, request_key)
        return len(old)

    def add_api_key(self, key: ApiKey) -> None:
        if key.key_id in self._api_keys:
            raise known_api_key(key.key_id)
        self._set(self._api_keys, key.key_id, key)

    def api_keys(self) -> list[ApiKey]:
        return sorted(self._api_keys.values(), key=lambda key: (key.created_us, key.key_id))

    def revoke_api_key(self, key_id: str, at_us: int) -> bool:
        key = self._api_keys.get(key_id)
        if key is None or key.revoked_us is not None:
            return False
        self._set(self._api_keys, key_id, key._replace(revoked_us=at_us))
        return True

    # State snapshots

    def save_states(self, rows: Iterable[tuple[str, bytes]]) -> None:
        for user_id, data in list(rows):  # so that rows that fail halfway leave nothing
            self._set(self._states, user_id, data)

    def load_states(self) -> Iterator[tuple[str, bytes]]:
        yield from self._states.items()

    def save_meta(self, name: str, data: bytes) -> None:
        self._set(self._meta, name, data)

    def load_meta(self, name: str) -> bytes | None:
        return self._meta.get(name)

    # Decision log

    def append_decisions(self, rows: Sequence[DecisionRow]) -> int:
        return self._set_new(self._decisions, ((row.decision_key, row) for row in rows))

    def decision(self, decision_key: int) -> DecisionRow | None:
        return self._decisions.get(decision_key)

    def decisions_of(self, user_key: int, since_us: int, until_us: int) -> list[DecisionRow]:
        return [row for row in self.decisions_between(since_us, until_us) if row.user_key == user_key]

    def decisions_between(self, since_us: int, until_us: int) -> Iterator[DecisionRow]:
        found = (row for row in self._decisions.values() if since_us <= row.at_us < until_us)
        yield from sorted(found, key=lambda row: (row.at_us, row.user_key, row.decision_key))

    def decisions_before(self, place: tuple[int, int, int], since_us: int, limit: int) -> list[DecisionRow]:
        found = [row for row in self.decisions_between(since_us, place[0] + 1) if _place(row) < place]
        return list(reversed(found))[:limit]

    def count_decisions(self) -> int:
        return len(self._decisions)

    def append_plans(self, rows: Sequence[PlanRow]) -> int:
        return self._set_new(self._plans, (((row.at_us, row.user_key, row.day), row) for row in rows))

    def plans_of(self, user_key: int, since_us: int, until_us: int) -> list[PlanRow]:
        return [row for row in self.plans_between(since_us, until_us) if row.user_key == user_key]

    def plans_between(self, since_us: int, until_us: int) -> Iterator[PlanRow]:
        yield from (row for key, row in sorted(self._plans.items()) if since_us <= key[0] < until_us)

    # Samples

    def sample_decisions(
        self, since_us: int, until_us: int, at_most: int, action_code: int | None = None
    ) -> tuple[list[DecisionRow], int]:
        rows, each = _spread([row for row in self._decisions.values() if since_us <= row.at_us < until_us], at_most)
        return [row for row in rows if action_code in (None, row.action_code)], each

    def sample_plans(self, since_us: int, until_us: int, at_most: int) -> tuple[list[PlanRow], int]:
        return _spread([row for row in self._plans.values() if since_us <= row.at_us < until_us], at_most)

    def sample_states(self, at_most: int) -> tuple[list[tuple[str, bytes]], int]:
        return _spread(list(self._states.items()), at_most)

    # Control log

    def append_controls(self, rows: Sequence[ControlRow]) -> None:
        self._set_new(self._controls, (((row.version, row.key), row) for row in rows))

    def controls(self) -> list[ControlRow]:
        return [row for _, row in sorted(self._controls.items())]

    def latest_control(self, key: str) -> ControlRow | None:
        return max((row for row in self._controls.values() if row.key == key), default=None)

    def controls_of(self, key: str, after_version: int) -> list[ControlRow]:
        return [row for row in self.controls() if row.key == key and row.version > after_version]

    # Rights

    def suppress(self, user_key: int, channel_code: int, log_ts_us: int, lifted: bool) -> None:
        known_us, known_lifted = self._suppressions.get((user_key, channel_code), (log_ts_us, True))
        if (log_ts_us, not lifted) >= (known_us, not known_lifted):
            self._set(self._suppressions, (user_key, channel_code), (log_ts_us, lifted))

    def suppressed(self, user_key: int, channel_code: int) -> bool:
        found = (self._suppressions.get((user_key, channel)) for channel in (-1, channel_code))
        return any(entry is not None and not entry[1] for entry in found)

    def cancel(self, user_key: int, candidate_key: int, at_us: int) -> None:
        self._set_new(self._cancels, [((user_key, candidate_key), at_us)])

    def cancel_group(self, user_key: int, cancel_key: int, at_us: int) -> None:
        known_us = self._group_cancels.get((user_key, cancel_key), at_us)
        self._set(self._group_cancels, (user_key, cancel_key), max(known_us, at_us))

    def cancelled(self, user_key: int, candidate_key: int, cancel_key: int, log_ts_us: int) -> bool:
        group_us = self._group_cancels.get((user_key, cancel_key)) if cancel_key != 0 else None
        return (user_key, candidate_key) in self._cancels or (group_us is not None and log_ts_us <= group_us)

    # Choices

    def put_preferences(self, user_key: int, data: bytes) -> None:
        self._set(self._preferences, user_key, data)

    def preferences_of(self, user_key: int) -> bytes | None:
        return self._preferences.get(user_key)

    # Shadow sends

    def put_shadow_sends(self, rows: Sequence[ShadowSendRow]) -> None:
        self._set_new(self._shadow_sends, ((row.send_key, row) for row in rows))

    def shadow_sends(self) -> Iterator[ShadowSendRow]:
        yield from sorted(self._shadow_sends.values(), key=lambda row: (row.at_us, row.send_key))

    def shadow_sends_of(self, user_key: int) -> list[ShadowSendRow]:
        return [row for row in self.shadow_sends() if row.user_key == user_key]

    # Budgets

    def append_budgets(self, rows: Sequence[BudgetRow]) -> None:
        self._set_new(self._budgets, ((row, None) for row in rows))

    def budgets_of(self, user_key: int, period: int) -> list[BudgetRow]:
        return sorted(row for row in self._budgets if (row.user_key, row.period) == (user_key, period))

    def budgets_between(self, since_us: int, until_us: int) -> Iterator[BudgetRow]:
        yield from sorted(row for row in self._budgets if since_us <= row.at_us < until_us)

    # Outbox

    def enqueue(self, rows: Sequence[OutboxRow]) -> int:
        return self._set_new(self._outbox, ((row.decision_key, OutboxEntry(row, row.at_us, ())) for row in rows))

    def pending(self, limit: int, now_us: int, channel_code: int | None = None) -> list[OutboxRow]:
        due = [
            (entry.next_try_us, key)
            for key, entry in self._outbox.items()
            if entry.next_try_us is not None and entry.next_try_us <= now_us and not _doubtful(entry)
            if channel_code is None or entry.row.channel_code == channel_code
        ]
        return [self._outbox[key].row for _, key in sorted(due)[:limit]]

    def begin_attempt(self, decision_key: int, at_us: int) -> int | None:
        entry = self._outbox.get(decision_key)
        if entry is None or entry.next_try_us is None or entry.next_try_us > at_us or _doubtful(entry):
            return None
        attempt = Attempt(decision_key, len(entry.attempts) + 1, at_us, None, "")
        self._set(self._outbox, decision_key, entry._replace(attempts=(*entry.attempts, attempt)))
        return attempt.attempt_no

    def end_attempt(
        self, decision_key: int, attempt_no: int, outcome: str, detail: str, next_try_us: int | None
    ) -> None:
        entry = self._outbox.get(decision_key)
        if entry is None or not _doubtful(entry) or entry.attempts[-1].attempt_no != attempt_no:
            raise no_open_attempt(decision_key, attempt_no)
        if entry.row.user_key == 0 and not entry.row.message:
            detail, next_try_us = "", None  # its person was erased while the provider was called
        ended = entry.attempts[-1]._replace(outcome=outcome, detail=detail)
        self._set(self._outbox, decision_key, OutboxEntry(entry.row, next_try_us, (*entry.attempts[:-1], ended)))

    def in_doubt(self) -> list[Attempt]:
        found = (entry.attempts[-1] for entry in self._outbox.values() if _doubtful(entry))
        return sorted(found, key=lambda attempt: (attempt.begun_us, attempt.decision_key))

    def outbox_stock(self) -> dict[int, int]:
        waiting = (e for e in self._outbox.values() if e.next_try_us is not None and not _doubtful(e))
        return dict(Counter(entry.row.channel_code for entry in waiting))

    def outbox_of(self, decision_key: int) -> OutboxEntry | None:
        return self._outbox.get(decision_key)

    def dead_letters(self, limit: int) -> list[Attempt]:
        last = (entry.attempts[-1] for entry in self._outbox.values() if entry.attempts)
        dead = [attempt for attempt in last if attempt.outcome in DEAD_OUTCOMES]
        return sorted(dead, key=lambda attempt: (attempt.begun_us, attempt.decision_key), reverse=True)[:limit]

    def redrive(self, decision_key: int, at_us: int) -> bool:
        entry = self._outbox.get(decision_key)
        if entry is None or entry.next_try_us is not None or entry.attempts[-1].outcome not in DEAD_OUTCOMES:
            return False
        asked = Attempt(decision_key, entry.attempts[-1].attempt_no + 1, at_us, REDRIVEN, "")
        self._set(self._outbox, decision_key, OutboxEntry(entry.row, at_us, (*entry.attempts, asked)))
        return True

    # Inbox

    def put_inbox(self, rows: Sequence[InboxRow]) -> int:
        before = len(self._inbox)
        for row in rows:
            self._set_new(self._inbox, [(row.decision_key, row._replace(seq=len(self._inbox) + 1))])
        return len(self._inbox) - before

    def inbox_of(self, user_key: int, now_us: int, limit: int, before_seq: int | None = None) -> list[InboxRow]:
        kept = [row for row in self.inbox_after(0, len(self._inbox), user_key) if row.expires_us > now_us]
        return [row for row in reversed(kept) if before_seq is None or row.seq < before_seq][:limit]

    def inbox_after(self, after_seq: int, limit: int, user_key: int | None = None) -> list[InboxRow]:
        own = (row for row in self._inbox.values() if user_key is None or row.user_key == user_key)
        return [row for row in own if row.seq > after_seq][:limit]

    def inbox_last(self) -> int:
        return len(self._inbox)

    def inbox_unread(self, user_key: int, now_us: int) -> int:
        return sum(row.read_us is None for row in self.inbox_of(user_key, now_us, len(self._inbox)))

    def mark_inbox(self, user_key: int, decision_key: int, deed: InboxDeed, at_us: int) -> InboxRow | None:
        row = self._inbox.get(decision_key)
        if row is None or row.user_key != user_key:
            return None
        row = row._replace(seen_us=at_us if row.seen_us is None else row.seen_us)
        if deed != "seen" and row.read_us is None:
            row = row._replace(read_us=at_us)
        if deed == "clicked" and row.clicked_us is None:
            row = row._replace(clicked_us=at_us)
        self._set(self._inbox, decision_key, row)
        return row

    # Rejects

    def reject(self, log_ts_us: int, kind: str, reason: str, data: bytes) -> None:
        self._set(self._rejects, len(self._rejects), Reject(log_ts_us, kind, reason, data))

    def count_rejects(self) -> int:
        return len(self._rejects)

    def rejects(self, limit: int) -> list[Reject]:
        return list(reversed(self._rejects.values()))[:limit]

    # Artefacts

    def put_model(self, name: str, version: str, data: bytes) -> None:
        self._put("model", name, version, data)

    def model(self, name: str, version: str | None = None) -> Versioned | None:
        return self._artefact("model", name, version)

    def model_versions(self, name: str, limit: int) -> list[str]:
        found = [version for family, known, version in reversed(self._artefacts) if (family, known) == ("model", name)]
        return found[:limit]

    def put_catalogue(self, version: str, data: bytes) -> None:
        self._put("catalogue", "catalogue", version, data)

    def catalogue(self, version: str | None = None) -> Versioned | None:
        return self._artefact("catalogue", "catalogue", version)

    def _put(self, family: str, name: str, version: str, data: bytes) -> None:
        known = self._artefacts.get((family, name, version))
        if known is not None and known.data != data:
            raise version_differs(name, version)
        self._set_new(self._artefacts, [((family, name, version), Versioned(version, data))])

    def _artefact(self, family: str, name: str, version: str | None) -> Versioned | None:
        if version is not None:
            return self._artefacts.get((family, name, version))
        found = (kept for key, kept in reversed(self._artefacts.items()) if key[:2] == (family, name))
        return next(found, None)


def _of_nobody(logged: LoggedInput, people: Mapping[int, str], without: Callable[[bytes], bytes]) -> LoggedInput:
    """The input without these people: empty, if it is of one of them."""
    if logged.user_key in people:
        return logged._replace(user_key=0, content_hash=0, kind=_GONE, data=b"")
    return logged._replace(data=without(logged.data)) if logged.user_key == 0 and logged.kind != _GONE else logged


def _by_user(inputs: Iterable[LoggedInput]) -> dict[int, list[LoggedInput]]:
    found: dict[int, list[LoggedInput]] = {}
    for logged in inputs:
        if logged.kind != _GONE:
            found.setdefault(logged.user_key, []).append(logged)
    return found


def _emptied(entry: OutboxEntry) -> OutboxEntry:
    """A message of nobody, which is never tried again."""
    attempts = tuple(attempt._replace(detail="") for attempt in entry.attempts)
    return entry._replace(row=entry.row._replace(user_key=0, message=b""), next_try_us=None, attempts=attempts)


def _spread(rows: list[V], at_most: int) -> tuple[list[V], int]:
    """Up to so many of the rows, evenly spread, and how many each stands for."""
    step = max(-(-len(rows) // at_most), 1)
    return rows[::step], step


def _place(row: DecisionRow) -> tuple[int, int, int]:
    return row.at_us, row.user_key, row.decision_key


def _doubtful(entry: OutboxEntry) -> bool:
    return bool(entry.attempts) and entry.attempts[-1].outcome is None
