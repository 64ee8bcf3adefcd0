"""Builds outbox messages from decisions to send: the address, the content, and until when it may go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tactful.clock import from_us
from tactful.delivery.outbox import OutboxMessage
from tactful.delivery.outbox import encode as encode_message
from tactful.events.records import CHANNELS, Candidate, Decision, User, decode
from tactful.events.registry import Registry
from tactful.stores.protocols import OutboxRow


@dataclass(frozen=True)
class Send:
    """A decision to send, and where the log has what it tells and whom."""

    decision: Decision
    decision_key: int
    user_key: int
    at_us: int
    profile_offset: int
    candidate_offset: int
    candidate_log_us: int
    candidate_expires_us: int
    quiet_from_us: int
    count: int


def messages(sends: Sequence[Send], data: Mapping[int, bytes], registry: Registry) -> list[OutboxRow]:
    """Returns the outbox row of every send.

    Args:
        sends: decisions to send.
        data: the logged bytes of their candidates and of their users' profiles, by offset.
        registry: says which types are critical.
    """
    critical = {each.name: each.critical for each in registry.types}
    rows = []
    for send in sends:
        candidate, user = decode(data[send.candidate_offset]), decode(data[send.profile_offset])
        assert isinstance(candidate, Candidate)
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
            candidate_log_ts_us=send.candidate_log_us,
            payload=candidate.payload,
            count=send.count,
            expires_at=from_us(expires_us),
            critical=critical[candidate.type],
        )
        code = CHANNELS.index(channel)
        rows.append(OutboxRow(send.decision_key, send.user_key, send.at_us, code, encode_message(message)))
    return rows
