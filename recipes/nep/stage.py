"""What a seed's arms begin with: a world that is scored, and the models that another world taught.

All of them are kept in a scratch folder, each in a file of its own, so that a run that was stopped goes on from there.
Nothing of the scored worlds is learned from but the neutral exploration that every arm has.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tactful.models import served
from tactful.models.protocol import RankModel, SlotModel
from tactful.models.volume_response import VolumeResponse
from tactful.simulator import closed_loop
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.budgeted import Learned
from tactful.simulator.arms.delivery import VOLUME_CHOICES, randomised_volume
from tactful.simulator.closed_loop import Explored
from tactful.simulator.constants import Constants
from tactful.simulator.rank_log import rank_log
from tactful.simulator.volume_log import start_before_a_period, volume_log
from tactful.simulator.world import START_US, make
from tactful.training.ranking.fit import Trained, train_ranker
from tactful.training.ranking.log import RankLog
from tactful.training.ranking.report import RankReport
from tactful.training.volume.fit import fit
from timing_simulated import boosted
from timing_simulated.stage import kept
from volume.stage import Lifts, lifts

TRAINING_SEED: Final = 3000
"""Training worlds have the seeds 3001, 3002, ..; they are not scored."""
PERIOD_WEEKS: Final = 8
USUAL: Final = Constants()


@dataclass(frozen=True)
class Sizes:
    """People of a scored and of a training world, and days: scored, of neutral exploration, of both logs."""

    users: int = 10_000
    training: int = 10_000
    days: int = 56
    warm_up: int = closed_loop.WARM_UP_DAYS
    volume_days: int = 91
    rank_days: int = 35


@dataclass(frozen=True)
class Models:
    """What the other world taught: responses to volume, hours, and the ranker; None if none beat the simple rates."""

    volume: Learned
    lifts: Lifts
    hours: SlotModel
    ranker: RankModel | None


def explored(seed: int, sizes: Sizes, scratch: Path) -> Explored:
    """Returns the scored world after its neutral exploration."""
    file = scratch / f"explored-{seed}-{sizes.users}-{sizes.warm_up}.pickle"
    return kept(file, lambda: closed_loop.explore(make(seed, sizes.users), sizes.warm_up, seed))


def learned(seed: int, sizes: Sizes, scratch: Path) -> Models:
    """Returns the models of a seed, trained first where they are missing."""
    folder = scratch / f"learned-{seed}-{sizes.training}"
    volume, lift = kept(folder / "volume.pickle", lambda: _volume(seed, sizes, scratch))
    hours = kept(folder / "hours.pickle", lambda: boosted.fit_boosted(_training_world(seed, sizes, scratch).log, seed))
    return Models(volume, lift, hours, ranker_of(seed, sizes, scratch))


def ranker_of(seed: int, sizes: Sizes, scratch: Path, constants: Constants = USUAL) -> RankModel | None:
    """Returns the ranker of a seed: of weeks of the default loop with simple predictors, ten times explored.

    As in an app it is taken only if it beats the simple predictors on the last days of that log; `report_of` says.
    """
    return _trained(seed, sizes, scratch, constants).model


def report_of(seed: int, sizes: Sizes, scratch: Path) -> RankReport:
    """Returns what training the ranker said of it."""
    return _trained(seed, sizes, scratch, USUAL).report


def _trained(seed: int, sizes: Sizes, scratch: Path, constants: Constants) -> Trained:
    own, kind = TRAINING_SEED + seed, "" if constants == USUAL else "-with-newcomers"
    folder = scratch / f"learned-{seed}-{sizes.training}{kind}"

    def make_log() -> RankLog:
        world = _training_world(seed, sizes, scratch, constants)
        return rank_log(world, Assembled()(world.log, own), sizes.rank_days)

    log = kept(folder / "rank-log.pickle", make_log)
    return kept(folder / "trained-ranker.pickle", lambda: train_ranker(log, seed=seed, kind="boosted"))


def _training_world(seed: int, sizes: Sizes, scratch: Path, constants: Constants = USUAL) -> Explored:
    """The other world, at the instant at which a period of random budgets begins."""
    own, kind = TRAINING_SEED + seed, "" if constants == USUAL else "-with-newcomers"

    def make_it() -> Explored:
        start = start_before_a_period(START_US, sizes.warm_up, PERIOD_WEEKS)
        return closed_loop.explore(make(own, sizes.training, constants, start), sizes.warm_up, own)

    return kept(scratch / f"training-{own}-{sizes.training}-{sizes.warm_up}{kind}.pickle", make_it)


def _volume(seed: int, sizes: Sizes, scratch: Path) -> tuple[Learned, Lifts]:
    """Response models of randomised budgets; J counts active days, so their head speaks for everyone."""
    world, own = _training_world(seed, sizes, scratch), TRAINING_SEED + seed
    log = volume_log(world, randomised_volume(world.log, own), sizes.volume_days)
    fitted = fit(log, seed=seed, threads=1)
    fill = fitted.report.fill.expected_sent(max(VOLUME_CHOICES))
    everyone = {**fitted.model.parameters(), "weekly_states": np.zeros(0)}
    model: VolumeResponse = served.resolve("volume_response")(**everyone)
    return Learned(model, fill), lifts(world, seed, fill)
