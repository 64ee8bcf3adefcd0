"""Messages for tests of delivery: one person, one type, an hour to live."""

from typing import Any

import msgspec

from tactful import draws
from tactful.clock import HOUR_US, from_us
from tactful.delivery.outbox import OutboxMessage, encode
from tactful.events.records import CHANNELS
from tactful.stores.protocols import Outbox, OutboxRow

NOW = 1_772_400_000_000_000
MESSAGE = OutboxMessage(
    decision_id="d",
    user_id="u1",
    channel="push",
    address="secret-device-token",
    type="comment_digest",
    locale="en",
    candidate_id="c1",
    cancel_key="post-1",
    candidate_log_ts_us=NOW - HOUR_US,
    payload={"post_title": "private title", "url": "https://app.example/p"},
    expires_at=from_us(NOW + HOUR_US),
)


def enqueue(store: Outbox, key: int = 1, **changes: Any) -> None:
    """Puts a message with this decision key into the outbox, due at `NOW`."""
    message = msgspec.structs.replace(MESSAGE, decision_id=f"d{key}", **changes)
    channel = CHANNELS.index(message.channel)
    store.enqueue([OutboxRow(key, draws.key(message.user_id), NOW, channel, encode(message))])


def outcomes(store: Outbox, key: int = 1) -> list[str | None]:
    """How each attempt of a message ended."""
    entry = store.outbox_of(key)
    return [attempt.outcome for attempt in entry.attempts] if entry else []
