"""Erasing people: who asked for it, what is kept so that they do not come back, and what of them is nobody's alone.

Whoever is asked writes a wish into the store (`ask`); from then on nothing is sent. The engine takes people out between
two micro-batches, in one transaction with the states of all others, and goes on as after a restart (`Engine`). Of each
there stays a hash under a salt of this store: inputs of a person it knows are refused, and nothing of them is kept.
Exports that were written before, models that learned of them, and copies of the file are not reached.
"""

import hmac
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec
import numpy as np

from tactful import draws
from tactful.clock import from_us
from tactful.events.budget_plan import assigned
from tactful.events.records import BudgetPlan, Catalogue, UserInput, decode, encode
from tactful.runtime.population import Population
from tactful.stores.protocols import Erased, Store

REFUSED: Final = "got an input of a person who was erased, expected nothing of her any more; nothing of it was kept"
_ASKED: Final = "erasures_asked"
_SALT: Final = "erasure_salt"
_TOTALS: Final = "erasures"
_EVERY_CHANNEL: Final = -1


class Wish(msgspec.Struct, frozen=True):
    """Who is to be erased, and since when that is known."""

    user_id: str
    asked_us: int


class Totals(msgspec.Struct, frozen=True):
    """How much was erased so far: what a log must have lost for its counts to add up."""

    people: int = 0
    inputs: int = 0
    decisions: int = 0
    messages: int = 0


def ask(store: Store, user_id: str, at_us: int) -> datetime:
    """Writes down that a person is to be erased, and stops all messages to her; returns since when that is known."""
    wishes = asked(store)
    for wish in wishes:
        if wish.user_id == user_id:
            return from_us(wish.asked_us)
    store.save_meta(_ASKED, msgspec.msgpack.encode([*wishes, Wish(user_id, at_us)]))
    store.suppress(draws.key(user_id), _EVERY_CHANNEL, at_us, False)
    return from_us(at_us)


def asked(store: Store) -> list[Wish]:
    """Returns who is to be erased and is not yet."""
    told = store.load_meta(_ASKED)
    return msgspec.msgpack.decode(told, type=list[Wish]) if told else []


def erased_at(store: Store, user_id: str) -> datetime | None:
    """Returns when a person was erased, None for one who was not."""
    salt = store.load_meta(_SALT)
    told = store.load_meta(_name(salt, user_id)) if salt else None
    return from_us(int(told)) if told else None


def totals(store: Store) -> Totals:
    """Returns how much was erased so far."""
    told = store.load_meta(_TOTALS)
    return msgspec.msgpack.decode(told, type=Totals) if told else Totals()


def erase(store: Store, wishes: Sequence[Wish], at_us: int) -> Erased:
    """Takes people out of the store, but for the states, which the engine saves anew; part of the open transaction."""
    people = {draws.key(wish.user_id): wish.user_id for wish in wishes}
    salt = store.load_meta(_SALT)
    if salt is None:
        store.save_meta(_SALT, salt := secrets.token_bytes(32))
    erased = store.erase(people, lambda data: _is_of(data, people.values()), lambda data: _without(data, people))
    for user_id in people.values():
        store.save_meta(_name(salt, user_id), str(at_us).encode())
    store.save_meta(_ASKED, msgspec.msgpack.encode([w for w in asked(store) if w.user_id not in people.values()]))
    before = totals(store)
    after = Totals(
        before.people + len(people),
        before.inputs + erased.inputs,
        before.decisions + erased.decisions,
        before.messages + erased.messages,
    )
    store.save_meta(_TOTALS, msgspec.msgpack.encode(after))
    return erased


def forget(population: Population, user_keys: Collection[int]) -> list[int]:
    """Takes people out of what is saved beside the rows, and returns the rows that are to be saved, in order."""
    for waiting in population.awaited.values():
        waiting.difference_update(user_keys)
    keys = population.table.rows["user_key"].tolist()
    kept = [row for row, key in enumerate(keys) if key not in user_keys]
    arms = population.arms
    arms.asked = {name: told[[row for row in kept if row < len(told)]] for name, told in arms.asked.items()}
    return kept


def _name(salt: bytes, user_id: str) -> str:
    return "erased:" + hmac.digest(salt, user_id.encode(), "sha256").hex()


def _is_of(data: bytes, user_ids: Collection[str]) -> bool:
    """Whether something refused is of one of these people; what cannot be read is, if an id of theirs is in it."""
    try:
        record = decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return any(user_id.encode() in data for user_id in user_ids)
    return isinstance(record, UserInput) and record.user_id in user_ids


def _without(data: bytes, people: dict[int, str]) -> bytes:
    """A budget plan or a catalogue without these people; anything else as it is."""
    record = decode(data)
    if isinstance(record, Catalogue):
        follows = {user: who for user, who in record.follows.items() if user not in people.values()}
        return data if len(follows) == len(record.follows) else encode(msgspec.structs.replace(record, follows=follows))
    if isinstance(record, BudgetPlan):
        users, budgets = assigned(record)
        kept = ~np.isin(users, np.array(list(people), dtype=np.uint64))
        if not kept.all():
            told = {"users": users[kept].astype("<u8").tobytes(), "budgets": budgets[kept].tobytes()}
            return encode(msgspec.structs.replace(record, **told))
    return data
