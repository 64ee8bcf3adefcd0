"""How fast response models are trained: rows a CPU second, TIN and DIN here against DIN in FuxiCTR, in one run.

Command: `python benchmarks/train_responses.py --fuxictr /tmp/fuxictr/bin/python` (how that environment is made is said
in `fuxictr_din.py`; without it only our side runs). Data: `response_rows.py`, seed 1: 50 behaviours a row and no
padding, item and category of 64 numbers each, 12,000 items (or a million), 500 categories; batches of 1,024, a
perceptron of 80-40. Each side trains by its own loop from its own data path: ours is `training.fit` on
`training.sequences`, which the recipes use. Each model has a process of its own, on one thread; the processes take
turns, an epoch each; shown are the median and the best of the turns, and the most memory that the process ever held.
With two threads, rows a CPU second over those with one say what the second thread costs; by the clock they say
something on an idle machine only.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from response_rows import Rows
from tactful.models.baselines.din import DIN
from tactful.models.tin import TIN
from tactful.training.fit import Course, fit, seeded

BATCH_ROWS, LENGTH, DIM, HIDDEN = 1024, 50, 64, (80, 40)
MODELS = {"TIN": (TIN, 12_000), "TIN, 1 M items": (TIN, 1_000_000), "DIN": (DIN, 12_000)}
SLOW = 8  # DIN here, and FuxiCTR's, have so many times fewer batches a turn
FUXICTR = "DIN of FuxiCTR"


def work(name: str, n: int, threads: int) -> None:
    """Answers each line on standard input with one epoch, as a line of JSON."""
    torch.set_num_threads(threads)
    numba.set_num_threads(threads)
    make, n_items = MODELS[name]
    n = n // SLOW if make is DIN else n
    train, judge = (Rows.made(rows, n_items, LENGTH, 1).sequences() for rows in (n, 64))
    model = seeded(lambda: make(train.shape, DIM, HIDDEN), 0)
    for _ in sys.stdin:
        learned = fit(model, train, judge, Course(batch_rows=BATCH_ROWS, max_epochs=1))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures = {"rows": n, "cpu_s": n / learned.rows_per_cpu_s, "clock_s": n / learned.rows_per_s}
        print(json.dumps(figures | {"peak_mb": peak}), flush=True)


def started(command: list[str], threads: int) -> subprocess.Popen[str]:
    """Returns a process that answers lines."""
    width = str(threads)
    environment = os.environ | {"OMP_NUM_THREADS": width, "NUMBA_NUM_THREADS": width, "OMP_WAIT_POLICY": "passive"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def answer(process: subprocess.Popen[str]) -> dict[str, float]:
    """Asks for one epoch and returns its figures."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("{"):
            figures: dict[str, float] = json.loads(line)
            return figures
    raise SystemExit(f"{process.args!r} ended without an answer; run it by hand to see why")


def measured(fuxictr: Path | None, n: int, theirs_n: int, turns: int, names: list[str]) -> dict[str, dict[str, float]]:
    """Returns every figure of the page, by model."""
    here = Path(__file__)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(here), "--batches", str(n // BATCH_ROWS), "--work"]
        processes = {name: started([*command, name], 1) for name in names}
        if fuxictr is not None:
            rows = Rows.made(theirs_n, MODELS["DIN"][1], LENGTH, 1)
            np.savez(Path(folder) / "rows.npz", **vars(rows))
            script = str(here.with_name("fuxictr_din.py"))
            sizes = [str(BATCH_ROWS), str(DIM), "-".join(str(width) for width in HIDDEN)]
            processes[FUXICTR] = started([str(fuxictr), script, folder, *sizes], 1)
        answers: dict[str, list[dict[str, float]]] = {name: [] for name in processes}
        for _ in range(turns + 1):
            for name, process in processes.items():
                answers[name].append(answer(process))
                print(name, answers[name][-1], file=sys.stderr, flush=True)
        for process in processes.values():
            process.communicate()
        pair = started([*command, "TIN", "--threads", "2"], 2)
        answers["TIN, two threads"] = [answer(pair) for _ in range(turns + 1)]
        pair.communicate()
    return {name: _summary(turn[1:]) for name, turn in answers.items()}


def _summary(turns: list[dict[str, float]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for key in turns[0].keys() & {"cpu_s", "ready_cpu_s", "clock_s"}:
        rates = [turn["rows"] / turn[key] for turn in turns]
        figures |= {f"rows_per_{key}": float(np.median(rates)), f"best_rows_per_{key}": max(rates)}
    return figures | {"peak_mb": max(turn["peak_mb"] for turn in turns)}


def _shown(figure: float) -> str:
    if np.isnan(figure):
        return ""
    return f"{figure:,.0f}" if figure > 100 else f"{figure:,.1f}"


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description="Speed of training response models.")
    parser.add_argument("--fuxictr", type=Path, help="python of an environment with FuxiCTR")
    parser.add_argument("--batches", type=int, default=48, help="batches a turn; DIN has an eighth")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--work", choices=list(MODELS), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    n = arguments.batches * BATCH_ROWS
    if arguments.work is not None:
        work(arguments.work, n, arguments.threads)
        return
    figures = measured(arguments.fuxictr, n, n // SLOW, arguments.turns, arguments.models)
    if arguments.json:
        print(json.dumps(figures))
        return
    base = figures.get(FUXICTR, {}).get("rows_per_cpu_s", float("nan"))
    table = Table("model", "rows/CPU s", "best turn", "x FuxiCTR's DIN", "batches ready", "rows/s", "peak MB")
    for name, of in figures.items():
        rate, ready = of["rows_per_cpu_s"], of.get("rows_per_ready_cpu_s", float("nan"))
        shown = (rate, of["best_rows_per_cpu_s"], rate / base, ready, of.get("rows_per_clock_s", float("nan")))
        table.add_row(name, *(_shown(x) for x in shown), f"{of['peak_mb']:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
