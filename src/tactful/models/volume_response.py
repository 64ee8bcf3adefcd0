"""How many: what a weekly budget does to a person and what it is worth, from heads fitted to randomised volume.

Here: the three responses to every budget, and the value made of them. Not here: the heads and their columns
(`volume_heads.py`), and fitting (`training/volume/`). Without data `volume_curve.SimpleCurve` stands in.
Dimensions: n users, f features, b = k_max + 1 budgets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float32, Integer
from numpy.typing import NDArray

from tactful.errors import InvalidFeatures, InvalidModel, OutsideTraining
from tactful.features.segments import ACTIVITIES, REACHES
from tactful.kernel import kernel
from tactful.models.forest import refuse_nan
from tactful.models.protocol import Parameters, version_of
from tactful.models.volume_heads import (
    PURPOSES,
    Heads,
    after_leaving,
    head_inputs,
    packed,
    probabilities,
    refuse_widths,
    unpacked,
)

GAMMA = 0.95
"""What a week later counts for."""
WEEKLY_STATES = ("marginal", "dormant", "resurrected")
"""Activity states whose objective is an active week: they come so rarely that days hold little more than weeks."""

_CHUNK = 1 << 16  # users at a time: some 30 MB beside what is returned


@dataclass(frozen=True)
class Responses:
    """What every weekly budget does, budgets first.

    Attributes:
        active: a(k), active days a day while subscribed.
        leaves: h(k), probability that the week ends the subscription.
        after: a_L, active days a day after leaving.
    """

    active: Float32[np.ndarray, "b n"]
    leaves: Float32[np.ndarray, "b n"]
    after: Float32[np.ndarray, " n"]

    def leaving(self, times: Float[np.ndarray, " n"]) -> "Responses":
        """Returns the same with h(k) so many times as high, 1 at most: what is known beyond the models of who leaves.

        >>> two = np.full((2, 1), 0.4, dtype=np.float32)
        >>> Responses(two, two, two[0]).leaving(np.array([4.0])).leaves.ravel().tolist()
        [1.0, 1.0]
        """
        leaves: Float32[np.ndarray, "b n"] = np.minimum(self.leaves * times, 1.0).astype(np.float32)
        return replace(self, leaves=leaves)


class VolumeResponse:
    """Activity, unsubscribing and activity afterwards as functions of the weekly budget.

    Three heads in each of three reach segments: activity (each day of the week of somebody subscribed),
    unsubscribing within the week, activity weeks after leaving. The budget k is the assigned one.

    Source: Zhao et al., "Notification Volume Control and Optimization System at Pinterest", KDD 2018; the weekly
    objective for low states is Pinterest's of 2020.
    Deviation: for users in a weekly state the activity head says P(active in the week), taken as a seventh of that
    in days a day, so that both kinds of user share one price. It undercounts who comes on several days.
    """

    def __init__(
        self,
        n_features: float,
        drawn: Float[np.ndarray, " d"],
        gamma: float,
        weekly_states: Float[np.ndarray, " w"],
        schema: Float[np.ndarray, " letters"],
        head_of: Float[np.ndarray, "4 3"],
        forest_sizes: Float[np.ndarray, "forests 4"],
        splits: Float[np.ndarray, "m 4"],
        leaves: Float[np.ndarray, " l"],
        roots: Float[np.ndarray, " r"],
        table_sizes: Float[np.ndarray, " tables"],
        tables: Float[np.ndarray, " rates"],
    ) -> None:
        """Takes a saved model's numbers; `of` takes heads. `weekly_states` are indices, `schema` code points."""
        self.n_features, self.k_trained, self.gamma = int(n_features), int(drawn.max(initial=-1.0)), float(gamma)
        self._drawn = np.unique(drawn.astype(np.int64))
        self.schema = "".join(chr(int(code)) for code in schema)
        self._weekly = np.isin(np.arange(len(ACTIVITIES)), weekly_states)
        self._heads: Heads = unpacked(head_of, forest_sizes, splits, leaves, roots, table_sizes, tables)
        if not (0.0 <= self.gamma < 1.0 and self.k_trained >= 0):
            raise InvalidModel(f"got gamma {gamma} and budgets {drawn}, expected [0, 1) and some budget >= 0")
        refuse_widths(self._heads, self.n_features, self.k_trained)
        self.version = version_of("VolumeResponse", self.parameters())

    @classmethod
    def of(
        cls,
        heads: Heads,
        n_features: int,
        k_trained: int,
        schema: str,
        gamma: float = GAMMA,
        weekly_states: Sequence[str] = WEEKLY_STATES,
        drawn: Sequence[int] = (),
    ) -> "VolumeResponse":
        """Returns the model of fitted heads.

        Args:
            heads: by `volume_heads.PURPOSES`, one for each reach.
            n_features: columns of the features, reach and k not counted.
            k_trained: largest budget that was randomised.
            schema: `features.volume.SCHEMA` of the features that the heads were fitted to.
            gamma: weekly discount, 0 <= gamma < 1.
            weekly_states: names out of `segments.ACTIVITIES` whose objective is the active week.
            drawn: the budgets up to k_trained that were randomised, all of them by default; responses to those
                between are interpolated.

        Raises:
            InvalidModel: for heads missing, of another width than the features, or settings out of range.
        """
        if set(heads) != set(PURPOSES):
            raise InvalidModel(f"got heads for {sorted(heads)}, expected {', '.join(PURPOSES)}")
        unknown = sorted(set(weekly_states) - set(ACTIVITIES))
        if unknown:
            raise InvalidModel(f"got the weekly states {unknown}, expected names out of {', '.join(ACTIVITIES)}")
        states = np.array([ACTIVITIES.index(state) for state in weekly_states], dtype=float)
        codes = np.array([ord(letter) for letter in schema], dtype=float)
        budgets = np.array([*(drawn or range(k_trained)), k_trained], dtype=float)
        return cls(float(n_features), budgets, float(gamma), states, codes, **packed(heads))

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        return {
            "n_features": float(self.n_features),
            "drawn": self._drawn.astype(float),
            "gamma": self.gamma,
            "weekly_states": np.flatnonzero(self._weekly).astype(float),
            "schema": np.array([ord(letter) for letter in self.schema], dtype=float),
            **packed(self._heads),
        }

    def expect_schema(self, schema: str) -> None:
        """Passes if the features about to be scored are those of training; whoever loads a model calls it once.

        Raises:
            InvalidFeatures: for another schema than the model was fitted to.
        """
        if schema != self.schema:
            raise InvalidFeatures(
                f"got features of schema {schema}, expected {self.schema}, to which the model {self.version} was "
                "fitted; train it again, or run the release that trained it"
            )

    def responses(
        self,
        features: Float32[np.ndarray, "n f"],
        reach: Integer[np.ndarray, " n"],
        activity: Integer[np.ndarray, " n"],
        k_max: int,
    ) -> Responses:
        """Returns what every weekly budget 0..k_max does to each user.

        Args:
            features: `features.volume`, of now.
            reach: index into `segments.REACHES`.
            activity: index into `segments.ACTIVITIES`.
            k_max: largest weekly budget, at most the largest that was randomised.

        Raises:
            InvalidFeatures: for NaN, another number of columns, or a segment that does not exist.
            OutsideTraining: for a k_max beyond `k_trained`, where a curve would be extrapolation.
        """
        self._check(features, reach, activity, k_max)
        n = len(features)
        active, leaves = (np.empty((k_max + 1, n), dtype=np.float32) for _ in range(2))
        out = Responses(active, leaves, np.empty(n, dtype=np.float32))
        for start in range(0, n, _CHUNK):
            self._fill(features, reach, activity, slice(start, start + _CHUNK), out)
        return out

    def curves(
        self,
        features: Float32[np.ndarray, "n f"],
        reach: Integer[np.ndarray, " n"],
        activity: Integer[np.ndarray, " n"],
        k_max: int,
    ) -> Float32[np.ndarray, "b n"]:
        """Returns the discounted value of every weekly budget 0..k_max, as the allocator reads it.

        Arguments and errors as in `responses`; beside the curves it holds one chunk of users only.
        """
        self._check(features, reach, activity, k_max)
        out = np.empty((k_max + 1, len(features)), dtype=np.float32)
        for start in range(0, len(features), _CHUNK):
            part = slice(start, start + _CHUNK)
            responses = self.responses(features[part], reach[part], activity[part], k_max)
            out[:, part] = discounted_value(responses, self.gamma)
        return out

    def _fill(
        self,
        features: NDArray[np.float32],
        reach: NDArray[np.integer],
        activity: NDArray[np.integer],
        chunk: slice,
        out: Responses,
    ) -> None:
        """Writes the responses of one chunk of users, reach by reach, for each has its own heads."""
        k_max = len(out.active) - 1
        top = int(self._drawn[self._drawn >= k_max][0])
        for index in range(len(REACHES)):
            rows = np.flatnonzero(reach[chunk] == index) + chunk.start
            if not len(rows):
                continue
            inputs = head_inputs(features[rows], reach[rows])
            segment, weekly = activity[rows].astype(np.int64) * len(REACHES) + index, self._weekly[activity[rows]]
            for purpose, days, some in (("activity", 1, ~weekly), ("activity_week", 7, weekly)):
                p = probabilities(self._heads[purpose][index], inputs[some], segment[some], top)
                out.active[:, rows[some]] = self._between(p)[: k_max + 1] / np.float32(days)
            leaves = probabilities(self._heads["unsubscribe"][index], inputs, segment, top)
            out.leaves[:, rows] = self._between(leaves)[: k_max + 1]
            after = after_leaving(self._heads["long_term"][index], inputs, segment)
            out.after[rows] = np.where(weekly, _seventh_of_week(after), after)

    def _between(self, p: NDArray[np.float32]) -> NDArray[np.float32]:
        """Puts straight lines between the drawn budgets; trees are steps there, and a step is a free lunch."""
        for low, high in pairwise(self._drawn[self._drawn < len(p)].tolist()):
            for k in range(low + 1, high):
                share = np.float32((k - low) / (high - low))
                p[k] = p[low] + share * (p[high] - p[low])
        return p

    def _check(
        self, features: NDArray[np.float32], reach: NDArray[np.integer], activity: NDArray[np.integer], k_max: int
    ) -> None:
        if not 0 <= k_max <= self.k_trained:
            raise OutsideTraining(
                f"got k_max {k_max}, expected 0 to {self.k_trained}, the largest budget that was randomised; "
                "lower k_max, or randomise larger budgets and train again"
            )
        if features.shape[1] != self.n_features:
            raise InvalidFeatures(f"got rows of {features.shape[1]} features, expected the model's {self.n_features}")
        refuse_nan(features)
        for name, index, names in (("reach", reach, REACHES), ("activity", activity, ACTIVITIES)):
            if index.min(initial=0) < 0 or index.max(initial=0) >= len(names):
                raise InvalidFeatures(
                    f"got a {name} from {index.min()} to {index.max()}, expected 0 to {len(names) - 1}: "
                    f"{', '.join(names)}; segment the users with features.segments.segment_of"
                )


def _seventh_of_week(p: NDArray[np.float32]) -> NDArray[np.float32]:
    """A seventh of the chance that one of seven days is active; products only, whose bits no batch changes."""
    idle = np.float32(1.0) - p
    idle_3 = idle * idle * idle
    share: NDArray[np.float32] = (np.float32(1.0) - idle_3 * idle_3 * idle) / np.float32(7.0)
    return share


def discounted_value(responses: Responses, gamma: float) -> Float32[np.ndarray, "b n"]:
    """Returns `V(k) = (1 − γ)·[a(k) + γ·h(k)·a_L/(1 − γ)] / (1 − γ(1 − h(k)))`, in active days a day.

    It is the discounted activity of somebody who is told k times a week until she leaves, per week of 1/(1 − γ).
    γ = 0 gives a(k): the loss of a subscriber then costs nothing.

    Raises:
        InvalidModel: for a gamma outside of [0, 1).
    """
    if not 0.0 <= gamma < 1.0:
        raise InvalidModel(f"got gamma {gamma}, expected 0 <= gamma < 1")
    out = np.empty_like(responses.active)
    _discounted(responses.active, responses.leaves, responses.after, gamma, out)
    return out


def kdd18_value(responses: Responses) -> Float32[np.ndarray, "b n"]:
    """Returns the paper's `v(k) = h(k)·a_L + (1 − h(k))·a(k)`: the loss of a subscriber counts for one week.

    Source: KDD 2018, the objective: p(unsub|u,k)·p(a_L|u,unsub) + (1 − p(unsub|u,k))·p(a|u,k,sub).
    """
    value: NDArray[np.float32] = responses.leaves * (responses.after - responses.active) + responses.active
    return value


@kernel
def _discounted(
    active: NDArray[np.float32],
    leaves: NDArray[np.float32],
    after: NDArray[np.float32],
    gamma: float,
    out: NDArray[np.float32],
) -> None:
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            # In float64: the denominator is near 1 - gamma, where float32 would lose a digit and a half.
            a, h, later = np.float64(active[k, i]), np.float64(leaves[k, i]), np.float64(after[i])
            value = ((1.0 - gamma) * a + gamma * h * later) / (1.0 - gamma * (1.0 - h))
            out[k, i] = np.float32(value)
