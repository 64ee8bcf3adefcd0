"""How likely something is in each slot of a day: simple models, and a forest that corrects them.

A head is of activity (a trial is a slot of a day), of the hour (in which slot she comes, given that she does) or of
clicks (a trial is a message received in the slot). How one is fitted is told in `training/timing/boosted.py` and
`choice.py`; LightGBM is needed there only.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.features.slot_table import OF_HISTORY, SlotWindow, slot_table
from tactful.models.forest import Forest
from tactful.models.slot_simple import HourChances, Outcome, SimpleChances

SIMPLE: Final = 3
"""Simple models whose log probabilities the forest reads, and of which it corrects the first."""


class SlotHead:
    """`p = σ(logit(p₀) + forest(x))`, p₀ her own smoothed rate and x the slot's features (`features/slot_table.py`).

    Of the hour it is a choice: `p = softmax(log p₀ + forest(x))` over the slots of the day, p₀ her own smoothed hours.
    """

    def __init__(self, outcome: Outcome, simple: SimpleChances | HourChances, forest: Forest) -> None:
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
        simple = HourChances.of(numbers) if outcome == "hour" else SimpleChances.of(numbers)
        return cls(outcome, simple, forest)


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
