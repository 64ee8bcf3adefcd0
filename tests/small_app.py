"""A small app for tests of the runtime and the command line: twenty people, three days, the shipped event types.

Everything follows from one seed; the store is run with the default settings up to `END`.
"""

from datetime import UTC, datetime, timedelta

import numpy as np

from tactful.clock import to_us
from tactful.events.records import Candidate, Channel, Engagement, Input, Item, User
from tactful.events.registry import Registry
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(days=3)
PEOPLE = 20
UNREACHABLE = "u015"
QUIET = "u019"
"""Gets no candidate at all."""

_TYPES = ("recommendation", "new_follower", "comment_digest", "new_content_from_followed", "win_back")
_TEXTS = {
    "title": "A title",
    "url": "https://app.invalid/1",
    "follower_name": "Ada",
    "post_title": "A post",
    "author_name": "Grace",
}


def inputs() -> list[tuple[datetime, Input]]:
    """Returns everything that comes in, with its instant."""
    rng = np.random.default_rng(7)
    found: list[tuple[datetime, Input]] = [(START + timedelta(seconds=i), _user(i)) for i in range(PEOPLE)]
    needed = {each.name: each.payload["required"] for each in Registry.shipped().types}
    for number in range(PEOPLE * 3 * 4):
        user = number % PEOPLE
        at = START + timedelta(minutes=1 + int(rng.integers(0, 3 * 1440 - 2)))
        category = int(rng.integers(0, 9))
        if number % 3 == 0 and f"u{user:03d}" != QUIET:
            kind = _TYPES[int(rng.integers(0, len(_TYPES)))]
            found.append(
                (
                    at,
                    Candidate(
                        candidate_id=f"c{number}",
                        user_id=f"u{user:03d}",
                        type=kind,
                        created_at=at,
                        payload={key: _TEXTS[key] for key in needed[kind]},
                        items=(Item(item_id=f"i{number}", category=category),),
                    ),
                )
            )
        else:
            act = Engagement(
                engagement_id=f"e{number}",
                user_id=f"u{user:03d}",
                kind="session" if number % 2 else "view",
                at=at,
                category=category,
            )
            found.append((at, act))
    return sorted(found, key=lambda pair: pair[0])


def run(store: Store, settings: Settings | None = None) -> Engine:
    """Returns an engine that has taken all inputs and decided up to `END`."""
    engine = Engine(store, settings or Settings())
    pairs = inputs()
    engine.submit([record for _, record in pairs], [to_us(at) for at, _ in pairs])
    engine.advance(END)
    return engine


def _user(i: int) -> User:
    channels: tuple[Channel, ...] = () if f"u{i:03d}" == UNREACHABLE else ("push", "email")
    return User(
        user_id=f"u{i:03d}",
        timezone=("UTC", "America/Sao_Paulo", "Asia/Kolkata")[i % 3],
        addresses={channel: f"{channel}-{i}@app.invalid" for channel in channels},
        opt_in=channels,
    )
