"""Who is in which arm of an experiment, and since when: an arm that grows takes people in later.

Worked out again from the hash, the holdout, the targeting and the shares that were in force at each instant; a test
holds that it is what the decisions name.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from jaxtyping import Float64, Int64, UInt64
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.experiments.assign import OUTSIDE, assigned
from tactful.experiments.design import Targeting
from tactful.experiments.holdout import held_out
from tactful.experiments.schedule import Announced
from tactful.experiments.sums import Sums, stratified, sums_of
from tactful.runtime.experiment_rows import UserRows
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

LONGEST_BEFORE: Final = 28
"""Days before the start from which habits are read: four whole weeks."""


class _Segment(msgspec.Struct, gc=False):
    """What is read of a plan."""

    segment: str = ""


_SEGMENT: Final = msgspec.msgpack.Decoder(_Segment)


class Summed(NamedTuple):
    """A look.

    Attributes:
        sums: of the arms, metrics since each user came in and those of the days before the experiment.
        arm: of each user, `OUTSIDE` for who does not count.
        shares: of the arms among those who count, by the shares in force.
        alone: users who came in when only one arm grew: they are compared with nobody.
    """

    sums: Sums
    arm: Int64[np.ndarray, " n"]
    shares: tuple[float, ...]
    alone: int


class Members:
    """The people of an experiment, by stage: since which change of its shares they are in their arm.

    Who came in later counts from the first whole day in it, and is compared with those who came in then. Who left,
    because an arm shrank, counts no more: it was the hash that chose her.
    """

    def __init__(self, store: Store, stages: Sequence[Announced], settings: Settings, until_us: int) -> None:
        """Takes the definitions in force one after the other (`Schedule.stages`); people are added by `summed`."""
        self._stages, self._settings = stages, settings
        self._arms = len(stages[0].experiment.arms)
        self._at_entry: dict[int, NDArray[np.float64]] = {}
        targeting = stages[-1].experiment.targeting
        self._meant = None if targeting.everybody() else _meant(store, targeting, stages[0].since_us, until_us)

    def summed(self, rows: UserRows, start_us: int) -> Summed:
        """Returns the sums of a look; looks come in order.

        Args:
            rows: of everyone, at the look.
            start_us: from when on they are counted.
        """
        arm, stage = self._of(rows.user_key)
        since, end_us = rows.since.copy(), start_us + round(rows.days * DAY_US)
        for late, announced in enumerate(self._stages):
            if announced.since_us <= start_us:
                continue
            inside, at_entry = stage == late, self._at_entry.get(late)
            if at_entry is None:
                arm[inside] = OUTSIDE
                if announced.since_us <= end_us:
                    self._at_entry[late] = rows.since
            else:
                known = np.flatnonzero(inside[: len(at_entry)])  # who is new since then had nothing before
                since[known] -= at_entry[known]
        return self._by_stage(np.concatenate([since, rows.before], axis=1), arm, stage)

    def _by_stage(self, rows: Float64[np.ndarray, "n m"], arm: NDArray[np.int64], stage: NDArray[np.int64]) -> Summed:
        """People of one stage among themselves, and these together."""
        grown = _grown(self._stages)
        strata, counted, alone = [], np.zeros(self._arms), 0
        for each in np.unique(stage[arm >= 0]).tolist():
            mine = (stage == each) & (arm >= 0)
            sums = sums_of(rows[mine], arm[mine], self._arms)
            if sums.n.min() >= 2 or len(self._stages) == 1:
                strata.append(sums)
                counted += grown[each]
            else:
                alone += int(mine.sum())
                arm[mine] = OUTSIDE
        if not strata:
            return Summed(sums_of(rows, arm, self._arms), arm, tuple(grown.sum(axis=0).tolist()), alone)
        together = strata[0]
        if len(strata) > 1:
            together = stratified(strata, np.array([float(one.n.sum()) for one in strata]))
        return Summed(together, arm, tuple(counted.tolist()), alone)

    def _of(self, user_key: UInt64[np.ndarray, " n"]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each user's arm, `OUTSIDE` for none, and the stage since which she is in it."""
        arm = assigned([self._stages[0].experiment], user_key, self._settings.seed)
        stage = np.zeros(len(user_key), dtype=np.int64)
        for number, announced in enumerate(self._stages[1:], start=1):
            after = assigned([announced.experiment], user_key, self._settings.seed)
            stage[after != arm] = number
            arm = after
        outside = held_out(user_key, self._settings.holdout.share, self._settings.seed)
        if self._meant is not None:
            outside |= ~np.isin(user_key, self._meant)
        return np.where(outside, OUTSIDE, arm), stage


def _grown(stages: Sequence[Announced]) -> Float64[np.ndarray, "stages arms"]:
    """What each stage brought to each arm of those who are in it now: an arm that shrinks gives up the last."""
    share = np.array([[arm.share for arm in one.experiment.arms] for one in stages])
    kept = np.minimum.accumulate(share[::-1], axis=0)[::-1]
    return np.diff(kept, axis=0, prepend=0.0)


def _meant(store: Store, targeting: Targeting, begun_us: int, until_us: int) -> NDArray[np.uint64]:
    """For whom a targeted experiment is: by the segment of her last plan before it began, else of her first since."""
    segment = dict(_segments(store, begun_us - LONGEST_BEFORE * DAY_US, begun_us))
    for user, told in _segments(store, begun_us, until_us):
        segment.setdefault(user, told)
    fits = [user for user, told in segment.items() if _fits(targeting, told)]
    return np.array(sorted(fits), dtype=np.uint64)


def _segments(store: Store, since_us: int, until_us: int) -> Iterator[tuple[int, str]]:
    return ((row.user_key, _SEGMENT.decode(row.data).segment) for row in store.plans_between(since_us, until_us))


def _fits(targeting: Targeting, segment: str) -> bool:
    activity, _, reach = segment.partition("/")
    return activity in (targeting.activities or (activity,)) and reach in (targeting.reaches or (reach,))
