"""What became of every assignment: active days, leaving, and activity in the fourth week after it.

Days and weeks are counted from the assignment's start in steps of 24 hours, which is the user's own day, since
budgets come into force with her daily plan. Only whole weeks that lie inside the assignment and before the log's
end count. All rows of one assignment have the same features and the same k, so they are kept as counts: `Head.rows`
makes at most two weighted rows of them, with the same loss as one row a day.

Source: Zhao et al., "Notification Volume Control and Optimization System at Pinterest", KDD 2018: each day of the
week is a row of the activity model; the unsubscribe model has the label "this week" with the assigned volume, never
the number sent, for who leaves early is sent little; the long-term model looks four weeks ahead.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US, WEEK_US
from tactful.events.records import ACTIVE_KINDS, KINDS
from tactful.features.join import LEAVING_KINDS
from tactful.kernel import kernel
from tactful.training.volume.log import VolumeLog

LONG_TERM_FROM_DAYS, LONG_TERM_UNTIL_DAYS = 21, 28
"""The fourth week after leaving, in days since."""

_NEVER: Final = int(np.iinfo(np.int64).max)
_IN_APP: Final = ACTIVE_KINDS - {"open"}
"""An e-mail is opened in a mailbox. Counted as activity it would rise with every message sent, whoever came or not;
who opens a push is in the app, which a session says."""
_IS_ACTIVE: Final[NDArray[np.bool_]] = np.array([kind in _IN_APP for kind in KINDS])
_IS_LEAVING: Final[NDArray[np.bool_]] = np.array([kind in LEAVING_KINDS for kind in KINDS])


@dataclass(frozen=True)
class Counts:
    """Trials and how many of them came true, by assignment: what one head is fitted to."""

    trials: Int64[np.ndarray, " m"]
    positives: Int64[np.ndarray, " m"]

    def only(self, rows: Bool[np.ndarray, " m"]) -> "Counts":
        """Returns the counts of the chosen assignments, none for the others."""
        return Counts(np.where(rows, self.trials, 0), np.where(rows, self.positives, 0))

    def rows(self) -> tuple[Int64[np.ndarray, " r"], Bool[np.ndarray, " r"], Float64[np.ndarray, " r"]]:
        """Returns assignment, label and weight of the folded rows: one per label that occurred.

        Their weighted logistic loss is the sum over the trials, for every row of an assignment is predicted alike.
        """
        true, false = np.flatnonzero(self.positives), np.flatnonzero(self.trials > self.positives)
        label = np.concatenate([np.ones(len(true), dtype=np.bool_), np.zeros(len(false), dtype=np.bool_)])
        weight = np.concatenate([self.positives[true], (self.trials - self.positives)[false]])
        return np.concatenate([true, false]), label, weight.astype(np.float64)


@dataclass(frozen=True)
class Labels:
    """What became of every assignment, for each head.

    Attributes:
        days: days begun while subscribed, and those with activity from any entry.
        weeks: weeks begun while subscribed, and those with any activity.
        left: weeks at risk, and 1 if she left in the last of them.
        after: the seven days of the fourth week after leaving, and those with activity; 0 of 0 for who stayed, or
            whose fourth week is not over.
        left_at_us: the first instant of leaving while the budget was in force, the largest integer for none.
    """

    days: Counts
    weeks: Counts
    left: Counts
    after: Counts
    left_at_us: Int64[np.ndarray, " m"]

    @property
    def stayed(self) -> Bool[np.ndarray, " m"]:
        """Whether nobody saw her leave while the budget was in force."""
        never: NDArray[np.bool_] = self.left_at_us == _NEVER
        return never


def closed_weeks(
    start_us: Int64[np.ndarray, " m"], end_us: Int64[np.ndarray, " m"], until_us: int
) -> Int64[np.ndarray, " m"]:
    """Returns how many whole weeks of each assignment are over, when the log is known until `until_us` (exclusive).

    >>> week = 7 * 24 * 3600 * 1_000_000
    >>> start, end = np.array([0, 0]), np.array([8 * week, 2 * week])
    >>> closed_weeks(start, end, 3 * week).tolist(), closed_weeks(start, end, 3 * week - 1).tolist()
    ([3, 2], [2, 2])
    """
    weeks: NDArray[np.int64] = np.maximum(np.minimum(end_us, until_us) - start_us, 0) // WEEK_US
    return weeks


def label(log: VolumeLog) -> Labels:
    """Returns the labels of all assignments; what is not over yet is not counted."""
    m = len(log)
    counted = np.zeros((8, m), dtype=np.int64)
    left_at = np.full(m, _NEVER, dtype=np.int64)
    first = np.searchsorted(log.e_user, log.user, side="left")
    last = np.searchsorted(log.e_user, log.user, side="right")
    _label(
        log.start_us,
        np.minimum(log.end_us, log.until_us),
        closed_weeks(log.start_us, log.end_us, log.until_us),
        first,
        last,
        log.e_at_us,
        _IS_ACTIVE[log.e_kind],
        _IS_LEAVING[log.e_kind],
        log.until_us,
        counted,
        left_at,
    )
    pairs = [Counts(counted[i], counted[i + 1]) for i in (0, 2, 4, 6)]
    return Labels(pairs[0], pairs[1], pairs[2], pairs[3], left_at)


@kernel
def _label(
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    weeks: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    at: NDArray[np.int64],
    active: NDArray[np.bool_],
    leaving: NDArray[np.bool_],
    until: int,
    counted: NDArray[np.int64],
    left_at: NDArray[np.int64],
) -> None:
    for i in range(len(start)):
        left = _NEVER
        for j in range(first[i], last[i]):
            if leaving[j] and start[i] <= at[j] < end[i]:
                left = at[j]
                break
        left_at[i] = left
        days = 7 * weeks[i]
        at_risk = days if left == _NEVER else min(days, (left - start[i]) // DAY_US + 1)
        risk_weeks = (at_risk + 6) // 7
        counted[0, i], counted[2, i], counted[4, i] = at_risk, risk_weeks, risk_weeks
        counted[5, i] = 1 if left < start[i] + weeks[i] * WEEK_US else 0
        closes = left != _NEVER and left <= until - LONG_TERM_UNTIL_DAYS * DAY_US
        counted[6, i] = LONG_TERM_UNTIL_DAYS - LONG_TERM_FROM_DAYS if closes else 0
        day, week, after = -1, -1, -1
        for j in range(first[i], last[i]):
            if not active[j] or at[j] < start[i]:
                continue
            seen = (at[j] - start[i]) // DAY_US
            if seen < at_risk and seen > day:
                day = seen
                counted[1, i] += 1
            if seen // 7 < risk_weeks and seen // 7 > week:
                week = seen // 7
                counted[3, i] += 1
            if closes:
                since = (at[j] - left) // DAY_US
                if LONG_TERM_FROM_DAYS <= since < LONG_TERM_UNTIL_DAYS and since > after:
                    after = since
                    counted[7, i] += 1
