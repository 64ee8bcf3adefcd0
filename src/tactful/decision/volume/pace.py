"""The pacer: a token bucket per user that spreads a weekly budget over the week.

Tokens accrue at k/7 a day up to a burst; a send spends one. The bucket alone would let burst + k sends into
a week, so every answer also keeps the rolling week: fewer than k sends in the seven days before. The
runtime asks once a day (`quota_of_day`, for the plan) and at each job (`may_send`). All functions take one
entry a user. Where some weekdays are worth more than others, time itself is weighted (`weighted_us`): tokens
then accrue faster on those, and a week still accrues k.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Integer

from tactful.clock import DAY_US, WEEK_US

_ROUNDING = 1e-9  # a token that accrued in many small steps is still a token

_MONDAY_US = 3 * DAY_US
"""What the first instant of 1970, a Thursday, lies behind its Monday."""

EXPLORATION_PERIOD_US = 4 * WEEK_US
EXPLORATION_WINDOW_US = 3 * DAY_US
"""How long the offer of an exploratory message stands; it needs a candidate and a slot within it."""


def initial_tokens(u: Float[np.ndarray, " n"], k: Integer[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Returns the tokens that users start with, so that their first sends spread evenly over the first 7/k days.

    Args:
        u: a hash draw in [0, 1) for each user.
        k: weekly budget; 0 starts with nothing.
    """
    return np.where(k > 0, u, 0.0).astype(np.float64)


def accrue(
    tokens: Float64[np.ndarray, " n"],
    elapsed_us: Int64[np.ndarray, " n"],
    k: Integer[np.ndarray, " n"],
    burst: float | int = 2.0,
) -> Float64[np.ndarray, " n"]:
    """Returns the tokens after some time: `min(burst, tokens + k/7 * days)`, however long an outage was.

    A clock that was set back (negative `elapsed_us`) takes nothing away.

    >>> accrue(np.array([0.0, 0.0]), np.array([DAY_US, 300 * DAY_US]), np.array([7, 7])).tolist()
    [1.0, 2.0]
    """
    full: Float64[np.ndarray, " n"] = np.minimum(burst, tokens + k * (np.maximum(elapsed_us, 0) / WEEK_US))
    return full


def weighted_us(
    weight: Float64[np.ndarray, "n 7"], from_us: Int64[np.ndarray, " n"], until_us: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Returns the time between two instants with every day counted by its weekday's weight, in microseconds.

    `∫ w(weekday(t)) dt`; any seven whole days count as seven, so pass it to `accrue` for the elapsed time and to
    `quota_of_day` for what is left of the day. An end before the start counts as nothing.

    Args:
        weight: of Monday .. Sunday (UTC), each >= 0, mean 1 in every row.
        from_us: start.
        until_us: end.

    >>> weekend = np.array([[0.6, 0.6, 0.6, 0.6, 0.6, 2.0, 2.0]])
    >>> saturday = np.array([2 * DAY_US])  # 1970-01-01 was a Thursday
    >>> [int(weighted_us(weekend, saturday, saturday + days * DAY_US)[0]) / DAY_US for days in (1, 2, 7)]
    [2.0, 4.0, 7.0]
    """
    before = np.concatenate([np.zeros((len(weight), 1)), np.cumsum(weight, axis=1)[:, :-1]], axis=1)
    counted = _since_monday(weight, before, until_us) - _since_monday(weight, before, from_us)
    weeks = (until_us + _MONDAY_US) // WEEK_US - (from_us + _MONDAY_US) // WEEK_US
    passed: Int64[np.ndarray, " n"] = np.maximum(np.rint(counted * DAY_US).astype(np.int64) + weeks * WEEK_US, 0)
    return passed


def _since_monday(
    weight: Float64[np.ndarray, "n 7"], before: Float64[np.ndarray, "n 7"], at_us: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Weighted days since the week of each instant began."""
    day, within_us = np.divmod((at_us + _MONDAY_US) % WEEK_US, DAY_US)
    row = np.arange(len(weight))
    days: Float64[np.ndarray, " n"] = before[row, day] + weight[row, day] * (within_us / DAY_US)
    return days


def spend(
    tokens: Float64[np.ndarray, " n"],
    sends: Integer[np.ndarray, " n"] | int = 1,
    k: Integer[np.ndarray, " n"] | int = 255,
) -> Float64[np.ndarray, " n"]:
    """Returns the tokens after sends.

    They may fall below zero, where a quota of the day went out before its token was whole, or a forced send or a
    message that no budget blocks had none; waiting pays it back. The debt is a week's budget at most (and a token
    for k = 0): what is older no rolling week remembers.
    """
    left: Float64[np.ndarray, " n"] = np.minimum(tokens, np.maximum(tokens - sends, -1.0 * np.maximum(k, 1)))
    return left


def may_send(
    tokens: Float64[np.ndarray, " n"], k: Integer[np.ndarray, " n"], sent_7d: Integer[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Returns who has a token now and is below the budget.

    Args:
        sent_7d: sends later than seven days before now; one of exactly seven days ago is over.
    """
    return (tokens >= 1.0 - _ROUNDING) & (sent_7d < k)


def quota_of_day(
    tokens: Float64[np.ndarray, " n"],
    left_us: Int64[np.ndarray, " n"],
    k: Integer[np.ndarray, " n"],
    sent_7d: Integer[np.ndarray, " n"],
    daily_cap: int,
) -> Int64[np.ndarray, " n"]:
    """Returns how many sends the rest of the local day may plan: tokens at its end, within budget and cap.

    The plan may use a token before it is whole, as long as it will be by the end of the day; the debt is at
    most the day's accrual. Keep `sent_7d < k` at the moment of each send as well.

    Args:
        tokens: after `accrue`.
        left_us: microseconds left of the local day.
        sent_7d: sends in the seven days that end with this local day. Counted up to now instead, a user with
            k = 1 who is told on Mondays at 20:00 gets no quota at Monday's midnight, and slips by a day a
            week.
        daily_cap: most sends a day.

    >>> day, k, none = np.array([DAY_US]), np.array([3]), np.array([0])
    >>> [int(quota_of_day(np.array([t]), day, k, none, daily_cap=3)[0]) for t in (0.5, 0.6, 1.6)]
    [0, 1, 2]
    """
    at_day_end = tokens + k * (np.maximum(left_us, 0) / WEEK_US)
    whole = np.floor(at_day_end + _ROUNDING).astype(np.int64)
    quota: Int64[np.ndarray, " n"] = np.clip(np.minimum(whole, k.astype(np.int64) - sent_7d), 0, daily_cap)
    return quota


def exploratory_due(
    k: Integer[np.ndarray, " n"],
    last_sent_us: Int64[np.ndarray, " n"],
    now_us: Int64[np.ndarray, " n"],
    u: Float[np.ndarray, " n"],
    until_us: Int64[np.ndarray, " n"] | None = None,
) -> Bool[np.ndarray, " n"]:
    """Returns who, with a budget of 0, gets the one exploratory message of these four weeks.

    Each user's periods of four weeks start at a phase of her own, and a message is due in the window at the
    start of each, once: the last send must be older than the period less the window. Without a phase, all
    users whose budget falls to 0 on one day would be told on the same day.

    Args:
        k: weekly budget.
        last_sent_us: the last send, a very early instant if never.
        now_us: the present instant.
        u: the phase, a hash draw in [0, 1).
        until_us: asks for any instant from now to this one, at most `EXPLORATION_WINDOW_US` later; errs on
            the side of due.
    """
    phase_us, end_us = (u * EXPLORATION_PERIOD_US).astype(np.int64), now_us if until_us is None else until_us
    in_window = (now_us - phase_us) % EXPLORATION_PERIOD_US < EXPLORATION_WINDOW_US
    in_window |= (end_us - phase_us) % EXPLORATION_PERIOD_US < EXPLORATION_WINDOW_US
    rested = last_sent_us <= end_us - (EXPLORATION_PERIOD_US - EXPLORATION_WINDOW_US)
    due: Bool[np.ndarray, " n"] = (k == 0) & in_window & rested
    return due
