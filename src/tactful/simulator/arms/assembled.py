"""A delivery put together from parts, so that each can be left out by itself: hours, ranker, price, exploration.

With `arms/budgeted.py`, which says who may get how much, it makes whole systems: everything together, the published
policy alone, the daily budget that it replaced. All randomise alike unless their definition forbids it.
"""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float64

from tactful.decision.policy.explore import Exploration
from tactful.decision.rules import Rules
from tactful.events.registry import Registry
from tactful.features.segments import REACHES
from tactful.models.protocol import RankModel, SlotModel
from tactful.models.slot_histogram import GlobalSlots
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.scoring import LiveScorer
from tactful.runtime.settings import Settings, Timing, Volume
from tactful.simulator.arms.fitted import clicks_by_hour, fitted_scorer
from tactful.simulator.arms.policy import TENFOLD_EXPLORATION, Policy
from tactful.simulator.exploration_log import ExplorationLog, send_rows

DEFAULT_RULES = Rules()
HOUR = 18
"""The hour taken where there is no log to find the best one in."""

Hours: TypeAlias = SlotModel | Literal["personal", "everyone", "one"]
"""A trained model; or of the exploration log everybody's own histogram, the click rate by hour, or its best hour."""


@dataclass(frozen=True)
class Assembled:
    """Makes the policy of an arm, but for its budgets.

    Attributes:
        hours: when rank jobs run.
        ranker: scores candidates; None leaves it to the click and unsubscribe rates of the log.
        rules: with a price, three jobs a send let a job say no, and a candidate that may go out at once does; without,
            there is one job a send, and everything waits for it.
        exploration: what is randomised.
        headroom: by how much budgets exceed the volume that the price holds.
    """

    hours: Hours = "personal"
    ranker: RankModel | None = None
    rules: Rules = DEFAULT_RULES
    exploration: Exploration = TENFOLD_EXPLORATION
    headroom: float = 0.3

    def __call__(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy, its simple predictors fitted on the log; without one, on stated priors."""
        priced = self.rules.price == "threshold"
        settings = Settings(
            seed=seed,
            rules=self.rules,
            exploration=self.exploration,
            volume=Volume(headroom=self.headroom if priced else 0.0),
            timing=Timing() if priced else Timing(jobs_per_send=1, min_jobs=1),
        )
        return Policy(settings, self._scorer(log), waits_for_slot=not priced)

    def sent_by_budget(self, k_max: int) -> Float64[np.ndarray, "r b"]:
        """Returns what budgets are expected to send a week under the price, by reach: their share of the volume."""
        return np.tile(np.arange(k_max + 1) / (1.0 + self.headroom), (len(REACHES), 1))

    def _scorer(self, log: ExplorationLog | None) -> LiveScorer:
        simple = simple_scorer() if log is None else fitted_scorer(log, Registry.shipped())
        return replace(simple, slot_model=self._slots(log, simple.slot_model), rank_model=self.ranker)

    def _slots(self, log: ExplorationLog | None, personal: SlotModel) -> SlotModel:
        if not isinstance(self.hours, str):
            return self.hours
        if self.hours == "personal":
            return personal
        rates = np.eye(24)[HOUR] if log is None else clicks_by_hour(log, send_rows(log, Registry.shipped()))
        return GlobalSlots(rates if self.hours == "everyone" else np.eye(24)[int(np.argmax(rates))])
