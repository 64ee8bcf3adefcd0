"""The generated stream of `engine_speed.py`: people, what they do, what they could be told, and a past for them.

Every user has 16 events a day at uniform times: 85 % engagements, 15 % candidates with a payload of 200 bytes.
Everything is drawn from a numpy generator with a fixed seed. `fill_past` writes the rows of the user table as so
many days of the same stream would have left them: the log that led there is not written.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US, MINUTE_US, from_us, to_us
from tactful.events.records import Candidate, Channel, Engagement, EngagementKind, Item, User
from tactful.events.registry import Registry
from tactful.features.history import BINS, COUNT_UNIT, DAYS, ENGAGEMENTS, SENDS, SENT_RANKED

EVENTS_PER_DAY = 16
CANDIDATE_SHARE = 0.15
PAYLOAD_BYTES = 200
CATEGORIES = 40
START_US = to_us(datetime(2026, 3, 2, tzinfo=UTC))
OPEN_DAYS = 2.0
"""How long a candidate of the past stays open: the lifetime of a recommendation."""

_ZONES = ("Europe/Berlin", "America/Sao_Paulo", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "UTC")
_REACH: tuple[tuple[Channel, ...], ...] = (("email", "push", "in_app"), ("push", "in_app"), ("email",))
_KINDS: tuple[EngagementKind, ...] = ("session", "view", "effective_view", "open", "click", "receipt")
_KIND_SHARES = (0.22, 0.50, 0.20, 0.03, 0.02, 0.03)
_TYPES = ("recommendation", "comment_digest", "new_content_from_followed", "new_follower", "security_alert")
_TYPE_SHARES = (0.60, 0.20, 0.15, 0.04, 0.01)
_TEXT_FIELDS = {
    "recommendation": ("title",),
    "comment_digest": ("post_title",),
    "new_content_from_followed": ("author_name", "title"),
    "new_follower": ("follower_name",),
    "security_alert": ("what",),
}


def user_id(row: int) -> str:
    """Returns the id of a user."""
    return f"user-{row:07d}"


def people(n: int, rng: np.random.Generator) -> Iterator[User]:
    """Yields the users, in six time zones; half of them have all of e-mail, push and in-app."""
    zones, reach = rng.integers(len(_ZONES), size=n), rng.choice(3, size=n, p=(0.5, 0.3, 0.2))
    for row in range(n):
        channels = _REACH[reach[row]]
        yield User(
            user_id=user_id(row),
            timezone=_ZONES[zones[row]],
            signup_at=from_us(START_US - 200 * DAY_US),
            addresses={c: f"{c}-{row}@example.invalid" for c in channels},
            opt_in=channels,
        )


def open_candidates(n: int, rng: np.random.Generator) -> Iterator[Candidate]:
    """Yields what is still open at the start: the recommendations and comments of the last two days."""
    count = int(n * EVENTS_PER_DAY * CANDIDATE_SHARE * OPEN_DAYS)
    users = rng.integers(n, size=count).tolist()
    created = (START_US - MINUTE_US - rng.integers(int(OPEN_DAYS * DAY_US) - HOUR_US, size=count)).tolist()
    types, categories, quality = _what(count, 2, rng)
    for i in range(count):
        yield _candidate(f"past-{i}", users[i], types[i], created[i], categories[i], quality[i])


def records(
    n: int, start_us: int, end_us: int, count: int, rng: np.random.Generator
) -> tuple[list[Candidate | Engagement], list[int]]:
    """Returns events of all users between two instants, and when each arrives, ascending."""
    at = np.sort(rng.integers(start_us, end_us, size=count)).tolist()
    users, told = rng.integers(n, size=count).tolist(), (rng.random(count) < CANDIDATE_SHARE).tolist()
    types, categories, quality = _what(count, len(_TYPES), rng)
    kinds = rng.choice(len(_KINDS), size=count, p=_KIND_SHARES).tolist()
    made: list[Candidate | Engagement] = []
    for i in range(count):
        if told[i]:
            made.append(_candidate(f"c-{at[i]}-{i}", users[i], types[i], at[i], categories[i], quality[i]))
        else:
            made.append(_engagement(f"e-{at[i]}-{i}", users[i], _KINDS[kinds[i]], at[i], categories[i]))
    return made, at


def fill_past(rows: NDArray[Any], days: int, registry: Registry, rng: np.random.Generator) -> None:
    """Writes into the user rows what `days` days leave: rings, counts by half hour, active days, sends."""
    n = len(rows)
    kept = min(ENGAGEMENTS, round(days * EVENTS_PER_DAY * (1 - CANDIDATE_SHARE)))
    rows["e_len"] = kept
    past = np.sort(rng.integers(min(days, 4) * DAY_US, size=(n, kept)), axis=1)
    rows["e_at"][:, :kept] = rows["e_log"][:, :kept] = START_US - 4 * DAY_US + past - HOUR_US
    rows["e_key"][:, :kept] = rng.integers(1, 2**63, size=(n, kept), dtype=np.uint64)
    rows["e_hash"][:, :kept] = rng.integers(1, 2**63, size=(n, kept), dtype=np.uint64)
    rows["e_kind"][:, :kept] = rng.integers(3, size=(n, kept)) * 2
    rows["e_channel"] = -1
    rows["e_category"][:, :kept] = rng.integers(CATEGORIES, size=(n, kept))
    weekly = 3
    sends = min(SENDS, days * weekly // 7)
    ago = np.sort(rng.integers(HOUR_US, days * DAY_US, size=(n, sends)), axis=1)[:, ::-1]
    rows["s_len"] = sends
    rows["s_at"][:, :sends] = START_US - ago
    rows["s_type"][:, :sends] = registry.index("recommendation")
    rows["s_channel"][:, :sends] = rng.integers(2, size=(n, sends))
    rows["s_flags"][:, :sends] = SENT_RANKED
    rows["n_sends"][:, :2] = days * weekly // 14
    rows["n_clicks"][:, :2] = rng.binomial(days * weekly // 14, 0.06, size=(n, 2))
    peak = rng.integers(BINS, size=(n, 1))
    distance = np.abs((np.arange(BINS) - peak + BINS // 2) % BINS - BINS // 2)
    rows["slot_counts"] = rng.poisson(min(days, 40) * 3 / BINS * 4 * np.exp(-distance / 6)) * COUNT_UNIT
    rows["active_base"] = START_US // DAY_US
    seen = (START_US // DAY_US - 1 - np.arange(min(days, DAYS - 4))) % DAYS
    rows["active_days"][:, seen] = rng.integers(6, size=(n, len(seen)))


def _what(count: int, kinds: int, rng: np.random.Generator) -> tuple[list[str], list[int], list[float]]:
    shares = np.array(_TYPE_SHARES[:kinds]) / sum(_TYPE_SHARES[:kinds])
    types = [_TYPES[i] for i in rng.choice(kinds, size=count, p=shares).tolist()]
    return types, rng.integers(CATEGORIES, size=count).tolist(), rng.random(count).tolist()


def _candidate(name: str, user: int, kind: str, at_us: int, category: int, quality: float) -> Candidate:
    fields = _TEXT_FIELDS[kind]
    url = f"https://example.invalid/{name}"
    text = ("what happened on the way here " * 8)[: (PAYLOAD_BYTES - len(url) - 20) // len(fields)]
    return Candidate(
        candidate_id=name,
        user_id=user_id(user),
        type=kind,
        created_at=from_us(at_us),
        payload=dict.fromkeys(fields, text) | {"url": url},
        items=(Item(f"item-{name}", category, quality),),
        group_key=f"post-{user}-{category % 3}" if kind == "comment_digest" else "",
    )


def _engagement(name: str, user: int, kind: EngagementKind, at_us: int, category: int) -> Engagement:
    return Engagement(
        engagement_id=name,
        user_id=user_id(user),
        kind=kind,
        at=from_us(at_us),
        item=f"item-{category}-{at_us % 1000}",
        category=category,
        channel="push" if kind in ("open", "click", "receipt") else None,
        value=12.5,
    )
