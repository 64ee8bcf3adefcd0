"""One message of another sender, and how a store keeps it."""

from collections.abc import Iterator
from typing import Final

import msgspec

from tactful import draws
from tactful.events.records import Channel
from tactful.stores.protocols import ShadowSendRow, ShadowSends


class Sent(msgspec.Struct, frozen=True, gc=False):
    """One message of the other sender. `known_us` is since when there was something to tell.

    `clicked` and `unsubscribed` are None where nobody said.
    """

    at_us: int
    user_id: str
    candidate_id: str
    type: str
    channel: Channel
    known_us: int
    clicked: bool | None = None
    unsubscribed: bool | None = None


_DECODER: Final = msgspec.msgpack.Decoder(Sent)


def row_of(sent: Sent) -> ShadowSendRow:
    """Returns what a store keeps; the same message told twice has one key."""
    key = draws.key(f"{sent.user_id}:{sent.at_us}:{sent.channel}:{sent.candidate_id}")
    return ShadowSendRow(key, draws.key(sent.user_id), sent.at_us, msgspec.msgpack.encode(sent))


def sent_of(row: ShadowSendRow) -> Sent:
    """Returns the message that a store keeps."""
    return _DECODER.decode(row.data)


def kept(store: ShadowSends) -> Iterator[Sent]:
    """Yields all messages that a store keeps, by time."""
    yield from map(sent_of, store.shadow_sends())


def derived_id(user_id: str, at_us: int, type_: str, channel: str) -> str:
    """Returns the id of what was told where the other sender names none: the same for the same message."""
    return f"shadow-{draws.key(f'{user_id}:{at_us}:{type_}:{channel}'):016x}"
