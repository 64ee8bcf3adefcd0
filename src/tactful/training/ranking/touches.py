"""Reads what some people did out of a store's input log, as the join takes it.

Times are the client's, no later than their acceptance, as the engine takes them.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Int64, UInt64

from tactful.clock import to_us
from tactful.events.records import CHANNELS, KINDS
from tactful.features.join import Touches
from tactful.stores.protocols import Store

_READ_AT_ONCE: Final = 50_000
_KIND: Final[dict[str, int]] = {kind: code for code, kind in enumerate(KINDS)}
_CHANNEL: Final[dict[str | None, int]] = {None: -1, **{name: code for code, name in enumerate(CHANNELS)}}

Tell = Callable[[int], None]
"""Is told how many more rows have been read."""


class _Told(msgspec.Struct, gc=False):
    """What is read of any logged input, whatever its kind (`events/records.py`)."""

    record: str
    kind: str = ""
    at: datetime | None = None
    channel: str | None = None
    decision_id: str | None = None


_TOLD: Final = msgspec.msgpack.Decoder(_Told)


def read_touches(store: Store, user_keys: Collection[int], until_us: int, tell: Tell = lambda rows: None) -> Touches:
    """Returns all engagements of some people that were accepted before an instant; users as `signed` keys."""
    chosen, rows, offset = frozenset(user_keys), [], -1
    while part := store.read(offset, _READ_AT_ONCE):
        offset = part[-1].offset
        for line in part:
            if line.user_key in chosen and line.log_ts_us < until_us:
                told = _TOLD.decode(line.data)
                if told.record == "engagement" and told.at is not None:
                    at = min(to_us(told.at), line.log_ts_us)
                    rows.append((line.user_key, at, _KIND[told.kind], _CHANNEL[told.channel], told.decision_id))
        tell(len(part))
    user, at_us, kind, channel, decision = zip(*rows, strict=True) if rows else ((),) * 5
    return Touches(
        user=signed(np.array(user, dtype=np.uint64)),
        at_us=np.array(at_us, dtype=np.int64),
        kind=np.array(kind, dtype=np.int64),
        channel=np.array(channel, dtype=np.int64),
        decision=np.array([_decision_key(one) for one in decision], dtype=np.uint64),
    )


def signed(user_key: UInt64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Returns user keys as signed 64-bit integers."""
    return user_key.view(np.int64)


def _decision_key(decision_id: str | None) -> int:
    """The key of an engine's decision id, 0 for none and for one that another system gave."""
    try:
        return int(decision_id, 16) & 0xFFFFFFFFFFFFFFFF if decision_id else 0
    except ValueError:
        return 0
