"""The rule of an app without response models: the simple curve, on everybody's own rates in the exploration log."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy.typing import NDArray

from tactful.decision.volume.allocate import allocate
from tactful.events.registry import Registry
from tactful.models.volume_curve import SimpleCurve
from tactful.simulator.arms.crowd import Crowd
from tactful.simulator.arms.responses import responses
from tactful.simulator.exploration_log import ExplorationLog


@dataclass(frozen=True)
class SimpleCurves:
    """Values by budget and user of the world, in active days a day; they stay as the log had them."""

    value: Float32[np.ndarray, "b n"]

    @classmethod
    def of(cls, log: ExplorationLog, k_max: int) -> "SimpleCurves":
        """Returns the rule for the people of a log."""
        one = responses(log, Registry.shipped())
        return cls(SimpleCurve().curve(one.p_organic, one.p_click, one.p_unsubscribe, k_max))

    def __call__(self, crowd: Crowd, total: float, cost: Float64[np.ndarray, "b n"]) -> UInt8[np.ndarray, " n"]:
        """Returns the budgets of the largest value within the total."""
        mine: NDArray[np.float32] = np.ascontiguousarray(self.value[:, crowd.row])
        return allocate(mine, total, cost=cost).budget
