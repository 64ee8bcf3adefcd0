"""Tactful with its simple predictors: budgets by response, personal slots, and a threshold that holds the volume."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from tactful.decision.volume.allocate import allocate
from tactful.events.registry import Registry
from tactful.models.volume_curve import SimpleCurve
from tactful.runtime.embedded import simple_scorer
from tactful.runtime.settings import Settings, Volume
from tactful.simulator.arms.fitted import fitted_scorer
from tactful.simulator.arms.policy import Policy
from tactful.simulator.arms.responses import responses
from tactful.simulator.exploration_log import ExplorationLog

K_MAX = 7
"""Largest weekly budget that the allocator may give: one message a day."""


@dataclass(frozen=True)
class Tactful:
    """The default settings, exploration included; budgets are allocated once, on the exploration log."""

    per_user_per_week: float = 2.51
    name: str = "tactful"

    def at_volume(self, per_user_per_week: float) -> "Tactful":
        """Returns the arm at another volume."""
        return replace(self, per_user_per_week=per_user_per_week)

    def prepare(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy: predictors and budgets from the log, or stated priors and the same for everyone."""
        settings = Settings(seed=seed, volume=Volume(per_user_per_week=self.per_user_per_week))
        if log is None:
            return Policy(settings, simple_scorer())
        registry = Registry.shipped()
        return Policy(settings, fitted_scorer(log, registry), self._budgets(log, registry, settings.volume))

    def _budgets(self, log: ExplorationLog, registry: Registry, volume: Volume) -> Int64[np.ndarray, " n"]:
        """Caps with headroom: K·(1 + h) messages a week in all, where they are worth most."""
        of = responses(log, registry)
        value = SimpleCurve().curve(of.p_organic, of.p_click, of.p_unsubscribe, K_MAX)
        total = volume.per_user_per_week * (1.0 + volume.headroom) * log.users.n
        return allocate(value, total).budget.astype(np.int64)
