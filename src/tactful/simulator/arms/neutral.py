"""The policy of the exploration weeks: a random open candidate, at a random hour, as much for everyone."""

from dataclasses import dataclass, replace

from tactful.decision.policy.explore import Exploration
from tactful.decision.rules import Rules
from tactful.models.click_rate import ClickRate
from tactful.models.slot_histogram import GlobalSlots
from tactful.models.unsubscribe_rate import UnsubscribeRate
from tactful.runtime.scoring import LiveScorer
from tactful.runtime.settings import Settings, Timing, Volume
from tactful.simulator.arms.policy import Policy
from tactful.simulator.exploration_log import ExplorationLog

_ALL_RANDOM = Exploration(
    random_send=0.99, greedy_send=0.0, greedy_no_send=0.0, jitter=0.0, slot_epsilon=1.0, volume_share=0.0
)
"""Nearly every day of every user is one of random sends; one in a hundred sends the best by stated priors."""


@dataclass(frozen=True)
class Neutral:
    """Nothing is learned and nothing is preferred."""

    per_user_per_week: float = 3.0
    name: str = "neutral"

    def at_volume(self, per_user_per_week: float) -> "Neutral":
        """Returns the arm at another volume."""
        return replace(self, per_user_per_week=per_user_per_week)

    def prepare(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy; there is no log yet."""
        settings = Settings(
            seed=seed,
            rules=Rules(price="none"),
            exploration=_ALL_RANDOM,
            volume=Volume(per_user_per_week=self.per_user_per_week, headroom=0.0),
            timing=Timing(jobs_per_send=1, min_jobs=1),
        )
        return Policy(settings, LiveScorer(GlobalSlots(), ClickRate(), UnsubscribeRate()), waits_for_slot=True)
