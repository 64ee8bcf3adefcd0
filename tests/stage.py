"""What the stories of the runtime need: one app with one clock, its records in short, and its rows as bytes."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from tactful.clock import SimulatedClock, from_us, to_us
from tactful.decision.policy.explore import Exploration
from tactful.decision.rules import Rules
from tactful.events.records import Candidate, Channel, Decision, Engagement, Input, User, UserInput
from tactful.events.registry import Registry
from tactful.features.pool import CandidateRows
from tactful.runtime.embedded import Engine
from tactful.runtime.intake import Receipt, check, columns
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.population import Population
from tactful.runtime.settings import Settings, Volume
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import Store

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
"""Midnight of a Monday on which no zone of these tests changes its clocks."""

PAYLOADS: dict[str, dict[str, Any]] = {
    "recommendation": {"title": "A tale", "url": "https://app.example/1"},
    "win_back": {"title": "A tale", "url": "https://app.example/1"},
    "new_follower": {"follower_name": "Ada", "url": "https://app.example/2"},
    "comment_digest": {"post_title": "My post", "url": "https://app.example/3"},
    "new_content_from_followed": {"author_name": "Ada", "title": "A tale", "url": "https://app.example/4"},
    "security_alert": {"what": "New sign-in", "url": "https://app.example/5"},
}

CALM = Settings(
    seed=7,
    exploration=Exploration(0.0, 0.0, 0.0, 0.05, 0.0, 0.0),
    rules=Rules(price="none"),
    volume=Volume(per_user_per_week=20.0),
)
"""Nothing randomised, no price and a large budget: only the rule under test stands between candidate and send."""


def with_rules(settings: Settings = CALM, **changes: Any) -> Settings:
    """Returns the settings with other rules."""
    return msgspec.structs.replace(settings, rules=msgspec.structs.replace(settings.rules, **changes))


def at(hours: float, day: datetime = MONDAY) -> datetime:
    """Returns an instant so many hours after a midnight."""
    return day + timedelta(hours=hours)


def person(user_id: str = "ann", *channels: Channel, **fields: Any) -> User:
    """Returns a user who can be reached on the channels (push by default) and agreed to them."""
    open_to = channels or ("push",)
    return User(user_id=user_id, addresses={c: f"{c}:{user_id}" for c in open_to}, opt_in=open_to, **fields)


def told(
    candidate_id: str, type: str = "new_follower", user_id: str = "ann", created: datetime = MONDAY, **fields: Any
) -> Candidate:
    """Returns a candidate with a payload that its type accepts."""
    return Candidate(
        candidate_id=candidate_id,
        user_id=user_id,
        type=type,
        created_at=created,
        payload=fields.pop("payload", PAYLOADS[type]),
        **fields,
    )


def act(engagement_id: str, kind: str, when: datetime, user_id: str = "ann", **fields: Any) -> Engagement:
    """Returns something that a person did."""
    return msgspec.convert(
        {"engagement_id": engagement_id, "kind": kind, "at": when, "user_id": user_id, **fields}, Engagement
    )


class App:
    """An engine over a store, with a clock that the test moves."""

    def __init__(self, settings: Settings = CALM, store: Store | None = None, start: datetime = MONDAY) -> None:
        self.settings = settings
        self.clock = SimulatedClock(to_us(start))
        self.store = store if store is not None else MemoryStore()
        self.engine = Engine(self.store, settings, clock=self.clock)
        self.decisions: list[Decision] = []

    def submit(self, when: datetime, *records: Input) -> Receipt:
        """Moves the clock and the engine up to an instant, then accepts records at it."""
        self.run(when - timedelta(microseconds=1))
        self.clock.set(to_us(when))
        return self.engine.submit(records)

    def run(self, until: datetime) -> list[Decision]:
        """Decides up to an instant; returns what was decided since the last call."""
        made = self.engine.advance(until)
        self.decisions.extend(made)
        return made

    def restart(self) -> None:
        """Opens another engine over the same store, as after a crash: nothing is said to the old one."""
        self.engine = Engine(self.store, self.settings, clock=self.clock)

    def of(self, action: str, user_id: str = "ann") -> list[Decision]:
        """Returns what was decided for a user, by action."""
        return [d for d in self.decisions if d.action == action and d.user_id == user_id]

    def row(self, user_id: str = "ann") -> Any:
        """Returns a user's state."""
        return self.engine.population.table.rows[self.engine.user_ids.index(user_id)]

    def rows(self) -> dict[str, bytes]:
        """Returns every user's state as bytes."""
        rows = self.engine.population.table.rows
        return {user_id: rows[i : i + 1].tobytes() for i, user_id in enumerate(self.engine.user_ids)}


def codes(decision: Decision) -> list[str]:
    """Returns the reasons of a decision by name, in order."""
    return [reason.code for reason in decision.reasons]


def replayed(
    stream: Sequence[tuple[int, Input]], settings: Settings, steps: Iterable[int], submit_at_once: int = 1 << 30
) -> App:
    """Returns an app that took a stream of (stamp, input) and decided up to each step in turn.

    Inputs are submitted before the first step that reaches them, in batches of `submit_at_once`.
    """
    app, taken = App(settings, start=from_us(0)), 0
    for step in steps:
        due = sum(1 for stamp, _ in stream[taken:] if stamp <= step)
        for start in range(taken, taken + due, submit_at_once):
            part = stream[start : min(start + submit_at_once, taken + due)]
            app.engine.submit([record for _, record in part], [stamp for stamp, _ in part])
        taken += due
        app.run(from_us(step))
    return app


def decision_bytes(app: App) -> list[bytes]:
    """Returns every decision as stored, in order."""
    return [row.data for row in app.store.decisions_between(0, 1 << 62)]


def plan_bytes(app: App) -> list[bytes]:
    """Returns every plan as stored, in order."""
    return [row.data for row in app.store.plans_between(0, 1 << 62)]


class Deaf:
    """A listener that keeps what was given up, and ignores the rest."""

    def __init__(self) -> None:
        self.given_up: list[tuple[int, int]] = []
        self.conflicts: list[int] = []

    def planned(self, rows: Any, request: Any, p: Any, plan: Any) -> None: ...

    def ranked(self, rows: Any, request: Any, scores: Any, outcome: Any, controls: Any) -> None: ...

    def priced(self, epoch: Any) -> None: ...

    def evicted(self, candidates: CandidateRows, version: int) -> None:
        self.given_up += zip(candidates.log_us.tolist(), candidates.key.tolist(), strict=True)

    def conflicted(self, kind: str, keys: Any) -> None:
        self.conflicts += keys.tolist()


def arrived(records: Sequence[UserInput], stamps: Sequence[int]) -> bytes:
    """Returns ann's state after inputs that arrived in this order, each with its own stamp (µs after 6:00 of MONDAY).

    She has a profile since midnight; her day is planned, and no job of hers runs between 6:00 and 7:00.
    """
    registry, listener = Registry.shipped(), Deaf()
    population = Population(CALM, registry, simple_scorer())
    lines, refused = check([person(), *records], registry)
    assert not refused
    key = np.array([lines[0].user_key], dtype=np.uint64)
    row = int(population.table.ensure(key, np.array([to_us(MONDAY)]))[0])
    for line, log_us in zip(lines, [to_us(MONDAY), *(to_us(at(6)) + stamp for stamp in stamps)], strict=True):
        # the offset goes with the content, not with the order of arrival
        line.log_us, line.offset, line.row = log_us, line.content >> 2, row
    population.offer(columns(lines[:1], registry))
    population.run(to_us(at(6)), listener)
    for line in lines[1:]:
        population.offer(columns([line], registry))
    population.run(to_us(at(7)), listener)
    return population.table.rows[row : row + 1].tobytes() + repr(sorted(listener.given_up)).encode()
