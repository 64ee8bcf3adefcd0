"""How often something happens in a slot of a person's day: everyone's rate, her own level, her own slots.

A trial is a day (was she active in this slot?) or a message received in the slot (did she act on it?). Not here: in
which slot a session falls, given that there is one (`slot_histogram`); kinds of days (`work_rest`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.kernel import kernel
from tactful.models.shrinkage import MAX_RATE
from tactful.models.slot_histogram import circular_kernel

GRID: Final[Mapping[str, Sequence[float]]] = {
    "user_weight": (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0),
    "slot_weight": (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0),
    "bandwidth_hours": (0.0, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
}


@dataclass(frozen=True, eq=False)
class SlotRates:
    """Everyone's rate of each slot, how fast a user's own trials overrule it, and over how many hours they count.

    Attributes:
        rates: everyone's rate in each of K slots, 0 < rate < 1.
        user_weight: v, expected successes for which everyone's level counts; infinite gives everybody the same level.
        slot_weight: w, trials in a slot for which level times everyone's rate counts; infinite ignores her own slots.
        bandwidth_hours: of the circular kernel over her own slots; 0 switches it off.
    """

    rates: Float64[np.ndarray, " K"]
    user_weight: float = 1.0
    slot_weight: float = 8.0
    bandwidth_hours: float = 1.0

    def active(
        self, positives: Float[np.ndarray, "n K"], trials: Float[np.ndarray, "n K"]
    ) -> Float64[np.ndarray, "n K"]:
        """Returns the probability that a trial in each slot succeeds.

        `p = (S(y) + w·a·r) / (S(n) + w)` with her level `a = (Σ y + v) / (Σ n·r + v)`: y successes in n trials, r
        everyone's rates, S the circular kernel. A user without trials has everyone's rates.
        """
        if self.rates.min() <= 0.0 or self.rates.max() >= 1.0:
            raise InvalidModel(f"got rates from {self.rates.min():g} to {self.rates.max():g}, expected 0 < rate < 1")
        prior = np.broadcast_to(self.rates, positives.shape)
        if np.isfinite(self.user_weight):
            expected = (trials * self.rates).sum(axis=1) + self.user_weight
            level = (positives.sum(axis=1) + self.user_weight) / expected
            prior = np.minimum(level[:, None] * self.rates, MAX_RATE)
        if not np.isfinite(self.slot_weight):
            return prior.astype(np.float64)
        seen, tried = smoothed(positives, self.bandwidth_hours), smoothed(trials, self.bandwidth_hours)
        return (seen + self.slot_weight * prior) / (tried + self.slot_weight)

    @classmethod
    def fit(
        cls,
        past_positives: Float[np.ndarray, "n K"],
        past_trials: Float[np.ndarray, "n K"],
        positives: Float[np.ndarray, "n K"],
        trials: Float[np.ndarray, "n K"],
        grid: Mapping[str, Sequence[float]] = GRID,
    ) -> "SlotRates":
        """Returns the model whose strengths give later trials of the same users the highest likelihood.

        Everyone's rates are those of the later trials, plus one success and one failure in each slot. The strengths
        are searched one at a time, in the order of the grid, until none improves.

        Args:
            past_positives, past_trials: of each user before a day; a user may come once for every day.
            positives, trials: on that day; never days on which the model will be judged.
        """
        rates = shares(positives, trials)

        def likelihood(strengths: Mapping[str, float]) -> float:
            p = cls(rates, **strengths).active(past_positives, past_trials)
            return float((positives * np.log(p) + (trials - positives) * np.log1p(-p)).sum())

        return cls(rates, **climb(grid, likelihood))


def shares(positives: Float[np.ndarray, "n K"], trials: Float[np.ndarray, "n K"]) -> Float64[np.ndarray, " K"]:
    """Returns everyone's rate in each slot, `(Σ y + 1) / (Σ n + 2)`: none is impossible, none is certain."""
    rates: NDArray[np.float64] = (positives.sum(axis=0, dtype=np.float64) + 1.0) / (trials.sum(axis=0) + 2.0)
    return rates


def smoothed(counts: Float[np.ndarray, "n K"], bandwidth_hours: float) -> Float64[np.ndarray, "n K"]:
    """Returns the counts spread around the clock by the circular Gaussian kernel; rows keep their sums.

    >>> smoothed(np.eye(24)[:1], 1.0)[0, [23, 0, 1]].round(2).tolist()
    [0.24, 0.4, 0.24]
    """
    taps = circular_kernel(counts.shape[1], bandwidth_hours)
    out = np.empty(counts.shape)
    _spread(np.ascontiguousarray(counts, dtype=np.float64), taps, out)
    return out


def climb(grid: Mapping[str, Sequence[float]], score: Callable[[Mapping[str, float]], float]) -> dict[str, float]:
    """Returns the values of a grid with the highest score, changing one at a time from the middle until none improves.

    >>> climb({"a": (0.0, 1.0, 2.0), "b": (0.0, 5.0, 9.0)}, lambda x: -((x["a"] - 1) ** 2) - (x["b"] - 9) ** 2)
    {'a': 1.0, 'b': 9.0}
    """
    best = {name: values[len(values) // 2] for name, values in grid.items()}
    found, before = score(best), -np.inf
    while found > before:
        before = found
        for name, values in grid.items():
            for value in values:
                other = {**best, name: value}
                if value != best[name] and (tried := score(other)) > found:
                    best, found = other, tried
    return best


@kernel
def _spread(counts: NDArray[np.float64], taps: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Row by row in one order, so that a row has the same bits alone and in any batch; a matrix product has not."""
    n, n_slots = counts.shape
    around = np.concatenate((taps, taps))
    for i in range(n):
        out[i] = 0.0
        for j in range(n_slots):
            if counts[i, j] != 0.0:
                for k in range(n_slots):
                    out[i, k] += counts[i, j] * around[n_slots + k - j]
