"""Columns as records, for the embedded engine: the only place where a simulated row becomes a `User` and so on.

Identifiers: user row 7 is "u000007", candidate 1000042 is "c1000042", item 17 is "i17". Engagement ids number
the rows of a tick, so the caller names the tick.
"""

from collections.abc import Mapping
from typing import Any

from tactful.clock import from_us
from tactful.events.records import (
    CHANNELS,
    KINDS,
    Candidate,
    Channel,
    Engagement,
    Item,
    QuietHours,
    User,
)
from tactful.simulator.protocol import CandidateColumns, EngagementColumns, UserColumns

_PAYLOAD_FIELDS: dict[str, dict[str, str]] = {
    "recommendation": {"title": "Item {c}"},
    "new_follower": {"follower_name": "Reader {c}"},
    "comment_digest": {"post_title": "Post {c}"},
    "new_content_from_followed": {"author_name": "Author {c}", "title": "Item {c}"},
    "win_back": {"title": "Item {c}"},
    "security_alert": {"what": "New sign-in {c}"},
}
"""What each type's payload must hold besides the link."""


def user_id(row: int) -> str:
    """Returns the id of a user row.

    >>> user_id(7)
    'u000007'
    """
    return f"u{row:06d}"


def user_records(users: UserColumns) -> list[User]:
    """Returns everyone as records, with made-up addresses under a domain that cannot exist."""
    return [_user(users, row) for row in range(users.n)]


def _user(users: UserColumns, row: int) -> User:
    open_channels = tuple(c for i, c in enumerate(CHANNELS) if users.reach[row] >> i & 1)
    start, end = int(users.quiet_start[row]), int(users.quiet_end[row])
    return User(
        user_id=user_id(row),
        timezone=users.zones[users.zone[row]],
        signup_at=from_us(int(users.signup_us[row])),
        addresses={c: _address(c, row) for c in open_channels},
        opt_in=open_channels,
        quiet_hours=QuietHours(start_minute=start, end_minute=end),
    )


def _address(channel: Channel, row: int) -> str:
    return f"{user_id(row)}@simulated.invalid" if channel == "email" else f"{channel}-{user_id(row)}"


def candidate_records(columns: CandidateColumns) -> list[Candidate]:
    """Returns candidates as records, one item each; the item of a plain message has category -1."""
    return [_candidate(columns, i) for i in range(len(columns.user))]


def _candidate(columns: CandidateColumns, i: int) -> Candidate:
    number, kind = int(columns.candidate[i]), columns.types[columns.type[i]]
    category, quality = int(columns.category[i]), float(columns.quality[i])
    return Candidate(
        candidate_id=f"c{number}",
        user_id=user_id(int(columns.user[i])),
        type=kind,
        created_at=from_us(int(columns.created_us[i])),
        expires_at=from_us(int(columns.expires_us[i])),
        payload=_payload(kind, number),
        items=(Item(item_id=f"i{number}", category=category, quality=quality),),
        source="simulator",
    )


def _payload(kind: str, number: int) -> dict[str, Any]:
    fields = {name: text.format(c=number) for name, text in _PAYLOAD_FIELDS[kind].items()}
    return {**fields, "url": f"https://simulated.invalid/{number}"}


def engagement_records(columns: EngagementColumns, tick: int, decision_ids: Mapping[int, str]) -> list[Engagement]:
    """Returns engagements as records.

    Args:
        columns: what people did in one tick.
        tick: the number of that tick; (tick, row) makes the engagement id.
        decision_ids: the decision id of every decision number that the caller put into its sends.
    """
    return [_engagement(columns, i, tick, decision_ids) for i in range(len(columns.user))]


def _engagement(columns: EngagementColumns, i: int, tick: int, decision_ids: Mapping[int, str]) -> Engagement:
    channel, item, decision = int(columns.channel[i]), int(columns.item[i]), int(columns.decision[i])
    return Engagement(
        engagement_id=f"e{tick}-{i}",
        user_id=user_id(int(columns.user[i])),
        kind=KINDS[columns.kind[i]],
        at=from_us(int(columns.at_us[i])),
        decision_id=None if decision < 0 else decision_ids[decision],
        item="" if item < 0 else f"i{item}",
        category=int(columns.category[i]),
        channel=None if channel < 0 else CHANNELS[channel],
        value=float(columns.value[i]),
    )
