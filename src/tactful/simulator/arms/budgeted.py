"""Volume arms: one delivery for all (`delivery.py`), one total, and a rule that says who gets how much of it.

Every seven days the week's volume is shared out anew, on what is then known of everyone, apart for each set of
channels that people were reachable through at first: as the paper does, and so that no arm moves volume between
channels. The total is a number of messages sent, not of budgets: a budget's cost is what it is expected to send.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64, UInt8
from numpy.typing import NDArray

from tactful import draws
from tactful.features import standing
from tactful.features.segments import REACHES
from tactful.features.volume import NAMES, volume_features
from tactful.models.volume_response import VolumeResponse
from tactful.simulator.arms.crowd import Crowd
from tactful.simulator.arms.delivery import personal_delivery
from tactful.simulator.arms.policy import Moment, Policy
from tactful.simulator.exploration_log import ExplorationLog

_CLICK_RATE = NAMES.index("click_rate")
_MOST_OFF = 2.0
"""Expected sends are never scaled by more, however far last week's were off."""


@runtime_checkable
class Rule(Protocol):
    """Shares out a week's volume: weekly budgets whose costs add up to `total`, or to less if it wants no more."""

    def __call__(self, crowd: Crowd, total: float, cost: Float64[np.ndarray, "b n"]) -> UInt8[np.ndarray, " n"]:
        """Returns everyone's weekly budget; cost[k] is what a budget of k is expected to send in the week."""
        ...


Delivery: TypeAlias = Callable[[ExplorationLog | None, int], Policy]
"""Makes a policy of the exploration log and the seed."""


@dataclass(frozen=True)
class Learned:
    """What one log of randomised volume taught: responses, and messages a week that a budget sends, by reach."""

    model: VolumeResponse
    fill: Float64[np.ndarray, "r b"]


@dataclass(frozen=True)
class Budgeted:
    """An arm that differs from its rivals in its rule alone.

    `per_user_per_week` is messages really sent, over everyone in the app, those who left included: who leaves makes
    room for more to the others, so that all arms send the same.
    """

    name: str
    rule: Rule
    learned: Learned
    per_user_per_week: float = 2.5
    delivery: Delivery = personal_delivery

    def at_volume(self, per_user_per_week: float) -> "Budgeted":
        """Returns the arm at another volume."""
        return replace(self, per_user_per_week=per_user_per_week)

    def prepare(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the delivery with this arm's budgets."""

        def rebudget(moment: Moment) -> Int64[np.ndarray, " n"]:
            return self.budgets(moment, seed)

        return replace(self.delivery(log, seed), rebudget=rebudget)

    def budgets(self, moment: Moment, seed: int) -> Int64[np.ndarray, " n"]:
        """Returns the week's budgets: what is due by its end, less what was sent, in each of the groups."""
        state = moment.state
        at_first = state["addresses"] & state["opt_in"]
        channels = at_first & ~state["blocked"]
        now = np.full(len(state), moment.now_us)
        segment = standing.segment(state, now)
        reach, cost = segment % len(REACHES), self.learned.fill[segment % len(REACHES)].T
        features = volume_features(state, now)
        u = draws.uniform(seed, state["user_key"], moment.now_us, "volume arm")
        budget = np.zeros(len(state), dtype=np.int64)
        for group in np.unique(at_first[at_first > 0]):
            everyone = at_first == group
            row = np.flatnonzero(everyone & (channels > 0))
            due = self.per_user_per_week * everyone.sum() * (moment.weeks + 1) - moment.sent[everyone].sum()
            total = max(due, 0.0) / _sent_of_expected(moment, row, cost)
            crowd = Crowd(
                row=row,
                u=u[row],
                click_rate=features[row, _CLICK_RATE].astype(np.float64),
                features=features[row],
                reach=reach[row],
                activity=segment[row] // len(REACHES),
                channels=channels[row],
                model=self.learned.model,
                k_max=self.learned.fill.shape[1] - 1,
            )
            budget[row] = self.rule(crowd, total, cost[:, row])
        return budget


def _sent_of_expected(moment: Moment, row: NDArray[np.int64], cost: NDArray[np.float64]) -> float:
    """What last week's budgets sent over what they were expected to; 1 before there was such a week."""
    if not moment.weeks:
        return 1.0
    k = np.clip(moment.state["k"][row].astype(np.int64), 0, len(cost) - 1)
    expected = float(cost[k, row].sum())
    ratio = float(moment.sent_week[row].sum()) / expected if expected > 0.0 else 1.0
    return float(np.clip(ratio, 1.0 / _MOST_OFF, _MOST_OFF))
