"""Send windows: the hours of the user's own clock in which an app sends at all, such as 9:00-20:00.

They are the app's (a law, a help desk that must be open), where quiet hours are the person's; both bind. A window runs
from its start up to, not including, its end; it may cross midnight, and no window at all means the whole day.
"""

import re
from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from tactful.errors import InvalidSettings

_DAY_MINUTES: Final = 1440
_WINDOW: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")


@lru_cache(maxsize=64)
def open_minutes(windows: tuple[str, ...]) -> Bool[np.ndarray, " minutes"]:
    """Returns which of the 1440 minutes of the local day lie in a window; read-only, one array for equal windows.

    Raises:
        InvalidSettings: for a window that is not written as start-end, or has no length.

    >>> int(open_minutes(("9:00-12:00", "14:00-20:00")).sum()) // 60
    9
    >>> open_minutes(("20:00-2:00",)).nonzero()[0][[0, 119, 120]].tolist()
    [0, 119, 1200]
    """
    minute = np.arange(_DAY_MINUTES)
    is_open: NDArray[np.bool_] = np.full(_DAY_MINUTES, not windows)
    for window in windows:
        start, end = _edges(window)
        is_open |= (minute - start) % _DAY_MINUTES < (end - start) % _DAY_MINUTES
    is_open.setflags(write=False)
    return is_open


def open_slots(windows: tuple[str, ...], slots: int = 24) -> Bool[np.ndarray, " K"]:
    """Returns which slots of the local day lie in the windows with every minute; `slots` divides 1440.

    >>> open_slots(("9:30-12:00",)).nonzero()[0].tolist()
    [10, 11]
    """
    whole: NDArray[np.bool_] = np.logical_and.reduce(open_minutes(windows).reshape(slots, -1), axis=1)
    return whole


@lru_cache(maxsize=64)
def minutes_until(windows: tuple[str, ...], opens: bool) -> Int[np.ndarray, " minutes"]:
    """Returns for each minute of the day how many pass until one that is open (`opens`), or is not; 0 if it is now.

    It counts on the clock's face, and says a fortnight where that minute never comes.

    >>> until = minutes_until(("9:00-20:00",), opens=True)
    >>> until[[8 * 60, 10 * 60, 21 * 60]].tolist()
    [60, 0, 720]
    """
    wanted = np.flatnonzero(open_minutes(windows) == opens)
    if not len(wanted):
        return np.full(_DAY_MINUTES, 14 * _DAY_MINUTES)
    minute = np.arange(_DAY_MINUTES)
    following = wanted[np.searchsorted(wanted, minute) % len(wanted)]
    until: Int[np.ndarray, " minutes"] = (following - minute) % _DAY_MINUTES
    return until


def _edges(window: str) -> tuple[int, int]:
    found = _WINDOW.fullmatch(window.replace(" ", ""))
    if found is None:
        raise InvalidSettings(
            f"rules.send_windows: got {window!r}, expected start-end on the 24-hour clock, such as '9:00-20:00'"
        )
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if start == end:
        raise InvalidSettings(
            f"rules.send_windows: got {window!r}, which has no length; leave `send_windows` out to send all day"
        )
    return start, end
