"""The log of a seed: a simulated world under the default policy with simple predictors, ten times explored."""

import pickle
from dataclasses import dataclass
from pathlib import Path

from tactful.simulator.arms.policy import TENFOLD_EXPLORATION
from tactful.simulator.arms.tactful import Tactful
from tactful.simulator.closed_loop import WARM_UP_DAYS, explore
from tactful.simulator.rank_log import rank_log
from tactful.simulator.world import make
from tactful.training.ranking.log import RankLog


@dataclass(frozen=True)
class Sizes:
    """People, days of the log, days of neutral exploration before it, and rows that are learned from at most."""

    users: int = 100_000
    days: int = 35
    warm_up: int = WARM_UP_DAYS
    most_rows: int = 400_000


def log_of(seed: int, sizes: Sizes, scratch: Path) -> RankLog:
    """Returns the log of a world; it is kept in the scratch folder."""
    file = scratch / f"log-{seed}-{sizes.users}-{sizes.days}.pickle"
    if not file.exists():
        scratch.mkdir(parents=True, exist_ok=True)
        explored = explore(make(seed, sizes.users), sizes.warm_up, seed)
        policy = Tactful(exploration=TENFOLD_EXPLORATION).prepare(explored.log, seed)
        part = file.with_suffix(".part")
        part.write_bytes(pickle.dumps(rank_log(explored, policy, sizes.days)))
        part.rename(file)
    found = pickle.loads(file.read_bytes())
    assert isinstance(found, RankLog)
    return found
