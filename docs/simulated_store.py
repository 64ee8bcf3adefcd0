"""Writes the store of the dashboard's pictures of volume, timing and models: `python docs/simulated_store.py STORE`.

A simulated app of 1,000 people, 42 days, seed 7, through the embedded engine, with more explored than an app would: the
budgets of 30 % drawn at random, 7 % of the user-days forced. Then a response model, a slot model and a boosted ranker
are trained, and budgets allocated. The ranker is promoted past the gate, taken back and promoted again, so that there
is something to see. Three minutes of CPU.
"""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from numba import set_num_threads

from tactful.cli.allocate import allocate
from tactful.cli.report.live import live
from tactful.cli.train import train_volume
from tactful.cli.train_timing import train_timing
from tactful.clock import SimulatedClock, from_us, to_us
from tactful.decision.policy.explore import Exploration
from tactful.events.registry import Registry
from tactful.experiments.canary import Plan
from tactful.runtime.embedded import Engine
from tactful.runtime.log_spans import through
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.promoting import begin, roll_back
from tactful.runtime.settings import Holdout, Settings
from tactful.simulator.arms.policy import Policy
from tactful.simulator.world import make
from tactful.stores.sqlite import SqliteStore
from tactful.training.ranking.fit import train_ranker
from tactful.training.ranking.keeping import keep
from tactful.training.ranking.stored import read_log

SEED, PEOPLE, DAYS = 7, 1_000, 42
EXPLORED = Exploration(random_send=0.05, greedy_send=0.01, greedy_no_send=0.01, volume_share=0.3, logged_sends=1.0)
SETTINGS = Settings(seed=SEED, exploration=EXPLORED, holdout=Holdout(share=0.05))


def ranker_of(store: SqliteStore) -> str:
    """Keeps a boosted ranker, better than the simple predictors or not, and returns its version."""
    trained = train_ranker(read_log(store, Registry.shipped().types), seed=0, kind="boosted")
    ranker = trained.models["boosted"]
    keep(store, replace(trained, model=ranker), into_force=False)
    return ranker.version


def promote(store: SqliteStore) -> None:
    """Lets some hours pass, in which a ranker is promoted, taken back, and promoted again."""
    version, now = ranker_of(store), from_us(through(store))
    clock = SimulatedClock(to_us(now) + 1)
    engine = Engine(store, SETTINGS, clock=clock)
    for hours, reason in ((1, "a picture for the docs"), (3, "tried out"), (5, "the picture again")):
        engine.advance(now + timedelta(hours=hours))
        clock.set(to_us(now + timedelta(hours=hours)))
        if hours == 3:
            roll_back(store, by="Ada", reason=reason)
        else:
            begin(store, version, Plan(), by="Ada", reason=reason, forced=True)
    engine.advance(now + timedelta(hours=7))
    engine.close()


def main(path: Path) -> None:
    """Simulates, trains, allocates, promotes."""
    set_num_threads(1)
    store = SqliteStore(path, "normal")
    live(make(SEED, PEOPLE), Policy(SETTINGS, simple_scorer()), store, DAYS)
    Engine(store, SETTINGS, clock=SimulatedClock(through(store))).close()  # saves the states
    train_volume(path)
    train_timing(path, model="boosted")
    allocate(path, per_user=3.0)
    store = SqliteStore(path, "normal")
    promote(store)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
