"""The embedded engine and the vectorised closed loop decide alike: same world, same policy, two ways in."""

from dataclasses import dataclass

import numpy as np
import pytest

from tactful.clock import DAY_US, SimulatedClock, from_us
from tactful.decision.policy.explore import Exploration
from tactful.events.records import Decision
from tactful.features.history import ROW
from tactful.runtime.embedded import Engine
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.settings import Settings
from tactful.simulator.adapter import (
    budget_records,
    candidate_records,
    engagement_records,
    send_columns,
    user_records,
)
from tactful.simulator.arms.policy import Policy
from tactful.simulator.closed_loop import Loop
from tactful.simulator.protocol import TICK_US, SendColumns, World
from tactful.simulator.result import Result
from tactful.simulator.world import make
from tactful.stores.memory import MemoryStore

USERS, DAYS, SEED = 1000, 4, 5
ONLY_THE_ENGINE_FILLS = {"profile_hash", "profile_offset", "e_hash", "c_hash", "c_offset", "k_hash"}
"""Where the log has an input, and the hash of its content: the closed loop has no log."""


@dataclass(frozen=True)
class Both:
    """The same days, lived by the closed loop and by the engine."""

    loop: Loop
    result: Result
    engine: Engine
    decisions: list[Decision]
    sends: list[SendColumns]


def policy() -> Policy:
    """Thresholds, budgets, and more exploration than anybody would want, so that every branch is taken."""
    exploration = Exploration(random_send=0.05, greedy_send=0.05, greedy_no_send=0.05, volume_share=0.1)
    budgets = np.arange(USERS) % 8
    return Policy(Settings(seed=SEED, exploration=exploration), simple_scorer(), budgets)


def live_in_engine(world: World, policy: Policy) -> tuple[Engine, list[Decision], list[SendColumns]]:
    """Runs the world through records, hour by hour, as a service would hear of it."""
    clock = SimulatedClock(world.start_us)
    engine = Engine(MemoryStore(), policy.settings, policy.scorer, clock)
    assert policy.budgets is not None
    engine.submit([*user_records(world.users()), *budget_records(policy.budgets, world.start_us)])
    told: dict[int, tuple[int, int, float]] = {}
    ids: dict[int, str] = {}
    decided: list[Decision] = []
    sent: list[SendColumns] = []
    for tick in range(DAYS * DAY_US // TICK_US):
        start = world.start_us + tick * TICK_US
        came = world.candidates(start, start + TICK_US)
        about = zip(came.type.tolist(), came.category.tolist(), came.quality.tolist(), strict=True)
        told.update(zip(came.candidate.tolist(), about, strict=True))
        receipt = engine.submit(candidate_records(came), came.created_us.tolist())
        assert receipt.accepted == len(came.user)
        now = engine.advance(from_us(start + TICK_US - 1))
        sends = send_columns(now, told, len(ids))
        by_key = {(d.user_id, d.candidate_id): d.decision_id for d in now if d.action == "send"}
        for user, candidate, number in zip(
            sends.user.tolist(), sends.candidate.tolist(), sends.decision.tolist(), strict=True
        ):
            ids[number] = by_key[f"u{user:06d}", f"c{candidate}"]
        seen = world.respond(sends, start, start + TICK_US)
        clock.set(start + TICK_US)
        engine.submit(engagement_records(seen, tick, ids))
        decided.extend(now)
        sent.append(sends)
    return engine, decided, sent


@pytest.fixture(scope="module")
def both() -> Both:
    loop = Loop.start(make(seed=SEED, n_users=USERS), policy())
    result = loop.run("both", DAYS, judge=False)
    return Both(loop, result, *live_in_engine(make(seed=SEED, n_users=USERS), policy()))


def test_both_send_the_same_candidates_to_the_same_users_at_the_same_instants_through_the_same_channels(
    both: Both,
) -> None:
    assert len(both.result.sent.user) > USERS
    for name in ("user", "at_us", "channel", "type", "category", "quality", "candidate", "decision"):
        engine = np.concatenate([getattr(part, name) for part in both.sends])
        np.testing.assert_array_equal(engine, getattr(both.result.sent, name), err_msg=name)


def test_both_hold_and_drop_for_the_same_reasons_as_often(both: Both) -> None:
    for action, counts in (("hold", both.result.holds), ("drop", both.result.drops)):
        codes = [d.reasons[-1].code for d in both.decisions if d.action == action]
        assert {code: codes.count(code) for code in set(codes)} == counts


def test_both_know_the_same_of_every_user_in_the_end(both: Both) -> None:
    for name in ROW.names or ():
        if name not in ONLY_THE_ENGINE_FILLS:
            one, two = both.engine.population.table.rows[name], both.loop.population.table.rows[name]
            assert one.tobytes() == two.tobytes(), name


def test_both_come_to_the_same_thresholds(both: Both) -> None:
    one, two = both.engine.population.thresholds, both.loop.population.thresholds
    assert [at for at, _ in one] == [at for at, _ in two]
    for (_, engine), (_, loop) in zip(one, two, strict=True):
        np.testing.assert_array_equal(engine.mid, loop.mid)
