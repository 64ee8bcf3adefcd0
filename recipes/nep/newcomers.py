"""Do unsubscribes rise through new users, and does an objective of their own prevent it? Simulated.

A world in which a quarter of the people have just signed up, and messages drive those away four times as easily: that
is built in (`simulator/constants.py`). Whether a system sees it is asked. Its ranker learned in another such world.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float64, UInt8

from nep import arms
from nep.cell import Cell, cell
from tactful.decision.rules import Rules
from tactful.decision.volume.allocate import allocate
from tactful.features.segments import ACTIVITIES
from tactful.models.volume_response import GAMMA, discounted_value
from tactful.simulator import closed_loop
from tactful.simulator.arms.crowd import Crowd
from tactful.simulator.arms.policy import Arm
from tactful.simulator.arms.volume_rules import RULES
from tactful.simulator.bench import teach
from tactful.simulator.bench.scratch import kept
from tactful.simulator.bench.teach import Models, Sizes
from tactful.simulator.closed_loop import Explored, follow
from tactful.simulator.constants import NEWCOMERS
from tactful.simulator.world import START_US, make

DAYS: Final = 28
"""After these nobody is new any more."""
OBJECTIVE: Final = {"new": {"unsubscribe": -20.0}}
"""Their leaving costs four times as much as everybody's (`policy/utility.py`): a subscriber lost at the beginning."""
LEAVING: Final = {"objective": 16.0, "objective_64": 64.0}
"""So many times as easily do they leave, when budgets are shared out (`volume.leaving`), as the response models say,
which learned of nobody new. 16 was chosen in a world of 2,000 people and seed 23, which is not scored; where it proved
too weak, what four times as much does is shown beside it."""
ARMS: Final = ("daily_budget", "nep", "nep_objective", "everything", "weights", *LEAVING)
_WORLDS: Final = 40


def live(name: str, seed: int, teacher: int, sizes: Sizes, scratch: Path, volume: float) -> Cell:
    """Lives through four weeks with newcomers, with models of the teaching seed."""
    explored = _explored(seed, sizes.users, sizes.warm_up, scratch)
    ranker = teach.ranker_of(teacher, sizes, scratch, NEWCOMERS)
    models = replace(teach.learned(teacher, sizes, scratch), ranker=ranker)
    days = min(DAYS, sizes.days)
    arm = _arm(name, models, explored).at_volume(volume)
    return cell(follow(explored, arm, days, seed), explored, seed, volume)


def _arm(name: str, models: Models, explored: Explored) -> Arm:
    whole = arms.whole(models)
    weighted = replace(whole, rules=Rules(candidates_ranked=arms.RANKED, weights_by_segment=OBJECTIVE))
    if name == "weights":
        return arms.budgeted(name, RULES["discounted"], models, weighted)
    if name in LEAVING:
        return arms.budgeted(name, partial(_sparing_the_new, LEAVING[name]), models, weighted)
    if name == "nep_objective":
        rules = Rules(candidates_ranked=arms.RANKED, utility="nep", weights_by_segment=OBJECTIVE)
        delivery = replace(whole, hours="everyone", rules=rules, headroom=arms.WIDE)
        return arms.budgeted(name, RULES["uniform"], models, delivery)
    return arms.arm_of(name, models, explored)


def _sparing_the_new(
    leaving: float, crowd: Crowd, total: float, cost: Float64[np.ndarray, "b n"]
) -> UInt8[np.ndarray, " n"]:
    """The discounted value, the new leaving so many times as easily as the models say."""
    new = crowd.activity == ACTIVITIES.index("new")
    responses = crowd.responses.leaving(np.where(new, leaving, 1.0))
    return allocate(discounted_value(responses, GAMMA), total, cost=cost).budget


def _explored(seed: int, users: int, warm_up: int, scratch: Path) -> Explored:
    own = _WORLDS + seed
    world = scratch / f"newcomers-{own}-{users}.pickle"
    return kept(world, lambda: closed_loop.explore(make(own, users, NEWCOMERS, START_US), warm_up, own))
