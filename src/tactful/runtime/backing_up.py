"""Backup and restore of a store: copies that are proven by an engine that starts from them.

A copy counts as one only after an engine has opened it, which loads the saved states and decides once more, on the
scores on record, all that was decided since. It does so on a second copy, so that the first stays as it was taken.

What a copy cannot know is what happened after it. So a restore leaves nothing of the outbox that may have gone out
since: such messages are in doubt, as after a crash. If the store that is replaced is at hand, what people have taken
back since is carried over: their choices and complaints, erasures, API keys that were revoked.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from tactful.clock import Clock, from_us
from tactful.errors import StoreError
from tactful.events.letters import opened as records_in
from tactful.events.records import Engagement, Preferences, Suppression, decode
from tactful.runtime import erasing, event_types
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import noted
from tactful.stores import sqlite_copy
from tactful.stores.protocols import Store
from tactful.stores.sqlite import SqliteStore

_ALL: Final = 1 << 62
_AT_ONCE: Final = 4096
_COMMON: Final = 256
_TAKEN_BACK: Final = frozenset({"unsubscribe", "disable", "uninstall", "bounce", "complaint"})


class Held(msgspec.Struct, frozen=True):
    """What a store holds: everything up to `decided_until` is decided; None before the first decision."""

    path: str
    bytes: int
    decided_until: datetime | None
    inputs: int
    decisions: int


class Restored(msgspec.Struct, frozen=True):
    """What was put in place.

    Attributes:
        store: what the store holds now.
        replaced: what it held before; None if it was not there.
        in_doubt: messages that may have gone out after the copy was made.
        carried_over: choices, complaints and bounces, erasures and revoked keys taken from the replaced store.
    """

    store: Held
    replaced: Held | None
    in_doubt: int
    carried_over: int


def back_up(path: Path, to: Path, clock: Clock) -> Held:
    """Copies a store, which may be in use, and returns what the copy holds; it appears only once it is proven.

    Raises:
        StoreError: the store is damaged or none, or the copy's place is taken.
        ReplayMismatch: an engine cannot start from it.
    """
    if to.exists():
        raise StoreError(f"{to} is there already, expected a new file: nothing is overwritten; give another name")
    with _scratch(to, "part") as part:
        sqlite_copy.copy(path, part)
        with _scratch(to, "check") as check:
            sqlite_copy.copy(part, check)
            with _started(check, clock) as engine:
                decided = engine.watermark, engine.store.count_decisions()
        store = SqliteStore(part, read_only=True)
        inputs = store.last()[0] + 1
        store.close()
        part.rename(to)
    return Held(str(to), to.stat().st_size, decided[0], inputs, decided[1])


def restore(copied: Path, path: Path, clock: Clock, replace: bool) -> Restored:
    """Puts a copy into a store's place, and returns what it holds and what was replaced.

    Args:
        copied: what `back_up` wrote; it stays.
        path: the store; nobody may have it open.
        clock: says since when messages are in doubt.
        replace: whether a store that is there may be lost.

    Raises:
        StoreError: the store is in use, or is there and may not be replaced, or one of the files is damaged.
        ReplayMismatch: an engine cannot start from the copy.
    """
    there = path.exists()
    if there:
        sqlite_copy.refuse_if_open(path)
    replaced = _held(path) if there else None
    if replaced is not None and not replace:
        raise StoreError(
            f"{path} is there already, with {replaced.inputs:,} inputs and {replaced.decisions:,} decisions up to "
            f"{replaced.decided_until or 'never'}; the copy has {_said(_held(copied))}. What is not in the copy would "
            "be lost: give --replace if that is meant, after a backup of what is there"
        )
    with _scratch(path, "restoring") as prepared:
        sqlite_copy.copy(copied, prepared)
        with _started(prepared, clock) as engine:
            carried = _carry_over(path, engine, clock.now_us()) if there else 0
            doubtful = _doubt(engine.store, clock.now_us())
        sqlite_copy.put_in_place(prepared, path)
    return Restored(_held(path), replaced, doubtful, carried)


def _said(held: Held) -> str:
    return f"{held.inputs:,} and {held.decisions:,} up to {held.decided_until or 'never'}"


@contextmanager
def _scratch(beside: Path, what: str) -> Iterator[Path]:
    """A file beside another one, gone afterwards with all that SQLite keeps next to it; what a kill left goes first."""
    path = beside.with_name(f"{beside.name}.{what}")
    _remove(path)
    try:
        yield path
    finally:
        _remove(path)


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)


@contextmanager
def _started(path: Path, clock: Clock) -> Iterator[Engine]:
    """An engine over a copy, with the settings of its last run; it decides nothing new."""
    store = SqliteStore(path, synchronous="normal")
    try:
        settings = noted(store)
        yield Engine(store, settings, clock=clock, registry=event_types.at_first(store, settings))
    finally:
        store.close()


def _held(path: Path) -> Held:
    store = SqliteStore(path, read_only=True)
    try:
        committed = int(store.load_meta("committed") or b"-1")
        until = from_us(committed) if committed >= 0 else None
        return Held(str(path), path.stat().st_size, until, store.last()[0] + 1, store.count_decisions())
    finally:
        store.close()


def _doubt(store: Store, now_us: int) -> int:
    """Marks every message that could have been tried by now as one that nobody knows of; returns how many."""
    count = 0
    with store.transaction():
        while rows := store.pending(_AT_ONCE, now_us):
            for row in rows:
                store.begin_attempt(row.decision_key, now_us)
            count += len(rows)
    return count


def _carry_over(path: Path, engine: Engine, now_us: int) -> int:
    """Takes over what people took back after the copy; returns how much that was, 0 from another app's store."""
    old, new = SqliteStore(path), engine.store
    try:
        last = new.last()[0]
        if not _same_log(old, new, last):
            return 0
        erased = {wish.user_id for wish in erasing.asked(old)}
        erased |= {user_id for user_id in engine.user_ids if erasing.erased_at(old, user_id)}
        letters = [data for data in _since(old, last) if _takes_back(data)]
        with new.transaction():
            new.post(letters)
            for user_id in sorted(erased):
                erasing.ask(new, user_id, now_us)
        revoked = [(key.key_id, key.revoked_us) for key in old.api_keys() if key.revoked_us is not None]
        return len(letters) + len(erased) + sum(new.revoke_api_key(key, at) for key, at in revoked)
    finally:
        old.close()


def _same_log(old: Store, new: Store, last: int) -> bool:
    """Whether one of the copy's last inputs is in the other store, too; some may have been erased there."""
    first = max(last - _COMMON, -1)
    here, there = ({(line.offset, line.content_hash) for line in each.read(first, _COMMON)} for each in (old, new))
    return not here.isdisjoint(there)


class _Untaken(Exception):
    """Leaves what was read in the mailbox."""


def _since(old: Store, offset: int) -> Iterator[bytes]:
    """The inputs after an offset, then those that wait in the mailbox, where they stay."""
    while part := old.read(offset, _AT_ONCE):
        offset = part[-1].offset
        yield from (line.data for line in part)
    letters: list[bytes] = []
    with suppress(_Untaken), old.transaction():
        letters = old.take_posted(_ALL)
        raise _Untaken
    for letter in letters:
        yield from records_in(letter)


def _takes_back(data: bytes) -> bool:
    try:
        record = decode(data)
    except msgspec.MsgspecError:
        return False
    return isinstance(record, Suppression | Preferences) or (
        isinstance(record, Engagement) and record.kind in _TAKEN_BACK
    )
