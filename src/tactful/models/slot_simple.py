"""What simple models say of a window of days: each answers by her own record, by that of the day's type, by everyone's.

Boosted heads (`slot_head.py`) begin with them. Fitted by `training/timing/simple.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from tactful.features.slot_table import ACTIVE, CLICKS, RECEIPTS, SESSIONS, SlotWindow
from tactful.models.slot_histogram import SlotHistogram
from tactful.models.slot_rates import SlotRates
from tactful.models.work_rest import WorkRestRates, WorkRestSlots

Outcome = Literal["active", "hour", "click"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("active", "hour", "click")


def past(
    window: SlotWindow, outcome: Outcome, same_type: bool = False
) -> tuple[Float64[np.ndarray, "n K"], Float64[np.ndarray, "n K"]]:
    """Returns successes and trials by slot over the known days, or over those of the coming day's type.

    Activity is tried once a day in every slot. Clicks are tried by receipts; where an app
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


@dataclass(frozen=True, eq=False)
class HourChances:
    """In which slot she comes: her own smoothed hours, the same tilted to the day's type, and everyone's on such days.

    `by_type` has a profile for days of work and one for days of rest.
    """

    typed: WorkRestSlots
    by_type: Float64[np.ndarray, "2 K"]

    def log_chances(self, window: SlotWindow, outcome: Outcome = "hour") -> Float64[np.ndarray, "n K 3"]:
        """Returns the log probability by each of the three, in this order."""
        counts, same = window.summed(SESSIONS), window.summed(SESSIONS, same_type=True)
        own, typed = self.typed.base.slots(counts), self.typed.slots(counts, same, window.today_rest)
        logs: NDArray[np.float64] = np.log(np.stack([own, typed, self.by_type[window.today_rest]], axis=2))
        return logs

    def numbers(self) -> dict[str, NDArray[np.float64]]:
        """Returns the numbers; `of` makes the same models of them."""
        base = self.typed.base.parameters()
        strengths = [base["prior_weight"], base["bandwidth_hours"], self.typed.weight]
        return {
            "rates": np.asarray(base["prior_profile"], dtype=np.float64),
            "tilt": self.typed.tilt,
            "by_type": self.by_type,
            "strengths": np.array(strengths, dtype=np.float64),
        }

    @classmethod
    def of(cls, numbers: Mapping[str, NDArray[np.float64]]) -> "HourChances":
        """Returns the models with these numbers."""
        weight, hours, type_weight = numbers["strengths"].tolist()
        base = SlotHistogram(numbers["rates"], weight, hours)
        return cls(WorkRestSlots(base, numbers["tilt"], type_weight), numbers["by_type"])
