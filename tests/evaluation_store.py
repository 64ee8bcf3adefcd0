"""A small store of an app that explores much of everything: what `tactful evaluate` reads.

240 made-up people, 12 days, two candidates a day. An e-mail is clicked more often than a push and drives more people
away; who gets a message comes into the app more often than who does not, most of all in the evening.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from answering import answers
from tactful import draws
from tactful.clock import SimulatedClock, to_us
from tactful.decision.policy.explore import Exploration
from tactful.events.records import Candidate, Decision, Engagement, EngagementKind, Input, User
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings, Volume
from tactful.stores.sqlite import SqliteStore

START = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE, DAYS = 240, 12
SETTINGS = Settings(
    seed=4,
    exploration=Exploration(
        random_send=0.3, greedy_send=0.15, greedy_no_send=0.15, jitter=0.1, slot_epsilon=0.5, volume_share=0.0
    ),
    volume=Volume(per_user_per_week=4.0),
)
CHANCES: dict[str, tuple[tuple[EngagementKind, float], ...]] = {
    "email": (("open", 0.5), ("click", 0.3), ("unsubscribe", 0.03)),
    "push": (("click", 0.15), ("disable", 0.005)),
}
BY_HERSELF = 0.2
"""Chance that a person comes in the evening of a day, whatever she is sent."""


def fill_store(path: Path, people: int = PEOPLE, days: int = DAYS) -> None:
    """Writes the store, day by day: people answer to what they were sent the day before."""
    store = SqliteStore(path, synchronous="normal")
    clock = SimulatedClock(to_us(START))
    engine = Engine(store, SETTINGS, clock=clock)
    engine.submit([_user(i) for i in range(people)])
    for day in range(days):
        begin = START + timedelta(days=day)
        clock.set(to_us(begin))
        engine.submit([_candidate(day, i, n, begin) for i in range(people) for n in range(2)])
        decided = engine.advance(begin + timedelta(hours=23))
        clock.set(to_us(begin + timedelta(hours=23)))
        came = [one for i in range(people) for one in _visit(day, i, begin)]
        engine.submit([*came, *(one for sent in decided if sent.action == "send" for one in _answers(sent))])
    engine.advance(START + timedelta(days=days + 2))
    engine.close()


def _user(i: int) -> User:
    return User(
        user_id=f"u{i}", addresses={"email": f"u{i}@app.invalid", "push": f"push-{i}"}, opt_in=("email", "push")
    )


def _candidate(day: int, i: int, n: int, at: datetime) -> Candidate:
    payload = {"title": "A tale", "url": "https://app.invalid/1"}
    return Candidate(
        candidate_id=f"c{day}-{i}-{n}", user_id=f"u{i}", type="recommendation", created_at=at, payload=payload
    )


def _visit(day: int, i: int, begin: datetime) -> list[Input]:
    if draws.uniform(6, draws.key(f"u{i}"), day, "visit")[0] >= BY_HERSELF:
        return []
    at = begin + timedelta(hours=20)
    return [Engagement(engagement_id=f"v{day}-{i}", user_id=f"u{i}", kind="session", at=at)]


def _answers(sent: Decision) -> list[Input]:
    """What the person does about it; evenings are better."""
    evening = 1.5 if sent.at.hour >= 17 else 1.0
    return answers(sent, [(kind, chance * evening) for kind, chance in CHANCES[str(sent.channel)]])
