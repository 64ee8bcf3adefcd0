"""What a person has seen on one channel need not reach her on another.

Only on a ladder one candidate goes out on several channels. The engine climbs no further once she has been seen; but a
message of the next rung may be in the outbox already, waiting for its provider or for a retry. Acceptance withdraws it.
"""

from typing import Final

import msgspec

from tactful import draws
from tactful.delivery.outbox import decode
from tactful.events.records import Engagement, EngagementKind
from tactful.stores.protocols import Store

SEEN: Final[frozenset[EngagementKind]] = frozenset({"view", "effective_view", "open", "click", "dismiss", "conversion"})
"""Kinds that show that she saw the message which they name; a receipt only says that a device has it."""


def withdraw(store: Store, log_us: int, act: Engagement) -> None:
    """Withdraws what still waits of the candidate that an engagement shows to be seen; nothing for any other."""
    key = _decision_key(act.decision_id) if act.kind in SEEN else None
    entry = None if key is None else store.outbox_of(key)
    user = draws.key(act.user_id)
    if entry is None or entry.row.user_key != user:
        return
    try:
        candidate = decode(entry.row.message).candidate_id
    except msgspec.DecodeError:
        return
    store.cancel(user, draws.key(candidate), log_us)


def _decision_key(decision_id: str | None) -> int | None:
    """The store's key of an engine's decision id, None for anything else that an app may name."""
    try:
        return int(decision_id, 16) if decision_id and len(decision_id) == 16 else None
    except ValueError:
        return None
