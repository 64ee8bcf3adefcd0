"""Training rows and budgets over files larger than a limit of memory: rows a second, and memory at its peak.

    python benchmarks/batch_scale.py rows --decisions 1000000          # training rows of made-up decisions
    python benchmarks/batch_scale.py budgets --people 1000000          # scored and allocated by a forest of 200 trees

Each job runs in a process of its own, whose private memory (`RLIMIT_DATA`) cannot grow past `--limit-gb`: it would fail
instead. *Peak* is the resident memory at its highest, pages of mapped files included, which the system may take away;
*own* is the part of it that is the process's own, looked at every 20 ms. Data are made by `batch_data.py`, or by a
seeded generator for people, in `--folder`, outside of the clock; the folder is left for you to delete.
"""

import argparse
import json
import multiprocessing
import resource
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

import batch_data
from tactful.events.registry import Registry
from tactful.features.segments import ACTIVITIES, REACHES
from tactful.features.volume import NAMES, SCHEMA
from tactful.models.lightgbm_text import forest_of
from tactful.models.volume_heads import PURPOSES, head_inputs
from tactful.models.volume_response import VolumeResponse
from tactful.runtime.allocating import Ask
from tactful.runtime.allocating_files import allocate_files
from tactful.runtime.people import People
from tactful.runtime.people_files import write_people
from tactful.training.ranking.row_files import make_rows
from volume_scoring import GROW

PARTITION = 500_000
K_MAX = 14


def main() -> None:
    """Makes the data, runs the job under its limit, and prints the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=["rows", "budgets"])
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--parts", type=int, default=64)
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/batch_scale"))
    parser.add_argument("--limit-gb", type=float, default=2.0)
    told = parser.parse_args()
    if told.job == "rows":
        batch_data.write(told.folder / "lake", told.decisions, told.days, max(told.decisions // 25, 1))
        job: tuple[Any, ...] = (_rows, told.folder, told.parts)
    else:
        _write_people(told.folder / "people", told.people)
        job = (_budgets, told.folder, told.trees)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        figures = alone.submit(_limited, int(told.limit_gb * 2**30), *job).result()
    print(json.dumps(figures | {"input_gb": _size_gb(told.folder / ("lake" if told.job == "rows" else "people"))}))


def _rows(folder: Path, parts: int) -> dict[str, Any]:
    stages = _Stages()
    made = make_rows(folder / "lake", folder / "rows", Registry.shipped().types, parts, stages.tell)
    return {"rows": made.rows, "came": made.came} | stages.seconds() | {"output_gb": _size_gb(folder / "rows")}


def _budgets(folder: Path, trees: int) -> dict[str, Any]:
    model = _model(trees)
    stages = _Stages()
    found = allocate_files(folder / "people", folder / "budgets", model, Ask("per_user", 3.0, 0.3), stages.tell)
    again = time.perf_counter()
    allocate_files(folder / "people", folder / "budgets", model, Ask("per_user", 2.0, 0.3))
    told = {"people": found.people, "caps": [group.caps for group in found.groups]}
    told |= {"another total, seconds": time.perf_counter() - again} | stages.seconds()
    return told | {"output_gb": _size_gb(folder / "budgets")}


class _Stages:
    """Seconds of wall and CPU time of each stage that a job tells of."""

    def __init__(self) -> None:
        self._spent: dict[str, list[float]] = {}
        self._at = (time.perf_counter(), time.process_time())

    def tell(self, stage: str, done: int, of: int) -> None:
        """Counts what went by since the last call to the stage."""
        now = (time.perf_counter(), time.process_time())
        spent = self._spent.setdefault(stage, [0.0, 0.0])
        for i in range(2):
            spent[i] += now[i] - self._at[i]
        self._at = now

    def seconds(self) -> dict[str, Any]:
        """Returns the seconds by stage."""
        return {f"{stage}, seconds (wall, CPU)": [round(s, 1) for s in both] for stage, both in self._spent.items()}


def _limited(limit: int, work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    own, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            own.append(max(own.pop(), _own_mb()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    wall, cpu = time.perf_counter(), time.process_time()
    figures = work(*arguments)
    figures |= {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    done.set()
    watcher.join()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures | {"peak_mb": round(peak), "own_mb": round(own[-1])}


def _own_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def _size_gb(folder: Path) -> float:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 1e9


def _write_people(folder: Path, people: int) -> None:
    for number, start in enumerate(range(0, people, PARTITION)):
        path, n = folder / f"part-{number:05d}.parquet", min(PARTITION, people - start)
        if path.exists():
            continue
        rng = np.random.default_rng([20261122, number])
        features = rng.normal(size=(n, len(NAMES))).astype(np.float32)
        features[:, 5:15] = rng.poisson(3.0, (n, 10))
        write_people(
            People(
                key=rng.integers(0, 2**63, n).astype(np.uint64),
                features=features,
                reach=rng.integers(0, len(REACHES), n),
                activity=rng.integers(0, len(ACTIVITIES), n),
                k=rng.integers(0, 7, n),
                drawn=rng.random(n) < 0.02,
                wish=np.full(n, -1),
                known=n,
                last_seen_us=0,
                as_of_us=0,
            ),
            path,
        )


def _model(trees: int) -> VolumeResponse:
    """A model of the size that is trained by default, of made-up responses."""
    forest = forest_of(_grown(trees, with_k=True).model_to_string())
    after = forest_of(_grown(trees, with_k=False).model_to_string())
    heads = dict.fromkeys(PURPOSES[:3], (forest,) * 3) | {"long_term": (after,) * 3}
    return VolumeResponse.of(heads, len(NAMES), K_MAX, SCHEMA)


def _grown(trees: int, with_k: bool) -> Any:
    rng, rows = np.random.default_rng(20261122), 20_000
    x, k = rng.normal(size=(rows, len(NAMES))).astype(np.float32), rng.integers(0, K_MAX + 1, rows)
    bend = (0.1 * k * (1.0 + 0.3 * x[:, 3]) - 0.008 * k**2) * with_k
    came = rng.random(rows) < 1.0 / (1.0 + np.exp(1.0 - x[:, 0] - 0.5 * x[:, 1] * x[:, 2] - bend))
    columns = head_inputs(x, np.zeros(rows, dtype=np.int64), k if with_k else None)
    return lightgbm.train(GROW, lightgbm.Dataset(columns, came.astype(int)), trees)


if __name__ == "__main__":
    main()
