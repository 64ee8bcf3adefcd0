"""What rests in the outbox between a decision and its send: written by the runtime, read by `send`."""

import msgspec

from tactful.events.records import Channel, Instant


class OutboxMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that sending needs, so that the sender never reads the engine's state.

    `items` are the ids of the candidate's items in the order in which they are to be shown.
    `count` is how many candidates the message tells about. `candidate_log_ts_us` and `cancel_key` say which
    cancels withdraw it; `collapse_key` names what a later message replaces, "" for none. From `expires_at` on it is
    neither sent nor tried again.
    """

    decision_id: str
    user_id: str
    channel: Channel
    address: str
    type: str
    locale: str
    candidate_id: str
    cancel_key: str = ""
    collapse_key: str = ""
    candidate_log_ts_us: int
    payload: dict[str, object] = {}
    items: tuple[str, ...] = ()
    count: int = 1
    expires_at: Instant
    critical: bool = False
    schema_version: int = 1


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(OutboxMessage)


def encode(message: OutboxMessage) -> bytes:
    """Returns a message as msgpack, the bytes of an outbox row."""
    return _ENCODER.encode(message)


def decode(data: bytes) -> OutboxMessage:
    """Returns the message that `encode` wrote.

    Raises:
        msgspec.DecodeError: if the bytes are no such message.
    """
    return _DECODER.decode(data)
