"""Reads the random sends out of a store: one pass over the decisions, one over the inputs.

Messages that reached nobody (`failure`) are left out. An engine may be running meanwhile; what it has not committed is
not read.
"""

from collections.abc import Sequence
from typing import Final

from tactful import draws
from tactful.clock import to_us
from tactful.events.event_type import EventType
from tactful.events.records import KINDS, Decision, decode
from tactful.features.join import Touches
from tactful.stores.protocols import Store
from tactful.training.ranking.random_choices import RandomChoices, is_random_choice, random_choices, user_number
from tactful.training.ranking.touches import read_touches

_SEND: Final = 0
_FAILURE: Final = KINDS.index("failure")


def read_choices(store: Store, types: Sequence[EventType]) -> RandomChoices:
    """Returns the random sends of a store with what came of them, up to the last committed decision.

    Args:
        store: of an engine; may be open read-only.
        types: the event types of its engine.

    Raises:
        NotEnoughData: there is no random send.
    """
    until_us = int(store.load_meta("committed") or b"-1") + 1
    return random_choices(*read_drawn(store, until_us), types, until_us)


def read_drawn(store: Store, until_us: int) -> tuple[list[Decision], Touches]:
    """Returns the random sends before an instant that reached their people, and all that these people did."""
    drawn = _drawn(store, until_us)
    touches = read_touches(store, {draws.key(one.user_id) for one in drawn}, until_us)
    failed = _failures(touches)
    return [one for one in drawn if (user_number(one.user_id), to_us(one.at)) not in failed], touches


def _drawn(store: Store, until_us: int) -> list[Decision]:
    found = []
    for row in store.decisions_between(0, until_us):
        record = decode(row.data) if row.action_code == _SEND else None
        if isinstance(record, Decision) and is_random_choice(record):
            found.append(record)
    return found


def _failures(touches: Touches) -> set[tuple[int, int]]:
    """User and instant of messages that reached nobody."""
    mine = touches.kind == _FAILURE
    return set(zip(touches.user[mine].tolist(), touches.at_us[mine].tolist(), strict=True))
