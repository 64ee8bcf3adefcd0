"""A seeded stream of everything that an app tells the engine: what the runtime's agreement tests run on."""

from datetime import UTC, datetime

import numpy as np

from stage import PAYLOADS
from tactful import draws
from tactful.clock import DAY_US, HOUR_US, from_us, to_us
from tactful.decision.policy.explore import Exploration
from tactful.events.budget_plan import budget_plan
from tactful.events.records import (
    CHANNELS,
    BudgetAssignment,
    Cancel,
    Candidate,
    Control,
    Engagement,
    EngagementKind,
    Input,
    Item,
    QuietHours,
    Suppression,
    User,
)
from tactful.runtime.settings import EngineSettings, Settings, Volume

START = datetime(2026, 3, 27, tzinfo=UTC)
"""Two days before Berlin's clocks go forward."""

BUSY = Settings(
    seed=11,
    exploration=Exploration(0.05, 0.05, 0.05, 0.05, 0.2, 0.2, 1),
    volume=Volume(per_user_per_week=6.0),
    engine=EngineSettings(snapshot_min_inputs=400, snapshot_inputs_per_user=1),
)
"""Every kind of randomisation often, and states saved often."""

_ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Auckland")
_TYPES = tuple(PAYLOADS)
_ACTS: tuple[EngagementKind, ...] = ("session", "session", "session", "view", "open", "click", "receipt", "unsubscribe")


def stream(seed: int, n_users: int, days: float, a_day: float = 8.0) -> list[tuple[int, Input]]:
    """Returns (stamp, input) by rising stamp: profiles first and changed at times, then what people do and get."""
    rng = np.random.default_rng(seed)
    found = [(to_us(START) + i, _profile(rng, i)) for i in range(n_users)]
    n = int(n_users * days * a_day)
    stamps = to_us(START) + n_users + rng.integers(0, int(days * DAY_US), n)
    found += [(int(stamp), _input(rng, i, int(rng.integers(n_users)), int(stamp))) for i, stamp in enumerate(stamps)]
    found.append((to_us(START) + DAY_US, _kill_switch(1, START.timestamp() * 1e6 + DAY_US + 5 * HOUR_US / 7, True)))
    found.append((to_us(START) + DAY_US, _kill_switch(2, START.timestamp() * 1e6 + DAY_US + 3 * HOUR_US, False)))
    found.append(_budgets(n_users, to_us(START) + DAY_US // 2))
    return sorted(found, key=lambda pair: pair[0])


def _budgets(n_users: int, stamp: int) -> tuple[int, Input]:
    """A plan for every third user, and for one of whom nothing was ever heard."""
    keys = np.array([draws.key(f"user-{i}") for i in range(0, n_users + 3, 3)], dtype=np.uint64)
    (plan,) = budget_plan("w0", 0, keys, (np.arange(len(keys)) % 5).astype(np.uint8), from_us(stamp))
    return stamp, plan


def _kill_switch(version: int, effective_us: float, value: bool) -> Control:
    return Control(version=version, effective_at=from_us(int(effective_us)), key="kill_switch", value=value)


def _profile(rng: np.random.Generator, i: int) -> User:
    channels = tuple(c for c in CHANNELS[:4] if rng.random() < 0.7)
    quiet = QuietHours(start_minute=int(rng.integers(1440)), end_minute=int(rng.integers(1440)))
    return User(
        user_id=f"user-{i}",
        timezone=str(rng.choice(_ZONES)),
        addresses={c: f"{c}:{i}" for c in channels},
        opt_in=channels,
        type_opt_out=(str(rng.choice(_TYPES)),) if rng.random() < 0.2 else (),
        quiet_hours=quiet if rng.random() < 0.3 else None,
    )


def _input(rng: np.random.Generator, i: int, user: int, stamp: int) -> Input:
    user_id, at = f"user-{user}", from_us(stamp - int(rng.integers(2 * HOUR_US)))
    channel = CHANNELS[rng.integers(4)]
    share = rng.random()
    if share < 0.5:
        kind = _ACTS[rng.integers(len(_ACTS) if rng.random() < 0.2 else len(_ACTS) - 1)]
        category = int(rng.integers(5))
        return Engagement(
            engagement_id=f"e{i}", user_id=user_id, kind=kind, at=at, channel=channel, category=category, value=1.0
        )
    if share < 0.9:
        return _candidate(rng, i, user_id, at)
    if share < 0.94:
        if rng.random() < 0.5:
            return Cancel(cancel_id=f"x{i}", user_id=user_id, candidate_id=f"c{i - int(rng.integers(200))}", at=at)
        return Cancel(cancel_id=f"x{i}", user_id=user_id, cancel_key=f"cart-{rng.integers(3)}", at=at)
    if share < 0.96:
        return BudgetAssignment(assignment_id=f"b{i}", user_id=user_id, period=0, k=int(rng.integers(12)), at=at)
    if share < 0.98:
        where = None if rng.random() < 0.3 else channel
        lifted = bool(rng.random() < 0.5)
        return Suppression(suppression_id=f"s{i}", user_id=user_id, channel=where, lifted=lifted, at=at)
    return _profile(rng, user)


def _candidate(rng: np.random.Generator, i: int, user_id: str, at: datetime) -> Candidate:
    kind = _TYPES[rng.integers(len(_TYPES) if rng.random() < 0.2 else len(_TYPES) - 1)]
    item = Item(item_id=f"i{i % 50}", category=int(rng.integers(5)), quality=float(rng.random()))
    return Candidate(
        candidate_id=f"c{i}",
        user_id=user_id,
        type=kind,
        created_at=at,
        payload=PAYLOADS[kind],
        items=(item,),
        group_key=f"post-{rng.integers(3)}" if rng.random() < 0.5 else "",
        cancel_key=f"cart-{rng.integers(3)}" if rng.random() < 0.2 else "",
    )
