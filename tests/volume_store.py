"""A small store with weeks of budgets drawn at random behind it: what `train volume` and `allocate` read.

The people are those of `volume_logs.drawn`. All that they did is accepted on the last day, with its own times, so that
an engine has one day to decide; budgets and sends of the weeks before are filed as that engine would have filed them.
"""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import DAY_US, HOUR_US, WEEK_US, SimulatedClock, from_us
from tactful.decision.policy.explore import Exploration
from tactful.events.records import KINDS, BudgetAssignment, Channel, Decision, Engagement, Input, User, encode
from tactful.features import standing
from tactful.features.volume import SCHEMA, volume_features
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import BudgetRow, DecisionRow, Store
from tactful.stores.sqlite import SqliteStore
from tactful.training.volume.log import VolumeLog
from volume_logs import START_US, drawn

FIRST_US = 364 * 8 * WEEK_US
"""When the budgets came into force: the beginning of a period of eight weeks, in October 2025."""
NOW: datetime = from_us(FIRST_US + 12 * WEEK_US)
"""When the engine saved its states."""
FILL = 0.8
_BEFORE_DAYS = 28
_CHANNELS: tuple[tuple[Channel, ...], ...] = (("email",), ("push",), ("email", "push"))


def small_settings(**exploration: float) -> Settings:
    """Returns settings with a slice of 2 % and nothing else explored."""
    calm = {"random_send": 0.0, "greedy_send": 0.0, "greedy_no_send": 0.0, "slot_epsilon": 0.0}
    return Settings(seed=3, exploration=msgspec.convert({**calm, **exploration}, Exploration))


def fill_store(path: Path, people: int = 1500, by_habit: bool = False, quiet_days: int = 0) -> None:
    """Writes the store.

    Args:
        path: where.
        people: how many.
        by_habit: whether budgets followed how active people are, instead of being drawn.
        quiet_days: days before `NOW` from which nothing was logged.
    """
    log, _ = drawn(people, seed=5, gain=0.06, hazard=0.01, per_message=0.12, by_habit=by_habit)
    users, past = _users(log), _habits(log)
    seen = [*past, *_engagements(log, FIRST_US + 12 * WEEK_US - quiet_days * DAY_US)]
    _file_budgets(store := SqliteStore(path, synchronous="normal"), log, [*users, *past])
    _file_sends(store, log)
    _run(store, [*users, *seen], FIRST_US + 12 * WEEK_US).close()


def _run(store: Store, inputs: list[Input], until_us: int) -> Engine:
    engine = Engine(store, small_settings(), clock=SimulatedClock(until_us - HOUR_US))
    engine.submit(inputs)
    engine.advance(from_us(until_us))
    return engine


def _users(log: VolumeLog) -> list[Input]:
    return [
        User(user_id=f"u{i}", addresses={c: f"{c}{i}" for c in _CHANNELS[r]}, opt_in=_CHANNELS[r],
             signup_at=from_us(FIRST_US) - timedelta(days=200))
        for i, r in enumerate(log.reach.tolist())
    ]  # fmt: skip


def _habits(log: VolumeLog) -> list[Input]:
    """Sessions of the four weeks before the budgets."""
    p = 1.0 / (1.0 + np.exp(-log.features[:, :1]))
    user, day = np.nonzero(np.random.default_rng(6).uniform(size=(len(log), _BEFORE_DAYS)) < p)
    return _acts("h", user, FIRST_US - (day + 1) * DAY_US + DAY_US // 3, np.zeros(len(user), dtype=np.int64))


def _engagements(log: VolumeLog, until_us: int) -> list[Input]:
    at = log.e_at_us - START_US + FIRST_US
    told = at < until_us
    return _acts("e", log.e_user[told], at[told], log.e_kind[told])


def _acts(prefix: str, user: NDArray[np.int64], at_us: NDArray[np.int64], kind: NDArray[np.int64]) -> list[Input]:
    return [
        Engagement(engagement_id=f"{prefix}{i}", user_id=f"u{u}", kind=KINDS[k], at=from_us(at))
        for i, (u, at, k) in enumerate(zip(user.tolist(), at_us.tolist(), kind.tolist(), strict=True))
    ]


def _file_budgets(store: Store, log: VolumeLog, known: list[Input]) -> None:
    """Budgets with what was known of their people when they were drawn."""
    rows = _run(MemoryStore(), known, FIRST_US).population.table.rows
    now = np.full(len(rows), FIRST_US)
    features, segment = volume_features(rows, now).tolist(), standing.segment(rows, now).tolist()
    period = FIRST_US // (8 * WEEK_US)
    store.append_budgets(
        [
            BudgetRow(
                draws.key(f"u{i}"),
                period,
                FIRST_US,
                encode(
                    BudgetAssignment(
                        assignment_id=f"random:{period}:u{i}", user_id=f"u{i}", period=period, k=k, randomised=True,
                        probability=float(log.probability[i]), at=from_us(FIRST_US), segment=segment[i],
                        features=tuple(features[i]), feature_schema=SCHEMA,
                    )
                ),
            )
            for i, k in enumerate(log.k.tolist())
        ]
    )  # fmt: skip


def _file_sends(store: Store, log: VolumeLog) -> None:
    """Four fifths of what was due, spread over the weeks until each person left."""
    count = np.rint(log.sent * FILL).astype(np.int64)
    user = np.repeat(np.arange(len(log)), count)
    weeks = np.where(log.k > 0, log.sent / np.maximum(log.k, 1), 0.0)
    at = FIRST_US + (np.random.default_rng(7).uniform(size=len(user)) * weeks[user] * WEEK_US).astype(np.int64)
    rows = [
        DecisionRow(key, draws.key(f"u{u}"), when, 0, encode(
            Decision(decision_id=f"{key:016x}", user_id=f"u{u}", at=from_us(when), action="send")
        ))
        for key, (u, when) in enumerate(zip(user.tolist(), at.tolist(), strict=True), start=1)
    ]  # fmt: skip
    store.append_decisions(rows)
