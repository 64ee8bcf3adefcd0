"""How volume arms deliver, all alike: personal slots, the best open candidate by click rate, no threshold.

Only the weekly budgets differ between policies made here: drawn at random to learn from, fixed, or set anew each week
(`budgeted.py`).
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Int64

from tactful.decision.policy.explore import Exploration
from tactful.decision.rules import Rules
from tactful.events.registry import Registry
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.settings import Settings, Timing, Volume
from tactful.simulator.arms.fitted import fitted_scorer
from tactful.simulator.arms.policy import NO_EXPLORATION, Policy
from tactful.simulator.exploration_log import ExplorationLog

VOLUME_CHOICES = (0, 1, 2, 3, 4, 5, 6, 8, 10)
"""Weekly budgets that are drawn to learn from: at ten a week candidates and gaps leave little room for more."""


def personal_delivery(
    log: ExplorationLog | None, seed: int, exploration: Exploration = NO_EXPLORATION, per_user_per_week: float = 3.0
) -> Policy:
    """Returns the common policy, its predictors fitted on the log; without one, on stated priors."""
    settings = Settings(
        seed=seed,
        rules=Rules(price="none"),
        exploration=exploration,
        volume=Volume(per_user_per_week=per_user_per_week, headroom=0.0),
        timing=Timing(jobs_per_send=1, min_jobs=1),
    )
    scorer = simple_scorer() if log is None else fitted_scorer(log, Registry.shipped())
    return Policy(settings, scorer, waits_for_slot=True)


def randomised_volume(log: ExplorationLog | None, seed: int) -> Policy:
    """Returns the policy under which everyone's budget is drawn for eight weeks: what volume models learn from."""
    drawn = Exploration(
        random_send=0.0,
        greedy_send=0.0,
        greedy_no_send=0.0,
        jitter=0.0,
        slot_epsilon=0.0,
        volume_share=1.0,
        volume_choices=VOLUME_CHOICES,
    )
    return personal_delivery(log, seed, drawn)


def fixed_budgets(log: ExplorationLog | None, seed: int, budgets: Int64[np.ndarray, " n"]) -> Policy:
    """Returns the policy under which everyone keeps a given weekly budget."""
    return replace(personal_delivery(log, seed), budgets=budgets)
