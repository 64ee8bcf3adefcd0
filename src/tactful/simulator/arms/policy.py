"""What an arm is: a name, a volume, and how it turns the exploration log into a policy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from tactful.decision.policy.explore import Exploration
from tactful.runtime.scoring import Scorer
from tactful.runtime.settings import Settings
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.protocol import World

NO_EXPLORATION = Exploration(
    random_send=0.0, greedy_send=0.0, greedy_no_send=0.0, jitter=0.0, slot_epsilon=0.0, volume_share=0.0
)
"""For arms that would not randomise anything."""
DEFAULT_EXPLORATION = Exploration()
TENFOLD_EXPLORATION = Exploration(random_send=0.05, greedy_send=0.025, greedy_no_send=0.025)
"""User-days of random sends, greedy sends and silence ten times as often as by default: a few weeks of some thousand
people then hold enough to learn from and to calibrate on. Jitter, slots and volume as by default."""


@dataclass(frozen=True)
class Moment:
    """What an app knows when it sets budgets anew, every seven days from the beginning of an arm on.

    Attributes:
        state: everyone's row (`features.history.ROW`), by user.
        now_us: the instant.
        weeks: whole weeks since the arm began.
        sent: messages since then, by user.
        sent_week: those of the last seven days.
    """

    state: NDArray[Any]
    now_us: int
    weeks: int
    sent: Int64[np.ndarray, " n"]
    sent_week: Int64[np.ndarray, " n"]


Rebudget: TypeAlias = Callable[[Moment], Int64[np.ndarray, " n"]]
"""Returns everyone's weekly budget for the week to come."""
Daily: TypeAlias = Callable[[Moment], None]
"""Is shown everyone at the beginning of a UTC day."""
Meet: TypeAlias = Callable[[World], None]
"""Is handed the world that the arm lives in, before its first instant."""


@dataclass(frozen=True)
class Policy:
    """What a population needs to run an arm.

    Attributes:
        settings: rules, volume, timing, exploration; `rules.price` says whether a threshold holds the volume.
        scorer: the models.
        budgets: a weekly budget for every user, by row; None leaves the default of `settings.volume`.
        rebudget: sets the budgets anew every seven days, the first time at once; None leaves `budgets` for good.
        waits_for_slot: whether ranked messages wait for the slots of the day's plan, whatever their types say.
        daily: for arms that plan days ahead by themselves.
        meet: for oracles only: an honest world refuses its truth to whoever asks.
    """

    settings: Settings
    scorer: Scorer
    budgets: Int64[np.ndarray, " n"] | None = None
    waits_for_slot: bool = False
    rebudget: Rebudget | None = None
    daily: Daily | None = None
    meet: Meet | None = None


@runtime_checkable
class Arm(Protocol):
    """A policy in the making. Frozen: an arm learns by returning a `Policy`, not by changing."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def per_user_per_week(self) -> float:
        """The volume it aims at, messages a user and week.

        Defaults are those at which every arm but silence sends 2.5 over everyone: pools run dry, people leave, and only
        a controller makes up for it (`recipes/arms_simulated.py` finds them on a world that is not scored).
        """
        ...

    def at_volume(self, per_user_per_week: float) -> "Arm":
        """Returns the same arm at another volume."""
        ...

    def prepare(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy, learned from the log; without one, from stated priors."""
        ...
