"""Columns as records, for the embedded engine, and its decisions as columns, for the world.

Identifiers: user row 7 is "u000007", candidate 1000042 is "c1000042", item 17 is "i17". Engagement ids number
the rows of a tick, so the caller names the tick.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64

from tactful.clock import WEEK_US, from_us, to_us
from tactful.events.records import (
    CHANNELS,
    KINDS,
    BudgetAssignment,
    Candidate,
    Channel,
    Decision,
    Engagement,
    Item,
    QuietHours,
    User,
)
from tactful.simulator.columns import pick
from tactful.simulator.protocol import CandidateColumns, EngagementColumns, SendColumns, UserColumns

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


def user_row(user_id: str) -> int:
    """Returns the row of a user id.

    >>> user_row("u000007")
    7
    """
    return int(user_id[1:])


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


def budget_records(budgets: Int64[np.ndarray, " n"], at_us: int) -> list[BudgetAssignment]:
    """Returns a weekly budget for every user as records, allocated at an instant."""
    period = at_us // WEEK_US
    return [
        BudgetAssignment(
            assignment_id=f"{period}:{user_id(row)}", user_id=user_id(row), period=period, k=k, at=from_us(at_us)
        )
        for row, k in enumerate(budgets.tolist())
    ]


def send_columns(decisions: Sequence[Decision], told: Mapping[int, tuple[int, int, float]], first: int) -> SendColumns:
    """Returns the sends among decisions as columns, by (instant, user), their decisions numbered from `first`.

    Args:
        decisions: what the engine decided in one tick.
        told: the world's type, category and quality of every candidate, by its number.
        first: the number of the first send; `engagement_records` wants the id of every number.
    """
    sends = [d for d in decisions if d.action == "send"]
    number = [int(d.candidate_id[1:]) for d in sends if d.candidate_id is not None]
    channel = [CHANNELS.index(d.channel) for d in sends if d.channel is not None]
    about = [told[n] for n in number]
    columns = SendColumns(
        user=np.array([user_row(d.user_id) for d in sends], dtype=np.int64),
        at_us=np.array([to_us(d.at) for d in sends], dtype=np.int64),
        channel=np.array(channel, dtype=np.int8),
        type=np.array([a[0] for a in about], dtype=np.int16),
        category=np.array([a[1] for a in about], dtype=np.int32),
        quality=np.array([a[2] for a in about], dtype=np.float32),
        candidate=np.array(number, dtype=np.int64),
        decision=np.zeros(len(sends), dtype=np.int64),
    )
    columns = pick(columns, np.lexsort((columns.candidate, columns.user, columns.at_us)))
    columns.decision[:] = first + np.arange(len(sends))
    return columns
