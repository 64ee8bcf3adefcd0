"""A small store of an app in which nearly every day is one of random sends: what `tactful tune` can learn from.

160 made-up people, ten days. An e-mail is clicked more often than a push and drives more people away.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from answering import answers
from tactful.clock import SimulatedClock, to_us
from tactful.decision.policy.explore import Exploration
from tactful.events.records import Candidate, EngagementKind, User
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings, Volume
from tactful.stores.sqlite import SqliteStore

START = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE, DAYS = 160, 10
SETTINGS = Settings(
    exploration=Exploration(random_send=0.9, greedy_send=0.0, greedy_no_send=0.0, slot_epsilon=0.0, volume_share=0.0),
    volume=Volume(per_user_per_week=7.0),
)
CHANCES: dict[str, tuple[tuple[EngagementKind, float], ...]] = {
    "email": (("open", 0.5), ("click", 0.3), ("unsubscribe", 0.06)),
    "push": (("click", 0.15), ("disable", 0.01)),
}


def fill_store(path: Path, people: int = PEOPLE, days: int = DAYS) -> None:
    """Writes the store, day by day: people answer to what they were sent the day before."""
    store = SqliteStore(path, synchronous="normal")
    clock = SimulatedClock(to_us(START))
    engine = Engine(store, SETTINGS, clock=clock)
    engine.submit([_user(i) for i in range(people)])
    for day in range(days):
        begin = START + timedelta(days=day, hours=6)
        clock.set(to_us(begin))
        engine.submit([_candidate(day, i, begin) for i in range(people)])
        decided = engine.advance(begin + timedelta(hours=23))
        clock.set(to_us(begin + timedelta(hours=23)))
        engine.submit(
            [one for sent in decided if sent.action == "send" for one in answers(sent, CHANCES[str(sent.channel)])]
        )
    engine.advance(START + timedelta(days=days + 2))
    engine.close()


def _user(i: int) -> User:
    return User(
        user_id=f"u{i}", addresses={"email": f"u{i}@app.invalid", "push": f"push-{i}"}, opt_in=("email", "push")
    )


def _candidate(day: int, i: int, at: datetime) -> Candidate:
    payload = {"title": "A tale", "url": "https://app.invalid/1"}
    return Candidate(candidate_id=f"c{day}-{i}", user_id=f"u{i}", type="recommendation", created_at=at, payload=payload)
