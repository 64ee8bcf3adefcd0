"""The volume controller: moves every threshold, slowly, so that the day's sends follow their target.

Targets come from the sum of the users' plans; thresholds go into the control log. Not here: counting what was
sent, and the plans themselves.
"""

from dataclasses import dataclass, replace
from typing import final

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int64

from tactful.decision.policy.threshold import UtilityHistogram
from tactful.decision.policy.week import Week, beyond_luck
from tactful.errors import InvalidRecord, InvalidScores
from tactful.events.records import CHANNELS
from tactful.features.segments import SEGMENTS

LR = 3.5
"""Logits of quantile for a day that misses its target by 100 %. One logit changes the volume by a share q of itself
(q: the quantile of the threshold), so a day leaves about exp(−lr·q) of its error to the next, without overshoot as
long as counts and prices are late by a small part of a day. In `recipes/volume_control.py` errors shrink up to 6 and
the volume begins to swing at 12; from 4 on, hours of the day push the price out of 5-95 % on the tests' plant, where a
tenth of the jobs send and the plan has the hours wrong."""
NOISE = 0.5
"""Logits that the luck of a day, √F of F sends, may move the price by: below 64 sends a day lr is 0.5·√F."""
BOUND = 1.0
"""The error of a day counts up to 100 %: an accident moves the price by a few logits, not by dozens."""
LUMP_SHARE = 0.1
"""Where one value (a bin of 3 %) holds so many of the jobs, z is carried, not the price: a price beside such a value
is at another rank altogether once the value drifts by a bin."""
START_Z = 0.46
"""Of three jobs for a planned send at least one passes with 1/1.3 (the caps' headroom) if each passes with 0.387."""
REACHABLE_SHARE = 0.9
"""A target above this share of what can be reached leaves the threshold nothing to choose between."""

_SATURATED_Z = float(np.log((1 - REACHABLE_SHARE) / REACHABLE_SHARE))
_LIMIT_Z = float(np.log(0.99 / 0.01))


@final
@dataclass(frozen=True, eq=False)
class VolumeController:
    """The state of the controller: per (arm, segment, channel) a threshold, and its quantile σ(z) among the utilities.

    `price` is the threshold asked for last, NaN before the first; `since` the UTC day from which on the cell has had
    counts to follow under the present model, -1 if it has none yet. `error` is the clipped error that the last step
    saw, `day` the UTC day it belongs to; `week` what its weekday needed before.
    """

    z: Float[np.ndarray, "arms segments channels"]
    error: Float[np.ndarray, "arms segments channels"]
    price: Float[np.ndarray, "arms segments channels"]
    since: Int64[np.ndarray, "arms segments channels"]
    week: Week
    day: int = -1
    lr: float = LR
    bound: float = BOUND

    @classmethod
    def start(cls, n_arms: int, z: float = START_Z, lr: float = LR, bound: float = BOUND) -> "VolumeController":
        """Returns a controller that has seen nothing, with every threshold at the quantile σ(z)."""
        shape = (n_arms, len(SEGMENTS), len(CHANNELS))
        never = np.full(shape, -1, dtype=np.int64)
        unknown, week = np.full(shape, np.nan), Week.start(shape)
        return VolumeController(np.full(shape, z), np.zeros(shape), unknown, never, week, lr=lr, bound=bound)

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

        e = (P − F) / F_day, over the part of the UTC day whose counts are complete; z moves by lr times the change of
        clip(e, ±b) since the last step (a new day starts from e = 0), less where F_day is small (`NOISE`);
        c = Q(σ(z)), with Q the quantiles of the histogram. So z has moved by lr·e at the end of a day, whatever the
        hours looked like; looking twice at the same counts changes nothing, and the length of a step does not matter.

        The histogram moves, too: it gains jobs every hour and loses a day every midnight. From a cell's second day on
        that leaves c alone: before a step z is the place of the present c in the histogram as it now is. On its first
        day, on the first of another model (`model_changed`), and where utilities take few values (`LUMP_SHARE`), z
        stands and c follows the histogram.

        A day begins with a step of its own, the one that its weekday needed in both of the last two weeks
        (`Week.midnight`). A cell's first day teaches nothing.

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
        z = self._place_of_price(day, histogram)
        floor = np.where(saturated, np.minimum(z, _SATURATED_Z), -_LIMIT_Z)
        lr = np.minimum(self.lr, NOISE * np.sqrt(of_day))
        week, begins = self.week, np.zeros_like(z)
        if 0 <= self.day < day:
            teaches = known & (self.since >= 0) & (self.since < self.day)
            week = week.midnight(self.day, day, beyond_luck(self.error, of_day, teaches), lr)
            begins = week.foretold
        z = np.clip(z + begins + lr * (error - before), floor, _LIMIT_Z)
        since = np.where(known & (self.since < 0), day, self.since)
        moved = replace(self, z=z, error=error, since=since, week=week, day=day)
        after = replace(moved, price=moved.thresholds(histogram))
        return after, after.price

    def model_changed(self) -> "VolumeController":
        """Returns the controller under a model whose utilities are on another scale, for a histogram of them alone."""
        return self.regrouped(np.arange(len(self.z)), np.ones(len(self.z), dtype=np.bool_))

    def regrouped(self, source: Int64[np.ndarray, " m"], anew: Bool[np.ndarray, " m"]) -> "VolumeController":
        """Returns the controller of m arms, each of which goes on from an arm of this one.

        Where utilities are on another scale from now on (`anew`), for a histogram of them alone, a message's rank among
        others is taken to mean what it did: z stands, and c is read from the new utilities.
        """
        since = np.where(anew[:, None, None], -1, self.since[source])
        z, error, price, week = self.z[source], self.error[source], self.price[source], self.week.regrouped(source)
        return replace(self, z=z, error=error, price=price, since=since, week=week)

    def thresholds(
        self, histogram: UtilityHistogram, shift: float = 0.0
    ) -> Float[np.ndarray, "arms segments channels"]:
        """Returns the utility at the quantile σ(z) + shift of each cell; exploration shifts by ±`jitter`.

        As long as an arm's histogram is empty a price that was asked for stands.
        """
        q = np.clip(1 / (1 + np.exp(-self.z)) + shift, 0.0, 1.0)
        stands = np.isfinite(self.price) & (histogram.jobs().sum(axis=(1, 2), keepdims=True) == 0)
        return np.where(stands, self.price, histogram.quantile(q)[0])

    def _place_of_price(self, day: int, histogram: UtilityHistogram) -> Float[np.ndarray, "arms segments channels"]:
        """z, from the second day of a cell on as the place of its price in the histogram."""
        lowest = 1 / (1 + np.exp(_LIMIT_Z))
        share = np.clip(histogram.rank(np.nan_to_num(self.price)), lowest, 1 - lowest)
        follows = (self.since >= 0) & (self.since < day) & (histogram.jobs() > 0)
        follows &= histogram.largest_share() < LUMP_SHARE
        return np.where(follows, np.log(share / (1 - share)), self.z)

    def to_bytes(self) -> bytes:
        """Returns the controller as msgpack, exactly."""
        return msgspec.msgpack.encode(
            _Stored(
                self.z.tolist(),
                self.error.tolist(),
                self.day,
                self.lr,
                self.bound,
                self.price.tolist(),
                self.since.tolist(),
                self.week.to_bytes(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "VolumeController":
        """Returns the controller that `to_bytes` wrote; what an earlier version left out is unknown.

        Raises:
            InvalidRecord: the bytes are no controller.
        """
        try:
            stored = msgspec.msgpack.decode(data, type=_Stored)
        except msgspec.DecodeError as error:
            raise InvalidRecord(f"got bytes that are no volume controller ({error}); start a new one") from error
        z = np.array(stored.z)
        price = np.array(stored.price) if stored.price else np.full_like(z, np.nan)
        since = np.array(stored.since) if stored.since else np.full(z.shape, -1, dtype=np.int64)
        week = Week.from_bytes(stored.week) if stored.week else Week.start(z.shape)
        return VolumeController(z, np.array(stored.error), price, since, week, stored.day, stored.lr, stored.bound)


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    z: list[list[list[float]]]
    error: list[list[list[float]]]
    day: int
    lr: float
    bound: float
    price: list[list[list[float]]] = []
    since: list[list[list[int]]] = []
    week: bytes = b""


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
