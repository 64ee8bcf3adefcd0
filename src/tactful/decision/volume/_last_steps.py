"""The last steps of the allocator: the few edges inside the bracket that fit, and what is then left of the total."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tactful.decision.volume import _passes
from tactful.decision.volume._passes import LANES
from tactful.decision.volume._problem import Problem, Solution, frozen, prices
from tactful.decision.volume._search import Listed


def take_steps(solution: Solution, listed: Listed, g: int, room: float) -> None:
    """Takes a group's edges by gain per cost (ties: the larger, then by position) up to the first that does not fit.

    Its gain per cost is the price.
    """
    mine = listed.edge[0] == g
    (_, user, to, key), (cost, gain) = listed.edge[:, mine], listed.size[:, mine]
    if len(key) == 0:
        return
    order = np.lexsort((to, user, -cost, -key))
    running = cost[order].cumsum()
    fits = int(np.searchsorted(running, room - solution.spent[g], side="right"))
    taken = order[:fits]
    np.maximum.at(solution.budget, user[taken], to[taken].astype(np.uint8))
    solution.spent[g] += running[fits - 1] if fits else 0.0
    solution.worth[g] += gain[taken].sum()
    solution.price[g] = prices(key[order[min(fits, len(order) - 1)]][None])[0]


def fill(problem: Problem, solution: Solution, listed: Listed, g: int, room: float, floor: float) -> None:
    """Spends what is left of a group's total on the best steps that fit, one at a time.

    A step that gains at least `floor`, the bracket's lower end, per cost belongs to a user with an edge inside; so
    everyone is searched only if none of them has one. Unit costs need fewer steps than there are budgets.
    """
    users = np.unique(listed.edge[1, listed.edge[0] == g])
    one = np.zeros(1, dtype=np.uint8)
    theirs = Problem(
        frozen(problem.value[:, users]),
        problem.cost if problem.costs_sends else frozen(problem.cost[:, users]),
        problem.k_min, one, np.array([len(users)]),
    )  # fmt: skip
    for _ in range(len(problem.value)):
        left = room - solution.spent[g]
        if left < 1.0 if problem.costs_sends else left <= 0.0:
            return
        step = _best_step(theirs, solution.budget[users], 0, left)
        user = int(users[step.user]) if step.slope > 0.0 else 0
        if step.slope < floor or step.slope == 0.0:
            step = _best_step(problem, solution.budget, g, left)
            user = step.user
        if step.slope == 0.0:
            return
        solution.worth[g] += float(problem.value[step.to, user]) - float(problem.value[solution.budget[user], user])
        solution.spent[g] += step.cost
        solution.budget[user] = step.to


class _Step(NamedTuple):
    """Gain per cost (0 where there is no step), cost, user and the row reached."""

    slope: float
    cost: float
    user: int
    to: int


def _best_step(problem: Problem, budget: NDArray[np.uint8], g: int, left: float) -> _Step:
    """The step of the largest gain per cost that costs at most `left`; of equals the larger, then the first user's."""
    size, found = np.zeros((LANES, 2)), np.zeros((LANES, 2), dtype=np.int64)
    _passes.best_step(problem.value, problem.cost, problem.group, g, left, budget, size, found)
    lane = int(np.lexsort((-size[:, 1], -size[:, 0]))[0])
    return _Step(float(size[lane, 0]), float(size[lane, 1]), int(found[lane, 0]), int(found[lane, 1]))
