"""A small store of simulated people behind an engine that sends at random on most days: what `train ranker` reads."""

from pathlib import Path

from tactful.cli.report.live import live
from tactful.decision.policy.explore import Exploration
from tactful.decision.rules import Rules
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.settings import Settings, Timing, Volume
from tactful.simulator.arms.policy import Policy
from tactful.simulator.world import make
from tactful.stores.sqlite import SqliteStore

PEOPLE, DAYS = 120, 17
SETTINGS = Settings(
    seed=5,
    rules=Rules(price="none"),
    exploration=Exploration(
        random_send=0.6, greedy_send=0.0, greedy_no_send=0.0, jitter=0.0, volume_share=0.0, logged_sends=0.5
    ),
    volume=Volume(per_user_per_week=7.0, headroom=0.0),
    timing=Timing(jobs_per_send=1, min_jobs=1),
)


def fill_store(path: Path, people: int = PEOPLE, days: int = DAYS) -> None:
    """Writes the store; everything in it is simulated."""
    store = SqliteStore(path, synchronous="normal")
    live(make(7, people), Policy(SETTINGS, simple_scorer(), waits_for_slot=True), store, days)
    store.close()
