"""What learned arms come with: models that another world taught, of other people than any who are scored.

All are kept in a scratch folder, each in a file of its own, as an app keeps them: a run that was stopped goes on from
there. Nothing of a scored world is learned from but the neutral exploration that every arm has.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.models import served
from tactful.models.protocol import RankModel, SlotModel
from tactful.models.volume_response import VolumeResponse
from tactful.simulator import closed_loop
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.budgeted import Learned
from tactful.simulator.arms.delivery import VOLUME_CHOICES, randomised_volume
from tactful.simulator.bench.lifts import Lifts, lifts
from tactful.simulator.bench.scratch import kept
from tactful.simulator.bench.send_models import SendModels, learned_sends
from tactful.simulator.bench.timing_log import timing_log
from tactful.simulator.closed_loop import Explored
from tactful.simulator.constants import Constants
from tactful.simulator.rank_log import rank_log
from tactful.simulator.volume_log import start_before_a_period, volume_log
from tactful.simulator.world import START_US, make
from tactful.training.ranking.fit import train_ranker
from tactful.training.ranking.log import RankLog
from tactful.training.ranking.report import RankReport
from tactful.training.timing.fit import fit_timing
from tactful.training.volume.fit import fit

TRAINING_SEED: Final = 3000
"""Worlds that teach have the seeds 3001, 3002, ..; they are not scored."""
PERIOD_WEEKS: Final = 8
USUAL: Final = Constants()


@dataclass(frozen=True)
class Sizes:
    """People of a scored world and of one that teaches, and days: scored, of neutral exploration, of the three logs."""

    users: int = 10_000
    training: int = 10_000
    days: int = 56
    warm_up: int = closed_loop.WARM_UP_DAYS
    volume_days: int = 91
    rank_days: int = 35
    choice_days: int = 14


@dataclass(frozen=True)
class Models:
    """What the other world taught: responses to volume, hours, and the ranker; None if none beat the simple rates.

    `sends` says what a send itself is worth; it is called by the arms that learn that, and learns it the first time.
    """

    volume: Learned
    lifts: Lifts
    hours: SlotModel
    ranker: RankModel | None
    sends: Callable[[], SendModels] | None = None


def learned(seed: int, sizes: Sizes, scratch: Path) -> Models:
    """Returns the models of a seed, trained first where they are missing."""
    folder = scratch / f"learned-{seed}-{sizes.training}"
    saved, fill, lift = kept(folder / "responses.pickle", lambda: _responses(seed, sizes, scratch))
    model, hours = (
        served.load(saved),
        served.load(kept(folder / "slot-model.pickle", lambda: _hours(seed, sizes, scratch))),
    )
    assert isinstance(model, VolumeResponse)
    assert isinstance(hours, SlotModel)
    ranker = ranker_of(seed, sizes, scratch)
    return Models(Learned(model, fill), lift, hours, ranker, partial(_sends, seed, sizes, scratch, hours, ranker))


def _sends(seed: int, sizes: Sizes, scratch: Path, hours: SlotModel, ranker: RankModel | None) -> SendModels:
    """What a send itself is worth, of weeks in which a coin decides; hours and ranker are those of every arm."""
    folder, own = scratch / f"learned-{seed}-{sizes.training}", TRAINING_SEED + seed
    delivery = Assembled(hours=hours, ranker=ranker)
    return learned_sends(teacher(seed, sizes, scratch), delivery, sizes.choice_days, own, folder)


def ranker_of(seed: int, sizes: Sizes, scratch: Path, constants: Constants = USUAL) -> RankModel | None:
    """Returns the ranker of a seed: of weeks of the default loop with simple predictors, ten times explored.

    As in an app it is taken only if it beats the simple predictors on the last days of that log; `report_of` says.
    """
    saved, _ = _trained(seed, sizes, scratch, constants)
    if saved is None:
        return None
    model = served.load(saved)
    assert isinstance(model, RankModel)
    return model


def report_of(seed: int, sizes: Sizes, scratch: Path) -> RankReport:
    """Returns what training the ranker said of it."""
    return _trained(seed, sizes, scratch, USUAL)[1]


def teacher(seed: int, sizes: Sizes, scratch: Path, constants: Constants = USUAL) -> Explored:
    """Returns the other world after its exploration, at the instant at which a period of random budgets begins."""
    own, kind = TRAINING_SEED + seed, "" if constants == USUAL else "-with-newcomers"

    def make_it() -> Explored:
        start = start_before_a_period(START_US, sizes.warm_up, PERIOD_WEEKS)
        return closed_loop.explore(make(own, sizes.training, constants, start), sizes.warm_up, own)

    return kept(scratch / f"training-{own}-{sizes.training}-{sizes.warm_up}{kind}.pickle", make_it)


def _hours(seed: int, sizes: Sizes, scratch: Path) -> bytes:
    """What `tactful train timing` makes of the exploration as boosted model."""
    log = timing_log(teacher(seed, sizes, scratch).log)
    return served.save(fit_timing(log, "boosted", seed=seed).model)


def _trained(seed: int, sizes: Sizes, scratch: Path, constants: Constants) -> tuple[bytes | None, RankReport]:
    own, kind = TRAINING_SEED + seed, "" if constants == USUAL else "-with-newcomers"
    folder = scratch / f"learned-{seed}-{sizes.training}{kind}"

    def make_log() -> RankLog:
        world = teacher(seed, sizes, scratch, constants)
        return rank_log(world, Assembled()(world.log, own), sizes.rank_days)

    def train() -> tuple[bytes | None, RankReport]:
        done = train_ranker(kept(folder / "rank-log.pickle", make_log), seed=seed, kind="boosted")
        return None if done.model is None else served.save(done.model), done.report

    return kept(folder / "ranker.pickle", train)


def _responses(seed: int, sizes: Sizes, scratch: Path) -> tuple[bytes, NDArray[np.float64], Lifts]:
    """Response models of randomised budgets; J counts active days, so their head speaks for everyone."""
    world, own = teacher(seed, sizes, scratch), TRAINING_SEED + seed
    log = volume_log(world, randomised_volume(world.log, own), sizes.volume_days)
    fitted = fit(log, seed=seed, threads=1)
    fill = fitted.report.fill.expected_sent(max(VOLUME_CHOICES))
    everyone = served.resolve("volume_response")(**{**fitted.model.parameters(), "weekly_states": np.zeros(0)})
    return served.save(everyone), fill, lifts(world, own, fill)
