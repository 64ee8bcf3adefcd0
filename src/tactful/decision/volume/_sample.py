"""A sample of the users brackets each group's price, so that the first pass over everyone leaves few undecided."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tactful.decision.volume import _passes
from tactful.decision.volume._passes import CLUSTER
from tactful.decision.volume._problem import Problem, keys, prices

_FROM_USERS = 65_536  # of fewer, all are walked at once
_FEWEST, _MOST, _SHARE = 4096, 131_072, 16
_FEWEST_OF_GROUP = 1024
_ERRORS = 4.0  # standard errors that a bracket covers on each side
_OCTAVE = 2**52  # keys between a price and twice that price
_FINE = _OCTAVE // 512


@dataclass(frozen=True)
class Sample:
    """Evenly spaced clusters of neighbours: few places to read, even of a memory-mapped file.

    Attributes:
        magnitude: twice the largest finite value; the filter of `_passes.py` allows for rounding of values up to it.
    """

    value: NDArray[np.floating]
    group: NDArray[np.uint8]
    magnitude: float

    @classmethod
    def of(cls, problem: Problem) -> "Sample | None":
        """Draws a sample, or none where everyone may as well be walked: few users, or costs of their own."""
        if not problem.costs_sends or problem.users < _FROM_USERS:
            return None
        clusters = min(max(problem.users // _SHARE, _FEWEST), _MOST) // CLUSTER
        apart = (problem.users - CLUSTER) // (clusters - 1)
        value = sliding_window_view(problem.value, CLUSTER, axis=1)[:, ::apart][:, :clusters].reshape(
            len(problem.value), -1
        )
        group = problem.group
        if len(problem.sizes) > 1:
            group = sliding_window_view(group, CLUSTER)[::apart][:clusters].reshape(-1)
        largest = np.abs(value).max(initial=0.0, where=np.isfinite(value))
        return cls(value, group, float(np.clip(2.0 * float(largest), 1e-30, 1e30)))

    def bracket(self, problem: Problem, room: Float64[np.ndarray, " g"]) -> NDArray[np.int64]:
        """Returns [g, 2] keys between which each group's price lies, but for four standard errors.

        The errors are those of clusters, so users who stand in order of their activity do no harm.
        """
        groups = len(problem.sizes)
        members = self._members(groups)
        users = members.sum(axis=0)
        target = np.minimum(room / problem.sizes, len(problem.value)) * users
        first, last = np.ones(groups, dtype=np.int64), np.full(groups, keys(np.array([self.magnitude]))[0] + 1)
        _, centre = self._reach(target, first, last)
        spent = self._spent(prices(centre))
        residual = spent - spent.sum(axis=0) / np.maximum(users, 1) * members
        error = _ERRORS * np.sqrt((residual**2).sum(axis=0)) + 1e-3 * users
        first, last = np.maximum(centre - 2 * _OCTAVE, 1), centre + 2 * _OCTAVE
        low, high = self._reach(target + error, first, last)[0], self._reach(target - error, first, last)[1]
        narrow = np.stack([np.where(low > first, low, 1), np.where(high < last, high, _passes.FREE)], axis=1)
        return np.where((users >= _FEWEST_OF_GROUP)[:, None], narrow, np.array([1, _passes.FREE]))

    def _members(self, groups: int) -> NDArray[np.int64]:
        """[clusters, g]: how many of each cluster are in each group."""
        clusters = self.value.shape[1] // CLUSTER
        if groups == 1:
            return np.full((clusters, 1), CLUSTER)
        cell = np.arange(clusters).repeat(CLUSTER) * groups + self.group
        return np.bincount(cell, minlength=clusters * groups).reshape(clusters, groups)

    def _spent(self, price: NDArray[np.float64]) -> NDArray[np.float64]:
        """[clusters, g]: what the users choose at their group's price."""
        spent = np.zeros((self.value.shape[1] // CLUSTER, len(price)))
        largest = np.finfo(self.value.dtype).max
        _passes.sampled_spend(self.value, self.group, np.minimum(price, largest).astype(self.value.dtype), spent)
        return spent

    def _reach(
        self, target: NDArray[np.float64], floor: NDArray[np.int64], ceiling: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Keys close to each other: at the lower the sample spends more than the target, at the higher it does not.

        An end that is still the one given was not found between the two.
        """
        while (ceiling - floor).max() > _FINE:
            middle = floor + (ceiling - floor) // 2
            fits = self._spent(prices(middle)).sum(axis=0) <= target
            ceiling, floor = np.where(fits, middle, ceiling), np.where(fits, floor, middle)
        return floor, ceiling
