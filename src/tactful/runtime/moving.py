"""An engine's memory dealt to shards and a keeper of prices, and put together again: how a store moves to a cluster.

At the instant up to which an engine has decided, its users' states go to their groups, its counts to the keeper, and
the prices in force to all. What was accepted and not decided on stays in the log, where shards and engines find it. On
the way back all shards have come to one instant; what was decided in between is written beside their states. So each
decision is made once, by one of the two.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np

from tactful.decision.request import Thresholds
from tactful.errors import CannotMove, InvalidSettings
from tactful.events import type_changes
from tactful.experiments.design import POLICY
from tactful.features.history import ROW, layout
from tactful.features.state_bytes import packed
from tactful.runtime import embedded, log_spans, snapshot
from tactful.runtime.arms import Arms
from tactful.runtime.control import EPOCH_US
from tactful.runtime.embedded import Engine
from tactful.runtime.logged_prices import logged_prices
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.population import Population
from tactful.runtime.price_keeper import PriceKeeper
from tactful.runtime.settings import Settings
from tactful.runtime.shard import Changed, Shard, group_of
from tactful.runtime.shard_state import ShardState, layout_key, needed_texts, users_of
from tactful.stores.protocols import ControlRow, Store

_READ_AT_ONCE: Final = 4096
_NOBODY: Final = np.zeros(0, dtype=ROW)


class Moved(msgspec.Struct, frozen=True):
    """An engine, dealt: the instant up to which all is decided, each group's bytes, and the keeper's."""

    applied_us: int
    groups: list[Changed]
    keeper: bytes


def mark(store: Store, to: str) -> None:
    """Notes where decisions over a store are made now; "": by its engine. Until then an engine only accepts."""
    store.save_meta(embedded.MOVED, to.encode())


def has_moved(store: Store) -> bool:
    """Whether decisions over a store are made elsewhere now."""
    return bool(store.load_meta(embedded.MOVED))


def to_shards(engine: Engine, groups: int) -> Moved:
    """Returns an engine's memory as so many shards (`Shard.restored`) and a keeper (`PriceKeeper.from_bytes`).

    The inputs behind `applied_us` are for the shards. Nothing is written; the engine must not go on.

    Raises:
        CannotMove: the engine has decided nothing yet, or its store has moved already.
        InvalidSettings: the number of groups is no power of two.
    """
    if groups < 1 or groups.bit_count() != 1:
        raise InvalidSettings(f"got {groups} groups, expected a power of two such as 128")
    population = engine.population
    if moved_to := engine.store.load_meta(embedded.MOVED):
        raise CannotMove(
            f"the store has moved to {moved_to.decode()}, expected one whose engine decides; bring it back"
        )
    if engine.watermark is None:
        raise CannotMove("the engine has decided nothing yet, expected states to move; begin the job without them")
    controls = {row.effective_us: row.data for row in _prices_from(engine.store, population.applied_us)}
    whole = _state(population, controls)
    everybody = np.arange(len(population.table))
    texts = _texts(engine.store, needed_texts(population.table.rows, everybody))
    of = group_of(population.table.rows["user_key"], groups)
    dealt = []
    for group in range(groups):
        users = users_of(population, engine.user_ids, texts, np.flatnonzero(of == group).tolist())
        state = msgspec.structs.replace(whole, group=group, groups=groups)
        dealt.append(Changed(state.to_bytes(), users))
    keeper = PriceKeeper.going_on(population, engine.settings, groups)
    return Moved(population.applied_us, dealt, keeper.to_bytes())


def to_store(store: Store, settings: Settings, moved: Moved) -> None:
    """Saves shards that have all come to one instant as the states of an engine, which goes on from there.

    Part of the open transaction, in which everything that they have decided is written, too, before this.

    Args:
        store: with the log that they have read, and all prices that their keeper has made.
        settings: of both.
        moved: the shards, and the keeper that has heard all of their reports.

    Raises:
        CannotMove: the shards are at several instants, some are missing, or the store has people whom they do not know.
    """
    states = [ShardState.from_bytes(one.shard) for one in moved.groups]
    _refuse_parts(states, moved.applied_us)
    layouts = {key: fields for state in states for key, fields in state.layouts.items()}
    whole = msgspec.structs.replace(states[0], group=0, groups=1, layouts=layouts, counted=(), waiting=[])
    users = dict(pair for one in moved.groups for pair in one.users)
    shard = Shard.restored(whole.to_bytes(), users.values(), settings, simple_scorer())
    population = shard.population
    keeper = PriceKeeper.from_bytes(moved.keeper, settings)
    if keeper.known_until_us != _known_until(moved.applied_us):
        raise CannotMove("the keeper has not heard all that the shards have counted; let the job come to its end")
    still_open = [part for state in states for part in state.counted]
    population.volume, population.reputation = keeper.counted(still_open)
    population.thresholds = _in_force(_prices_from(store, moved.applied_us), whole.regrouped)
    _save(store, population, sorted(users), moved.applied_us)


def _state(population: Population, controls: dict[int, bytes]) -> ShardState:
    """What every shard has to know; the group is put in later."""
    return ShardState(
        group=0,
        groups=1,
        known_until_us=_known_until(population.applied_us),
        applied_us=population.applied_us,
        first_us=population.first_us,
        spoke=population.spoke,
        types=type_changes.to_bytes(population.registry),
        layouts={layout_key(): layout()},
        controls=controls,
        regrouped=_recently_regrouped(population),
        killed=population.killed,
        stopped=population.stopped,
        schedule=population.schedule,
        counted=(),
        waiting=[],
    )


def _known_until(applied_us: int) -> int:
    """The last instant for which the price is known where all epochs up to another are closed."""
    return ((applied_us + 1) // EPOCH_US + 2) * EPOCH_US - 1


def _recently_regrouped(population: Population) -> list[tuple[int, list[int]]]:
    """Changes of the arms behind the epoch whose price is in force, as `Population.regrouped` has them in a shard."""
    now = population.applied_us + 1
    since = now - 2 * EPOCH_US
    arms = Arms(population.frame.settings)
    arms.restore(population.schedule.at(since - 1, POLICY), {})
    found = []
    for at_us in population.schedule.changes_us():
        running = population.schedule.at(at_us, POLICY)
        if since <= at_us < now and running != arms.experiments:
            found.append((at_us, arms.change(running, _NOBODY).source.tolist()))
    return found


def _prices_from(store: Store, applied_us: int) -> list[ControlRow]:
    """The prices on record that are in force behind an instant or come into force later."""
    return [row for row in store.controls() if row.key == "thresholds" and row.effective_us + EPOCH_US > applied_us]


def _in_force(
    controls: Sequence[ControlRow], regrouped: Sequence[tuple[int, list[int]]]
) -> list[tuple[int, Thresholds]]:
    """Prices by the instant of their effect, of the arms that there are now."""
    found = []
    for effective, prices in sorted(logged_prices(controls).items()):
        for at_us, source in regrouped:
            if at_us >= effective - EPOCH_US:
                prices = replace(prices, mid=prices.mid[source], low=prices.low[source], high=prices.high[source])
        found.append((effective, prices))
    return found


def _texts(store: Store, needed: Iterable[set[int]]) -> dict[int, bytes]:
    """Logged bytes by their offsets."""
    offsets = sorted(set[int]().union(*needed))
    found: dict[int, bytes] = {}
    for start in range(0, len(offsets), _READ_AT_ONCE):
        found |= store.fetch(offsets[start : start + _READ_AT_ONCE])
    return found


def _refuse_parts(states: Sequence[ShardState], applied_us: int) -> None:
    instants, groups = {state.applied_us for state in states}, sorted(state.group for state in states)
    if instants != {applied_us}:
        raise CannotMove(
            f"got shards at {sorted(instants)} µs, expected all at {applied_us}: let the job come to its end"
        )
    if groups != list(range(states[0].groups)):
        raise CannotMove(f"got {len(groups)} shards, expected {states[0].groups}, each once: give all that a job wrote")


def _save(store: Store, population: Population, user_ids: Sequence[str], applied_us: int) -> None:
    """Saves as an engine does, the users in the order in which the store knows them: their arms are told by row."""
    rows = {user_id: row for row, user_id in enumerate(user_ids)}
    known = [user_id for user_id, _ in store.load_states()]
    strangers = [user_id for user_id in known if user_id not in rows]
    if strangers:
        raise CannotMove(
            f"the store has {len(strangers)} people whom no shard knows, such as {strangers[0]!r}; expected the store "
            "that the job was exported from, as it was left"
        )
    ordered = [*known, *sorted(rows.keys() - set(known))]
    order = [rows[user_id] for user_id in ordered]
    population.arms.asked = {name: asked[order] for name, asked in population.arms.asked.items()}
    store.save_states(zip(ordered, packed(population.table.rows, order), strict=True))
    last = log_spans.offset_before(store, applied_us + 1)
    store.save_meta("states", snapshot.taken(population, applied_us, last))
    store.save_meta("committed", str(applied_us).encode())
