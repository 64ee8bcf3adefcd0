"""The engine's memory as bytes: the users' rows, what is saved beside them, and how both are read again."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful.decision.policy.reputation import SHAPE, Guard, Levels
from tactful.decision.request import Thresholds
from tactful.errors import StoreError
from tactful.events import type_changes
from tactful.events.registry import Registry
from tactful.events.switches import Switch
from tactful.experiments.design import POLICY
from tactful.experiments.schedule import Schedule
from tactful.features.context import Zones
from tactful.features.history import Layout, UserTable, layout
from tactful.runtime.control import VolumeState
from tactful.runtime.population import Population
from tactful.runtime.reputation import Reputation
from tactful.runtime.steps import Frame

_VERSION: Final = 2
"""Of what is saved."""
_PACKED_SINCE: Final = 2
"""Before this version a row was saved as it is in memory."""


class SavedRows(msgspec.Struct, frozen=True):
    """How the rows of users were saved, and up to when they include the log."""

    applied_us: int
    layout: Layout
    schema_version: int = 1

    def load(self, table: UserTable, blobs: Iterable[bytes]) -> None:
        """Replaces a table by saved rows.

        Raises:
            StoreError: one of them is damaged.
        """
        table.load(blobs, self.layout, packed=self.schema_version >= _PACKED_SINCE)


class _Arrays(msgspec.Struct, frozen=True):
    shape: tuple[int, ...]
    mid: bytes
    low: bytes
    high: bytes
    version: int
    guard: bytes = b""


class _Snapshot(msgspec.Struct, frozen=True):
    """Up to where the rows include the log, and what their numbers refer to.

    `declared` are the event types in force, in full (earlier versions wrote their names only); `awaited` the keys of
    users who have opted out of types that are not declared, by name; `asked` tells for whom targeted experiments are.
    """

    applied_us: int
    first_us: int
    offset: int
    types: tuple[str, ...]
    zones: tuple[str, ...]
    volume: bytes
    thresholds: list[tuple[int, _Arrays]]
    killed: list[tuple[int, bool]]
    layout: Layout
    schema_version: int = 1
    declared: bytes = b""
    awaited: dict[str, list[int]] = {}
    reputation: bytes = b""
    schedule: Schedule = Schedule()
    asked: dict[str, bytes] = {}
    stopped: list[tuple[int, Switch]] = []


def taken(population: Population, applied_us: int, offset: int) -> bytes:
    """Returns everything of a population but its rows.

    Args:
        applied_us: up to when the rows include inputs and timers.
        offset: of the last input that need not be read again.
    """
    made = _Snapshot(
        applied_us,
        population.first_us,
        offset,
        population.registry.names,
        population.frame.zones.names,
        population.volume.to_bytes(),
        [(effective, _arrays(prices)) for effective, prices in population.thresholds],
        population.killed,
        layout(),
        schema_version=_VERSION,
        declared=type_changes.to_bytes(population.registry),
        awaited={name: sorted(users) for name, users in population.awaited.items()},
        reputation=population.reputation.to_bytes(),
        schedule=population.schedule,
        asked={name: asked.tobytes() for name, asked in population.arms.asked.items()},
        stopped=population.stopped,
    )
    return msgspec.msgpack.encode(made)


def saved_rows(saved: bytes) -> SavedRows:
    """Returns how the rows were saved beside which `taken` returned this.

    Raises:
        StoreError: a newer version wrote it.
    """
    found = msgspec.msgpack.decode(saved, type=SavedRows)
    if found.schema_version > _VERSION:
        raise StoreError(
            f"got states saved in form {found.schema_version}, expected at most {_VERSION}: a newer Tactful wrote "
            "them; upgrade this installation, or open a copy made before that upgrade"
        )
    return found


class SavedReputation(msgspec.Struct, frozen=True):
    """What was counted for the sender's reputation, and up to when."""

    applied_us: int
    reputation: bytes = b""

    def counts(self, levels: Levels) -> Reputation:
        """Returns the counts."""
        return Reputation.from_bytes(self.reputation, levels)


def saved_reputation(saved: bytes) -> SavedReputation:
    """Returns what is saved of the sender's reputation, and reads nothing else."""
    return msgspec.msgpack.decode(saved, type=SavedReputation)


def restore(population: Population, saved: bytes, rows: Iterable[bytes]) -> tuple[int, int]:
    """Brings a fresh population to what was saved, and returns (applied_us, offset).

    Args:
        rows: of users, as they were saved with it (`features/state_bytes.py`).

    Raises:
        StoreError: a newer version wrote it; or an earlier one, and a type that open candidates have is not declared
            any more.
    """
    form = saved_rows(saved)
    found = msgspec.msgpack.decode(saved, type=_Snapshot)
    settings = population.frame.settings
    form.load(population.table, rows)
    if found.declared:
        population.restore_types(type_changes.from_bytes(found.declared), found.awaited)
    else:
        _rename_types(population.table.rows, found.types, population.registry)
    population.frame = Frame(settings, population.registry.columns(), Zones.of(found.zones))
    population.volume = VolumeState.from_bytes(found.volume, settings)
    population.reputation = Reputation.from_bytes(found.reputation, settings.reputation)
    population.thresholds = [(effective, _thresholds(stored)) for effective, stored in found.thresholds]
    population.killed, population.stopped = list(found.killed), list(found.stopped)
    population.applied_us, population.first_us = found.applied_us, found.first_us
    population.schedule = found.schedule
    population.arms.restore(found.schedule.at(found.applied_us, POLICY), found.asked)
    population.refresh()
    return found.applied_us, found.offset


def _arrays(prices: Thresholds) -> _Arrays:
    guard = np.stack([prices.guard.share, prices.guard.rate, prices.guard.level])
    mid, low, high = (price.tobytes() for price in (prices.mid, prices.low, prices.high))
    return _Arrays(prices.mid.shape, mid, low, high, prices.version, guard.tobytes())


def _thresholds(stored: _Arrays) -> Thresholds:
    mid, low, high = (
        np.frombuffer(data).reshape(stored.shape).copy() for data in (stored.mid, stored.low, stored.high)
    )
    guard = Guard(*np.frombuffer(stored.guard).reshape(3, *SHAPE).copy()) if stored.guard else Guard.open()
    return Thresholds(mid, low, high, killed=False, version=stored.version, guard=guard)


def _rename_types(rows: NDArray[Any], names: tuple[str, ...], registry: Registry) -> None:
    """States of earlier versions name types by their place among all names; one that came or went moves them.

    Raises:
        StoreError: a type that open candidates have is not declared any more.
    """
    if names == registry.names:
        return
    used = set(np.unique(rows["c_type"][np.arange(rows["c_type"].shape[1]) < rows["c_len"][:, None]]).tolist())
    used |= set(np.unique(rows["s_type"][np.arange(rows["s_type"].shape[1]) < rows["s_len"][:, None]]).tolist())
    gone = [names[i] for i in used if names[i] not in registry.names]
    if gone:
        raise StoreError(
            f"the store has candidates or sends of the types {gone}, which no event-type file declares; "
            "put the files back until their candidates have expired"
        )
    to = np.array([registry.names.index(name) if name in registry.names else 0 for name in names])
    rows["c_type"], rows["s_type"] = to[rows["c_type"]], to[rows["s_type"]]
    before, after = rows["type_opt_out"].copy(), np.zeros(len(rows), dtype=np.uint64)
    for i, name in enumerate(names):
        if name in registry.names:
            bit = (before >> np.uint64(i)) & np.uint64(1)
            after |= bit << np.uint64(registry.names.index(name))
    rows["type_opt_out"] = after
