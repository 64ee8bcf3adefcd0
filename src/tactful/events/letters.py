"""Letters: how inputs travel through a store's mailbox, one record or several in each.

A letter with one record is that record as `records.encode` gives it; one with several is a msgpack array of them. So
a batch is one row of the mailbox, and a bad record in it is refused alone.
"""

from collections.abc import Iterator, Sequence

import msgspec

_ARRAY_16, _ARRAY_32 = 0xDC, 0xDD
_RECORDS: msgspec.msgpack.Decoder[list[msgspec.Raw]] = msgspec.msgpack.Decoder(list[msgspec.Raw])


def bundle(records: Sequence[bytes]) -> bytes:
    """Returns the letter that holds these encoded records, in their order.

    >>> list(opened(bundle([b"\\xc0", b"\\x01"])))
    [b'\\xc0', b'\\x01']
    """
    n = len(records)
    if n == 1:
        return records[0]
    head = bytes([0x90 | n]) if n < 16 else bytes([_ARRAY_32]) + n.to_bytes(4, "big")
    return b"".join((head, *records))


def opened(letter: bytes) -> Iterator[bytes]:
    """Yields the encoded records in a letter; one that is no letter comes out as it is, to be refused."""
    first = letter[0] if letter else 0
    if not (0x90 <= first <= 0x9F or first in (_ARRAY_16, _ARRAY_32)):
        yield letter
        return
    try:
        records = _RECORDS.decode(letter)
    except (msgspec.MsgspecError, RecursionError):
        yield letter
        return
    yield from map(bytes, records)
