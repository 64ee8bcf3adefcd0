"""The price of a send: counts of what was planned, reachable and sent, and the thresholds made of them.

Once an hour (an epoch) the controller looks at the counts that are complete and writes thresholds that take effect
an hour later, whether or not they changed. Counts only add, so the order of decisions within an epoch is free.
"""

from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US
from tactful.decision.policy.pid import VolumeController, lower_if_saturated
from tactful.decision.policy.threshold import UtilityHistogram
from tactful.decision.request import Thresholds
from tactful.experiments.design import DEFAULT
from tactful.features.segments import SEGMENTS
from tactful.runtime.arms import Regrouping
from tactful.runtime.counts import SHARE_UNIT, Counts, add_cells, shape_of
from tactful.runtime.reputation import Reputation
from tactful.runtime.settings import Settings

EPOCH_US: Final = HOUR_US
DAYS_KEPT: Final = 10
"""Seven past days of sends make the channel shares; today, and plans that reach into tomorrow and beyond."""
SHARE_DAYS: Final = 7
BUDGET_HOURS: Final = 168
"""A weekly budget is due in equal parts over the hours of the week."""
_LAYERS: Final = ("planned", "due", "jobs", "reachable", "sent")
"""Arrays that `counts.py` counts for; utilities go into the histogram."""
EQUAL_SHARE_SENDS: Final = 100.0
"""A segment's channels start at equal shares, which count for so many sends."""
OUTAGE_SENDS: Final = 20.0
"""An hour in which a channel has so many planned sends and not one feasible job is an outage, no accident."""


@dataclass(frozen=True)
class Epoch:
    """What one look at the counts gave: thresholds from `effective_us` on, and the numbers behind them.

    `planned` are the sends of the users' integer plans after their constraints, by hour of the UTC day: the shape that
    the target follows. `target_day` leaves out the hours of an outage (`open_hours`). `arms` are named in order.
    """

    effective_us: int
    thresholds: Thresholds
    planned: Float[np.ndarray, "24 a s"]
    target_day: Float[np.ndarray, "a s h"]
    actual: Float[np.ndarray, "a s h"]
    saturated: Bool[np.ndarray, "a s h"]
    arms: tuple[str, ...] = (DEFAULT,)


class VolumeState:
    """Counts by (arm, segment, channel) and UTC day, and the controller that reads them."""

    def __init__(self, settings: Settings, arms: int = 1) -> None:
        self._settings = settings
        self._layers = {name: np.zeros((DAYS_KEPT, *shape_of(name, arms))) for name in _LAYERS}
        self._day = -1
        self._version = 0
        self._histogram = UtilityHistogram(arms)
        self._controller = VolumeController.start(arms)

    @property
    def version(self) -> int:
        """How many control versions were written."""
        return self._version

    def add(self, counts: Counts) -> None:
        """Adds what was planned, could be sent and was sent; the order and the parts of counts are free."""
        if counts.newest >= 0:
            self._advance(counts.newest)
        for name, cells in counts.of.items():
            if name in self._layers:
                add_cells(self._layers[name], cells)
            elif name == "utilities":
                for day in np.unique(cells.day).tolist():
                    on = cells.day == day
                    self._histogram.add_cells(day, cells.cell[on], cells.n[on])

    def model_changed(self, arms: Bool[np.ndarray, " a"] | None = None) -> None:
        """Prepares for utilities of another model: to be called when it comes into force, before its first decision.

        Ranks are carried over, prices are not: the histogram starts anew, and every cell has the quantile it had.
        Thresholds in force stay until the next epoch's; without this call the controller takes two days.

        Args:
            arms: those whose messages it scores; all by default.
        """
        arms = np.ones(len(self._controller.z), dtype=np.bool_) if arms is None else arms
        self._histogram = self._histogram.regrouped(np.diag(np.where(arms, 0.0, 1.0)), self._histogram.kin)
        self._controller = self._controller.regrouped(np.arange(len(arms)), arms)

    def regroup(self, change: Regrouping) -> None:
        """Goes on with other arms: counts go with the users that they are of, in proportion and rounded.

        So the target of an arm's first day is that of its users. An arm that is new has the price of `default`; where
        utilities mean something else than there, it keeps the price until it has utilities of its own.
        """
        for name, arms_at in (("planned", 2), ("due", 1), ("reachable", 1), ("sent", 1)):
            counts = self._layers[name]
            moved = np.moveaxis(np.tensordot(counts, change.share, axes=(arms_at, 0)), -1, arms_at)
            self._layers[name] = np.ascontiguousarray(np.rint(moved))
        self._histogram = self._histogram.regrouped(change.share * change.alike, change.kin)
        anew = ~change.alike[change.source, np.arange(len(change.source))]
        self._controller = self._controller.regrouped(change.source, anew)

    def close_epoch(self, end_us: int) -> Epoch:
        """Returns the thresholds that follow from everything before `end_us`; they take effect one epoch later."""
        day = (end_us - 1) // DAY_US
        self._advance(day)
        hours = (end_us - day * DAY_US) // HOUR_US
        target, saturated = self._target(day, hours)
        planned = self._layers["planned"][day % DAYS_KEPT]
        shape = planned * self._open(day, hours)[:, None, None, :]
        total = shape.sum(axis=0)
        done = np.divide(shape[:hours].sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
        actual = self._layers["sent"][day % DAYS_KEPT]
        self._controller, mid = self._controller.step(day, actual, target * done, target, self._histogram, saturated)
        jitter = self._settings.exploration.jitter
        low = self._controller.thresholds(self._histogram, -jitter)
        high = self._controller.thresholds(self._histogram, jitter)
        self._version += 1
        prices = Thresholds(mid=mid, low=low, high=high, killed=False, version=self._version)
        by_hour = planned.sum(axis=3) / SHARE_UNIT
        return Epoch(end_us + EPOCH_US, prices, by_hour, target, actual.copy(), saturated)

    def _target(self, day: int, hours: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The day's target by channel: the budgets' share of the day without the headroom, by channel shares.

        What yesterday could reach is scaled to a day without outage; hours of today's, so far, are left out. An app's
        first day, on which pools are still filling, tells nothing of reach.
        """
        planned = self._layers["planned"][day % DAYS_KEPT].sum(axis=0) / SHARE_UNIT
        by_segment = planned.sum(axis=2, keepdims=True)
        equal = np.divide(planned, by_segment, out=np.zeros_like(planned), where=by_segment > 0)
        past = [(day - ago) % DAYS_KEPT for ago in range(1, SHARE_DAYS + 1)]
        sent = self._layers["sent"][past].sum(axis=0)
        share = (sent + EQUAL_SHARE_SENDS * equal) / (sent.sum(axis=2, keepdims=True) + EQUAL_SHARE_SENDS)
        due = self._layers["due"][day % DAYS_KEPT][:, :, None] / BUDGET_HOURS / (1.0 + self._settings.volume.headroom)
        target = np.where(by_segment > 0, due, 0.0) * share
        yesterday = self._layers["reachable"][(day - 1) % DAYS_KEPT]
        was_open = self._open_share(day - 1, 24)
        not_the_first = self._layers["planned"][(day - 2) % DAYS_KEPT].sum() > 0
        known = (yesterday.sum(axis=2, keepdims=True) > 0) & (was_open > 0) & not_the_first
        reachable = np.divide(yesterday, was_open, out=np.full_like(yesterday, np.inf), where=known)
        lowered, saturated = lower_if_saturated(target, reachable)
        return lowered * self._open_share(day, hours), saturated

    def _open(self, day: int, hours: int) -> Bool[np.ndarray, "24 h"]:
        planned = self._layers["planned"][day % DAYS_KEPT].sum(axis=(1, 2)) / SHARE_UNIT
        return open_hours(planned, self._layers["jobs"][day % DAYS_KEPT], hours)

    def _open_share(self, day: int, hours: int) -> Float[np.ndarray, "a s h"]:
        """The share of each cell's plan that lies in no outage; 1 without a plan."""
        planned = self._layers["planned"][day % DAYS_KEPT]
        open_ = (planned * self._open(day, hours)[:, None, None, :]).sum(axis=0)
        total = planned.sum(axis=0)
        share: NDArray[np.float64] = np.divide(open_, total, out=np.ones_like(total), where=total > 0)
        return share

    def _advance(self, day: int) -> None:
        """Clears the days that a new latest day pushes out of the ring."""
        if self._day < 0:
            self._day = day
        for passed in range(max(self._day + 1, day - DAYS_KEPT + 1), day + 1):
            for counts in self._layers.values():
                counts[passed % DAYS_KEPT] = 0.0
        self._day = max(self._day, day)

    def to_bytes(self) -> bytes:
        """Returns all counts and the controller, exactly."""
        return msgspec.msgpack.encode(
            _Stored(
                self._layers["planned"].tobytes(),
                self._layers["due"].tobytes(),
                self._layers["reachable"].tobytes(),
                self._layers["sent"].tobytes(),
                self._day,
                self._version,
                self._histogram.to_bytes(),
                self._controller.to_bytes(),
                self._layers["jobs"].tobytes(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes, settings: Settings) -> "VolumeState":
        """Returns the state that `to_bytes` wrote."""
        stored = msgspec.msgpack.decode(data, type=_Stored)
        state = cls(settings, len(stored.due) // 8 // (DAYS_KEPT * len(SEGMENTS)))
        for name, counts in state._layers.items():
            kept: bytes = getattr(stored, name)
            # an earlier version did not count jobs: no outage is known of
            counts[:] = np.frombuffer(kept).reshape(counts.shape) if kept else 1.0
        state._day, state._version = stored.day, stored.version
        state._histogram = UtilityHistogram.from_bytes(stored.histogram)
        state._controller = VolumeController.from_bytes(stored.controller)
        return state


class _Stored(msgspec.Struct, frozen=True):
    planned: bytes
    due: bytes
    reachable: bytes
    sent: bytes
    day: int
    version: int
    histogram: bytes
    controller: bytes
    jobs: bytes = b""
    schema_version: int = 1


def closed(volume: VolumeState, reputation: Reputation, end_us: int, arms: tuple[str, ...]) -> Epoch:
    """Returns what follows from everything before `end_us`: thresholds, and what the sender's reputation leaves open.

    Args:
        volume, reputation: with the counts of all users.
        end_us: of the epoch.
        arms: the names of the arms then.
    """
    epoch = volume.close_epoch(end_us)
    return replace(epoch, thresholds=replace(epoch.thresholds, guard=reputation.judged(end_us)), arms=arms)


def open_hours(
    planned: Float[np.ndarray, "24 h"], jobs: Float[np.ndarray, "24 h"], hours: int
) -> Bool[np.ndarray, "24 h"]:
    """Returns the hours of a day in which a channel could send: those to come, and those without an outage.

    An outage is an hour with `OUTAGE_SENDS` planned sends or more and not one feasible job: a kill switch, a channel
    that is throttled, nothing to tell. What it took is not made up for in the hours after it.

    Args:
        planned: sends by hour and channel, over all arms and segments.
        jobs: feasible rank jobs, alike.
        hours: of the day, that are over.

    >>> planned = np.full((24, 5), 30.0)
    >>> jobs = np.where(np.arange(24)[:, None] == 7, 0.0, 90.0) * np.ones(5)
    >>> np.flatnonzero(~open_hours(planned, jobs, hours=12)[:, 0]).tolist()
    [7]
    """
    over = np.arange(24)[:, None] < hours
    outage: NDArray[np.bool_] = over & (planned >= OUTAGE_SENDS) & (jobs == 0)
    return ~outage
