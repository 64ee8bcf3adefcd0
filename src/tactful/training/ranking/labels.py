"""What became of every message, by head of `RANK_HEADS`, and since when each of that is known.

Answers are attributed by the one join; sessions are anybody's coming, whatever brought her.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US
from tactful.events.records import KINDS
from tactful.features.join import LEAVING_KINDS, Sends, Touches, attribute, kinds_mask
from tactful.kernel import kernel
from tactful.models.protocol import RANK_HEADS

SESSION_WINDOWS_US: Final = {"session_1h": HOUR_US, "session_1d": DAY_US, "session_3d": 3 * DAY_US}
"""How long after the message a session counts, by head."""
ANSWER_MASKS: Final = {
    "open": kinds_mask(["open", "click"]),
    "click": kinds_mask(["click"]),
    "unsubscribe": kinds_mask(LEAVING_KINDS),
}
"""Which kinds of answers make a head's label 1, within the window of the message's type. Who clicked has opened."""
_SESSION: Final = KINDS.index("session")


def labels(sends: Sends, touches: Touches) -> Bool[np.ndarray, "s heads"]:
    """Returns whether each head's outcome came.

    Raises:
        UnsortedRows: if `sends` are not sorted by (user, at_us, decision).
    """
    came = np.zeros((len(sends.user), len(RANK_HEADS)), dtype=np.bool_)
    answered = replace(sends, kinds=np.full(len(sends.user), ANSWER_MASKS["open"]))
    row = attribute(answered, touches)
    found = np.flatnonzero(row >= 0)
    bit = np.left_shift(1, touches.kind[found])
    wait = wait_for_session(sends, touches)
    for place, head in enumerate(RANK_HEADS):
        if head in ANSWER_MASKS:
            came[row[found[(bit & ANSWER_MASKS[head]) != 0]], place] = True
        else:
            came[:, place] = wait < SESSION_WINDOWS_US[head]
    return came


def windows_us(sends: Sends) -> Int64[np.ndarray, "s heads"]:
    """Returns for how long after the message each head's outcome may still come."""
    columns = [
        sends.window_us if head in ANSWER_MASKS else np.full(len(sends.user), SESSION_WINDOWS_US[head])
        for head in RANK_HEADS
    ]
    return np.stack(columns, axis=1).astype(np.int64)


def wait_for_session(sends: Sends, touches: Touches) -> Int64[np.ndarray, " s"]:
    """Returns the time from each message to the person's next session, very long if there is none.

    A session at the very instant of the message was known to its decision, and does not count.
    """
    chosen = np.flatnonzero(touches.kind == _SESSION)
    user, at = in_order(touches.user[chosen], touches.at_us[chosen])
    wait = np.full(len(sends.user), np.iinfo(np.int64).max, dtype=np.int64)
    place = count_until(user, at, sends.user, sends.at_us)
    some = np.flatnonzero(place < len(user))
    same = some[user[place[some]] == sends.user[some]]
    wait[same] = at[place[same]] - sends.at_us[same]
    return wait


def in_order(
    user: Int64[np.ndarray, " e"], at_us: Int64[np.ndarray, " e"]
) -> tuple[Int64[np.ndarray, " e"], Int64[np.ndarray, " e"]]:
    """Returns the two columns sorted by (user, instant)."""
    order = np.lexsort((at_us, user))
    return user[order], at_us[order]


def count_until(
    user: Int64[np.ndarray, " e"],
    at_us: Int64[np.ndarray, " e"],
    of_user: Int64[np.ndarray, " s"],
    until_us: Int64[np.ndarray, " s"],
) -> Int64[np.ndarray, " s"]:
    """Returns for each (of_user, until_us) how many rows are not after it in the order of (user, instant).

    >>> count_until(*in_order(np.array([2, 1, 2]), np.array([5, 9, 3])), np.array([1, 2, 2]), np.array([8, 3, 9]))
    array([0, 2, 3])
    """
    place = np.zeros(len(of_user), dtype=np.int64)
    _count_until(user, at_us, of_user, until_us, place)
    return place


@kernel
def _count_until(
    user: NDArray[np.int64],
    at: NDArray[np.int64],
    of_user: NDArray[np.int64],
    until: NDArray[np.int64],
    place: NDArray[np.int64],
) -> None:
    for i in range(len(place)):
        low, high = 0, len(user)
        while low < high:
            middle = (low + high) // 2
            if user[middle] < of_user[i] or (user[middle] == of_user[i] and at[middle] <= until[i]):
                low = middle + 1
            else:
                high = middle
        place[i] = low
