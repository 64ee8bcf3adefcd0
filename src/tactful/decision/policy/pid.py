"""The volume controller: moves every threshold, slowly, so that the day's sends follow their target.

Targets come from the sum of the users' plans; thresholds go into the control log. Not here: counting what was
sent, and the plans themselves.
"""

from dataclasses import dataclass
from typing import final

import msgspec
import numpy as np
from jaxtyping import Bool, Float

from tactful.decision.policy.threshold import UtilityHistogram
from tactful.errors import InvalidRecord, InvalidScores
from tactful.events.records import CHANNELS
from tactful.features.segments import SEGMENTS

LR = 2.0
"""Logits of quantile for a day that misses its target by 100 %. One logit changes the volume by a share q of
itself (q: the quantile of the threshold), so a day takes back about 2·q of its error. In the tests' plant,
with counts two hours late, 10 still holds and 20 does not."""
BOUND = 1.0
"""The error of a day counts up to 100 %: an accident moves the price by two logits, not by twenty."""
START_Z = 0.0
"""The median: plans give each send about two opportunities."""
REACHABLE_SHARE = 0.9
"""A target above this share of what can be reached leaves the threshold nothing to choose between."""

_SATURATED_Z = float(np.log((1 - REACHABLE_SHARE) / REACHABLE_SHARE))
_LIMIT_Z = float(np.log(0.99 / 0.01))


@final
@dataclass(frozen=True, eq=False)
class VolumeController:
    """The state of the controller: per (arm, segment, channel) a quantile σ(z), whose utility is the
    threshold.

    `error` is the clipped error that the last step saw, `day` the UTC day it belongs to.
    """

    z: Float[np.ndarray, "arms segments channels"]
    error: Float[np.ndarray, "arms segments channels"]
    day: int = -1
    lr: float = LR
    bound: float = BOUND

    @classmethod
    def start(cls, n_arms: int, z: float = START_Z, lr: float = LR, bound: float = BOUND) -> "VolumeController":
        """Returns a controller that has seen nothing, with every threshold at the quantile σ(z)."""
        shape = (n_arms, len(SEGMENTS), len(CHANNELS))
        return VolumeController(np.full(shape, z), np.zeros(shape), lr=lr, bound=bound)

    def step(
        self,
        day: int,
        actual: Float[np.ndarray, "arms segments channels"],
        target_so_far: Float[np.ndarray, "arms segments channels"],
        target_day: Float[np.ndarray, "arms segments channels"],
        histogram: UtilityHistogram,
        saturated: Bool[np.ndarray, "arms segments channels"],
    ) -> tuple["VolumeController", Float[np.ndarray, "arms segments channels"]]:
        """Returns the controller after one look at the counts, and the thresholds it now asks for.

        e = (P − F) / F_day, over the part of the UTC day whose counts are complete; z moves by lr times the
        change of clip(e, ±b) since the last step (a new day starts from e = 0); c = Q(σ(z)), with Q the
        quantiles of the histogram. So z has moved by lr·e at the end of a day, whatever the hours looked
        like; looking twice at the same counts changes nothing, and the length of a step does not matter.

        A cell stands still where the histogram has no job, the target of the day is 0, or a number is
        missing (NaN). In a saturated cell z falls no lower than the quantile 0.1, at which nine tenths of
        what is reachable go out: a lower price would buy nothing and would have to be taken back later. No z
        leaves 0.01..0.99.

        Args:
            day: the UTC day number of the counts, not before that of the last step.
            actual: P, sends of this day in the counts so far, without forced ones.
            target_so_far: F, the planned sends up to the same instant; or what another arm has sent.
            target_day: F_day, the planned sends of the whole day, after `lower_if_saturated`.
            histogram: the utilities of the last 7 days.
            saturated: see `lower_if_saturated`.

        Raises:
            InvalidScores: a day before the last step's.

        Source: Pinterest Engineering, "NEP: Notification System and Relevance", 2024: a threshold that follows the gap
        between actual and target volume, with a learning rate; the equation is given as a picture only.
        Deviation: adding lr·clip(e) at each step, with e the gap since midnight, holds the day's mean gap at zero, not
        its end: on the tests' plant, whose plan is too flat over the hours, every day then ended about 14 % above its
        target. Its speed also depends on the length of a step. Moving by the change of e does neither.
        """
        if day < self.day:
            raise InvalidScores(f"got counts of day {day} after those of day {self.day}, expected days in order")
        known = (histogram.jobs() > 0) & (target_day > 0) & np.isfinite(actual - target_so_far)
        of_day = np.where(known, target_day, 1.0)
        gap = np.where(known, actual - target_so_far, 0.0)
        before = self.error if day == self.day else np.zeros_like(self.error)
        error = np.where(known, np.clip(gap, -self.bound * of_day, self.bound * of_day) / of_day, before)
        floor = np.where(saturated, np.minimum(self.z, _SATURATED_Z), -_LIMIT_Z)
        z = np.clip(self.z + self.lr * (error - before), floor, _LIMIT_Z)
        after = VolumeController(z, error, day, self.lr, self.bound)
        return after, after.thresholds(histogram)

    def thresholds(
        self, histogram: UtilityHistogram, shift: float = 0.0
    ) -> Float[np.ndarray, "arms segments channels"]:
        """Returns the utility at the quantile σ(z) + shift of each cell; exploration shifts by ±`jitter`."""
        q = np.clip(1 / (1 + np.exp(-self.z)) + shift, 0.0, 1.0)
        return histogram.quantile(q)[0]

    def to_bytes(self) -> bytes:
        """Returns the controller as msgpack, exactly."""
        return msgspec.msgpack.encode(_Stored(self.z.tolist(), self.error.tolist(), self.day, self.lr, self.bound))

    @classmethod
    def from_bytes(cls, data: bytes) -> "VolumeController":
        """Returns the controller that `to_bytes` wrote.

        Raises:
            InvalidRecord: the bytes are no controller.
        """
        try:
            stored = msgspec.msgpack.decode(data, type=_Stored)
        except msgspec.DecodeError as error:
            raise InvalidRecord(f"got bytes that are no volume controller ({error}); start a new one") from error
        return VolumeController(np.array(stored.z), np.array(stored.error), stored.day, stored.lr, stored.bound)


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    z: list[list[list[float]]]
    error: list[list[list[float]]]
    day: int
    lr: float
    bound: float


def lower_if_saturated(
    target: Float[np.ndarray, "arms segments channels"],
    reachable: Float[np.ndarray, "arms segments channels"],
    share: float = REACHABLE_SHARE,
) -> tuple[Float[np.ndarray, "arms segments channels"], Bool[np.ndarray, "arms segments channels"]]:
    """Returns the targets of the day, none above `share` of what is reachable, and which were lowered
    (saturated).

    Args:
        target: planned sends of the day.
        reachable: sends of the day if every feasible job sent.
        share: of the reachable, 0..1.

    >>> target, saturated = lower_if_saturated(np.full((1, 1, 2), 100.0), np.array([[[300.0, 100.0]]]))
    >>> target.tolist(), saturated.tolist()
    ([[[100.0, 90.0]]], [[[False, True]]])
    """
    saturated = target > share * reachable
    return np.where(saturated, share * reachable, target), saturated
