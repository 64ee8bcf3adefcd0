"""A store's move to a job and back: the states that a job begins with, and what it leaves, put into the store.

states/group-*.msgpack   of the input folder: a group's shard, and its users
states/keeper.msgpack    the counts behind the prices
shards/, states/         of the output folder: the same at the job's end (`tactful flink run --states`)
prices/_keeper           and the keeper
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from tactful import draws
from tactful.clock import to_us
from tactful.delivery.outbox import OutboxMessage
from tactful.delivery.outbox import encode as encode_message
from tactful.errors import CannotMove
from tactful.events.records import CHANNELS, BudgetAssignment, Control, Decision, SlotPlan, encode
from tactful.runtime.filing import ACTION_CODE
from tactful.runtime.moving import Moved, has_moved, mark, to_store
from tactful.runtime.settings import Settings
from tactful.runtime.shard import Changed
from tactful.runtime.shard_state import ShardState
from tactful.stores.protocols import BudgetRow, ControlRow, DecisionRow, OutboxRow, PlanRow, Store

T = TypeVar("T")
KEEPER: Final = "_keeper"
"""The keeper's file in the folder of prices; sources pass it over."""
_AT_ONCE: Final = 8_192


class UserLine(msgspec.Struct, frozen=True):
    """A line of `states`: a user's state at an end of the job."""

    user_id: str
    applied_us: int
    state: bytes


class ShardLine(msgspec.Struct, frozen=True):
    """A line of `shards`: what concerns all users of a group, then."""

    group: int
    applied_us: int
    state: bytes


def write(folder: Path, moved: Moved) -> None:
    """Writes the states that a job begins with; `folder` is its input."""
    states = folder / "states"
    states.mkdir(parents=True, exist_ok=True)
    for group, changed in enumerate(moved.groups):
        _path(folder, group).write_bytes(msgspec.msgpack.encode(changed))
    (states / "keeper.msgpack").write_bytes(moved.keeper)


def group_of_job(folder: Path, group: int) -> Changed:
    """Returns the shard and the users with which a group begins."""
    return msgspec.msgpack.decode(_path(folder, group).read_bytes(), type=Changed)


def keeper_of_job(folder: Path) -> bytes:
    """Returns the keeper with which a job begins."""
    return (folder / "states" / "keeper.msgpack").read_bytes()


def put_back(store: Store, settings: Settings, output: Path, enqueue: bool = True) -> int:
    """Writes all that a job has decided, and its last states, into the store that it took over from.

    What the store has already is not written twice. Returns the instant up to which all is decided.

    Args:
        store: as it was left when it was exported with its states, with what was accepted since.
        settings: of both.
        output: of the job, which has ended at an instant, with `--states`.
        enqueue: whether the job's messages go into the outbox; they do not if somebody has delivered them.

    Raises:
        CannotMove: there are no states, they do not fit the store, or that has not moved or is back already.
    """
    moved = _states(output)
    if not has_moved(store):
        raise CannotMove(
            "the store's engine decides itself, expected a store that was handed over and not brought back"
        )
    with store.transaction():
        for decisions in _parts(output, "decisions", Decision):
            store.append_decisions([_decision(one) for one in decisions])
        for plans in _parts(output, "plans", SlotPlan):
            store.append_plans([PlanRow(draws.key(p.user_id), p.day, to_us(p.at), encode(p)) for p in plans])
        for budgets in _parts(output, "budgets", BudgetAssignment):
            store.append_budgets([BudgetRow(draws.key(b.user_id), b.period, to_us(b.at), encode(b)) for b in budgets])
        for messages in _parts(output, "messages", OutboxMessage) if enqueue else ():
            store.enqueue([_message(store, one) for one in messages])
        for controls in _parts(output, "controls", Control):
            rows = [ControlRow(c.version, to_us(c.effective_at), c.key, encode(c)) for c in controls]
            store.append_controls(sorted(rows, key=lambda row: row.version))
        to_store(store, settings, moved)
        mark(store, "")
    return moved.applied_us


def _states(output: Path) -> Moved:
    """The states at the job's last end: an earlier one, from which it was resumed, has written its own."""
    shards = [one for part in _parts(output, "shards", ShardLine) for one in part]
    keeper = output / "prices" / KEEPER
    if not shards or not keeper.exists():
        raise CannotMove(
            f"{output} has no states of a job in a closed loop; resume the job with --closed --states and let it end"
        )
    end_us = max(one.applied_us for one in shards)
    last = {one.group: one.state for one in shards if one.applied_us == end_us}
    groups = ShardState.from_bytes(next(iter(last.values()))).groups
    users: dict[int, list[tuple[str, bytes]]] = defaultdict(list)
    for part in _parts(output, "states", UserLine):
        for one in part:
            if one.applied_us == end_us:
                users[draws.key(one.user_id) & (groups - 1)].append((one.user_id, one.state))
    return Moved(end_us, [Changed(state, users[group]) for group, state in sorted(last.items())], keeper.read_bytes())


def _decision(one: Decision) -> DecisionRow:
    key = int(one.decision_id, 16)
    return DecisionRow(key, draws.key(one.user_id), to_us(one.at), ACTION_CODE[one.action], encode(one))


def _message(store: Store, one: OutboxMessage) -> OutboxRow:
    key = int(one.decision_id, 16)
    decided = store.decision(key)
    if decided is None:
        raise CannotMove(f"got message {one.decision_id} without its decision; give the whole output of the job")
    return OutboxRow(key, decided.user_key, decided.at_us, CHANNELS.index(one.channel), encode_message(one))


def _parts(output: Path, kind: str, type_: type[T]) -> Iterator[Sequence[T]]:
    """Yields the records of one kind, some thousand at a time; files that no checkpoint has completed do not count.

    Raises:
        CannotMove: there is a line that cannot be read.
    """
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(type_)
    for file in sorted(path for path in (output / kind).glob("part-*") if ".inprogress" not in path.name):
        with file.open("rb") as lines:
            while part := list(islice(lines, _AT_ONCE)):
                try:
                    yield [decoder.decode(line) for line in part]
                except msgspec.MsgspecError as error:
                    raise CannotMove(f"{file} cannot be read ({error}); give the output as the job wrote it") from error


def _path(folder: Path, group: int) -> Path:
    return folder / "states" / f"group-{group:05d}.msgpack"
