"""The volume row of `tactful evaluate` on the simulator: do estimates from drawn budgets hold what fixed budgets bring?

The truth is had by giving everybody one budget in the same simulated world, from the same instant on; the log by
drawing everybody's budget there. Everything is *simulated*.
Command: `python recipes/off_policy_simulated.py`; drawings on file under `results/off_policy_simulated` are kept.
Data: the default world, 1,200 people, two weeks of exploration, two of budgets. Seeds: world 8, drawings 100 and up.
Hardware: one x86-64 core, about a minute idle.
Expected: the table of `docs/explanation/off-policy.md`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from off_policy.page import markdown
from tactful.experiments.ope import snips
from tactful.simulator import closed_loop
from tactful.simulator.arms.delivery import fixed_budgets, randomised_volume
from tactful.simulator.closed_loop import Explored
from tactful.simulator.volume_log import start_before_a_period, volume_log
from tactful.simulator.world import START_US, make
from tactful.training.evaluation.volume import of_volume

BUDGETS: Final = (1, 3, 6)
_WARM_UP_DAYS: Final = 14
_DAYS: Final = 14
_RESULTS: Final = Path(__file__).resolve().parent / "results" / "off_policy_simulated"


class Drawing(msgspec.Struct, frozen=True):
    """One drawing of everybody's budget: by (budget, reward) the estimate, its interval, and the truth."""

    seed: int
    found: dict[str, tuple[float, float, float, float]]


def main(words: Sequence[str] | None = None) -> None:
    """Makes the missing drawings and prints the table."""
    parser = argparse.ArgumentParser(description="Estimates from drawn budgets against fixed budgets. Simulated.")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="drawings")
    parser.add_argument("--people", type=int, default=1200)
    parser.add_argument("--drawings", type=int, default=5)
    arguments = parser.parse_args(words)
    path = arguments.results / "drawings.ndjson"
    done = {one.seed for one in read(path)}
    missing = [seed for seed in range(100, 100 + arguments.drawings) if seed not in done]
    if missing:
        _make(path, arguments.people, missing)
    print(table(path))


def read(path: Path) -> list[Drawing]:
    """Returns the drawings of a file; none if it is not there."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line, type=Drawing) for line in lines]


def table(path: Path) -> str:
    """Returns, by budget and reward, the truth, the mean estimate, and how many intervals hold the truth."""
    drawings = read(path)
    rows = []
    for name in drawings[0].found:
        value, low, high, truth = np.array([one.found[name] for one in drawings]).T
        budget, reward = name.split(" ")
        held = int(((low <= truth) & (truth <= high)).sum())
        rows.append(
            (
                budget,
                reward,
                f"{truth[0]:.3f}",
                f"{value.mean():.3f}",
                f"{(high - low).mean() / 2:.3f}",
                f"{held} of {len(drawings)}",
            )
        )
    return markdown(("budget", "reward", "truth", "mean estimate", "half width", "intervals that hold it"), rows)


def _make(path: Path, people: int, seeds: Sequence[int]) -> None:
    world = make(seed=8, n_users=people, start_us=start_before_a_period(START_US, _WARM_UP_DAYS, period_weeks=8))
    explored = closed_loop.explore(world, days=_WARM_UP_DAYS)
    truth = {k: _truth(explored, people, k) for k in BUDGETS}
    path.parent.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        log = volume_log(explored, randomised_volume(explored.log, seed), _DAYS)
        found = {}
        for k in BUDGETS:
            trials = of_volume(log, float(k), float(k))
            for name, reward in trials.reward.items():
                one = snips(reward, trials.logged, trials.target, trials.user)
                numbers = (one.value, one.low, one.high, truth[k][name])
                found[f"{k} {name}"] = (numbers[0], numbers[1], numbers[2], numbers[3])
        with path.open("ab") as file:
            file.write(msgspec.json.encode(Drawing(seed, found)) + b"\n")


def _truth(explored: Explored, people: int, k: int) -> dict[str, float]:
    """Means over everybody, all of whom have budget k."""
    log = volume_log(explored, fixed_budgets(explored.log, 3, np.full(people, k)), _DAYS)
    fixed = replace(log, randomised=np.ones(len(log), dtype=np.bool_))
    return {name: float(reward.mean()) for name, reward in of_volume(fixed, float(k), float(k)).reward.items()}


if __name__ == "__main__":
    main()
