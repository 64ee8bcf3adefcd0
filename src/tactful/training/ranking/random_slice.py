"""Reads the random sends out of a store: one pass over the decisions, one over the input log.

Only the engagements of people who got a random send are decoded. Times of engagements are the client's, no later than
their acceptance, as the engine takes them.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from tactful.clock import to_us
from tactful.events.event_type import EventType
from tactful.events.records import CHANNELS, KINDS, Decision, Engagement, decode
from tactful.features.join import Touches
from tactful.stores.protocols import Store
from tactful.training.ranking.random_choices import RandomChoices, is_random_choice, random_choices, user_number

_READ_AT_ONCE: Final = 50_000
_SEND: Final = 0


def read_choices(store: Store, types: Sequence[EventType]) -> RandomChoices:
    """Returns the random sends of a store with what came of them, up to the last committed decision.

    Args:
        store: of an engine; may be open read-only.
        types: the event types of its engine.

    Raises:
        NotEnoughData: there is no random send.
    """
    until_us = int(store.load_meta("committed") or b"-1") + 1
    drawn = _drawn(store, until_us)
    return random_choices(drawn, _touches(store, {one.user_id for one in drawn}, until_us), types, until_us)


def _drawn(store: Store, until_us: int) -> list[Decision]:
    found = []
    for row in store.decisions_between(0, until_us):
        record = decode(row.data) if row.action_code == _SEND else None
        if isinstance(record, Decision) and is_random_choice(record):
            found.append(record)
    return found


def _touches(store: Store, users: set[str], until_us: int) -> Touches:
    rows, offset = [], -1
    keys = {user_number(user) & 0xFFFFFFFFFFFFFFFF for user in users}
    while part := store.read(offset, _READ_AT_ONCE):
        offset = part[-1].offset
        for line in part:
            if line.user_key in keys and line.log_ts_us < until_us:
                record = decode(line.data)
                if isinstance(record, Engagement):
                    rows.append((record, min(to_us(record.at), line.log_ts_us)))
    return Touches(
        user=np.array([user_number(one.user_id) for one, _ in rows], dtype=np.int64),
        at_us=np.array([at for _, at in rows], dtype=np.int64),
        kind=np.array([KINDS.index(one.kind) for one, _ in rows], dtype=np.int64),
        channel=np.array([CHANNELS.index(one.channel) if one.channel else -1 for one, _ in rows], dtype=np.int64),
        decision=np.array([_decision_key(one.decision_id) for one, _ in rows], dtype=np.uint64),
    )


def _decision_key(decision_id: str | None) -> int:
    """The key of an engine's decision id, 0 for none and for one that another system gave."""
    try:
        return int(decision_id, 16) & 0xFFFFFFFFFFFFFFFF if decision_id else 0
    except ValueError:
        return 0
