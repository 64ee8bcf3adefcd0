"""Everyone at 9:00 local, the cron job of most apps: one hour for all, as much for all, no threshold."""

from dataclasses import dataclass, replace

import numpy as np

from tactful.decision.rules import Rules
from tactful.models.click_rate import ClickRate
from tactful.models.slot_histogram import GlobalSlots
from tactful.models.unsubscribe_rate import UnsubscribeRate
from tactful.runtime.scoring import LiveScorer
from tactful.runtime.settings import Settings, Timing, Volume
from tactful.simulator.arms.policy import NO_EXPLORATION, Policy
from tactful.simulator.exploration_log import ExplorationLog

HOUR = 9


@dataclass(frozen=True)
class NineOclock:
    """At most one message a day, between 9:00 and 9:50; of the open candidates the best by stated priors."""

    per_user_per_week: float = 2.94
    name: str = "nine_oclock"

    def at_volume(self, per_user_per_week: float) -> "NineOclock":
        """Returns the arm at another volume."""
        return replace(self, per_user_per_week=per_user_per_week)

    def prepare(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy; it learns nothing."""
        settings = Settings(
            seed=seed,
            rules=Rules(price="none", daily_cap=1, cap_window="calendar"),
            exploration=NO_EXPLORATION,
            volume=Volume(per_user_per_week=self.per_user_per_week, headroom=0.0),
            timing=Timing(jobs_per_send=1, min_jobs=1),
        )
        hour = GlobalSlots(np.eye(24)[HOUR])
        return Policy(settings, LiveScorer(hour, ClickRate(), UnsubscribeRate()), waits_for_slot=True)
