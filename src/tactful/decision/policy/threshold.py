"""What a message must be worth: quantiles of the utilities seen over the last seven days, by histogram.

The controller (`pid.py`) works in quantiles, where its plant is nearly linear; this file turns a quantile
into a utility. Counts are integers, so neither the order of additions nor how they were batched matters.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int, Int8, Int32, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidRecord, InvalidScores
from tactful.events.records import CHANNELS
from tactful.features.segments import ACTIVITIES, REACHES, SEGMENTS
from tactful.kernel import kernel

DAYS = 7
BINS = 512
MIN_JOBS = 200
"""A 5 % quantile of 200 jobs rests on ten of them; smaller cells use a pooled histogram."""
FEW_JOBS = 20
"""A quantile of 20 jobs is known to ± 0.11: rough, but nearer than one of arms whose utilities mean something else."""

_SCALE = 0.002
_TURN = np.arcsinh(1 / _SCALE)
_EDGES: Float[np.ndarray, " edges"] = _SCALE * np.sinh(np.linspace(-1, 1, BINS + 1) * _TURN)
_FORMAT = 1


def best_per_channel(
    utility: Float[np.ndarray, "n c h"], feasible: Bool[np.ndarray, "n c h"]
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Returns (row, channel, best utility) of every channel in which a job has a feasible option.

    >>> utility, feasible = np.array([[[0.1, 0.5], [0.2, 0.6]]]), np.array([[[True, False], [True, False]]])
    >>> [array.tolist() for array in best_per_channel(utility, feasible)]
    [[0], [0], [0.2]]
    """
    row, channel = np.nonzero(feasible.any(axis=1))
    best = np.where(feasible, utility, -np.inf).max(axis=1, initial=-np.inf)
    return row, channel, best[row, channel]


def bins_of(utility: Float[np.ndarray, " m"]) -> Int64[np.ndarray, " m"]:
    """Returns the histogram's bin of each utility, 0 .. BINS - 1.

    Raises:
        InvalidScores: a utility is NaN.

    >>> bins_of(np.array([-9.0, 9.0])).tolist()
    [0, 511]
    """
    if np.isnan(utility).any():
        raise InvalidScores(f"got utility NaN in row {np.isnan(utility).argmax()}, expected a number")
    return np.clip(np.searchsorted(_EDGES, utility, side="right") - 1, 0, BINS - 1).astype(np.int64)


class UtilityHistogram:
    """Counts of the best utility per feasible job, per (arm, segment, channel), over the last 7 UTC days.

    A ring of days: a count of day d clears what is older than d − 6, and a count older than the newest day − 6 is
    ignored. The 512 bins are even in asinh(u / 0.002), which runs from -1 to 1: about 0.00005 wide near 0 and 3 % of
    the utility above 0.005. A utility outside -1..1 counts in the outermost bin.

    Arms of one `kin` number have utilities on one scale: the same message is worth as much in one as in the other.

    Utilities that take few values make volume jump when the price crosses one of them: in the tests' plant with 3 to
    8 values the day's volume kept swinging by about 10 % of its target.
    """

    def __init__(self, n_arms: int) -> None:
        """Starts with nothing, all arms on one scale."""
        self._newest = -1
        self.kin: Int64[np.ndarray, " arms"] = np.zeros(n_arms, dtype=np.int64)
        # 32 bits: with 121 arms 156 MB instead of 312
        self._counts: Int32[np.ndarray, "days arms segments channels bins"] = np.zeros(
            (DAYS, n_arms, len(SEGMENTS), len(CHANNELS), BINS), dtype=np.int32
        )
        self._pools: _Pools | None = None

    def add(
        self,
        day: int,
        arm: Int[np.ndarray, " m"],
        segment: Int[np.ndarray, " m"],
        channel: Int[np.ndarray, " m"],
        utility: Float[np.ndarray, " m"],
    ) -> None:
        """Counts the best utilities of one UTC day's jobs, one row for each (job, channel).

        Args:
            day: at_us // DAY_US of the jobs, 0 or more.
            arm: index of the arm.
            segment: index into `SEGMENTS`.
            channel: index into `CHANNELS`.
            utility: of the best feasible option of the job in that channel (`best_per_channel`).

        Raises:
            InvalidScores: a utility is NaN, or the day lies before 1970.
        """
        cell = np.ravel_multi_index((arm, segment, channel, bins_of(utility)), self._counts.shape[1:])
        self.add_cells(day, cell.astype(np.int64), np.ones(len(cell), dtype=np.int64))

    def add_cells(self, day: int, cell: Int64[np.ndarray, " m"], n: Int64[np.ndarray, " m"]) -> None:
        """Counts jobs of one UTC day that were put into bins elsewhere: `n` for each flat (arm, segment, channel, bin).

        Raises:
            InvalidScores: the day lies before 1970.
        """
        if day < 0:
            raise InvalidScores(f"got day {day}, expected the UTC day number since 1970")
        self._advance(day)
        if day <= self._newest - DAYS:
            return
        np.add.at(self._counts[day % DAYS].reshape(-1), cell, n.astype(np.int32))
        self._pools = None

    def _advance(self, day: int) -> None:
        """Clears the days that a new newest day pushes out of the ring."""
        for passed in range(max(self._newest + 1, day - DAYS + 1), day + 1):
            self._counts[passed % DAYS] = 0
            self._pools = None
        self._newest = max(self._newest, day)

    def regrouped(self, share: Float[np.ndarray, "o m"], kin: Int64[np.ndarray, " m"]) -> "UtilityHistogram":
        """Returns the histogram of m arms, to which each of these o arms gives a share of its counts, rounded.

        Args:
            share: from old arm (rows) to new arm, 0..1; what a row leaves out is forgotten.
            kin: of the new arms; those with one number are on one scale.
        """
        after = UtilityHistogram(share.shape[1])
        after._newest, after.kin = self._newest, kin
        for old, new in np.argwhere(share > 0.0).tolist():
            after._counts[:, new] += np.rint(self._counts[:, old] * share[old, new]).astype(np.int32)
        return after

    def jobs(self) -> Int64[np.ndarray, "arms segments channels"]:
        """Returns the number of feasible jobs in each cell over the ring."""
        return self._read_from(MIN_JOBS).jobs

    def quantile(
        self, q: Float[np.ndarray, "arms segments channels"], min_jobs: int = MIN_JOBS
    ) -> tuple[Float[np.ndarray, "arms segments channels"], Int8[np.ndarray, "arms segments channels"]]:
        """Returns each cell's quantile of utility, and the pool it was read from.

        The pools, the first with `min_jobs` jobs: 0 the cell itself; 1 its activity state over all reaches;
        2 its channel over all segments of the arm. Else 3, all arms on its scale, from `FEW_JOBS` jobs on; else 4,
        everything. Pool 4 is used however small it is; if it is empty the quantile is 0: nothing is known, so
        whatever has a positive utility may go out, within budgets and caps.

        Inside a bin the quantile is interpolated linearly between the bin's edges.

        Args:
            q: quantiles, 0..1; q = 0 is the lower edge of the lowest bin in use, 1 the upper edge of the highest.
            min_jobs: size below which a cell is too small.
        """
        pools = self._read_from(min_jobs)
        utility = _read(pools.below, q.reshape(-1).astype(np.float64))
        return utility.reshape(q.shape), pools.pool

    def rank(
        self, utility: Float[np.ndarray, "arms segments channels"], min_jobs: int = MIN_JOBS
    ) -> Float[np.ndarray, "arms segments channels"]:
        """Returns the share of jobs below a utility, 0..1, from the pool that `quantile` reads.

        Between the lowest and the highest bin in use it undoes `quantile`; where nothing is known it is 0.
        """
        below = self._read_from(min_jobs).below
        cell, worth = np.arange(len(below)), utility.reshape(-1)
        at = np.clip(np.searchsorted(_EDGES, worth, side="right") - 1, 0, BINS - 1)
        before = np.where(at > 0, below[cell, at - 1], 0)
        part = np.clip((worth - _EDGES[at]) / (_EDGES[at + 1] - _EDGES[at]), 0, 1)
        share: NDArray[np.float64] = (before + part * (below[cell, at] - before)) / np.maximum(below[:, -1], 1)
        return share.reshape(utility.shape)

    def largest_share(self, min_jobs: int = MIN_JOBS) -> Float[np.ndarray, "arms segments channels"]:
        """Returns the share of the fullest bin in the pool that `quantile` reads, 0..1; 0 where nothing is known.

        Utilities of many values have a few percent of them in a bin; one value that many jobs share shows here.
        """
        pools = self._read_from(min_jobs)
        share: NDArray[np.float64] = pools.fullest / np.maximum(pools.below[:, -1], 1)
        return share.reshape(pools.jobs.shape)

    def _read_from(self, min_jobs: int) -> "_Pools":
        """The pools of the counts as they stand; kept until the next count."""
        if self._pools is None or self._pools.min_jobs != min_jobs:
            self._pools = _pools(_over_days(self._counts), self.kin, min_jobs)
        return self._pools

    def to_bytes(self) -> bytes:
        """Returns the histogram as msgpack: only bins in use, exactly."""
        used = np.flatnonzero(self._counts)
        return msgspec.msgpack.encode(
            _Stored(
                format=_FORMAT,
                n_arms=self._counts.shape[1],
                newest=self._newest,
                used=used.astype("<i8").tobytes(),
                counts=self._counts.reshape(-1)[used].astype("<i8").tobytes(),
                kin=self.kin.tolist(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "UtilityHistogram":
        """Returns the histogram that `to_bytes` wrote.

        Raises:
            InvalidRecord: the bytes are damaged or of another format.
        """
        try:
            stored = msgspec.msgpack.decode(data, type=_Stored)
            if stored.format != _FORMAT:
                raise InvalidRecord(f"got histogram format {stored.format}, expected {_FORMAT}; start a new one")
            histogram = UtilityHistogram(stored.n_arms)
            used, counts = (np.frombuffer(part, dtype="<i8") for part in (stored.used, stored.counts))
            histogram._counts.reshape(-1)[used] = counts
            if stored.kin:  # an earlier version had all arms on one scale
                histogram.kin[:] = stored.kin
        except (msgspec.DecodeError, ValueError, IndexError) as error:
            raise InvalidRecord(f"got bytes that are no utility histogram ({error}); start a new one") from error
        histogram._newest = stored.newest
        return histogram


class _Stored(msgspec.Struct, frozen=True):
    format: int
    n_arms: int
    newest: int
    used: bytes
    counts: bytes
    kin: list[int] = []


@dataclass(frozen=True, eq=False)
class _Pools:
    """What is read until the next count: each cell's own jobs, its pool, and the pool's running counts by bin."""

    min_jobs: int
    jobs: Int64[np.ndarray, "arms segments channels"]
    pool: Int8[np.ndarray, "arms segments channels"]
    below: Int64[np.ndarray, "cells bins"]
    fullest: Int64[np.ndarray, " cells"]


def _pools(
    own: Int64[np.ndarray, "arms segments channels bins"], kin: Int64[np.ndarray, " arms"], min_jobs: int
) -> _Pools:
    """The first pool of each cell with enough jobs, else everything."""
    arms, _, channels, bins = own.shape
    by_state = own.reshape(arms, len(ACTIVITIES), len(REACHES), channels, bins).sum(axis=2)
    state = np.repeat(by_state, len(REACHES), axis=1)
    channel = np.broadcast_to(own.sum(axis=1, keepdims=True), own.shape)
    of_arm = own.sum(axis=(1, 2))
    alike = (kin[:, None] == kin).astype(np.int64) @ of_arm
    scale = np.broadcast_to(alike[:, None, None], own.shape)
    everything = np.broadcast_to(of_arm.sum(axis=0), own.shape)
    few = np.broadcast_to(alike.sum(axis=1)[:, None, None] >= FEW_JOBS, own.shape[:3])
    large = np.stack([*(pool.sum(axis=-1) >= min_jobs for pool in (own, state, channel)), few])
    pool = np.where(large.any(axis=0), large.argmax(axis=0), 4).astype(np.int8)
    counts = own.copy()
    for i, larger in enumerate((state, channel, scale, everything), start=1):
        counts[pool == i] = larger[pool == i]
    by_cell = counts.reshape(-1, bins)
    return _Pools(min_jobs, own.sum(axis=-1), pool, np.cumsum(by_cell, axis=1), by_cell.max(axis=1))


def _read(below: Int64[np.ndarray, "cells bins"], q: Float[np.ndarray, " cells"]) -> Float[np.ndarray, " cells"]:
    """The utility below which a share q of the counts lies; 0 for an empty cell. `below` are running counts."""
    total = below[:, -1]
    place = q * total
    found = np.zeros(len(below), dtype=np.int64)
    _first_bin(below, np.maximum(place, 1.0), found)
    cell = np.arange(len(below))
    before = np.where(found > 0, below[cell, found - 1], 0)
    part = (place - before) / np.maximum(below[cell, found] - before, 1)
    utility = _EDGES[found] + np.clip(part, 0, 1) * (_EDGES[found + 1] - _EDGES[found])
    return np.where(total > 0, utility, 0.0)


@kernel
def _over_days(counts: NDArray[np.int32]) -> NDArray[np.int64]:
    total = np.zeros(counts.shape[1:], dtype=np.int64)
    flat = total.reshape(-1)
    for day in range(counts.shape[0]):
        of_day = counts[day].reshape(-1)
        for i in range(len(flat)):
            flat[i] += of_day[i]
    return total


@kernel
def _first_bin(below: NDArray[np.int64], place: NDArray[np.float64], found: NDArray[np.int64]) -> None:
    """The first bin up to which as many are counted as the place says; 0 where there are not so many."""
    for cell in range(len(place)):
        if below[cell, -1] >= place[cell]:
            found[cell] = np.searchsorted(below[cell], place[cell])
