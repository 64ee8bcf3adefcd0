"""As much for everyone, each in her own best hour: what an app gets from send-time optimisation alone."""

from dataclasses import dataclass, replace

from tactful.decision.rules import Rules
from tactful.events.registry import Registry
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.settings import Settings, Timing, Volume
from tactful.simulator.arms.fitted import fitted_scorer
from tactful.simulator.arms.policy import NO_EXPLORATION, Policy
from tactful.simulator.exploration_log import ExplorationLog


@dataclass(frozen=True)
class UniformPersonal:
    """The best slots of the personal histogram, the best candidate by the fitted click rate, no threshold."""

    per_user_per_week: float = 2.9
    name: str = "uniform_personal"

    def at_volume(self, per_user_per_week: float) -> "UniformPersonal":
        """Returns the arm at another volume."""
        return replace(self, per_user_per_week=per_user_per_week)

    def prepare(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy with the predictors fitted on the log."""
        settings = Settings(
            seed=seed,
            rules=Rules(price="none"),
            exploration=NO_EXPLORATION,
            volume=Volume(per_user_per_week=self.per_user_per_week, headroom=0.0),
            timing=Timing(jobs_per_send=1, min_jobs=1),
        )
        scorer = simple_scorer() if log is None else fitted_scorer(log, Registry.shipped())
        return Policy(settings, scorer, waits_for_slot=True)
