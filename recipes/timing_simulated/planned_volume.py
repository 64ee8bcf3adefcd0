"""What a running engine planned and what it sent, by hour: people of a world in the embedded engine, records and all.

Planned sends are read from the engine's control log, real ones from its decisions.
"""

from collections import Counter

import msgspec
import numpy as np

from tactful.clock import DAY_US, HOUR_US, SimulatedClock, from_us, to_us
from tactful.events.records import Control, Decision, decode
from tactful.features.segments import SEGMENTS
from tactful.runtime.embedded import Engine
from tactful.runtime.logbook import planned_by_hour
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.settings import Settings, Volume
from tactful.simulator.adapter import candidate_records, engagement_records, send_columns, user_records
from tactful.simulator.protocol import TICK_US
from tactful.simulator.world import make
from tactful.stores.memory import MemoryStore


class PlannedVolume(msgspec.Struct, frozen=True):
    """Of one segment, over the days after `skipped` ones: sends by hour of the UTC day."""

    seed: int
    users: int
    skipped: int
    days: int
    segment: str
    planned: tuple[float, ...]
    sent: tuple[int, ...]


def engine_days(seed: int, users: int, skipped: int, days: int, per_user_per_week: float) -> PlannedVolume:
    """Runs the engine with its default rules; the segment shown is the one that was sent most."""
    world = make(seed, users)
    clock = SimulatedClock(world.start_us)
    store = MemoryStore()
    engine = Engine(
        store, Settings(seed=seed, volume=Volume(per_user_per_week=per_user_per_week)), simple_scorer(), clock
    )
    engine.submit(user_records(world.users()))
    told: dict[int, tuple[int, int, float]] = {}
    ids: dict[int, str] = {}
    decided: list[Decision] = []
    for tick in range((skipped + days) * DAY_US // TICK_US + 2):
        start = world.start_us + tick * TICK_US
        came = world.candidates(start, start + TICK_US)
        about = zip(came.type.tolist(), came.category.tolist(), came.quality.tolist(), strict=True)
        told.update(zip(came.candidate.tolist(), about, strict=True))
        engine.submit(candidate_records(came), came.created_us.tolist())
        now = engine.advance(from_us(start + TICK_US - 1))
        sends = send_columns(now, told, len(ids))
        by_key = {(d.user_id, d.candidate_id): d.decision_id for d in now if d.action == "send"}
        ids.update(
            (number, by_key[f"u{user:06d}", f"c{candidate}"])
            for user, candidate, number in zip(
                sends.user.tolist(), sends.candidate.tolist(), sends.decision.tolist(), strict=True
            )
        )
        seen = world.respond(sends, start, start + TICK_US)
        clock.set(start + TICK_US)
        engine.submit(engagement_records(seen, tick, ids))
        decided.extend(now)
    first = world.start_us // DAY_US + skipped
    return _shown(store, [d for d in decided if d.action == "send"], seed, users, skipped, range(first, first + days))


def _shown(
    store: MemoryStore, sends: list[Decision], seed: int, users: int, skipped: int, days: range
) -> PlannedVolume:
    """Counts production sends, as the plans do: forced ones are left out of both."""
    kept = [d for d in sends if d.bucket == "production" and to_us(d.at) // DAY_US in days]
    segment = Counter(d.segment for d in kept).most_common(1)[0][0]
    hours = Counter(to_us(d.at) // HOUR_US % 24 for d in kept if d.segment == segment)
    written = {row.effective_us: row.data for row in store.controls() if row.key == "thresholds"}
    planned = np.zeros(24)
    for day in days:
        control = decode(written[(day + 1) * DAY_US + HOUR_US])  # the one that has every plan of the day
        assert isinstance(control, Control)
        planned += planned_by_hour(control)[:, 0, SEGMENTS.index(segment)]
    return PlannedVolume(
        seed=seed,
        users=users,
        skipped=skipped,
        days=len(days),
        segment=segment,
        planned=tuple(round(float(x), 3) for x in planned),
        sent=tuple(hours[hour] for hour in range(24)),
    )
