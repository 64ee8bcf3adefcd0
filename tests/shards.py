"""The same log through the embedded engine and through shards with their keeper, and what each of them leaves."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

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
from tactful.runtime.shard import Made, Shard
from tactful.runtime.shard_state import users_of
from tactful.stores.protocols import LoggedInput, Store

NEW_TYPE = "a_new_one"
Step = Callable[[list[Shard], PriceKeeper], tuple[list[Shard], PriceKeeper]]
"""What happens between two hours, such as a restore."""


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


def sharded(
    log: Sequence[LoggedInput],
    settings: Settings,
    groups: int,
    end_us: int,
    scorer: Scorer | None = None,
    between: Step | None = None,
    given: Iterable[bytes] = (),
    registry: Registry | None = None,
    every_us: int = HOUR_US,
) -> Left:
    """Returns what so many shards leave, each of which takes its inputs when an hour (or `every_us`) of them is over.

    Args:
        given: the control log; without it the keeper makes the prices.
        between: is done after each step.
    """
    start_us, scorer = min(one.log_ts_us for one in log if one.user_key), scorer or simple_scorer()
    shards = [Shard(g, groups, settings, registry or Registry.shipped(), scorer, start_us) for g in range(groups)]
    keeper, made, controls, place = PriceKeeper(settings, groups, start_us), [], list(given), 0
    users: dict[str, bytes] = {}
    for shard in shards:
        for control in controls:
            shard.price(control)
    in_time = sorted(log, key=lambda one: one.log_ts_us)
    for until_us in [*range(min(one.log_ts_us for one in log) // DAY_US * DAY_US - 1, end_us, every_us), end_us]:
        first, place = place, next((i for i, one in enumerate(in_time) if one.log_ts_us > until_us), len(in_time))
        here = set(map(id, in_time[first:place]))
        for shard in shards:
            shard.take(
                one for one in log if id(one) in here and (not one.user_key or _group(one, groups) == shard.group)
            )
        for shard in shards:
            made.append(shard.run(until_us))
            assert (made[-1].until_us, made[-1].refused) == (until_us, [])
            for epoch in keeper.take(made[-1].report) if not given else []:
                controls.append(logbook.control(epoch).data)
                for other in shards:
                    other.price(controls[-1])
        if between is not None:
            shards, keeper = between(shards, keeper)
    for shard in shards:
        users.update(shard.changed().users)
    return gathered(made, controls, users)


def gathered(made: Iterable[Made], controls: list[bytes], users: dict[str, bytes]) -> Left:
    """Returns what many runs made, in one order."""
    made = list(made)
    decisions = sorted(
        (row for one in made for row in one.decisions), key=lambda r: (r.at_us, r.user_key, r.decision_key)
    )
    return Left(
        [row.data for row in decisions],
        sorted(row.data for one in made for row in one.plans),
        sorted(row.data for one in made for row in one.budgets),
        sorted(row.message for one in made for row in one.messages),
        controls,
        users,
    )


def _drawn(budget: bytes) -> bool:
    record = decode(budget)
    return isinstance(record, BudgetAssignment) and record.randomised


def _keys(store: Store) -> list[int]:
    return [row.decision_key for row in store.decisions_between(0, 1 << 62)]


def _group(one: LoggedInput, groups: int) -> int:
    return one.user_key & (groups - 1)
