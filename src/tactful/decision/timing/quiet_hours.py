"""Quiet hours: a daily window on the user's own clock in which only critical messages go out.

A window runs from its start minute up to, not including, its end minute; it may cross midnight, and equal
start and end mean that there is none. What to do with a slot of interest inside the window is
`shift_quiet_mass`.
"""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Integer

from tactful.errors import InvalidScores

_DAY_MINUTES = 1440
_WINDOWS = _DAY_MINUTES + 1
"""Windows by their number: start * `_WINDOWS` + end. Few differ, so each is looked at once."""

QuietMode = Literal["nearest", "end", "skip"]
"""Where interest inside quiet hours goes: the nearest allowed slot, the first one after, or nowhere."""


def in_quiet(
    minute: Integer[np.ndarray, "*#n"], start: Integer[np.ndarray, "*#n"], end: Integer[np.ndarray, "*#n"]
) -> Bool[np.ndarray, "*n"]:
    """Returns whether a minute of the local day (0..1439) lies in the window [start, end).

    >>> in_quiet(np.array([0, 420, 1320]), np.array([1320]), np.array([420])).tolist()
    [True, False, True]
    """
    since_start = (minute.astype(np.int64) - start) % _DAY_MINUTES
    quiet: Bool[np.ndarray, "*n"] = since_start < (end.astype(np.int64) - start) % _DAY_MINUTES
    return quiet


def quiet_slots(
    start: Integer[np.ndarray, " n"], end: Integer[np.ndarray, " n"], slots: int = 24
) -> Bool[np.ndarray, "n K"]:
    """Returns whether any of each slot of the local day is quiet; `plan` takes the negation as `allowed`.

    Raises:
        InvalidScores: if the slots do not cut the day into whole minutes.

    >>> quiet_slots(np.array([22 * 60 + 30]), np.array([60])).nonzero()[1].tolist()
    [0, 22, 23]
    """
    if slots < 1 or _DAY_MINUTES % slots:
        raise InvalidScores(f"got {slots} slots a day, expected a divisor of 1440, such as 24, 48 or 96")
    width = _DAY_MINUTES // slots
    windows, of_row = np.unique(start.astype(np.int64) * _WINDOWS + end, return_inverse=True)
    opens, closes = windows[:, None] // _WINDOWS, windows[:, None] % _WINDOWS
    slot_start = (np.arange(slots) * width)[None]
    window_opens_inside = ((opens - slot_start) % _DAY_MINUTES < width) & (opens != closes)
    quiet: Bool[np.ndarray, "n K"] = (in_quiet(slot_start, opens, closes) | window_opens_inside)[of_row]
    return quiet


def shift_quiet_mass(
    p: Float[np.ndarray, "n K"], allowed: Bool[np.ndarray, "n K"], mode: QuietMode = "nearest"
) -> Float[np.ndarray, "n K"]:
    """Returns p with the mass of slots that are not allowed moved to where the message may go instead.

    The day is a circle, as the habit is: before slot 0 comes slot K - 1. "nearest" takes the closer end of
    the forbidden stretch (the slot before it on a tie, so that the message is there when she comes), "end"
    the first allowed slot after it, "skip" drops the mass. A row without allowed slots becomes zero.

    >>> p, allowed = np.array([[0.1, 0.2, 0.3, 0.4]]), np.array([[True, False, False, True]])
    >>> shift_quiet_mass(p, allowed, "end").round(3).tolist()
    [[0.1, 0.0, 0.0, 0.9]]
    """
    kept = np.where(allowed, p, 0).astype(p.dtype)
    if mode == "skip":
        return kept
    after, before = _steps_to_allowed(allowed), _steps_to_allowed(allowed[:, ::-1])[:, ::-1]
    step = after if mode == "end" else np.where(before <= after, -before, after)
    row, slot = np.nonzero(~allowed & allowed.any(axis=1, keepdims=True))
    np.add.at(kept, (row, (slot + step[row, slot]) % p.shape[1]), p[row, slot])
    return kept


def _steps_to_allowed(allowed: Bool[np.ndarray, "n K"]) -> Integer[np.ndarray, "n K"]:
    """How many slots further around the circle the next allowed slot lies; 0 for an allowed one."""
    slots = allowed.shape[1]
    twice = np.concatenate([allowed, allowed], axis=1)
    position = np.where(twice, np.arange(2 * slots), 2 * slots)
    following = np.minimum.accumulate(position[:, ::-1], axis=1)[:, ::-1]
    return following[:, :slots] - np.arange(slots)
