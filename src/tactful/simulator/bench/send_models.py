"""What the teacher world says of a send itself, for the arms that learn send against hold or what to say.

In weeks of their own a coin decides there by user and day (`simulator/choice_log.py`); the models are learned from that
log alone, and only when an arm asks for them. The double DQN needs torch to learn, none of them to decide.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float64

from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.double_dqn import STEPS, SendGain, fit_gain
from tactful.simulator.arms.duolingo import type_scores
from tactful.simulator.arms.linkedin_uplift import VisitModel, fit_visits
from tactful.simulator.bench.scratch import kept
from tactful.simulator.choice_log import Choices, by_coin, choice_log
from tactful.simulator.closed_loop import Explored

RANKED: Final = 6
"""Candidates of a job that the ranker scores, as for the arms (`arms.RANKED`)."""


@dataclass(frozen=True)
class SendModels:
    """Time to the next visit with and without a send, Q(send) − Q(hold), and what each event type is worth."""

    visits: VisitModel
    gain: SendGain
    types: Float64[np.ndarray, " types"]


def learned_sends(
    world: Explored, delivery: Assembled, days: int, seed: int, folder: Path, steps: int = STEPS
) -> SendModels:
    """Returns the models, learned first where they are missing; log and models are kept in the folder.

    Args:
        world: the teacher after its exploration.
        delivery: says when jobs run, and ranks the best few candidates by click rate.
        days: of the log.
        seed: of the coin, and of the networks.
        folder: of the scratch files.
        steps: batches that each network learns from.
    """

    def log() -> Choices:
        return choice_log(world, by_coin(delivery(world.log, seed), RANKED), days)

    def learn() -> SendModels:
        choices = kept(folder / "choices.pickle", log)
        return SendModels(fit_visits(choices), fit_gain(choices, seed, steps), type_scores(choices))

    return kept(folder / "send-models.pickle", learn)
