"""A small store with people who signed up this week beside people who have been there for a year.

All can be reached by e-mail and push and are offered the same, one thing a day, so what differs is how they are told.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tactful.clock import SimulatedClock, to_us
from tactful.events.records import Candidate, Engagement, Input, User
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store
from tactful.stores.sqlite import SqliteStore

START = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE, DAYS = 40, 7


def inputs(days: int = DAYS) -> list[tuple[datetime, Input]]:
    """Returns profiles on the first day; a visit, and something to be told, on every day."""
    found: list[tuple[datetime, Input]] = [(START, _user(i)) for i in range(PEOPLE)]
    for day in range(days):
        for i in range(PEOPLE):
            at = START + timedelta(days=day, hours=6, minutes=i)
            found.append((at, _candidate(f"c{day}-{i}", f"u{i}", at)))
            if (day + i) % 3:
                visit = at + timedelta(hours=12)
                found.append(
                    (visit, Engagement(engagement_id=f"e{day}-{i}", user_id=f"u{i}", kind="session", at=visit))
                )
    return sorted(found, key=lambda pair: pair[0])


def fill_store(path: Path) -> None:
    """Writes the store: a week under the default settings."""
    run(SqliteStore(path, synchronous="normal"), Settings()).close()


def run(store: Store, settings: Settings, days: int = DAYS) -> Engine:
    """Returns an engine that has lived through the days."""
    engine = Engine(store, settings, clock=SimulatedClock(to_us(START)))
    pairs = inputs(days)
    engine.submit([record for _, record in pairs], [to_us(at) for at, _ in pairs])
    engine.advance(START + timedelta(days=days))
    return engine


def _user(i: int) -> User:
    since = START if i % 2 else START - timedelta(days=365)
    return User(
        user_id=f"u{i}",
        signup_at=since,
        addresses={"email": f"u{i}@app.invalid", "push": f"push-{i}"},
        opt_in=("email", "push"),
    )


def _candidate(candidate_id: str, user_id: str, at: datetime) -> Candidate:
    payload = {"title": "A tale", "url": "https://app.invalid/1"}
    return Candidate(candidate_id=candidate_id, user_id=user_id, type="recommendation", created_at=at, payload=payload)
