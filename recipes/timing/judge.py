"""Judging predictions of one task: values with intervals over users, and the difference to the smoothed histogram."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful.experiments.slot_scores import auc_parts, calibration_by_slot, session_sums, trial_sums
from tactful.experiments.stats import Interval, bootstrap_totals
from timing.days import Day, SlotData, stacked
from timing.histograms import Predict, Task

DRAWS: Final = 1000
MEASURES: Final[Mapping[Task, tuple[str, str]]] = {"sessions": ("bits", "top-3 share"), "trials": ("log loss", "AUC")}
STRATA: Final = ("all", "<8 sessions", "8-15 sessions", ">15 sessions", "without the holiday")

Floats = NDArray[np.float64]


class Score(msgspec.Struct, frozen=True, array_like=True):
    """One measure in one stratum, with the difference to the smoothed histogram on the same resamples of users."""

    stratum: str
    measure: str
    users: int
    value: Interval
    over_smoothed: Interval


class Cell(msgspec.Struct, frozen=True):
    """One model with one seed on one task of one data set; `calibration` is (expected, observed) in each slot."""

    data: str
    task: str
    model: str
    seed: int
    scores: tuple[Score, ...]
    calibration: tuple[tuple[float, float], ...]
    fit_cpu_seconds: float
    predict_cpu_seconds: float


class Judge:
    """Knows the judged days of a data set and what the smoothed histogram makes of them."""

    def __init__(self, data: SlotData, task: Task, smoothed: Predict) -> None:
        self._days, self._task = data.score, task
        self._n = len(data.past_sessions)
        self._user = np.tile(np.arange(self._n), len(data.score))
        number = np.repeat([day.number for day in data.score], self._n)
        past = np.tile(data.past_sessions, len(data.score))
        every = np.ones(len(number), dtype=np.bool_)
        rows = (every, past < 8, (past >= 8) & (past <= 15), past > 15, number != data.left_out)
        count = len(STRATA) - (data.left_out is None)
        self._strata = dict(zip(STRATA[:count], rows[:count], strict=True))
        self._sessions = stacked([day.sessions for day in data.score])
        self._positives = stacked([day.positives for day in data.score])
        self._trials = stacked([day.trials for day in data.score])
        foretold = self.foretell(smoothed)
        self._reference = {name: self._sums(foretold, rows) for name, rows in self._strata.items()}

    def foretell(self, model: Predict) -> Floats:
        """Returns the predictions of all judged days below each other."""
        return np.concatenate([model(_blind(day)) for day in self._days])

    def scores(self, p: Floats) -> list[Score]:
        """Returns both measures in every stratum that has enough to judge by."""
        found: list[Score] = []
        for stratum, rows in self._strata.items():
            values, sums = self._sums(p, rows)
            reference, reference_sums = self._reference[stratum]
            present = sums[:, -1] > 0
            if present.sum() < 2:
                continue
            both = np.concatenate([sums, reference_sums], axis=1)[present]
            totals = bootstrap_totals(both, np.random.default_rng(0), DRAWS)
            mine, theirs = (
                self._measured(part, v)
                for part, v in zip(np.split(totals, 2, axis=1), (values, reference), strict=True)
            )
            for m, measure in enumerate(MEASURES[self._task]):
                difference = _interval(values[m] - reference[m], mine[:, m] - theirs[:, m])
                found.append(Score(stratum, measure, int(present.sum()), _interval(values[m], mine[:, m]), difference))
        return found

    def calibration(self, p: Floats) -> tuple[tuple[float, float], ...]:
        """Returns the expected and the observed share of positive trials in each slot; nothing for sessions."""
        if self._task == "sessions":
            return ()
        shares = calibration_by_slot(p, self._positives, self._trials)
        return tuple((round(float(e), 6), round(float(o), 6)) for e, o in shares)

    def _sums(self, p: Floats, rows: NDArray[np.bool_]) -> tuple[tuple[float, float], Floats]:
        """Both measures, and by user what resampling needs: the last column is what there is to judge by."""
        user = self._user[rows]
        if self._task == "sessions":
            by_user = self._by_user(user, session_sums(p[rows], self._sessions[rows]))
            bits, hits, count = by_user.sum(axis=0)
            return (bits / count, hits / count) if count else (np.nan, np.nan), by_user
        positives, trials = self._positives[rows], self._trials[rows]
        if not positives.any():
            return (np.nan, np.nan), np.zeros((self._n, 3))
        nats = trial_sums(p[rows], positives, trials)
        auc, parts = auc_parts(p[rows], positives, trials)
        by_user = self._by_user(user, np.column_stack([nats[:, 0], parts, nats[:, 1]]))
        total, _, count = by_user.sum(axis=0)
        return (total / count, auc), by_user

    def _measured(self, totals: Floats, values: tuple[float, float]) -> Floats:
        """Both measures of resampled totals. An AUC moves by the sum of its users' influences."""
        second = totals[:, 1] / totals[:, 2] if self._task == "sessions" else values[1] + totals[:, 1]
        return np.column_stack([totals[:, 0] / totals[:, 2], second])

    def _by_user(self, user: NDArray[np.int64], sums: Floats) -> Floats:
        return np.column_stack([np.bincount(user, column, minlength=self._n) for column in sums.T])


def _blind(day: Day) -> Day:
    """The day without its outcomes, so that no model can look at them."""
    hidden = np.full(day.sessions.shape, np.nan, dtype=np.float32)
    return Day(day.number, day.type, day.history, day.types_before, hidden, hidden, hidden, day.trial)


def _interval(value: float, spread: Floats) -> Interval:
    low, high = np.quantile(spread, [0.025, 0.975])
    return Interval(*(round(float(end), 6) for end in (value, low, high)))


def mean(intervals: Sequence[Interval]) -> Interval:
    """Returns the means over seeds of values and of both ends: seeds share the judged users."""
    return Interval(*np.mean(np.array(intervals), axis=0).tolist())
