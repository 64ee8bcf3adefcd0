"""The worlds, and what is learned for each: one scored world a seed, and another that volume is randomised in.

Both are kept in a scratch folder, for several cells begin with the same. Nothing of the scored worlds is learned from
but the neutral exploration that every arm has; the models come from people of the other world.
"""

import pickle
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from tactful.models import served
from tactful.models.volume_response import VolumeResponse
from tactful.simulator import closed_loop
from tactful.simulator.arms.budgeted import Learned
from tactful.simulator.arms.delivery import VOLUME_CHOICES, randomised_volume
from tactful.simulator.bench.lifts import Lifts, lifts
from tactful.simulator.closed_loop import WARM_UP_DAYS, Explored
from tactful.simulator.volume_log import start_before_a_period, volume_log
from tactful.simulator.world import START_US, make
from tactful.training.volume.fit import fit

TRAINING_SEED: Final = 2000
"""Training worlds have the seeds 2001, 2002, ..; they are not scored."""
PERIOD_WEEKS: Final = 8
LEARNING_DAYS: Final = 13 * 7
"""Eight weeks under the first budget and five under a second one, so that long-term windows close."""


def explored(seed: int, users: int, scratch: Path, days: int = WARM_UP_DAYS) -> Explored:
    """Returns a scored world after its neutral exploration; made once."""
    file = scratch / f"explored-{seed}-{users}.pickle"
    if not file.exists():
        _write(file, closed_loop.explore(make(seed, users), days, seed))
    found: Explored = pickle.loads(file.read_bytes())
    return found


def training_world(seed: int, users: int, days: int = WARM_UP_DAYS) -> Explored:
    """Returns the other world, at the instant at which a period of random budgets begins."""
    start = start_before_a_period(START_US, days, PERIOD_WEEKS)
    return closed_loop.explore(make(TRAINING_SEED + seed, users, start_us=start), days, TRAINING_SEED + seed)


def learn(seed: int, users: int, scratch: Path, days: int = WARM_UP_DAYS, learning: int = LEARNING_DAYS) -> bytes:
    """Trains the response models of a seed, keeps them in the scratch folder, and returns the report as JSON."""
    world = training_world(seed, users, days)
    log = volume_log(world, randomised_volume(world.log, TRAINING_SEED + seed), learning)
    fitted = fit(log, seed=seed, threads=1)
    fill = fitted.report.fill.expected_sent(max(VOLUME_CHOICES))
    kept = {"model": served.save(fitted.model), "fill": fill, "lifts": lifts(world, TRAINING_SEED + seed, fill)}
    _write(scratch / f"learned-{seed}.pickle", kept)
    return msgspec.json.encode(fitted.report)


def learned(seed: int, scratch: Path, weekly: bool = False) -> tuple[Learned, Lifts]:
    """Returns what `learn` kept.

    Args:
        weekly: whether the low activity states keep their objective of active weeks. J counts active days, so else
            the head of active days speaks for everyone.
    """
    kept = pickle.loads((scratch / f"learned-{seed}.pickle").read_bytes())
    model = served.load(kept["model"])
    if not isinstance(model, VolumeResponse):
        raise TypeError(f"got a {type(model).__name__} in the scratch folder, expected volume responses; empty it")
    if not weekly:
        model = served.resolve("volume_response")(**{**model.parameters(), "weekly_states": np.zeros(0)})
    return Learned(model, kept["fill"]), kept["lifts"]


def _write(file: Path, what: object) -> None:
    """Writes under another name first: a run that is killed leaves no half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(pickle.dumps(what))
    part.rename(file)
