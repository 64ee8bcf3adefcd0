"""The price of a send: counts of what was planned, reachable and sent, and the thresholds made of them.

Once an hour (an epoch) the controller looks at the counts that are complete and writes thresholds that take effect
an hour later, whether or not they changed. Counts only add, so the order of decisions within an epoch is free.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int, UInt64
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US
from tactful.decision.decide import Verdict
from tactful.decision.policy import explore
from tactful.decision.policy.pid import VolumeController, lower_if_saturated
from tactful.decision.policy.threshold import UtilityHistogram
from tactful.decision.request import Request, Thresholds
from tactful.experiments.design import DEFAULT
from tactful.features.history import N_CHANNELS
from tactful.features.segments import SEGMENTS
from tactful.kernel import kernel
from tactful.runtime.arms import Regrouping
from tactful.runtime.settings import Settings
from tactful.runtime.steps import DayPlan, PlanRequest

EPOCH_US: Final = HOUR_US
DAYS_KEPT: Final = 10
"""Seven past days of sends make the channel shares; today, and plans that reach into tomorrow and beyond."""
SHARE_DAYS: Final = 7
BUDGET_HOURS: Final = 168
"""A weekly budget is due in equal parts over the hours of the week."""
SHARE_UNIT: Final = 60
"""Planned sends are counted in sixtieths, divisible by every number of channels: integers add in any order."""
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
        cells = (arms, len(SEGMENTS), N_CHANNELS)
        self._settings = settings
        self._planned = np.zeros((DAYS_KEPT, 24, *cells))
        self._due = np.zeros((DAYS_KEPT, arms, len(SEGMENTS)))
        self._jobs = np.zeros((DAYS_KEPT, 24, N_CHANNELS))
        self._reachable = np.zeros((DAYS_KEPT, *cells))
        self._sent = np.zeros((DAYS_KEPT, *cells))
        self._day = -1
        self._version = 0
        self._histogram = UtilityHistogram(arms)
        self._controller = VolumeController.start(arms)

    @property
    def version(self) -> int:
        """How many control versions were written."""
        return self._version

    def plans(
        self,
        key: UInt64[np.ndarray, " n"],
        request: PlanRequest,
        plan: DayPlan,
        arm: Int[np.ndarray, " n"],
        reach: Int[np.ndarray, " n"],
    ) -> None:
        """Adds planned sends to the hours of the UTC days they fall in, spread over the reachable channels.

        The plans shape the day; its total is the budgets' (`_due`, a budget's 168th for every hour ahead), since a
        send that was held is planned again on the next day, and a sum of plans would count it twice. Users whose
        volume or sends are randomised that day are left out, as their sends are; so is a day that is planned again, for
        its first plan is counted.
        """
        counted = (request.slot_us > request.now_us[:, None] - HOUR_US) & (reach > 0)[:, None]
        counted &= ~(request.k_random | request.again)[:, None]
        day = request.slot_us // DAY_US
        counted &= self._in_production(key, day)
        if not counted.any():
            return
        self._advance(int(day[counted].max()))
        open_ = (reach[:, None] & (1 << np.arange(N_CHANNELS))) != 0
        share = open_ * (SHARE_UNIT // np.maximum(open_.sum(axis=1, keepdims=True), 1))
        _add_plans(
            counted, request.slot_us, arm, request.past.segment, request.k, share, plan.sends, self._due, self._planned
        )

    def _in_production(self, key: UInt64[np.ndarray, " n"], day: Int[np.ndarray, "n K"]) -> Bool[np.ndarray, "n K"]:
        """Whether the bucket of each slot's UTC day is none that forces; a local day spans two or three of them."""
        first, shares = day.min(axis=1), self._settings.exploration.shares
        ahead = day - first[:, None]
        free = np.empty((len(key), int(ahead.max(initial=0)) + 1), dtype=np.bool_)
        for days in range(free.shape[1]):
            drawn, _ = explore.bucket(self._settings.seed, key, (first + days) * DAY_US, shares)
            free[:, days] = drawn == 0
        inside: Bool[np.ndarray, "n K"] = np.take_along_axis(free, ahead, axis=1)
        return inside

    def decisions(self, request: Request, verdict: Verdict, feasible_before: Int[np.ndarray, " n"]) -> None:
        """Counts sends (without forced ones), reachable sends, and the utilities of feasible jobs.

        Args:
            feasible_before: feasible jobs that the user's day had before this one: only the first `quota` of a
                day are reachable sends.
        """
        person = request.person
        rows, channels = np.nonzero(verdict.best > -np.inf)
        if not len(rows):
            return
        days = person.now_us // DAY_US
        self._advance(int(days.max()))
        for day in np.unique(days[rows]).tolist():
            on = days[rows] == day
            r, h = rows[on], channels[on]
            self._histogram.add(day, person.arm[r], person.segment[r], h, verdict.best[r, h])
        within = feasible_before < person.quota
        _add_jobs(rows, channels, person.now_us, person.arm, person.segment, within, self._jobs, self._reachable)
        kept = np.flatnonzero(verdict.sends & ~verdict.forced & ~np.isneginf(verdict.best.max(axis=1)))
        np.add.at(
            self._sent,
            (days[kept] % DAYS_KEPT, person.arm[kept], person.segment[kept], verdict.channel[kept]),
            1.0,
        )

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
        for name, arms_at in (("_planned", 2), ("_due", 1), ("_reachable", 1), ("_sent", 1)):
            counts: NDArray[np.float64] = getattr(self, name)
            moved = np.moveaxis(np.tensordot(counts, change.share, axes=(arms_at, 0)), -1, arms_at)
            setattr(self, name, np.rint(moved))
        self._histogram = self._histogram.regrouped(change.share * change.alike, change.kin)
        anew = ~change.alike[change.source, np.arange(len(change.source))]
        self._controller = self._controller.regrouped(change.source, anew)

    def close_epoch(self, end_us: int) -> Epoch:
        """Returns the thresholds that follow from everything before `end_us`; they take effect one epoch later."""
        day = (end_us - 1) // DAY_US
        self._advance(day)
        hours = (end_us - day * DAY_US) // HOUR_US
        target, saturated = self._target(day, hours)
        planned = self._planned[day % DAYS_KEPT]
        shape = planned * self._open(day, hours)[:, None, None, :]
        total = shape.sum(axis=0)
        done = np.divide(shape[:hours].sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
        actual = self._sent[day % DAYS_KEPT]
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
        planned = self._planned[day % DAYS_KEPT].sum(axis=0) / SHARE_UNIT
        by_segment = planned.sum(axis=2, keepdims=True)
        equal = np.divide(planned, by_segment, out=np.zeros_like(planned), where=by_segment > 0)
        past = [(day - ago) % DAYS_KEPT for ago in range(1, SHARE_DAYS + 1)]
        sent = self._sent[past].sum(axis=0)
        share = (sent + EQUAL_SHARE_SENDS * equal) / (sent.sum(axis=2, keepdims=True) + EQUAL_SHARE_SENDS)
        due = self._due[day % DAYS_KEPT][:, :, None] / BUDGET_HOURS / (1.0 + self._settings.volume.headroom)
        target = np.where(by_segment > 0, due, 0.0) * share
        yesterday = self._reachable[(day - 1) % DAYS_KEPT]
        was_open = self._open_share(day - 1, 24)
        not_the_first = self._planned[(day - 2) % DAYS_KEPT].sum() > 0
        known = (yesterday.sum(axis=2, keepdims=True) > 0) & (was_open > 0) & not_the_first
        reachable = np.divide(yesterday, was_open, out=np.full_like(yesterday, np.inf), where=known)
        lowered, saturated = lower_if_saturated(target, reachable)
        return lowered * self._open_share(day, hours), saturated

    def _open(self, day: int, hours: int) -> Bool[np.ndarray, "24 h"]:
        planned = self._planned[day % DAYS_KEPT].sum(axis=(1, 2)) / SHARE_UNIT
        return open_hours(planned, self._jobs[day % DAYS_KEPT], hours)

    def _open_share(self, day: int, hours: int) -> Float[np.ndarray, "a s h"]:
        """The share of each cell's plan that lies in no outage; 1 without a plan."""
        planned = self._planned[day % DAYS_KEPT]
        open_ = (planned * self._open(day, hours)[:, None, None, :]).sum(axis=0)
        total = planned.sum(axis=0)
        share: NDArray[np.float64] = np.divide(open_, total, out=np.ones_like(total), where=total > 0)
        return share

    def _advance(self, day: int) -> None:
        """Clears the days that a new latest day pushes out of the ring."""
        if self._day < 0:
            self._day = day
        for passed in range(max(self._day + 1, day - DAYS_KEPT + 1), day + 1):
            for counts in (self._planned, self._due, self._jobs, self._reachable, self._sent):
                counts[passed % DAYS_KEPT] = 0.0
        self._day = max(self._day, day)

    def to_bytes(self) -> bytes:
        """Returns all counts and the controller, exactly."""
        return msgspec.msgpack.encode(
            _Stored(
                self._planned.tobytes(),
                self._due.tobytes(),
                self._reachable.tobytes(),
                self._sent.tobytes(),
                self._day,
                self._version,
                self._histogram.to_bytes(),
                self._controller.to_bytes(),
                self._jobs.tobytes(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes, settings: Settings) -> "VolumeState":
        """Returns the state that `to_bytes` wrote."""
        stored = msgspec.msgpack.decode(data, type=_Stored)
        state = cls(settings, len(stored.due) // 8 // (DAYS_KEPT * len(SEGMENTS)))
        for name in ("planned", "due", "jobs", "reachable", "sent"):
            counts: NDArray[Any] = getattr(state, f"_{name}")
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


@kernel
def _add_plans(
    counted: NDArray[np.bool_], slot_us: NDArray[Any], arm: NDArray[Any], segment: NDArray[Any], k: NDArray[Any],
    share: NDArray[Any], sends: NDArray[Any], due: NDArray[np.float64], planned: NDArray[np.float64],
) -> None:  # fmt: skip
    """A budget is due in the hours that count, and the planned sends are spread over the channels, in sixtieths."""
    for r in range(counted.shape[0]):
        for slot in range(counted.shape[1]):
            if not counted[r, slot]:
                continue
            day, hour = slot_us[r, slot] // DAY_US % DAYS_KEPT, slot_us[r, slot] // HOUR_US % 24
            due[day, arm[r], segment[r]] += k[r]
            if sends[r, slot] > 0:
                for h in range(share.shape[1]):
                    planned[day, hour, arm[r], segment[r], h] += share[r, h] * sends[r, slot]


@kernel
def _add_jobs(
    rows: NDArray[Any], channels: NDArray[Any], now_us: NDArray[Any], arm: NDArray[Any], segment: NDArray[Any],
    within: NDArray[np.bool_], jobs: NDArray[np.float64], reachable: NDArray[np.float64],
) -> None:  # fmt: skip
    """Counts feasible jobs by hour and channel, and those `within` the day's quota as reachable sends."""
    for i in range(len(rows)):
        r, h = rows[i], channels[i]
        day, hour = now_us[r] // DAY_US % DAYS_KEPT, now_us[r] // HOUR_US % 24
        jobs[day, hour, h] += 1.0
        if within[r]:
            reachable[day, arm[r], segment[r], h] += 1.0
