"""The search behind `allocate.py`: which edges of the users' hulls fit into each group's total.

Sorting the edges of all users by gain per cost would answer it, in far more memory than the curves take. Instead a
sample brackets each group's price; a survey of everyone counts what lies above the bracket and, in bins, inside it; and
the bin in which the total is reached becomes the next bracket, until few edges are inside. Those are listed and sorted
(`_last_steps.py`). Brackets are in keys (`_passes.py`): a survey narrows by 12 of 63 bits whatever the curves are, and
where many edges are all alike it ends with a count of them.
"""

from dataclasses import dataclass
from math import fsum

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from tactful.decision.volume import _passes
from tactful.decision.volume._passes import FREE, LANES
from tactful.decision.volume._problem import Problem, Solution, keys, prices
from tactful.decision.volume._sample import Sample
from tactful.errors import InfeasibleBudget

_BINS_LOG2 = 12
_FEW = 1024  # edges that the last bracket holds where it can, so that what is left finds a step among their users
_MANY = 65_536  # edges worth listing


@dataclass(frozen=True)
class Listed:
    """The edges inside the last brackets, one column each.

    Attributes:
        edge: [4, edges]: group, user, row reached, key.
        size: [2, edges]: cost and gain.
    """

    edge: NDArray[np.int64]
    size: NDArray[np.float64]


class Search:
    """Where each group's total is reached; `narrow` until `done`, then `settle`.

    Attributes:
        bracket: [g, 4]: lowest key and past the highest; the same of the edge's cost, within a single key.
        tied: groups of which all edges inside are alike, too many to list: the first `quota`, by lane, are taken.
    """

    def __init__(self, problem: Problem) -> None:
        groups = len(problem.sizes)
        self.problem = problem
        self.sample = Sample.of(problem)
        self.bracket = np.tile(np.array([1, FREE, 0, FREE]), (groups, 1))
        self.tied = np.zeros(groups, dtype=np.bool_)
        self.done = np.zeros(groups, dtype=np.bool_)
        self._quota = np.zeros((LANES, groups), dtype=np.int64)
        self._listed = np.zeros((LANES, groups), dtype=np.int64)
        self._floor, self._ceiling = np.ones(groups, dtype=np.int64), np.full(groups, FREE)

    def at_prices(self, price: Float64[np.ndarray, " g"]) -> None:
        """Ends the search at prices: steps that gain more per cost are taken."""
        self.bracket[:, 0] = self.bracket[:, 1] = keys(price) + 1
        self.done[:] = True

    def within(self, total: Float64[np.ndarray, " g"]) -> None:
        """Searches until every group's bracket is done.

        Raises:
            InfeasibleBudget: if a group's least budgets cost more than its total.
        """
        room = total - self.problem.base
        if self.sample is not None:
            self.bracket[:, :2] = self.sample.bracket(self.problem, room)
        while not self.done.all():
            self._narrow(total, room)

    def settle(self) -> tuple[Solution, Listed]:
        """Returns the budgets of all that lies above the brackets, and what is inside."""
        problem, groups = self.problem, len(self.problem.sizes)
        budget = np.empty(problem.users, dtype=np.uint8)
        spent, worth = np.zeros((LANES, groups)), np.zeros((LANES, groups))
        ends = self._listed.sum(axis=1).cumsum()
        listed = Listed(np.empty((4, ends[-1]), dtype=np.int64), np.empty((2, ends[-1])))
        place = np.append(0, ends[:-1])
        invalid = _passes.settle(
            problem.value, problem.cost, problem.group, self._prices(self.bracket), self._magnitude, self.bracket,
            self.tied, self._quota.copy(), budget, spent, worth, place, listed.edge, listed.size,
        )  # fmt: skip
        problem.refuse_from(invalid)
        return Solution(budget, _sums(spent), _sums(worth), np.where(self.binds, self.lowest_price, 0.0)), listed

    @property
    def binds(self) -> NDArray[np.bool_]:
        """Groups whose total stops some step that would gain."""
        return self.bracket[:, 1] > 1

    @property
    def lowest_price(self) -> NDArray[np.float64]:
        """The lower ends of the brackets."""
        return prices(self.bracket[:, 0])

    @property
    def _magnitude(self) -> float:
        return self.sample.magnitude if self.sample is not None else 0.0

    def _prices(self, bracket: NDArray[np.int64]) -> NDArray[np.floating]:
        """[2, g] prices around the brackets for the filter, outwards by more than rounding; [2, 0] without a sample."""
        dtype = self.problem.value.dtype
        if self.sample is None:
            return np.empty((2, 0), dtype=dtype)
        rows, precision = len(self.problem.value), np.finfo(dtype)
        price = np.minimum(prices(bracket[:, 1::-1].T), float(precision.max) / (64 * rows))
        guard = 16.0 * float(precision.eps) * (self._magnitude + 2.0 * rows * price)
        moved: NDArray[np.floating] = (price + guard * np.array([[1.0], [-1.0]])).astype(dtype)
        return moved

    def _narrow(self, total: NDArray[np.float64], room: NDArray[np.float64]) -> None:
        """Surveys everyone and narrows each group's bracket."""
        problem, groups = self.problem, len(self.problem.sizes)
        asked = np.where(self.done[:, None], FREE, self.bracket)
        single = asked[:, 1] - asked[:, 0] == 1
        width = np.where(single, asked[:, 3] - asked[:, 2], asked[:, 1] - asked[:, 0])
        shift = np.array([max(int(w - 1).bit_length() - _BINS_LOG2, 0) for w in width])
        least, above = np.zeros((LANES, groups)), np.zeros((LANES, groups))
        count = np.zeros((LANES, groups, 1 << _BINS_LOG2), dtype=np.int64)
        inside = np.zeros(count.shape)
        invalid = _passes.survey(
            problem.value, problem.cost, problem.group, self._prices(asked), self._magnitude, asked,
            shift, least, above, count, inside,
        )  # fmt: skip
        problem.refuse_from(invalid)
        self._refuse_infeasible(total, _sums(least) + problem.base)
        left, cost = room - _sums(above), inside.sum(axis=0)
        for g in np.flatnonzero(~self.done).tolist():
            if left[g] < 0:
                self._move(g, floor=int(asked[g, 1]))
            elif left[g] >= cost[g].sum():
                self._move(g, ceiling=int(asked[g, 0]))
            else:
                self._divide(g, float(left[g]), cost[g], count[:, g], int(shift[g]))

    def _refuse_infeasible(self, total: NDArray[np.float64], least: NDArray[np.float64]) -> None:
        for g in np.flatnonzero(~(least <= total)):
            where = f" for group {g}" if len(total) > 1 else ""
            raise InfeasibleBudget(
                f"got a total of {total[g]:g}{where}, but a budget of {self.problem.k_min} for each of "
                f"{self.problem.sizes[g]} users costs {least[g]:g}, {least[g] - total[g]:g} too much; "
                "raise the total or lower k_min"
            )

    def _move(self, g: int, floor: int | None = None, ceiling: int | None = None) -> None:
        """Leaves a bracket in which the total is not reached; done where none is left: a total that does not bind."""
        self._floor[g] = floor if floor is not None else self._floor[g]
        self._ceiling[g] = ceiling if ceiling is not None else self._ceiling[g]
        low = min(self._floor[g], self._ceiling[g])
        self.bracket[g] = low, self._ceiling[g], 0, FREE
        self.done[g] = low == self._ceiling[g]

    def _divide(self, g: int, left: float, cost: NDArray[np.float64], count: NDArray[np.int64], shift: int) -> None:
        """Narrows to the bin in which the total is reached, or ends the search there."""
        low, high, low_cost, high_cost = self.bracket[g].tolist()
        single = high - low == 1
        start, end = (low_cost, high_cost) if single else (low, high)
        higher = cost[::-1].cumsum()
        skipped = min(int(np.searchsorted(higher, left, side="right")), len(cost) - 1)
        last = len(cost) - 1 - skipped
        edges = count.sum(axis=0)
        if edges[last] <= _MANY:
            self.done[g] = True
            first = last + 1 - max(int(np.searchsorted(edges[last::-1].cumsum(), _FEW, side="right")), 1)
            self._listed[:, g] = count[:, first : last + 1].sum(axis=1)
        else:
            first = last
        first_key, end_key = start + (first << shift), min(start + ((last + 1) << shift), end)
        if not single:
            self.bracket[g, :2] = self._floor[g], self._ceiling[g] = first_key, end_key
            return
        self.bracket[g, 2:] = first_key, end_key
        if not self.done[g] and end_key - first_key == 1:
            self.done[g] = self.tied[g] = True
            each = float(prices(np.array([first_key]))[0])
            taken = int((left - (higher[skipped - 1] if skipped else 0.0)) // each)
            before = count[:, last].cumsum() - count[:, last]
            self._quota[:, g] = np.clip(taken - before, 0, count[:, last])


def _sums(by_lane: NDArray[np.float64]) -> NDArray[np.float64]:
    """[g] from [lanes, g], rounded once."""
    return np.array([fsum(column) for column in by_lane.T.tolist()])
