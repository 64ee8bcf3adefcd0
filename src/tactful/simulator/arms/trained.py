"""Everything together, with the models that ship with the package: what the demo shows as Tactful.

They learned from other people of the simulator. What the log of this app's own exploration says beside them are the
simple predictors that the trained ones take the place of, and nothing more.
"""

from dataclasses import dataclass, replace

from tactful.models.shipped import shipped
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.budgeted import Budgeted, Learned
from tactful.simulator.arms.policy import DEFAULT_EXPLORATION, Policy
from tactful.simulator.arms.volume_rules import RULES
from tactful.simulator.exploration_log import ExplorationLog

K_MAX = 10
"""Largest weekly budget: the largest that volume was randomised at when the models learned."""


@dataclass(frozen=True)
class Trained:
    """Budgets by response, trained hours, the trained ranker and the price, exploring as by default."""

    per_user_per_week: float = 2.5
    name: str = "trained"

    def at_volume(self, per_user_per_week: float) -> "Trained":
        """Returns the arm at another volume."""
        return replace(self, per_user_per_week=per_user_per_week)

    def prepare(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy; budgets are set anew every week."""
        delivery = Assembled(hours=shipped("hours"), ranker=shipped("ranker"), exploration=DEFAULT_EXPLORATION)
        learned = Learned(shipped("volume"), delivery.sent_by_budget(K_MAX))
        return Budgeted(self.name, RULES["discounted"], learned, self.per_user_per_week, delivery).prepare(log, seed)
