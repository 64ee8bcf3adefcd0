"""Some of the simulated people through the embedded engine, hour by hour, into a store that every other verb reads."""

from dataclasses import dataclass

from tactful.clock import DAY_US, SimulatedClock, from_us
from tactful.events.records import Decision, Engagement
from tactful.runtime.embedded import Engine
from tactful.simulator import adapter
from tactful.simulator.arms.policy import Policy
from tactful.simulator.protocol import TICK_US, UserColumns, World
from tactful.stores.protocols import Store


@dataclass(frozen=True)
class Live:
    """What came of it: the people, everything decided, and everything they did; `end_us` is when it stopped."""

    users: UserColumns
    decisions: tuple[Decision, ...]
    engagements: tuple[Engagement, ...]
    end_us: int


def live(world: World, policy: Policy, store: Store, days: int) -> Live:
    """Lives through some days of a world at its first instant; states are saved in the store at the end.

    Everything is a record here: what came up and what people did is submitted as an app would submit it, and
    messages are decided and filed, but nobody hands them to a channel: their addresses do not exist.
    """
    users, at_us = world.users(), world.start_us
    clock = SimulatedClock(at_us)
    engine = Engine(store, policy.settings, policy.scorer, clock)
    engine.submit(adapter.user_records(users))
    if policy.budgets is not None:
        engine.submit(adapter.budget_records(policy.budgets[: users.n], at_us))
    decided: list[Decision] = []
    done: list[Engagement] = []
    ids: dict[int, str] = {}
    about: dict[int, tuple[int, int, float]] = {}
    for tick in range(days * DAY_US // TICK_US):
        start, end = world.start_us + tick * TICK_US, world.start_us + (tick + 1) * TICK_US
        came = world.candidates(start, end)
        about.update(
            zip(
                came.candidate.tolist(),
                zip(came.type.tolist(), came.category.tolist(), came.quality.tolist(), strict=True),
                strict=True,
            )
        )
        engine.submit(adapter.candidate_records(came), came.created_us.tolist())
        made = engine.advance(from_us(end - 1))
        sends = adapter.send_columns(made, about, first=len(ids))
        names = {(d.user_id, d.at, d.candidate_id): d.decision_id for d in made if d.action == "send"}
        for number, user, at, candidate in zip(
            sends.decision.tolist(), sends.user.tolist(), sends.at_us.tolist(), sends.candidate.tolist(), strict=True
        ):
            ids[number] = names[adapter.user_id(user), from_us(at), f"c{candidate}"]
        seen = adapter.engagement_records(world.respond(sends, start, end), tick, ids)
        clock.set(end)
        engine.submit(seen)
        decided.extend(made)
        done.extend(seen)
    return Live(users, tuple(decided), tuple(done), world.start_us + days * DAY_US)
