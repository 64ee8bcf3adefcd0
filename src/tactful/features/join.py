"""The one decision-engagement join: which send an engagement belongs to, and what became of every send.

Training on a whole log and a runtime that follows the stream call these same functions: an engagement's send
depends only on sends made before it and still in their windows, so any chunking gives the same answer.
Which kinds count, and for how long, is the event type's (`EngagementRule`); here they are columns.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, Integer, UInt64
from numpy.typing import NDArray

from tactful.errors import UnsortedRows
from tactful.events.records import KINDS, EngagementKind
from tactful.kernel import kernel

LEAVING_KINDS: tuple[EngagementKind, ...] = ("unsubscribe", "disable", "uninstall", "complaint")
"""Kinds by which a person turns away from messages, whatever their type."""


@dataclass(frozen=True)
class Sends:
    """Sends by column, sorted by (user, at_us, decision).

    Attributes:
        user: any integer key of the user.
        at_us: when it was sent, microseconds since 1970 UTC.
        window_us: how long an engagement counts for it (`EngagementRule.within`).
        kinds: `kinds_mask` of what counts as an engagement with its type.
        channel: index into `records.CHANNELS`.
        decision: `draws.key` of the decision id.
    """

    user: Int64[np.ndarray, " s"]
    at_us: Int64[np.ndarray, " s"]
    window_us: Int64[np.ndarray, " s"]
    kinds: Int64[np.ndarray, " s"]
    channel: Int64[np.ndarray, " s"]
    decision: UInt64[np.ndarray, " s"]


@dataclass(frozen=True)
class Touches:
    """Engagements by column, in any order.

    Attributes:
        user, at_us: as in `Sends`.
        kind: index into `records.KINDS`.
        channel: index into `records.CHANNELS`, -1 when unknown.
        decision: `draws.key` of the decision id that came with it, 0 for none.
    """

    user: Int64[np.ndarray, " e"]
    at_us: Int64[np.ndarray, " e"]
    kind: Int64[np.ndarray, " e"]
    channel: Int64[np.ndarray, " e"]
    decision: UInt64[np.ndarray, " e"]


@dataclass(frozen=True)
class Outcomes:
    """What became of every send, in the order of `Sends`: engaged with, answered by leaving."""

    engaged: Bool[np.ndarray, " s"]
    left: Bool[np.ndarray, " s"]


def kinds_mask(kinds: Iterable[EngagementKind]) -> int:
    """Returns kinds of engagement as a bit set, bit i for `KINDS[i]`.

    >>> kinds_mask(["session", "view"])
    5
    """
    return sum(1 << KINDS.index(kind) for kind in set(kinds))


_LEAVING = kinds_mask(LEAVING_KINDS)


def attribute(sends: Sends, touches: Touches) -> Int64[np.ndarray, " e"]:
    """Returns the row of the send that each engagement belongs to, -1 for none.

    A send can have an engagement of the same user at `t` with `at_us <= t < at_us + window_us`. If a decision
    id came with it, the send is the one with that id, or none: another send never inherits it. Otherwise it
    is the last such send (last touch) on the same channel, or on any when the channel is unknown, and only if
    the kind counts for the send's type or is one of `LEAVING_KINDS`.

    Raises:
        UnsortedRows: if `sends` are not sorted by (user, at_us, decision).
    """
    _check_sorted(sends)
    row = np.full(len(touches.user), -1, dtype=np.int64)
    _attribute(
        sends.user,
        sends.at_us,
        sends.window_us,
        sends.kinds | _LEAVING,
        sends.channel,
        sends.decision,
        int(sends.window_us.max(initial=0)),
        touches.user,
        touches.at_us,
        touches.kind,
        touches.channel,
        touches.decision,
        row,
    )
    return row


def outcomes(sends: Sends, touches: Touches, row: Int64[np.ndarray, " e"]) -> Outcomes:
    """Returns for every send whether an attributed engagement counts for its type, and whether one is
    leaving.

    Args:
        sends, touches: as given to `attribute`.
        row: what `attribute` returned. Outcomes of chunks are joined by `or`.
    """
    engaged = np.zeros(len(sends.user), dtype=bool)
    left = np.zeros(len(sends.user), dtype=bool)
    found = row >= 0
    send, bit = row[found], np.left_shift(1, touches.kind[found])
    engaged[send[(sends.kinds[send] & bit) != 0]] = True
    left[send[(_LEAVING & bit) != 0]] = True
    return Outcomes(engaged, left)


def closed(
    at_us: Integer[np.ndarray, " s"], window_us: Integer[np.ndarray, " s"], now_us: int
) -> Bool[np.ndarray, " s"]:
    """Returns which sends can have no further engagement at `now_us`: only these may count as a label.

    An open send without engagement is unknown, not a negative; one counted early is too often a negative.

    >>> closed(np.array([0, 5]), np.array([10, 10]), now_us=10).tolist()
    [True, False]
    """
    mask: NDArray[np.bool_] = at_us + window_us <= now_us
    return mask


def _check_sorted(sends: Sends) -> None:
    user, at_us, decision = sends.user, sends.at_us, sends.decision
    later = (at_us[1:] > at_us[:-1]) | ((at_us[1:] == at_us[:-1]) & (decision[1:] >= decision[:-1]))
    wrong = np.flatnonzero(~((user[1:] > user[:-1]) | ((user[1:] == user[:-1]) & later)))
    if len(wrong):
        raise UnsortedRows(
            f"got sends out of order at row {wrong[0] + 1}; sort them by (user, at_us, decision) first: "
            "np.lexsort((decision, at_us, user))"
        )


@kernel
def _attribute(
    user: NDArray[np.int64],
    at_us: NDArray[np.int64],
    window_us: NDArray[np.int64],
    kinds: NDArray[np.int64],
    channel: NDArray[np.int64],
    decision: NDArray[np.uint64],
    longest_us: int,
    touch_user: NDArray[np.int64],
    touch_at_us: NDArray[np.int64],
    touch_kind: NDArray[np.int64],
    touch_channel: NDArray[np.int64],
    touch_decision: NDArray[np.uint64],
    row: NDArray[np.int64],
) -> None:
    for e in range(len(row)):
        who, when = touch_user[e], touch_at_us[e]
        low, high = 0, len(user)
        while low < high:  # the first send after (who, when)
            middle = (low + high) // 2
            if user[middle] < who or (user[middle] == who and at_us[middle] <= when):
                low = middle + 1
            else:
                high = middle
        i = low - 1
        while i >= 0 and user[i] == who and when - at_us[i] < longest_us:
            if when - at_us[i] < window_us[i]:
                if touch_decision[e] != 0:
                    match = decision[i] == touch_decision[e]
                else:
                    reached = touch_channel[e] < 0 or touch_channel[e] == channel[i]
                    match = reached and (kinds[i] >> touch_kind[e]) & 1 == 1
                if match:
                    row[e] = i
                    break
            i -= 1
