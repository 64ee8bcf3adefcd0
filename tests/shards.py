"""The same log through the embedded engine and through shards with their keeper, and what each of them leaves."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from stage import App, plan_bytes, replayed
from streams import START, stream
from tactful.clock import DAY_US, HOUR_US, from_us, to_us
from tactful.events import type_changes
from tactful.events.records import BudgetAssignment, Control, Input, User, decode
from tactful.events.registry import Registry
from tactful.events.type_changes import TypeChange
from tactful.experiments import schedule
from tactful.experiments.design import Experiment, ExperimentArm
from tactful.runtime import logbook
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.price_keeper import PriceKeeper
from tactful.runtime.scoring import Scorer
from tactful.runtime.settings import Settings
from tactful.runtime.shard import Made, Shard, group_of
from tactful.runtime.shard_state import users_of
from tactful.stores.protocols import LoggedInput, Store

NEW_TYPE = "a_new_one"


@dataclass(frozen=True)
class Left:
    """What a run leaves behind, in one order: decisions, plans, budgets, messages, prices, and the users' states."""

    decisions: list[bytes]
    plans: list[bytes]
    budgets: list[bytes]
    messages: list[bytes]
    controls: list[bytes]
    users: dict[str, bytes]


def everything(seed: int, n_users: int, days: float) -> list[tuple[int, Input]]:
    """Returns a stream of all kinds of inputs, with an experiment that begins, grows and ends, and a new type of event
    that some have opted out of before it was declared."""
    start = to_us(START)
    type_ = msgspec.structs.replace(Registry.shipped().types[0], name=NEW_TYPE)
    change = type_changes.value(TypeChange(declared=(type_,)))
    news: list[tuple[int, Input]] = [
        (start + 9 * HOUR_US + 7, Control(version=1, effective_at=from_us(0), key=type_changes.KEY, value=change)),
        (start + 10 * HOUR_US, _experiment(1, 10.4, 0.3)),
        (start + 10 * HOUR_US, _experiment(2, 20.0, 0.5)),
        (start + 30 * HOUR_US, _experiment(3, 31.2, 0.5, ended=True)),
    ]
    told = [
        (at, _opting_out(record) if i % 5 == 0 else record)
        for i, (at, record) in enumerate(stream(seed, n_users, days))
    ]
    return sorted([*told, *news], key=lambda pair: pair[0])


def _opting_out(record: Input) -> Input:
    if isinstance(record, User):
        return msgspec.structs.replace(record, type_opt_out=(*record.type_opt_out, NEW_TYPE))
    return record


def _experiment(version: int, hours: float, share: float, ended: bool = False) -> Control:
    at = from_us(to_us(START) + int(hours * HOUR_US))
    arm = ExperimentArm("often", share, rules={"gap_minutes": 30})
    one = Experiment(name="gaps", arms=(arm,), ended_at=at if ended else None)
    return Control(version=version, effective_at=at, key=schedule.KEY, value=schedule.value(one))


def embedded(told: Sequence[tuple[int, Input]], settings: Settings, end_us: int) -> App:
    """Returns an app that has decided on all of it."""
    return replayed(told, settings, [end_us])


def left_by(app: App) -> Left:
    """Returns what the embedded engine leaves."""
    engine, store = app.engine, app.store
    texts = {one.offset: one.data for one in log_of(store)}
    users = users_of(engine.population, engine.user_ids, texts, range(len(engine.user_ids)))
    end = 1 << 62
    return Left(
        [row.data for row in store.decisions_between(0, end)],
        sorted(plan_bytes(app)),
        sorted(row.data for row in store.budgets_between(0, end) if _drawn(row.data)),
        sorted(entry.row.message for entry in map(store.outbox_of, _keys(store)) if entry is not None),
        [row.data for row in store.controls() if row.key == "thresholds"],
        dict(users),
    )


def log_of(store: Store) -> list[LoggedInput]:
    """Returns the whole input log."""
    return list(store.read(-1, 1 << 30))


@dataclass
class Checkpoint:
    """What a job can go on from: how far it has read, its shards, its users, and how much it had made."""

    place_us: int
    shards: list[bytes]
    users: list[dict[str, bytes]]
    made: int


class Job:
    """So many shards in one process, each of which takes its inputs when the time up to which it runs is over."""

    def __init__(
        self, log: Sequence[LoggedInput], settings: Settings, groups: int, scorer: Scorer | None = None
    ) -> None:
        self.log, self.settings, self.scorer = log, settings, scorer or simple_scorer()
        start_us = min(one.log_ts_us for one in log if one.user_key)
        self.shards = [Shard(g, groups, settings, Registry.shipped(), self.scorer, start_us) for g in range(groups)]
        self.keeper = PriceKeeper(settings, groups, start_us)
        self.place_us = start_us // DAY_US * DAY_US - 1
        self.users: list[dict[str, bytes]] = [{} for _ in self.shards]
        self.made: list[Made] = []
        self.controls: list[bytes] = []

    def price(self, controls: Sequence[bytes]) -> None:
        """Tells all shards of prices."""
        self.controls += controls
        for shard in self.shards:
            for control in controls:
                shard.price(control)

    def run(self, until_us: int, closes: bool = True) -> None:
        """Runs every shard to an instant; the keeper hears of it, if it closes epochs."""
        for shard in self.shards:
            shard.take(one for one in self.log if self.place_us < one.log_ts_us <= until_us and _is_for(one, shard))
        for shard in self.shards:
            made = shard.run(until_us)
            assert (made.until_us, made.refused) == (until_us, [])
            self.made.append(made)
            if closes:
                self.price([logbook.control(epoch).data for epoch in self.keeper.take(made.report)])
        self.place_us = until_us

    def hourly(self, end_us: int) -> None:
        """Runs hour by hour, as a job that closes its epochs itself has to."""
        while self.place_us < end_us:
            self.run(min(self.place_us + HOUR_US, end_us))

    def save(self) -> Checkpoint:
        """Writes what has changed, and keeps what was written before."""
        shards = []
        for shard, users in zip(self.shards, self.users, strict=True):
            changed = shard.changed()
            users.update(changed.users)
            shards.append(changed.shard)
        return Checkpoint(self.place_us, shards, [dict(users) for users in self.users], len(self.made))

    def restore(self, saved: Checkpoint) -> None:
        """Goes on from what was written; the keeper and the control log stay as they are."""
        self.place_us, self.users, self.made = saved.place_us, saved.users, self.made[: saved.made]
        self.shards = [
            Shard.restored(shard, users.values(), self.settings, self.scorer)
            for shard, users in zip(saved.shards, saved.users, strict=True)
        ]
        controls, self.controls = self.controls, []
        self.price(controls)

    def left(self) -> Left:
        """Returns what the job leaves behind, in the order of `left_by`."""
        rows = sorted(
            (row for one in self.made for row in one.decisions), key=lambda r: (r.at_us, r.user_key, r.decision_key)
        )
        users = self.save().users
        return Left(
            [row.data for row in rows],
            sorted(row.data for one in self.made for row in one.plans),
            sorted(row.data for one in self.made for row in one.budgets),
            sorted(row.message for one in self.made for row in one.messages),
            self.controls,
            {user_id: data for group in users for user_id, data in group.items()},
        )


def _is_for(one: LoggedInput, shard: Shard) -> bool:
    return not one.user_key or int(group_of(np.array([one.user_key], dtype=np.uint64), shard.groups)[0]) == shard.group


def _drawn(budget: bytes) -> bool:
    record = decode(budget)
    return isinstance(record, BudgetAssignment) and record.randomised


def _keys(store: Store) -> list[int]:
    return [row.decision_key for row in store.decisions_between(0, 1 << 62)]
