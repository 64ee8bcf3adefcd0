"""How likely something is in each slot of a day: simple models, and a forest that corrects them.

A head is of activity (a trial is a slot of a day), of the hour (in which slot she comes, given that she does) or of
clicks (a trial is a message received in the slot). How one is fitted is told in `training/timing/boosted.py` and
`choice.py`; LightGBM is needed there only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.features.slot_table import ACTIVE, CLICKS, OF_HISTORY, RECEIPTS, SlotWindow, slot_table
from tactful.models.forest import Forest
from tactful.models.slot_rates import SlotRates
from tactful.models.work_rest import WorkRestRates

Outcome = Literal["active", "hour", "click"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("active", "hour", "click")
SIMPLE: Final = 3
"""Simple models whose log probabilities the forest reads, and of which it corrects the first."""


def past(
    window: SlotWindow, outcome: Outcome, same_type: bool = False
) -> tuple[Float64[np.ndarray, "n K"], Float64[np.ndarray, "n K"]]:
    """Returns successes and trials by slot over the known days, or over those of the coming day's type.

    Activity, and with it the hour, is tried once a day in every slot. Clicks are tried by receipts; where an app
    reports none of them, each click stands for its own.
    """
    if outcome == "click":
        clicks = window.summed(CLICKS, same_type)
        return clicks, np.maximum(window.summed(RECEIPTS, same_type), clicks)
    days = window.known & (window.rest == window.today_rest[:, None]) if same_type else window.known
    active = window.summed(ACTIVE, same_type)
    trials: NDArray[np.float64] = days.sum(axis=1, dtype=np.float64)[:, None] + np.zeros_like(active)
    return active, trials


@dataclass(frozen=True, eq=False)
class SimpleChances:
    """Her own smoothed rates, the same for the day's type, and everyone's rates on days of that type.

    `by_type` has a row for days of work and one for days of rest.
    """

    typed: WorkRestRates
    by_type: Float64[np.ndarray, "2 K"]

    def own(self, window: SlotWindow, outcome: Outcome) -> Float64[np.ndarray, "n K"]:
        """Returns the probability by her own smoothed rates, the first of the three."""
        return self.typed.base.active(*past(window, outcome))

    def log_chances(self, window: SlotWindow, outcome: Outcome) -> Float64[np.ndarray, "n K 3"]:
        """Returns the log probability by each of the three, in this order."""
        own = past(window, outcome)
        typed = self.typed.active(*own, *past(window, outcome, same_type=True), window.today_rest)
        everyone = self.by_type[window.today_rest]
        logs: NDArray[np.float64] = np.log(np.stack([self.typed.base.active(*own), typed, everyone], axis=2))
        return logs

    def numbers(self) -> dict[str, NDArray[np.float64]]:
        """Returns the numbers; `of` makes the same models of them."""
        base = self.typed.base
        strengths = (base.user_weight, base.slot_weight, base.bandwidth_hours, self.typed.weight)
        return {
            "rates": base.rates,
            "tilt": self.typed.tilt,
            "by_type": self.by_type,
            "strengths": np.array(strengths, dtype=np.float64),
        }

    @classmethod
    def of(cls, numbers: Mapping[str, NDArray[np.float64]]) -> "SimpleChances":
        """Returns the models with these numbers."""
        user, slot, hours, weight = numbers["strengths"].tolist()
        return cls(WorkRestRates(SlotRates(numbers["rates"], user, slot, hours), numbers["tilt"], weight),
                   numbers["by_type"])  # fmt: skip


class SlotHead:
    """`p = σ(logit(p₀) + forest(x))`, p₀ her own smoothed rate and x the slot's features (`features/slot_table.py`).

    Of the hour it is a choice: `p = softmax(log p₀ + forest(x))` over the slots of the day.
    """

    def __init__(self, outcome: Outcome, simple: SimpleChances, forest: Forest) -> None:
        """Takes what was fitted.

        Raises:
            InvalidModel: for a forest of another number of features.
        """
        if forest.n_features != SIMPLE + OF_HISTORY:
            raise InvalidModel(
                f"got a forest of {forest.n_features} features, expected {SIMPLE + OF_HISTORY}; "
                "train it with this release (tactful train timing)"
            )
        self.outcome: Outcome = outcome
        self.simple, self.forest = simple, forest

    def chances(self, window: SlotWindow) -> Float64[np.ndarray, "n K"]:
        """Returns the probability in each slot of the coming day; those of the hour sum to 1."""
        log_chances = self.simple.log_chances(window, self.outcome)
        table = slot_table(window, log_chances)
        margin = self.forest.scores(table.reshape(-1, table.shape[2])).reshape(table.shape[:2])
        if self.outcome == "hour":
            return softmax(log_chances[..., 0] + margin)
        chances: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(log_odds(log_chances[..., 0]) + margin)))
        return chances

    def numbers(self) -> dict[str, NDArray[np.float64]]:
        """Returns the numbers; `of` makes the same head of them."""
        forest = {"splits": self.forest.splits, "leaves": self.forest.leaves, "roots": self.forest.roots}
        return {**self.simple.numbers(), **forest}

    @classmethod
    def of(cls, outcome: Outcome, numbers: Mapping[str, NDArray[np.float64]]) -> "SlotHead":
        """Returns the head with these numbers."""
        forest = Forest(numbers["splits"], numbers["leaves"], numbers["roots"], SIMPLE + OF_HISTORY)
        return cls(outcome, SimpleChances.of(numbers), forest)


def log_odds(log_p: Float64[np.ndarray, "n K"]) -> Float64[np.ndarray, "n K"]:
    """Returns log(p / (1 − p)) of log p.

    >>> log_odds(np.log(np.array([[0.5, 0.75]]))).round(4).tolist()
    [[0.0, 1.0986]]
    """
    odds: NDArray[np.float64] = log_p - np.log1p(-np.exp(np.minimum(log_p, -1e-6)))
    return odds


def softmax(score: Float64[np.ndarray, "n K"]) -> Float64[np.ndarray, "n K"]:
    """Returns the chances of each row's slots, which sum to 1.

    >>> softmax(np.log(np.array([[1.0, 3.0]]))).tolist()
    [[0.25, 0.75]]
    """
    p: NDArray[np.float64] = np.exp(score - score.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p
