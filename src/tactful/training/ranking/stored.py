"""Reads the log of messages out of a store: those whose snapshots were kept, and all that their people did.

One pass over the decisions, one over the inputs. An engine may be running meanwhile; what it has not committed is not
read. About 1 KB of memory a message.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from tactful.errors import NotEnoughData
from tactful.events.event_type import EventType
from tactful.events.records import CHANNELS, KINDS, Channel, Reason
from tactful.features.join import Sends, Touches, kinds_mask
from tactful.features.ranking import SCHEMA, RankInputs
from tactful.features.ranking_snapshot import opened, schema_of
from tactful.stores.protocols import DecisionRow, Store
from tactful.training.ranking.log import RankLog
from tactful.training.ranking.select import stacked, taken
from tactful.training.ranking.touches import Tell, read_touches, signed

_SEND: Final = 0
_RANDOM: Final = "random_send"
"""The bucket of a day and the reason of a send that it drew; what is owed goes out on such a day, too, undrawn."""
_OWED: Final = "transactional"
_READ_AT_ONCE: Final = 50_000
_OPENED_AT_ONCE: Final = 4096
_FAILURE: Final = KINDS.index("failure")
_OF_POOL: Final = ("candidate", "candidate_ids", "present")


class _Sent(msgspec.Struct, gc=False):
    """What is read of a decision."""

    type: str | None = None
    channel: Channel | None = None
    bucket: str = ""
    reasons: tuple[Reason, ...] = ()
    snapshot: bytes = b""
    snapshot_place: int = -1
    log_probability: float = 0.0

    def says(self, reason: str) -> bool:
        """Whether a reason was met."""
        return any(one.code == reason for one in self.reasons)


_SENT: Final = msgspec.msgpack.Decoder(_Sent)


def read_log(store: Store, types: Sequence[EventType], tell: Tell = lambda rows: None) -> RankLog:
    """Returns the messages of a store that can be learned from, up to the last committed decision.

    Left out are messages without a snapshot, with one of another release's inputs, of a type that is not declared any
    more, those that reached nobody (`failure`), and those that were owed (`transactional`), which no ranker decides on.

    Args:
        store: of an engine; may be open read-only.
        types: the event types of its engine.

    Raises:
        NotEnoughData: there is none.
    """
    until_us = int(store.load_meta("committed") or b"-1") + 1
    rows, of_others = _sends(store, {each.name for each in types}, until_us, tell)
    if not rows:
        raise NotEnoughData(
            f"got no message with a snapshot of this release's inputs ({of_others:,} of another release's), expected "
            "some; set exploration.logged_sends above 0 and let the engine run"
        )
    touches = read_touches(store, {row.user_key for row, _ in rows}, until_us, tell)
    columns = _columns(rows, types)
    reached = np.flatnonzero(~_failed(columns, touches))
    order = reached[np.lexsort([column[reached] for column in (columns.decision, columns.at_us, columns.user)])]
    told = [one for _, one in rows]
    return RankLog(
        inputs=inputs_sent(
            [told[i].snapshot for i in order.tolist()], np.array([one.snapshot_place for one in told])[order]
        ),
        sends=taken(columns, order),
        random=np.array([one.bucket == _RANDOM and one.says(_RANDOM) for one in told])[order],
        logged=np.array([one.log_probability for one in told], dtype=np.float64)[order],
        touches=touches,
        until_us=until_us,
    )


def _sends(store: Store, types: set[str], until_us: int, tell: Tell) -> tuple[list[tuple[DecisionRow, _Sent]], int]:
    """The sends that can be learned from, and how many have a snapshot of another release's inputs."""
    found, of_others = [], 0
    for number, row in enumerate(store.decisions_between(0, until_us), 1):
        if number % _READ_AT_ONCE == 0:
            tell(_READ_AT_ONCE)
        sent = _SENT.decode(row.data) if row.action_code == _SEND else _Sent()
        if not sent.snapshot or sent.snapshot_place < 0 or sent.type not in types or sent.says(_OWED):
            continue
        if schema_of(sent.snapshot) == SCHEMA:
            found.append((row, sent))
        else:
            of_others += 1
    return found, of_others


def _columns(rows: Sequence[tuple[DecisionRow, _Sent]], types: Sequence[EventType]) -> Sends:
    rules = {each.name: each.engagement for each in types}
    of_type = [rules[str(one.type)] for _, one in rows]
    return Sends(
        user=signed(np.array([row.user_key for row, _ in rows], dtype=np.uint64)),
        at_us=np.array([row.at_us for row, _ in rows], dtype=np.int64),
        window_us=np.array([round(rule.within.total_seconds() * 1e6) for rule in of_type], dtype=np.int64),
        kinds=np.array([kinds_mask(rule.kinds) for rule in of_type], dtype=np.int64),
        channel=np.array([CHANNELS.index(one.channel) for _, one in rows if one.channel], dtype=np.int64),
        decision=np.array([row.decision_key for row, _ in rows], dtype=np.uint64),
    )


def _failed(sends: Sends, touches: Touches) -> NDArray[np.bool_]:
    """Which sends reached nobody: a failure names its send by user and instant."""
    failures = np.flatnonzero(touches.kind == _FAILURE)
    told = set(zip(touches.user[failures].tolist(), touches.at_us[failures].tolist(), strict=True))
    return np.array([pair in told for pair in zip(sends.user.tolist(), sends.at_us.tolist(), strict=True)], dtype=bool)


def inputs_sent(blobs: Sequence[bytes], place: Int64[np.ndarray, " n"]) -> RankInputs:
    """Returns what snapshots hold, of the candidates the one that was sent; some at a time, for whole pools are wide.

    Args:
        blobs: snapshots (`features.ranking_snapshot`), one at least.
        place: of the candidate that was sent, for each.
    """
    parts = []
    for start in range(0, max(len(blobs), 1), _OPENED_AT_ONCE):
        some = blobs[start : start + _OPENED_AT_ONCE]
        pools, row = opened(some), np.arange(len(some))
        columns = {name: getattr(pools, name)[row, place[start + row]][:, None] for name in _OF_POOL}
        parts.append(replace(pools, **columns))
    return stacked(parts)
