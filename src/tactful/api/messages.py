"""Which message a token, a click or a provider speaks of: who got it, on which channel, when."""

from datetime import datetime

import msgspec

from tactful.api.service import Service
from tactful.events.records import Channel, Decision, decode
from tactful.stores.sqlite import SqliteStore


class Told(msgspec.Struct, frozen=True):
    """A message that was decided to be sent; `handed_over_us` is when its provider was last called, None if never."""

    decision_id: str
    decision_key: int
    user_id: str
    at: datetime
    channel: Channel
    type: str
    handed_over_us: int | None = None


async def told(service: Service, decision_id: str) -> Told | None:
    """Returns the message of a decision; None if there is none, or it was not to be sent."""
    return await service.ask(lambda store: found(store, decision_id))


def found(store: SqliteStore, decision_id: str) -> Told | None:
    """Returns the message of a decision, as `told` does."""
    key = _key(decision_id)
    row = None if key is None else store.decision(key)
    if row is None:
        return None
    made = decode(row.data)
    if not isinstance(made, Decision) or made.action != "send" or made.channel is None or made.type is None:
        return None
    entry = store.outbox_of(row.decision_key)
    begun = max((attempt.begun_us for attempt in entry.attempts), default=None) if entry else None
    return Told(made.decision_id, row.decision_key, made.user_id, made.at, made.channel, made.type, begun)


def _key(decision_id: str) -> int | None:
    """The store's key of an engine's decision id: 16 hexadecimal digits."""
    try:
        return int(decision_id, 16) if len(decision_id) == 16 else None
    except ValueError:
        return None
