"""Tactful: budgets by response, personal slots, and a threshold that holds the volume."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from tactful.decision.policy.explore import Exploration
from tactful.decision.volume.allocate import allocate
from tactful.events.registry import Registry
from tactful.features import standing
from tactful.features.segments import REACHES
from tactful.features.volume import volume_features
from tactful.models.volume_curve import SimpleCurve
from tactful.models.volume_response import VolumeResponse
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.settings import Settings, Volume
from tactful.simulator.arms.fitted import fitted_scorer
from tactful.simulator.arms.policy import DEFAULT_EXPLORATION, Moment, Policy
from tactful.simulator.arms.responses import responses
from tactful.simulator.exploration_log import ExplorationLog

K_MAX = 7
"""Largest weekly budget that the allocator may give: one message a day."""


@dataclass(frozen=True)
class Tactful:
    """The default settings, exploration included unless it is given.

    With response models of a randomised slice budgets are allocated anew every seven days on what is then known of
    everyone; without, once, on the simple curve and the exploration log.
    """

    per_user_per_week: float = 2.51
    name: str = "tactful"
    model: VolumeResponse | None = None
    exploration: Exploration = DEFAULT_EXPLORATION

    def at_volume(self, per_user_per_week: float) -> "Tactful":
        """Returns the arm at another volume."""
        return replace(self, per_user_per_week=per_user_per_week)

    def prepare(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy: predictors and budgets from the log, or stated priors and the same for everyone."""
        settings = Settings(
            seed=seed, volume=Volume(per_user_per_week=self.per_user_per_week), exploration=self.exploration
        )
        if log is None:
            return Policy(settings, simple_scorer())
        registry = Registry.shipped()
        policy = Policy(settings, fitted_scorer(log, registry))
        if self.model is None:
            return replace(policy, budgets=self._simple_budgets(log, registry, settings.volume))
        model = self.model

        def rebudget(moment: Moment) -> Int64[np.ndarray, " n"]:
            return _learned_budgets(model, moment, settings.volume)

        return replace(policy, rebudget=rebudget)

    def _simple_budgets(self, log: ExplorationLog, registry: Registry, volume: Volume) -> Int64[np.ndarray, " n"]:
        """Caps with headroom: K·(1 + h) messages a week in all, where they are worth most."""
        of = responses(log, registry)
        value = SimpleCurve().curve(of.p_organic, of.p_click, of.p_unsubscribe, K_MAX)
        return allocate(value, _caps(volume, log.users.n)).budget.astype(np.int64)


def _learned_budgets(model: VolumeResponse, moment: Moment, volume: Volume) -> Int64[np.ndarray, " n"]:
    """The same on the response models; nobody who cannot be reached has a share."""
    state = moment.state
    row = np.flatnonzero(state["addresses"] & state["opt_in"] & ~state["blocked"])
    now = np.full(len(row), moment.now_us)
    segment = standing.segment(state[row], now)
    value = model.curves(volume_features(state[row], now), segment % len(REACHES), segment // len(REACHES), K_MAX)
    budget = np.zeros(len(state), dtype=np.int64)
    budget[row] = allocate(value, _caps(volume, len(state))).budget
    return budget


def _caps(volume: Volume, n: int) -> float:
    return volume.per_user_per_week * (1.0 + volume.headroom) * n
