"""Tuned hand caps at the global best hour: what a good engineer gets without any model of people."""

from dataclasses import dataclass, replace

import numpy as np

from tactful.decision.rules import Rules
from tactful.events.registry import Registry
from tactful.models.slot_histogram import GlobalSlots
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.scoring import LiveScorer
from tactful.runtime.settings import Settings, Timing, Volume
from tactful.simulator.arms.fitted import clicks_by_hour, fitted_scorer
from tactful.simulator.arms.policy import NO_EXPLORATION, Policy
from tactful.simulator.exploration_log import ExplorationLog, send_rows

HOUR = 18
"""The hour taken where there is no log to find the best one in."""


@dataclass(frozen=True)
class HandCaps:
    """At most one message a day with a least gap, in the hour whose sends were clicked most.

    `gap_hours` was tuned on worlds that are not scored (`recipes/arms_simulated.py`).
    """

    per_user_per_week: float = 2.95
    gap_hours: int = 24
    name: str = "hand_caps"

    def at_volume(self, per_user_per_week: float) -> "HandCaps":
        """Returns the arm at another volume."""
        return replace(self, per_user_per_week=per_user_per_week)

    def prepare(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy with the best hour of the log, and the ranker that every learning arm has."""
        settings = Settings(
            seed=seed,
            rules=Rules(price="none", daily_cap=1, cap_window="calendar", gap_minutes=min(self.gap_hours * 60, 1440)),
            exploration=NO_EXPLORATION,
            volume=Volume(per_user_per_week=self.per_user_per_week, headroom=0.0),
            timing=Timing(jobs_per_send=1, min_jobs=1),
        )
        registry = Registry.shipped()
        fitted = simple_scorer() if log is None else fitted_scorer(log, registry)
        hour = HOUR if log is None else int(np.argmax(clicks_by_hour(log, send_rows(log, registry))))
        scorer = LiveScorer(GlobalSlots(np.eye(24)[hour]), fitted.click_model, fitted.unsubscribe_model)
        return Policy(settings, scorer, waits_for_slot=True)
