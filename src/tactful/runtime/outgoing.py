"""Builds outbox messages from decisions to send: the address, the content, and until when it may go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tactful.clock import from_us
from tactful.decision.candidates.rerank import order
from tactful.delivery.outbox import OutboxMessage
from tactful.delivery.outbox import encode as encode_message
from tactful.events.records import CHANNELS, Candidate, Decision, User, decode
from tactful.events.registry import Registry
from tactful.features.affinity import affinity
from tactful.stores.protocols import OutboxRow

State: TypeAlias = NDArray[Any]
"""Rows of `features.history.ROW`."""


@dataclass(frozen=True)
class Send:
    """A decision to send, what it tells, and where the log has the profile of whom it tells."""

    decision: Decision
    decision_key: int
    user_key: int
    at_us: int
    profile_offset: int
    candidate: Candidate
    items: tuple[str, ...]
    candidate_log_us: int
    candidate_expires_us: int
    quiet_from_us: int
    count: int


def told(data: bytes, state: State, now_us: int) -> tuple[Candidate, tuple[str, ...]]:
    """Returns a logged candidate and its items in the order for this user: her interest first, then quality.

    Args:
        data: the candidate's logged bytes.
        state: the user's row (one), as it was when the decision was made.
        now_us: the instant of the decision.
    """
    candidate = decode(data)
    assert isinstance(candidate, Candidate)
    if len(candidate.items) < 2:
        return candidate, tuple(item.item_id for item in candidate.items)
    category = np.array([[item.category for item in candidate.items]])
    match, _ = affinity(state, category, np.array([now_us]))
    best = order(match[0], np.array([item.quality for item in candidate.items]))
    return candidate, tuple(candidate.items[i].item_id for i in best.tolist())


def messages(sends: Sequence[Send], data: Mapping[int, bytes], registry: Registry) -> list[OutboxRow]:
    """Returns the outbox row of every send.

    Args:
        sends: decisions to send.
        data: the logged bytes of their users' profiles, by offset.
        registry: says which types are critical.
    """
    critical = {each.name: each.critical for each in registry.types}
    rows = []
    for send in sends:
        candidate, user = send.candidate, decode(data[send.profile_offset])
        assert isinstance(user, User)
        channel = send.decision.channel
        assert channel is not None
        # a retry must not wake anybody: what is not critical is over when quiet hours begin
        expires_us = send.candidate_expires_us
        if not critical[candidate.type]:
            expires_us = min(expires_us, send.quiet_from_us)
        message = OutboxMessage(
            decision_id=send.decision.decision_id,
            user_id=user.user_id,
            channel=channel,
            address=user.addresses[channel],
            type=candidate.type,
            locale=user.locale,
            candidate_id=candidate.candidate_id,
            cancel_key=candidate.cancel_key,
            collapse_key=f"{candidate.type}:{candidate.group_key}" if candidate.group_key else "",
            candidate_log_ts_us=send.candidate_log_us,
            payload=candidate.payload,
            items=send.items,
            count=send.count,
            expires_at=from_us(expires_us),
            critical=critical[candidate.type],
        )
        code = CHANNELS.index(channel)
        rows.append(OutboxRow(send.decision_key, send.user_key, send.at_us, code, encode_message(message)))
    return rows
