"""People's hours on days of work and of rest: her own profile, tilted as everyone's is, then by her own such days.

A person has few days of rest on record, so they are shrunk to her profile of all days. The types are those of
`features.day_types`: 0 work, 1 rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Float64, Integer
from numpy.typing import NDArray

from tactful.models.shrinkage import MAX_RATE
from tactful.models.slot_histogram import SlotHistogram
from tactful.models.slot_rates import SlotRates, climb, shares, smoothed

WEIGHTS: Final[Sequence[float]] = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
_TYPES: Final = 2
_PSEUDO: Final = 10.0
"""Successes as expected of all days that each type has in each slot before any is seen."""


@dataclass(frozen=True, eq=False)
class WorkRestSlots:
    """Where a session falls: `p = (S(c_t) + w·q) / (Σ c_t + w)`, `q ∝ base · tilt_t`, c_t on her days of type t.

    Attributes:
        base: her profile of all days.
        tilt: everyone's profile on days of each type over that of all days.
        weight: w, sessions on days of the type for which her tilted profile counts.
    """

    base: SlotHistogram
    tilt: Float64[np.ndarray, "2 K"]
    weight: float = 8.0

    def slots(
        self,
        counts: Float[np.ndarray, "n K"],
        same_type: Float[np.ndarray, "n K"],
        day_type: Integer[np.ndarray, " n"],
    ) -> Float64[np.ndarray, "n K"]:
        """Returns the distribution over the slots of a day of that type; rows sum to 1.

        Args:
            counts: her sessions by slot.
            same_type: those of them on days of the type.
            day_type: of the day foretold.
        """
        return self._of(self.base.slots(counts), same_type, self.tilt[day_type])

    def _of(
        self, own: NDArray[np.float64], same_type: NDArray[np.floating[Any]], tilt: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        prior = own * tilt
        prior /= prior.sum(axis=1, keepdims=True)
        seen = smoothed(same_type, float(self.base.parameters()["bandwidth_hours"]))
        p: NDArray[np.float64] = (seen + self.weight * prior) / (seen.sum(axis=1, keepdims=True) + self.weight)
        return p

    @classmethod
    def fit(
        cls,
        base: SlotHistogram,
        counts: Float[np.ndarray, "n K"],
        same_type: Float[np.ndarray, "n K"],
        day_type: Integer[np.ndarray, " n"],
        sessions: Float[np.ndarray, "n K"],
        day: Integer[np.ndarray, " n"],
        weights: Sequence[float] = WEIGHTS,
    ) -> "WorkRestSlots":
        """Returns the model whose weight gives the sessions of each day the highest likelihood.

        A day is tilted by the other days of its type while the weight is picked: a holiday that everyone spends alike
        would else speak for itself.

        Args:
            counts, same_type, day_type: as in `slots`; a user may come once for every day.
            sessions: by slot on that day; never a day on which the model will be judged.
            day: number of the day.
        """
        tilt, others = tilts(sessions, np.ones_like(sessions), day_type, day)
        model, own = cls(base, tilt), base.slots(counts)

        def likelihood(weight: float) -> float:
            return float((sessions * np.log(replace(model, weight=weight)._of(own, same_type, others))).sum())

        return replace(model, weight=climb({"weight": weights}, lambda x: likelihood(x["weight"]))["weight"])


@dataclass(frozen=True, eq=False)
class WorkRestRates:
    """How often: `p = (S(y_t) + w·base·tilt_t) / (S(n_t) + w)`, y_t successes in n_t trials on her days of type t.

    Attributes:
        base: her rates on all days.
        tilt: everyone's rate on days of each type over that of all days.
        weight: w, trials in a slot on days of the type for which her tilted rate counts.
    """

    base: SlotRates
    tilt: Float64[np.ndarray, "2 K"]
    weight: float = 8.0

    def active(
        self,
        positives: Float[np.ndarray, "n K"],
        trials: Float[np.ndarray, "n K"],
        same_positives: Float[np.ndarray, "n K"],
        same_trials: Float[np.ndarray, "n K"],
        day_type: Integer[np.ndarray, " n"],
    ) -> Float64[np.ndarray, "n K"]:
        """Returns the probability that a trial in each slot of a day of that type succeeds; `same_` as in `slots`."""
        return self._of(self.base.active(positives, trials), same_positives, same_trials, self.tilt[day_type])

    def _of(
        self,
        own: NDArray[np.float64],
        same_positives: NDArray[np.floating[Any]],
        same_trials: NDArray[np.floating[Any]],
        tilt: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        seen = smoothed(same_positives, self.base.bandwidth_hours)
        tried = smoothed(same_trials, self.base.bandwidth_hours)
        p: NDArray[np.float64] = (seen + self.weight * np.minimum(own * tilt, MAX_RATE)) / (tried + self.weight)
        return p

    @classmethod
    def fit(
        cls,
        base: SlotRates,
        past: tuple[Float[np.ndarray, "n K"], Float[np.ndarray, "n K"]],
        same_past: tuple[Float[np.ndarray, "n K"], Float[np.ndarray, "n K"]],
        day_type: Integer[np.ndarray, " n"],
        positives: Float[np.ndarray, "n K"],
        trials: Float[np.ndarray, "n K"],
        day: Integer[np.ndarray, " n"],
        weights: Sequence[float] = WEIGHTS,
    ) -> "WorkRestRates":
        """Returns the model whose weight gives the trials of each day the highest likelihood, as `WorkRestSlots.fit`.

        Args:
            past, same_past: successes and trials before the day, on all days and on those of its type.
        """
        tilt, others = tilts(positives, trials, day_type, day)
        model, own = cls(base, tilt), base.active(*past)

        def likelihood(weight: float) -> float:
            p = replace(model, weight=weight)._of(own, *same_past, others)
            return float((positives * np.log(p) + (trials - positives) * np.log1p(-p)).sum())

        return replace(model, weight=climb({"weight": weights}, lambda x: likelihood(x["weight"]))["weight"])


def tilts(
    positives: Float[np.ndarray, "n K"],
    trials: Float[np.ndarray, "n K"],
    day_type: Integer[np.ndarray, " n"],
    day: Integer[np.ndarray, " n"],
) -> tuple[Float64[np.ndarray, "2 K"], Float64[np.ndarray, "n K"]]:
    """Returns everyone's rates on each type of day over those of all days, and each row's without its own day.

    `(y_t + 10) / (e_t + 10)` with e_t the successes that the rates of all days expect; a type never seen has 1.
    """
    expected = trials * shares(positives, trials)
    days, place = np.unique(day, return_inverse=True)
    seen, due = np.zeros((len(days), positives.shape[1])), np.zeros((len(days), positives.shape[1]))
    np.add.at(seen, place, positives)
    np.add.at(due, place, expected)
    type_of = np.zeros(len(days), dtype=np.int64)
    type_of[place] = day_type
    by_type = np.zeros((2, _TYPES, positives.shape[1]))
    np.add.at(by_type[0], type_of, seen)
    np.add.at(by_type[1], type_of, due)
    y, e = by_type + _PSEUDO
    others = (y[type_of] - seen) / (e[type_of] - due)
    return y / e, others[place]
