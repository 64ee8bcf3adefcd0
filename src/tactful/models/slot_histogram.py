"""When: a person's own hours, smoothed around the clock and shrunk towards everyone's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from numpy.typing import ArrayLike, NDArray

from tactful.errors import InvalidModel
from tactful.features.slot_past import SlotPast
from tactful.features.slots import SLOTS_PER_DAY
from tactful.kernel import kernel
from tactful.models.protocol import Parameters, SlotScores, version_of

_HOURS = 24.0


class GlobalSlots:
    """Everyone's profile (or the segment's) for everyone: the baseline that a personal model must beat."""

    def __init__(
        self,
        prior_profile: Float[np.ndarray, " K"] | None = None,
        segment_profiles: Float[np.ndarray, "s K"] | None = None,
    ) -> None:
        """Takes profiles over the K slots of a local day, scaled to sum to 1. Default: flat, 24 slots."""
        self._profiles = _stack(prior_profile, segment_profiles)
        self.version = version_of("GlobalSlots", self.parameters())

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        return {"prior_profile": self._profiles[0], "segment_profiles": self._profiles[1:]}

    def slots(
        self, counts: Float[np.ndarray, "n K"], segment: Integer[np.ndarray, " n"] | None = None
    ) -> Float[np.ndarray, "n K"]:
        """Returns the segment's profile where it is known (0 .. s-1), else everyone's; rows sum to 1."""
        return self._profiles[_rows(segment, counts, self._profiles)]

    def foretell(self, past: SlotPast) -> SlotScores:
        """Returns the profile; a slot is worth as much as it has of it."""
        profile = self.slots(past.counts, past.segment)
        return SlotScores(profile, profile)

    @classmethod
    def fit(
        cls,
        counts: Float[np.ndarray, "n K"],
        segment: Integer[np.ndarray, " n"] | None = None,
        n_segments: int = 0,
    ) -> "GlobalSlots":
        """Returns the model with everyone's summed hours, plus one session in every slot (none is
        impossible).

        A segment's profile is its own sum plus 100 sessions spread as everyone's are.
        """
        prior = _normal(np.sum(counts, axis=0, dtype=np.float64) + 1.0)
        profiles = np.empty((n_segments, counts.shape[1]))
        for index in range(n_segments):
            members = np.zeros(len(counts), dtype=bool) if segment is None else segment == index
            profiles[index] = counts[members].sum(axis=0, dtype=np.float64) + 100.0 * prior
        return cls(prior, profiles)


class SlotHistogram:
    """A user's hour histogram, smoothed around the clock and shrunk.

    `p = (S(counts) + w·prior) / (Σ counts + w)`, with S the circular Gaussian kernel of `bandwidth_hours`
    (its weights sum to 1, and 23:00 is a neighbour of 0:00) and w the Dirichlet weight of the prior, in
    sessions. It says where a person's sessions fall, not how likely a click is.
    """

    def __init__(
        self,
        prior_profile: Float[np.ndarray, " K"] | None = None,
        prior_weight: float = 8.0,
        bandwidth_hours: float = 1.0,
        segment_profiles: Float[np.ndarray, "s K"] | None = None,
    ) -> None:
        """Takes the prior over the K slots of a local day (flat by default) and the two strengths.

        Args:
            prior_profile: scaled to sum to 1.
            prior_weight: sessions that the prior counts for, > 0.
            bandwidth_hours: standard deviation of the kernel; 0 switches smoothing off.
            segment_profiles: priors by segment, used instead of `prior_profile` where the segment is known.
        """
        if not prior_weight > 0.0 or not bandwidth_hours >= 0.0:
            raise InvalidModel(
                f"got prior_weight {prior_weight} and bandwidth_hours {bandwidth_hours}, "
                "expected a positive weight and a bandwidth of 0 or more"
            )
        self._profiles = _stack(prior_profile, segment_profiles)
        self._weight = float(prior_weight)
        self._bandwidth = float(bandwidth_hours)
        self._taps = circular_kernel(self._profiles.shape[1], bandwidth_hours)
        self.version = version_of("SlotHistogram", self.parameters())

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        return {
            "prior_profile": self._profiles[0],
            "prior_weight": self._weight,
            "bandwidth_hours": self._bandwidth,
            "segment_profiles": self._profiles[1:],
        }

    def slots(
        self, counts: Float[np.ndarray, "n K"], segment: Integer[np.ndarray, " n"] | None = None
    ) -> Float[np.ndarray, "n K"]:
        """Returns the distribution over the slots; rows sum to 1, a cold user has her prior."""
        rows = _rows(segment, counts, self._profiles)
        out = np.empty(counts.shape)
        _smooth(
            np.ascontiguousarray(counts, dtype=np.float64),
            rows,
            self._profiles,
            self._taps,
            self._weight,
            out,
        )
        return out

    def foretell(self, past: SlotPast) -> SlotScores:
        """Returns the profile; a slot is worth as much as it has of it."""
        profile = self.slots(past.counts, past.segment)
        return SlotScores(profile, profile)

    @classmethod
    def fit(
        cls,
        counts: Float[np.ndarray, "n K"],
        validation: Float[np.ndarray, "n K"],
        segment: Integer[np.ndarray, " n"] | None = None,
        n_segments: int = 0,
        weights: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0),
        bandwidths_hours: Sequence[float] = (0.0, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
    ) -> "SlotHistogram":
        """Returns the model whose strengths give the later sessions of the same users the highest likelihood.

        Args:
            counts: sessions of the training days: the profiles come from these alone.
            validation: sessions of the same users on later days; never the days on which it will be judged.
            segment, n_segments: as in `slots`, for profiles by segment.
            weights, bandwidths_hours: the grid. A tie goes to the first pair.
        """
        base = GlobalSlots.fit(counts, segment, n_segments).parameters()
        prior, profiles = np.asarray(base["prior_profile"]), np.asarray(base["segment_profiles"])
        grid = [cls(prior, weight, hours, profiles) for hours in bandwidths_hours for weight in weights]
        return max(grid, key=lambda model: float(np.sum(validation * np.log(model.slots(counts, segment)))))


def circular_kernel(n_slots: int, bandwidth_hours: float) -> NDArray[np.float64]:
    """Returns the smoothing weight of every circular distance 0 .. n_slots - 1 in slots; they sum to 1.

    >>> circular_kernel(24, 0.0)[:2].tolist()
    [1.0, 0.0]
    """
    slots = np.arange(n_slots)
    hours = np.minimum(slots, n_slots - slots) * (_HOURS / n_slots)
    if bandwidth_hours == 0.0:
        return np.where(slots == 0, 1.0, 0.0)
    return _normal(np.exp(-0.5 * (hours / bandwidth_hours) ** 2))


@kernel
def _smooth(
    counts: NDArray[np.float64],
    rows: NDArray[np.int64],
    profiles: NDArray[np.float64],
    taps: NDArray[np.float64],
    weight: float,
    out: NDArray[np.float64],
) -> None:
    n, n_slots = counts.shape
    around = np.concatenate((taps, taps))
    for i in range(n):
        total = weight
        for k in range(n_slots):
            out[i, k] = weight * profiles[rows[i], k]
        for j in range(n_slots):
            if counts[i, j] != 0.0:
                total += counts[i, j]
                for k in range(n_slots):
                    out[i, k] += counts[i, j] * around[n_slots + k - j]
        for k in range(n_slots):
            out[i, k] /= total


def _stack(prior: NDArray[np.float64] | None, segments: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """The prior as row 0 and the segments below it, each summing to 1."""
    first = np.ones(SLOTS_PER_DAY) if prior is None else np.asarray(prior, dtype=np.float64)
    rest = np.empty((0, len(first))) if segments is None else np.asarray(segments, dtype=np.float64)
    return np.stack([_normal(row) for row in (first, *rest)])


def _normal(profile: ArrayLike) -> NDArray[np.float64]:
    weights = np.array(profile, dtype=np.float64)
    total = float(weights.sum())
    if not (np.isfinite(total) and total > 0.0 and float(weights.min()) >= 0.0):
        raise InvalidModel(f"got the profile {weights.tolist()}, expected weights >= 0 that are not all zero")
    if abs(total - 1.0) > 1e-9:  # else unchanged, so that a saved profile loads as the same bits
        weights /= total
    return weights


def _rows(
    segment: NDArray[np.integer[Any]] | None, counts: NDArray[np.float64], profiles: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Row of `profiles` for every user: 0 (everyone) for an unknown segment."""
    if counts.shape[1] != profiles.shape[1]:
        raise InvalidModel(f"got counts of {counts.shape[1]} slots, expected the model's {profiles.shape[1]}")
    if segment is None:
        return np.zeros(len(counts), dtype=np.int64)
    known = (segment >= 0) & (segment < len(profiles) - 1)
    return np.where(known, segment + 1, 0).astype(np.int64)
