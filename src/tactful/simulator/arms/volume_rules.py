"""The rules by which volume arms share out a week's volume, by name. To add one: a function, and a line in `RULES`.

All of them see what an app can know; `true_curves.py` is the one that sees more. `discounted` differs from
`kdd18_exact` in the value alone, and that one from `kdd18_r1` and `kdd18_r2` in the search alone.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from jaxtyping import Float64, UInt8
from numpy.typing import NDArray

from tactful.decision.volume import baselines
from tactful.decision.volume.allocate import allocate
from tactful.models.volume_response import GAMMA, discounted_value, kdd18_value
from tactful.simulator.arms.budgeted import Rule
from tactful.simulator.arms.crowd import Crowd

_HALVINGS: Final = 20
_NEAR_ENOUGH: Final = 0.002


def uniform(crowd: Crowd, total: float, cost: Float64[np.ndarray, "b n"]) -> UInt8[np.ndarray, " n"]:
    """As much for everyone; what does not divide goes by lot."""
    return _at_cost(lambda planned: baselines.uniform_budgets(len(crowd.row), planned, crowd.u), total, cost)


def ctr_percentile(crowd: Crowd, total: float, cost: Float64[np.ndarray, "b n"]) -> UInt8[np.ndarray, " n"]:
    """More for whoever clicks more: the cool-down by percentile of the click rate that the paper replaced."""

    def budgets(planned: int) -> NDArray[np.uint8]:
        return baselines.cool_down_budgets(crowd.click_rate, planned, crowd.k_max, crowd.u)

    return _at_cost(budgets, total, cost)


def click_greedy(crowd: Crowd, total: float, cost: Float64[np.ndarray, "b n"]) -> UInt8[np.ndarray, " n"]:
    """The most for the best clickers until nothing is left."""

    def budgets(planned: int) -> NDArray[np.uint8]:
        return baselines.greedy_budgets(crowd.click_rate, planned, crowd.k_max, crowd.u)

    return _at_cost(budgets, total, cost)


def kdd18_r1(crowd: Crowd, total: float, cost: Float64[np.ndarray, "b n"]) -> UInt8[np.ndarray, " n"]:
    """The paper's rule on its one-week value, first reading: the first budget within theta of the best."""
    value = kdd18_value(crowd.responses)
    return _at_cost(lambda planned: baselines.kdd18_budgets(value, planned, "R1").budget, total, cost)


def kdd18_r2(crowd: Crowd, total: float, cost: Float64[np.ndarray, "b n"]) -> UInt8[np.ndarray, " n"]:
    """The same, second reading: the first budget whose next message brings less than theta."""
    value = kdd18_value(crowd.responses)
    return _at_cost(lambda planned: baselines.kdd18_budgets(value, planned, "R2").budget, total, cost)


def kdd18_exact(crowd: Crowd, total: float, cost: Float64[np.ndarray, "b n"]) -> UInt8[np.ndarray, " n"]:
    """The paper's one-week value, allocated exactly."""
    return allocate(kdd18_value(crowd.responses), total, cost=cost).budget


def discounted(crowd: Crowd, total: float, cost: Float64[np.ndarray, "b n"]) -> UInt8[np.ndarray, " n"]:
    """Ours: the discounted value, allocated exactly."""
    return allocate(discounted_value(crowd.responses, GAMMA), total, cost=cost).budget


RULES: Final[dict[str, Rule]] = {
    "uniform": uniform,
    "ctr_percentile": ctr_percentile,
    "click_greedy": click_greedy,
    "kdd18_r1": kdd18_r1,
    "kdd18_r2": kdd18_r2,
    "kdd18_exact": kdd18_exact,
    "discounted": discounted,
}


def _at_cost(
    budgets: Callable[[int], NDArray[np.uint8]], total: float, cost: Float64[np.ndarray, "b n"]
) -> UInt8[np.ndarray, " n"]:
    """Returns the budgets of a rule that counts messages planned, at the plan that is expected to send `total`."""
    everyone: NDArray[np.int64] = np.arange(cost.shape[1])
    low, top = 0, (len(cost) - 1) * len(everyone)
    planned = high = top
    for _ in range(_HALVINGS):
        found = budgets(planned)
        spent = float(cost[found, everyone].sum())
        if abs(spent - total) <= _NEAR_ENOUGH * total or (spent < total and planned == top):
            break
        low, high = (planned, high) if spent < total else (low, planned)
        planned = (low + high) // 2
    return found
