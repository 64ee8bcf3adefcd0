"""The one rule that sees the truth: exact allocation on what every budget is really worth to each person.

A reference, not a bound: it knows the people but not their luck, and its curves are mean-field arithmetic on ordinary
messages at ordinary hours (`simulator/value.py`), put right by two factors for what the common delivery picks.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy.typing import NDArray

from tactful.decision.volume.allocate import allocate
from tactful.simulator.activity import stay_share
from tactful.simulator.arms.crowd import Crowd
from tactful.simulator.truth import WorldTruth
from tactful.simulator.value import WEEKLY_DISCOUNT, Settled, settle, typical_messages

MASKS = (1, 2, 3)
"""Sets of open channels: e-mail, push, both."""


@dataclass(frozen=True)
class TrueCurves:
    """Values by set of open channels, budget and user of the world, in active days to come beyond leaving."""

    value: Float32[np.ndarray, "4 b n"]

    @classmethod
    def of(
        cls, truth: WorldTruth, fill: Float64[np.ndarray, "r b"], click_lift: float = 1.0, leave_lift: float = 1.0
    ) -> "TrueCurves":
        """Returns the rule for a world.

        W(k) = [7 (a(k) - a_0) + g h(k) W'] / (1 - g (1 - h(k))), as `value.prospects` has it, at every budget.

        Args:
            truth: of that world, at any instant.
            fill: messages a week that a budget sends, by reach.
            click_lift, leave_lift: what an ordinary message's chances are multiplied by, for messages are picked.
        """
        people, ahead = truth.people, truth.ahead
        value = np.zeros((4, fill.shape[1], people.columns.n), dtype=np.float32)
        gone = 1.0 - np.exp(-ahead.own[0])
        for mask in MASKS:
            after = ahead.worth[[1, 2]].mean(axis=0) if mask == 3 else np.zeros(people.columns.n)
            for k, sent in enumerate(fill[mask - 1]):
                here = settled(truth, mask, float(sent), click_lift, leave_lift)
                gain = 7.0 * (here.active - gone) + WEEKLY_DISCOUNT * here.leaves * after
                value[mask, k] = gain / (1.0 - WEEKLY_DISCOUNT * (1.0 - here.leaves))
        return cls(value)

    def __call__(self, crowd: Crowd, total: float, cost: Float64[np.ndarray, "b n"]) -> UInt8[np.ndarray, " n"]:
        """Returns the budgets of the largest true value within the total."""
        mine: NDArray[np.float32] = np.ascontiguousarray(self.value[crowd.channels, :, crowd.row].T)
        return allocate(mine, total, cost=cost).budget


def settled(truth: WorldTruth, mask: int, per_week: float, click_lift: float = 1.0, leave_lift: float = 1.0) -> Settled:
    """Returns where everyone settles who is reachable through `mask` and gets so many messages a week."""
    people, constants = truth.people, truth.constants
    typical = typical_messages(people, constants)
    channels = [c for c in (0, 1) if mask >> c & 1]
    closed = 1.0 - len(channels) / np.maximum(np.bitwise_count(people.columns.reach), 1)
    stay = stay_share(people.visits, np.clip(closed, 0.0, 1.0).astype(np.float32), constants)
    click = click_lift * typical.click[channels].mean(axis=0)
    leave = leave_lift * typical.leave[channels].mean(axis=0)
    return settle(people, stay, click, leave, np.full(people.columns.n, per_week), constants)
