"""Nothing but critical messages: what people do by themselves."""

from dataclasses import dataclass, replace

from tactful.decision.rules import Rules
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.settings import Settings, Timing
from tactful.simulator.arms.policy import Policy
from tactful.simulator.exploration_log import ExplorationLog


@dataclass(frozen=True)
class Silence:
    """A daily cap of nothing. Security alerts still go out, for they are critical."""

    per_user_per_week: float = 0.0
    name: str = "silence"

    def at_volume(self, per_user_per_week: float) -> "Silence":
        """Returns the same silence at any volume."""
        return replace(self)

    def prepare(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy; there is nothing to learn."""
        settings = Settings(seed=seed, rules=Rules(daily_cap=0), timing=Timing(jobs_per_send=1, min_jobs=1))
        return Policy(settings, simple_scorer(), waits_for_slot=True)
