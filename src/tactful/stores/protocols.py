"""What the engine, delivery and explain ask of a store: one protocol per concern, and `Store`, all of them.

Conventions, the same for every method and every implementation:

- Keys (`*_key`, `*_hash`) are unsigned 64-bit integers, 0 .. 2**64 - 1; instants (`*_us`) are microseconds
  since 1970 UTC; an interval holds `since_us <= t < until_us`.
- A method that writes is atomic by itself, or part of the open `transaction()`; then later calls on the same
  store see it at once, other readers after the commit.
- A row that is already there is left as it is (idempotent), unless the method says who wins.
- Data, messages and states are opaque bytes: no store parses them.
- An iterator that a store returned is run through before the next write; a slow one holds back the file's tidying.
- A store is used by one thread; another thread or process opens its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

DEAD_OUTCOMES: Final = ("failed", "gave_up", "unrenderable")
"""Outcomes of a last attempt after which trying again may help: the provider or a template was mended."""
REDRIVEN: Final = "redriven"
"""Not a call of a provider: a person let the message be tried again."""

InboxDeed: TypeAlias = Literal["seen", "read", "clicked"]
"""What a person does with a message of her inbox: it was shown, opened, followed."""


class LoggedInput(NamedTuple):
    """One line of the input log. Offsets rise by one within an `append`; dedupe key 0 is never looked up."""

    offset: int
    log_ts_us: int
    user_key: int
    dedupe_key: int
    content_hash: int
    kind: int
    data: bytes


class Refused(NamedTuple):
    """An input that was not appended: its position in the sequence, and the hash of what is known instead.

    Equal hashes: a repeated delivery. Different hashes: a conflict.
    """

    position: int
    known_content_hash: int


class DecisionRow(NamedTuple):
    """One decision as logged. `decision_key` is a hash that covers the user and the instant."""

    decision_key: int
    user_key: int
    at_us: int
    action_code: int
    data: bytes


class PlanRow(NamedTuple):
    """One slot plan as logged: for a user and a local day, made at `at_us`."""

    user_key: int
    day: int
    at_us: int
    data: bytes


class ControlRow(NamedTuple):
    """One version of one control, and when it takes effect."""

    version: int
    effective_us: int
    key: str
    data: bytes


class BudgetRow(NamedTuple):
    """One assignment of a budget to a user for a period."""

    user_key: int
    period: int
    at_us: int
    data: bytes


class OutboxRow(NamedTuple):
    """One message to be sent, named by its decision; due from `at_us` on."""

    decision_key: int
    user_key: int
    at_us: int
    channel_code: int
    message: bytes


class Attempt(NamedTuple):
    """One call of a provider, numbered from 1; `outcome` is None while nobody knows how it ended."""

    decision_key: int
    attempt_no: int
    begun_us: int
    outcome: str | None
    detail: str


class OutboxEntry(NamedTuple):
    """A message with its history. `next_try_us` is None when it is done."""

    row: OutboxRow
    next_try_us: int | None
    attempts: tuple[Attempt, ...]


class InboxRow(NamedTuple):
    """One message in a person's in-app inbox. `seq` rises with every message put; an instant is None until it came."""

    seq: int
    decision_key: int
    user_key: int
    at_us: int
    expires_us: int
    data: bytes
    seen_us: int | None = None
    read_us: int | None = None
    clicked_us: int | None = None


class ShadowSendRow(NamedTuple):
    """A message that another sender sent; `send_key` is a hash of whom it told what, when and through what."""

    send_key: int
    user_key: int
    at_us: int
    data: bytes


class Reject(NamedTuple):
    """Something that was not accepted, and why; `kind` names what it was (`conflict`, `candidate`, ...)."""

    log_ts_us: int
    kind: str
    reason: str
    data: bytes


class Answer(NamedTuple):
    """What a request was answered, kept under its idempotency key; `fingerprint` is a hash of what was asked."""

    at_us: int
    fingerprint: bytes
    status: int
    body: bytes


class ApiKey(NamedTuple):
    """A key of the HTTP service. `digest` is a hash of the token, which is kept nowhere; `key_id` may be shown."""

    key_id: str
    digest: bytes
    scopes: tuple[str, ...]
    name: str
    created_us: int
    revoked_us: int | None = None


class Erased(NamedTuple):
    """How much of people was erased, in rows."""

    inputs: int
    decisions: int
    messages: int


class Versioned(NamedTuple):
    """A stored model or catalogue."""

    version: str
    data: bytes


@runtime_checkable
class InputLog(Protocol):
    """Everything that came in, in the order of acceptance; instants never fall as offsets rise."""

    def append(self, inputs: Sequence[LoggedInput]) -> list[Refused]:
        """Appends inputs and returns those refused because their dedupe key is known, rising by position.

        A key is also known from an earlier position of the same sequence. Refused inputs leave gaps in the
        offsets.

        Raises:
            StoreError: if the offsets do not rise by one from above the last, or an instant falls.
        """
        ...

    def read(self, after_offset: int, limit: int) -> list[LoggedInput]:
        """Returns up to `limit` inputs with offsets above `after_offset` (-1: from the start), in order."""
        ...

    def fetch(self, offsets: Sequence[int]) -> dict[int, bytes]:
        """Returns the data of the inputs at these offsets; offsets that hold none are missing."""
        ...

    def last(self) -> tuple[int, int]:
        """Returns offset and instant of the last input, (-1, 0) for an empty log."""
        ...

    def inputs_of(self, user_key: int, since_us: int, until_us: int) -> list[LoggedInput]:
        """Returns one user's inputs with `log_ts_us` in the interval, in order."""
        ...


@runtime_checkable
class StateSnapshots(Protocol):
    """What the engine keeps in memory, saved so that a restart need not read the whole log."""

    def save_states(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Saves (user id, state) pairs; the newest state of a user wins, her place in the order stays."""
        ...

    def load_states(self) -> Iterator[tuple[str, bytes]]:
        """Yields (user id, state) in the order in which users were first saved."""
        ...

    def save_meta(self, name: str, data: bytes) -> None:
        """Saves one named piece of engine state (controller, watermark, snapshot offset); the newest wins."""
        ...

    def load_meta(self, name: str) -> bytes | None:
        """Returns what was saved under the name, None if nothing was."""
        ...


@runtime_checkable
class DecisionLog(Protocol):
    """What was decided and planned. Decisions are ordered by (at, user key, decision key), plans likewise."""

    def append_decisions(self, rows: Sequence[DecisionRow]) -> int:
        """Appends decisions and returns how many were really new; a known decision is left as it is."""
        ...

    def decision(self, decision_key: int) -> DecisionRow | None:
        """Returns one decision, None if there is none."""
        ...

    def decisions_of(self, user_key: int, since_us: int, until_us: int) -> list[DecisionRow]:
        """Returns one user's decisions in the interval, ordered."""
        ...

    def decisions_between(self, since_us: int, until_us: int) -> Iterator[DecisionRow]:
        """Yields all decisions in the interval, ordered."""
        ...

    def decisions_before(self, place: tuple[int, int, int], since_us: int, limit: int) -> list[DecisionRow]:
        """Returns up to `limit` decisions from `since_us` on that come before a place, the last of them first.

        A place is (at, user key, decision key), whether or not there is such a decision.
        """
        ...

    def count_decisions(self) -> int:
        """Returns the number of decisions."""
        ...

    def append_plans(self, rows: Sequence[PlanRow]) -> int:
        """Appends plans and returns how many were really new; (user, day, instant) names a plan."""
        ...

    def plans_of(self, user_key: int, since_us: int, until_us: int) -> list[PlanRow]:
        """Returns one user's plans made in the interval, ordered by (at, day)."""
        ...

    def plans_between(self, since_us: int, until_us: int) -> Iterator[PlanRow]:
        """Yields all plans made in the interval, ordered by (at, user key, day)."""
        ...


@runtime_checkable
class Samples(Protocol):
    """A part of many rows, evenly spread over the order in which they were written: for who must not read them all.

    Each returns the rows, and how many each of them stands for: 1 if they are all.
    """

    def sample_decisions(
        self, since_us: int, until_us: int, at_most: int, action_code: int | None = None
    ) -> tuple[list[DecisionRow], int]:
        """Returns up to `at_most` decisions of the interval; of these, if a code is given, those with that action."""
        ...

    def sample_plans(self, since_us: int, until_us: int, at_most: int) -> tuple[list[PlanRow], int]:
        """Returns up to `at_most` plans made in the interval."""
        ...

    def sample_states(self, at_most: int) -> tuple[list[tuple[str, bytes]], int]:
        """Returns up to `at_most` saved (user id, state)."""
        ...


@runtime_checkable
class ControlLog(Protocol):
    """Thresholds, kill switches, shares: every version of them."""

    def append_controls(self, rows: Sequence[ControlRow]) -> None:
        """Appends controls; (version, key) names one."""
        ...

    def controls(self) -> list[ControlRow]:
        """Returns all controls by rising (version, key)."""
        ...

    def latest_control(self, key: str) -> ControlRow | None:
        """Returns the highest version of one control, None if there is none."""
        ...

    def controls_of(self, key: str, after_version: int) -> list[ControlRow]:
        """Returns the versions of one control above a version, rising."""
        ...


@runtime_checkable
class Rights(Protocol):
    """What withdraws a message between decision and send. No result depends on the order of the calls."""

    def suppress(self, user_key: int, channel_code: int, log_ts_us: int, lifted: bool) -> None:
        """Suppresses a channel of a user (-1: every channel), or lifts that suppression.

        The latest `log_ts_us` wins; of two at one instant, the suppression does. Lifting -1 lifts what was
        suppressed under -1, not what was suppressed for one channel.
        """
        ...

    def suppressed(self, user_key: int, channel_code: int) -> bool:
        """Returns whether no message may reach the user on this channel, critical ones included."""
        ...

    def cancel(self, user_key: int, candidate_key: int, at_us: int) -> None:
        """Withdraws one candidate, whether it is logged already or not."""
        ...

    def cancel_group(self, user_key: int, cancel_key: int, at_us: int) -> None:
        """Withdraws a user's candidates with this cancel key that were logged at or before `at_us`."""
        ...

    def cancelled(self, user_key: int, candidate_key: int, cancel_key: int, log_ts_us: int) -> bool:
        """Returns whether a candidate logged at `log_ts_us` is withdrawn; cancel key 0 is no group."""
        ...


@runtime_checkable
class Choices(Protocol):
    """What people chose themselves: one entry a user."""

    def put_preferences(self, user_key: int, data: bytes) -> None:
        """Keeps a user's choices in place of the former ones."""
        ...

    def preferences_of(self, user_key: int) -> bytes | None:
        """Returns a user's choices, None if she never chose."""
        ...


@runtime_checkable
class ShadowSends(Protocol):
    """What another sender sent while this store only listens."""

    def put_shadow_sends(self, rows: Sequence[ShadowSendRow]) -> None:
        """Keeps messages; one that is there already is left as it is."""
        ...

    def shadow_sends(self) -> Iterator[ShadowSendRow]:
        """Yields all of them, by instant and then by key; none of a store that was never opened by this version."""
        ...

    def shadow_sends_of(self, user_key: int) -> list[ShadowSendRow]:
        """Returns those to a user, in the same order."""
        ...


@runtime_checkable
class Budgets(Protocol):
    """Assigned budgets: what allocation and the randomised slice are judged on."""

    def append_budgets(self, rows: Sequence[BudgetRow]) -> None:
        """Appends assignments; an equal row is kept once."""
        ...

    def budgets_of(self, user_key: int, period: int) -> list[BudgetRow]:
        """Returns the assignments of a user for a period by rising (at, data)."""
        ...

    def budgets_between(self, since_us: int, until_us: int) -> Iterator[BudgetRow]:
        """Yields all assignments made in the interval, ordered by (user key, period, at, data)."""
        ...


@runtime_checkable
class Outbox(Protocol):
    """Messages to be sent, and every call of a provider.

    An attempt is begun, and that is committed, before the provider is called. Without a result it is in doubt
    (in flight, or its process died); the message is not pending until somebody ends the attempt.
    """

    def enqueue(self, rows: Sequence[OutboxRow]) -> int:
        """Adds messages and returns how many were really new."""
        ...

    def pending(self, limit: int, now_us: int, channel_code: int | None = None) -> list[OutboxRow]:
        """Returns messages that may be tried now (not done, not in doubt) by (due instant, decision key).

        Of one channel if a code is given.
        """
        ...

    def begin_attempt(self, decision_key: int, at_us: int) -> int | None:
        """Returns the number of a new attempt, None if there is nothing to try now (as in `pending`).

        Of two senders that race for a message, one gets a number. Inside a transaction, call the provider
        after the commit.
        """
        ...

    def end_attempt(
        self, decision_key: int, attempt_no: int, outcome: str, detail: str, next_try_us: int | None
    ) -> None:
        """Ends an attempt; the message is tried again from `next_try_us` on, never if None.

        Raises:
            StoreError: if there is no such attempt, or it has ended before.
        """
        ...

    def in_doubt(self) -> list[Attempt]:
        """Returns attempts without a result by rising (begun, decision key)."""
        ...

    def outbox_stock(self) -> dict[int, int]:
        """Returns how many messages are neither done nor in doubt, by channel code; one that has none is left out."""
        ...

    def outbox_of(self, decision_key: int) -> OutboxEntry | None:
        """Returns the message of a decision with its attempts, None if there is none."""
        ...


@runtime_checkable
class DeadLetters(Protocol):
    """Messages that ended without being delivered, and may be tried again if a person says so."""

    def dead_letters(self, limit: int) -> list[Attempt]:
        """Returns the last attempts of messages that ended in one of `DEAD_OUTCOMES`, newest first."""
        ...

    def redrive(self, decision_key: int, at_us: int) -> bool:
        """Lets a dead letter be tried again from an instant on, and returns whether it was one.

        That somebody asked is an attempt of its own, with the outcome `REDRIVEN`. What was delivered, withdrawn, in
        doubt or is still waiting is left as it is.
        """
        ...


@runtime_checkable
class Inbox(Protocol):
    """The in-app inbox: what each person was told there, and what of it she saw, read and clicked."""

    def put_inbox(self, rows: Sequence[InboxRow]) -> int:
        """Adds messages and returns how many were really new; a known decision key is left as it is.

        The store numbers them: what `seq` a row names is not read.
        """
        ...

    def inbox_of(self, user_key: int, now_us: int, limit: int, before_seq: int | None = None) -> list[InboxRow]:
        """Returns a user's messages that have not expired, newest first; those before a number if one is given."""
        ...

    def inbox_after(self, after_seq: int, limit: int, user_key: int | None = None) -> list[InboxRow]:
        """Returns messages with numbers above `after_seq`, rising; of one user if a key is given."""
        ...

    def inbox_last(self) -> int:
        """Returns the number of the last message, 0 if there is none."""
        ...

    def inbox_unread(self, user_key: int, now_us: int) -> int:
        """Returns how many of a user's messages are neither read nor expired."""
        ...

    def mark_inbox(self, user_key: int, decision_key: int, deed: InboxDeed, at_us: int) -> InboxRow | None:
        """Notes what a user did with a message, the first time only, and returns it as it is then.

        Who clicks has read, and who reads has seen. None if the message is not there, or another user's.
        """
        ...


@runtime_checkable
class Rejects(Protocol):
    """What was not accepted, kept for a person to look at."""

    def reject(self, log_ts_us: int, kind: str, reason: str, data: bytes) -> None:
        """Keeps something refused, with the reason."""
        ...

    def count_rejects(self) -> int:
        """Returns how many are kept."""
        ...

    def rejects(self, limit: int) -> list[Reject]:
        """Returns the latest rejects, newest first."""
        ...


@runtime_checkable
class Artefacts(Protocol):
    """Versioned models and catalogues. A version never changes; the latest is the one put last."""

    def put_model(self, name: str, version: str, data: bytes) -> None:
        """Keeps a model.

        Raises:
            StoreError: if this version holds other data.
        """
        ...

    def model(self, name: str, version: str | None = None) -> Versioned | None:
        """Returns a model, the latest by default; None if there is none."""
        ...

    def model_versions(self, name: str, limit: int) -> list[str]:
        """Returns up to `limit` versions of a model, the one put last first."""
        ...

    def put_catalogue(self, version: str, data: bytes) -> None:
        """Keeps a catalogue.

        Raises:
            StoreError: if this version holds other data.
        """
        ...

    def catalogue(self, version: str | None = None) -> Versioned | None:
        """Returns a catalogue, the latest by default; None if there is none."""
        ...


@runtime_checkable
class Mailbox(Protocol):
    """Inputs that other processes leave for a running engine, encoded. The engine alone takes them out.

    Any process may post while the engine runs; nothing that was posted is lost, and nothing is taken twice.
    """

    def post(self, letters: Sequence[bytes]) -> None:
        """Leaves letters, all of them or none."""
        ...

    def posted(self) -> int:
        """Returns how many letters wait."""
        ...

    def take_posted(self, limit: int, most_bytes: int | None = None) -> list[bytes]:
        """Removes and returns up to `limit` letters, those that were posted first.

        Of more than `most_bytes` together the rest waits; one letter is always given, however large. To be called in
        the transaction that puts them into the input log: if it fails, they wait again.
        """
        ...


@runtime_checkable
class Answers(Protocol):
    """Answers to requests with an idempotency key, so that a repeated one is answered alike and does nothing."""

    def keep_answer(self, request_key: bytes, answer: Answer) -> None:
        """Keeps an answer; one that was kept under this key before is replaced."""
        ...

    def answer(self, request_key: bytes) -> Answer | None:
        """Returns what was answered, None if nothing was."""
        ...

    def forget_answers(self, before_us: int, limit: int) -> int:
        """Forgets up to `limit` answers that are older than an instant, the oldest first; returns how many."""
        ...


@runtime_checkable
class ApiKeys(Protocol):
    """Who may use the HTTP service, and for what."""

    def add_api_key(self, key: ApiKey) -> None:
        """Adds a key.

        Raises:
            StoreError: if its id is known.
        """
        ...

    def api_keys(self) -> list[ApiKey]:
        """Returns all keys, revoked ones included, by rising (created, id)."""
        ...

    def revoke_api_key(self, key_id: str, at_us: int) -> bool:
        """Revokes a key for good; returns whether there was one in force."""
        ...


@runtime_checkable
class Erasing(Protocol):
    """Taking people out of everything that is kept."""

    def erase(
        self, people: Mapping[int, str], hers: Callable[[bytes], bool], without: Callable[[bytes], bytes]
    ) -> Erased:
        """Takes people out, for good; places in the input log stay taken, and no method returns what was theirs.

        Models, and what was saved by name, are left as they are.

        Args:
            people: ids of users by their keys.
            hers: tells of something refused whether it was theirs.
            without: returns a catalogue, or an input that concerns everybody, without them.
        """
        ...

    def checkpoint(self) -> bool:
        """Empties what lies beside the store, such as a log of writes; returns whether no reader held it back."""
        ...


@runtime_checkable
class Store(
    InputLog,
    Erasing,
    Mailbox,
    Answers,
    ApiKeys,
    StateSnapshots,
    DecisionLog,
    Samples,
    ControlLog,
    Rights,
    Choices,
    ShadowSends,
    Budgets,
    Outbox,
    DeadLetters,
    Inbox,
    Rejects,
    Artefacts,
    Protocol,
):
    """Where all records rest."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commits all writes inside together when left, or none of them if left by an exception.

        Raises:
            StoreError: if a transaction is open already.
        """
        ...

    def close(self) -> None:
        """Lets go of the file; what was committed stays."""
        ...
