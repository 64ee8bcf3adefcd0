"""How fast weekly budgets are scored: users a second, against LightGBM's own predict of one row a budget.

Command: `python benchmarks/volume_scoring.py [--users 200000] [--json] [--quick]`. Data: 40 columns by a seeded
generator (30 normal, 10 counts), k from 0 to 14; forests of 200 trees with 31 leaves, grown by LightGBM on 100,000
rows. LightGBM predicts the raw scores of 15 rows a user (made outside of the clock) on one thread; the forest takes
the same users, and its margins are compared. One core is measured as CPU time of the process, two as wall time.
Runs are interleaved, the least of five is taken; compilation and the first touch of memory are outside. The last row
is the whole model, three heads and the value; its memory is the peak of numpy's arrays, less the curves themselves
(what a compiled loop keeps for its block of users, 0.3 MB a thread, is not seen).
"""

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import lightgbm
import numba
import numpy as np
from jaxtyping import Float32
from rich.console import Console
from rich.table import Table

from tactful.kernel import at_most_threads
from tactful.models.lightgbm_text import forest_of
from tactful.models.volume_heads import PURPOSES, head_inputs
from tactful.models.volume_response import VolumeResponse

F, K_MAX, COUNTS = 40, 14, slice(5, 15)
GROW = {"objective": "binary", "num_leaves": 31, "learning_rate": 0.05, "verbose": -1, "num_threads": 1}


def users(n: int, seed: int) -> Float32[np.ndarray, "n f"]:
    """Returns features of n users."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, F)).astype(np.float32)
    features[:, COUNTS] = rng.poisson(3.0, (n, 10))
    return features


def grown(rows: int, trees: int, seed: int, with_k: bool = True) -> Any:
    """Returns a booster whose margin bends in k and depends on k differently from user to user."""
    rng = np.random.default_rng(seed)
    x, k = users(rows, seed), rng.integers(0, K_MAX + 1, rows)
    bend = 0.1 * k * (1.0 + 0.3 * x[:, 3]) - 0.008 * k**2
    margin = -1.0 + x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.2 * x[:, 6] + bend * with_k
    y = rng.random(rows) < 1.0 / (1.0 + np.exp(-margin))
    columns = head_inputs(x, np.zeros(rows, dtype=np.int64), k if with_k else None)
    settings = GROW | {"seed": seed, "deterministic": True}
    return lightgbm.train(settings, lightgbm.Dataset(columns, y.astype(int)), trees)


def least(works: dict[str, Callable[[], object]], clock: Callable[[], float], runs: int) -> dict[str, float]:
    """Returns the least seconds of each work over interleaved runs, after one that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs + 1):
        for name, work in works.items():
            start = clock()
            work()
            seconds[name].append(clock() - start)
    return {name: min(times[1:]) for name, times in seconds.items()}


def peak_mb(work: Callable[[], object]) -> float:
    """Returns the most memory that the work held at once, in MB, as numpy tells it to Python's tracer."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def measured(n: int, rows: int, trees: int, runs: int) -> dict[str, float]:
    """Returns every figure of the page, by name."""
    booster = grown(rows, trees, 1)
    forest = forest_of(booster.model_to_string())
    inputs = head_inputs(users(n, 2), np.zeros(n, dtype=np.int64))
    few = min(n, 4000)
    repeated = np.hstack([np.repeat(inputs[:few], K_MAX + 1, axis=0), np.tile(np.arange(K_MAX + 1), few)[:, None]])
    by_row = repeated.astype(np.float32)

    def ours() -> Float32[np.ndarray, "b n"]:
        return forest.over_budgets(inputs, F + 1, K_MAX)

    def theirs() -> Any:
        return booster.predict(by_row, raw_score=True, num_threads=1)

    one_budget = head_inputs(inputs[:, :F], np.zeros(n, dtype=np.int64), np.full(n, 3))
    works = {"ours": ours, "theirs": theirs, "one budget": lambda: forest.scores(one_budget)}
    with at_most_threads(1):
        one = least(works, time.process_time, runs)
    two = least({"ours": ours}, time.perf_counter, runs)
    error = float(np.abs(theirs().reshape(few, -1).T - ours()[:, :few]).max())

    reach, activity = np.arange(n) % 3, np.arange(n) % 6
    after = forest_of(grown(rows, trees, 3, with_k=False).model_to_string())
    heads = dict.fromkeys(PURPOSES[:3], (forest,) * 3)
    model = VolumeResponse.of(heads | {"long_term": (after,) * 3}, F, K_MAX, "benchmark")
    features = inputs[:, :F].copy()

    def curves() -> Float32[np.ndarray, "b n"]:
        return model.curves(features, reach, activity, K_MAX)

    with at_most_threads(1):
        whole = least({"curves": curves}, time.process_time, runs)["curves"]
    return {
        "users": n,
        "budgets": K_MAX + 1,
        "trees": trees,
        "splits_on_k_per_tree": float(np.sum(forest.splits[:, 0] == F + 1)) / trees,
        "lightgbm_users_per_cpu_second": few / one["theirs"],
        "forest_users_per_cpu_second": n / one["ours"],
        "ratio": (n / one["ours"]) / (few / one["theirs"]),
        "times_one_budget": one["ours"] / one["one budget"],
        "largest_error": error,
        "threads": numba.get_num_threads(),
        "forest_users_per_second_all_threads": n / two["ours"],
        "curves_users_per_cpu_second": n / whole,
        "curves_memory_beside_them_mb": peak_mb(curves) - 4e-6 * n * (K_MAX + 1),
    }


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description="Speed of scoring weekly budgets.")
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--quick", action="store_true", help="tiny forests and few users: shows that it runs")
    arguments = parser.parse_args()
    figures = measured(300, 2000, 5, 1) if arguments.quick else measured(arguments.users, 100_000, 200, 5)
    if arguments.json:
        print(json.dumps(figures))
        return
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,.2g}" if abs(value) < 0.1 else f"{value:,.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
