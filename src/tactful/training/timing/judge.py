"""Judges slot models on the last days: values with intervals over people, and differences to the smoothed histogram."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from tactful.experiments.slot_scores import auc_parts, session_sums, trial_sums
from tactful.experiments.stats import Interval, bootstrap_totals
from tactful.training.timing.days import LocalDay, stacked
from tactful.training.timing.report import Measure, Score

DRAWS: Final = 1000


@dataclass(frozen=True, eq=False)
class Foretold:
    """What a model says of the judged user-days (m rows): a profile over the slots, and the chances in each."""

    profile: Float64[np.ndarray, "m K"]
    active: Float64[np.ndarray, "m K"]
    click: Float64[np.ndarray, "m K"] | None


@dataclass(frozen=True, eq=False)
class _Measured:
    """A value, what each person adds to the totals that it is made of, and whether it moves with their ratio."""

    value: float
    sums: NDArray[np.float64]
    is_ratio: bool = True

    def on(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """The value on resampled totals; an AUC moves by the sum of its people's influences."""
        return totals[:, 0] / totals[:, 1] if self.is_ratio else self.value + totals[:, 0]


class Judge:
    """Knows what happened on the judged days, and what the smoothed histogram made of them."""

    def __init__(self, days: Sequence[LocalDay], histogram: Foretold) -> None:
        self._user = np.concatenate([np.flatnonzero(day.present) for day in days])
        self._n = len(days[0].present)
        names = ("sessions", "active", "exists", "clicks", "receipts")
        self._sessions, self._active, self._exists, self._clicks, self._receipts = (stacked(days, n) for n in names)
        self._reference = self._measured(histogram)

    def scores(self, model: Foretold) -> tuple[Score, ...]:
        """Returns the measures that there is anything to judge by; clicks only where both models say them."""
        found = []
        for measure, mine in self._measured(model).items():
            theirs = self._reference.get(measure)
            if theirs is None:
                continue
            both = np.column_stack([mine.sums, theirs.sums])
            totals = bootstrap_totals(both[both.any(axis=1)], np.random.default_rng(0), DRAWS)
            own, other = mine.on(totals[:, :2]), theirs.on(totals[:, 2:])
            gap = _interval(mine.value - theirs.value, own - other)
            found.append(Score(measure, _interval(mine.value, own), gap))
        return tuple(found)

    def own_scores(self) -> tuple[Score, ...]:
        """Returns the measures of the histogram itself."""
        found = []
        for measure, mine in self._reference.items():
            totals = bootstrap_totals(mine.sums[mine.sums.any(axis=1)], np.random.default_rng(0), DRAWS)
            found.append(Score(measure, _interval(mine.value, mine.on(totals)), None))
        return tuple(found)

    def worth_of_hours(self, model: Foretold) -> Interval | None:
        """Returns the log loss of clicks, less what it is when a person's chances are averaged over the hours.

        Below 0 the model knows in which hours a message is clicked; else it knows at most by whom. None without clicks.
        """
        if model.click is None or self._people(self._clicks) < 2:
            return None
        flat = np.repeat(model.click.mean(axis=1, keepdims=True), model.click.shape[1], axis=1)
        nats = trial_sums(model.click, self._clicks, self._receipts)
        gap = self._ratio(nats[:, 0] - trial_sums(flat, self._clicks, self._receipts)[:, 0], nats[:, 1])
        totals = bootstrap_totals(gap.sums[gap.sums.any(axis=1)], np.random.default_rng(0), DRAWS)
        return _interval(gap.value, gap.on(totals))

    def _measured(self, model: Foretold) -> dict[Measure, _Measured]:
        found: dict[Measure, _Measured] = {}
        if self._people(self._sessions) >= 2:
            bits = session_sums(model.profile, self._sessions)
            found["bits"] = self._ratio(bits[:, 0], bits[:, 2])
        if self._people(self._active) >= 2:
            nats = trial_sums(model.active, self._active, self._exists)
            found["log loss"] = self._ratio(nats[:, 0], nats[:, 1])
            auc, parts = auc_parts(model.active, self._active, self._exists)
            found["AUC"] = _Measured(auc, self._by_user(np.column_stack([parts, nats[:, 1]])), is_ratio=False)
        if model.click is not None and self._people(self._clicks) >= 2:
            nats = trial_sums(model.click, self._clicks, self._receipts)
            found["click log loss"] = self._ratio(nats[:, 0], nats[:, 1])
        return found

    def _people(self, outcome: NDArray[np.float64]) -> int:
        return len(np.unique(self._user[outcome.any(axis=1)]))

    def _ratio(self, total: NDArray[np.float64], count: NDArray[np.float64]) -> _Measured:
        sums = self._by_user(np.column_stack([total, count]))
        return _Measured(float(sums[:, 0].sum() / sums[:, 1].sum()), sums)

    def _by_user(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([np.bincount(self._user, column, minlength=self._n) for column in sums.T])


def _interval(value: float, spread: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(spread, [0.025, 0.975])
    return Interval(value, float(low), float(high))
