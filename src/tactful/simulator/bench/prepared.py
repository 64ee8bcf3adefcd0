"""What every arm of the benchmark may learn from: the same for all, so that none has more to go by than another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tactful.errors import InvalidExperiment
from tactful.models.protocol import RankModel, SlotModel
from tactful.simulator.arms.budgeted import Learned
from tactful.simulator.arms.policy import Arm
from tactful.simulator.bench.lifts import Lifts
from tactful.simulator.bench.send_models import SendModels
from tactful.simulator.bench.teach import Models
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.protocol import Truth


@dataclass(frozen=True)
class Prepared:
    """What a maker of arms is given.

    Attributes:
        log: the scored world's own weeks of neutral exploration, whose cost everyone bears alike.
        learned: response models of weeks in which a teacher world's volume was drawn at random, and what budgets send.
        hours: the teacher's slot model; None leaves everybody's own histogram.
        ranker: the teacher's ranker; None if none beat the click and unsubscribe rates of the log.
        lifts: what picked messages have over ordinary ones, for arms on the world's truth.
        truth: of the scored world when the arms begin; None for all but the arms named as oracles.
        taught: see `sends`.
    """

    log: ExplorationLog
    learned: Learned
    hours: SlotModel | None
    ranker: RankModel | None
    lifts: Lifts
    truth: Truth | None = None
    taught: Callable[[], SendModels] | None = None

    def sends(self) -> SendModels:
        """Returns what the teacher says of a send itself, learned first if need be.

        Raises:
            InvalidExperiment: no teacher was given.
        """
        if self.taught is None:
            raise InvalidExperiment("got nobody who says what a send is worth, expected a teacher (`teach.learned`)")
        return self.taught()


Maker: TypeAlias = Callable[[Prepared], Arm]
"""Makes an arm at any volume; the benchmark moves it to the volumes that are asked for."""


def prepared(log: ExplorationLog, models: Models, truth: Truth | None = None) -> Prepared:
    """Returns what arms are given in a scored world: its log, the teacher's models, and the truth for oracles."""
    return Prepared(log, models.volume, models.hours, models.ranker, models.lifts, truth, models.sends)
