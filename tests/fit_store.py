"""A small store of an app whose truth is known: what `tactful simulate --fit` reads.

300 people of a world in which people come oftener, open more and look sooner than in the default one, notified as the
app always did. All that they did is accepted on the last day, with its own times, so that an engine has one day to
decide; the sends of the weeks before are filed as that engine would have filed them.
"""

from pathlib import Path
from typing import NamedTuple

from tactful import draws
from tactful.clock import DAY_US, HOUR_US, SimulatedClock, from_us
from tactful.events.records import CHANNELS, Decision, Input, encode
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.simulator.adapter import engagement_records, user_id, user_records
from tactful.simulator.columns import pick
from tactful.simulator.constants import Constants
from tactful.simulator.habit import HabitualPolicy
from tactful.simulator.protocol import TICK_US, EngagementColumns, SendColumns
from tactful.simulator.visits import VIEW
from tactful.simulator.world import START_US, DefaultWorld, make
from tactful.stores.protocols import DecisionRow, Store
from tactful.stores.sqlite import SqliteStore

PEOPLE, DAYS, SEED = 300, 24, 7
TRUTH = Constants()._replace(visits=0.09, attention=0.14, email_lingers_hours=4.0)


class Lived(NamedTuple):
    """What went on, hour by hour."""

    world: DefaultWorld
    sends: list[SendColumns]
    seen: list[EngagementColumns]


def lived(people: int = PEOPLE, days: int = DAYS) -> Lived:
    """Returns the weeks of the app."""
    world = make(SEED, people, TRUTH)
    policy = HabitualPolicy(world.users(), world.habit_per_week(), START_US, seed=SEED)
    found = Lived(world, [], [])
    for at in range(START_US, START_US + days * DAY_US, TICK_US):
        found.sends.append(policy.sends(at))
        policy.take_up(world.candidates(at, at + TICK_US))
        seen = world.respond(found.sends[-1], at, at + TICK_US)
        policy.observe(seen)
        found.seen.append(pick(seen, seen.kind != VIEW))
    return found


def fill_store(path: Path) -> None:
    """Writes the store."""
    fill(SqliteStore(path, synchronous="normal"), lived())


def fill(store: Store, app: Lived) -> None:
    """Fills a store, and lets an engine decide its last day."""
    inputs: list[Input] = [*user_records(app.world.users())]
    ids: dict[int, str] = {}
    for tick, (sends, seen) in enumerate(zip(app.sends, app.seen, strict=True)):
        ids |= {number: f"{number + 1:016x}" for number in sends.decision.tolist()}
        store.append_decisions(_filed(sends, ids, app.world.types))
        inputs += engagement_records(seen, tick, ids)
    until = START_US + len(app.seen) * TICK_US
    engine = Engine(store, Settings(seed=3), clock=SimulatedClock(until - HOUR_US))
    engine.submit(inputs)
    engine.advance(from_us(until))
    engine.close()


def _filed(sends: SendColumns, ids: dict[int, str], types: tuple[str, ...]) -> list[DecisionRow]:
    columns = (sends.user, sends.at_us, sends.channel, sends.type, sends.decision)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        DecisionRow(number + 1, draws.key(user_id(user)), at, 0, encode(
            Decision(
                decision_id=ids[number], user_id=user_id(user), at=from_us(at), action="send",
                channel=CHANNELS[channel], type=types[kind],
            )
        ))
        for user, at, channel, kind, number in rows
    ]  # fmt: skip
