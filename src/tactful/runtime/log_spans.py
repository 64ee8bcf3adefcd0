"""Spans of a store's input log, by instant of acceptance: where one begins, and up to when nothing more can come."""

from collections.abc import Iterator
from typing import Final

from tactful.stores.protocols import LoggedInput, Store

LINES_AT_ONCE: Final = 8_192
"""Lines read at a time: a few MB, however long the span."""


def through(store: Store) -> int:
    """Returns the instant up to which nothing more can come, -1 for an empty store.

    It is up to when the engine has decided; of a log that was never decided on, its end.
    """
    committed = int(store.load_meta("committed") or b"-1")
    if committed >= 0:
        return committed
    offset, at_us = store.last()
    return at_us if offset >= 0 else -1


def accepted(store: Store, since_us: int, until_us: int) -> Iterator[LoggedInput]:
    """Yields the inputs accepted in `since_us <= t < until_us`, in order."""
    for part in accepted_parts(store, since_us, until_us):
        yield from part


def accepted_parts(store: Store, since_us: int, until_us: int) -> Iterator[list[LoggedInput]]:
    """Yields the same in lists of up to `LINES_AT_ONCE`."""
    offset = offset_before(store, since_us)
    while part := store.read(offset, LINES_AT_ONCE):
        offset = part[-1].offset
        if inside := [line for line in part if since_us <= line.log_ts_us < until_us]:
            yield inside
        if part[-1].log_ts_us >= until_us:
            return


def offset_before(store: Store, at_us: int) -> int:
    """An offset behind which the first input accepted at or after an instant comes: instants never fall."""
    low, high = -1, store.last()[0]
    while low < high:
        middle = (low + high) // 2
        line = store.read(middle, 1)
        if line and line[0].log_ts_us < at_us:
            low = line[0].offset
        else:
            high = middle
    return low
