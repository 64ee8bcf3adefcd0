"""Whether a fit finds the constants of a world from its log: worlds that are known, one JSON a cell, and a table.

A cell: a world whose constants are drawn, lived in for six weeks under random sends (`arms/neutral.py`), with budgets
of 0 to 10 a week drawn for everybody (`drawn`) or the same for all (`same`); the fit sees the log only. In `fitted`
worlds the constants that a fit may move are drawn, times exp(0.3 z); in `prior` worlds all are, times exp(0.2 z), so
that what the fit keeps at its default is off as well.
Source: ours; the truth test of `tactful simulate --fit`.
Command: python recipes/fit_world.py [--cell fitted-drawn-1 ...] [--people 2500] [--slice 150]
Data: simulated people only. Hardware: any; two minutes of one idle core a cell.
Expected: of the constants that are fitted in `fitted` worlds, 19 in 20 intervals hold the truth (36 of 39 did).
"""

import argparse
import json
import os
import platform
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tactful.simulator.arms.neutral import Neutral
from tactful.simulator.closed_loop import Loop
from tactful.simulator.constants import Constants, draw_constants
from tactful.simulator.fit.fitting import fit
from tactful.simulator.fit.log import AppLog, explored
from tactful.simulator.fit.report import Fit
from tactful.simulator.fit.told_by import TOLD_BY
from tactful.simulator.world import make

CELLS = ("fitted-drawn-1", "fitted-drawn-2", "fitted-same-3", "prior-drawn-4", "fitted-drawn-5")
DAYS, SLICE_DAYS = 42, 21
SPREAD = 0.3
MOST_BUDGET = 10
RESULTS = Path(__file__).parent / "results" / "fit_world"


def truth(kind: str, seed: int) -> Constants:
    """Returns the constants of a cell's world."""
    if kind == "prior":
        return draw_constants(seed)
    z = np.random.default_rng([seed, 3]).standard_normal(len(TOLD_BY))
    usual = Constants()._asdict()
    return Constants()._replace(
        **{name: usual[name] * float(np.exp(SPREAD * x)) for name, x in zip(TOLD_BY, z, strict=True)}
    )


def app_log(constants: Constants, budgets: str, seed: int, people: int, days: int) -> AppLog:
    """Returns the log of a world lived in under random sends."""
    policy = Neutral().prepare(None, seed)
    drawn = budgets == "drawn"
    if drawn:
        policy = replace(policy, budgets=np.random.default_rng([seed, 4]).integers(0, MOST_BUDGET + 1, people))
    found = Loop.start(make(1_000 + seed, people, constants), policy).explore(days)
    return explored(found.log, np.full(people, drawn))


def cell(name: str, people: int, days: int, names: tuple[str, ...]) -> dict[str, Any]:
    """Returns what a fit finds in one world, beside its truth."""
    began = time.process_time()
    kind, budgets, number = name.split("-")
    constants = truth(kind, int(number))
    found = fit(app_log(constants, budgets, int(number), people, days), people, int(number), names)
    return {
        "command": f"python recipes/fit_world.py --cell {name} --people {people}",
        "data": f"simulated: {people} people, {days} days, and as many simulated people to fit",
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores",
        "cell": name,
        "truth": {name: getattr(constants, name) for name in TOLD_BY},
        "fit": msgspec.to_builtins(found),
        "verdict": found.verdict,
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def tables(results: Path) -> str:
    """Returns the cells on file as Markdown: a row a constant, with the fit over the truth and its interval."""
    cells = [json.loads(path.read_text()) for path in sorted(results.glob("*.json"))]
    heads = [each["cell"] for each in cells]
    rows = ["| over the truth (95 %) | " + " | ".join(heads) + " |", "| --- " * (len(heads) + 1) + "|"]
    for place, name in enumerate(TOLD_BY):
        rows.append(f"| `{name}` | " + " | ".join(_ratio(each, place, name) for each in cells) + " |")
    held = [_held(each) for each in cells]
    rows.append("| intervals that hold the truth | " + " | ".join(f"{a} of {b}" for a, b in held) + " |")
    rows.append("| J, degrees, p | " + " | ".join(_over(msgspec.convert(each["fit"], Fit)) for each in cells) + " |")
    rows.append("| steps had become small | " + " | ".join(_yes(each["fit"]["converged"]) for each in cells) + " |")
    return "\n".join(rows)


def _ratio(found: dict[str, Any], place: int, name: str) -> str:
    one, true = found["fit"]["constants"][place], found["truth"][name]
    if one["low"] is None:
        return f"kept, {one['value'] / true:.2f}"
    mark = "" if one["low"] <= true <= one["high"] else " **out**"
    return f"{one['value'] / true:.2f} ({one['low'] / true:.2f} to {one['high'] / true:.2f}){mark}"


def _held(found: dict[str, Any]) -> tuple[int, int]:
    fitted = [one for one in found["fit"]["constants"] if one["low"] is not None]
    return sum(one["low"] <= found["truth"][one["name"]] <= one["high"] for one in fitted), len(fitted)


def _over(found: Fit) -> str:
    return f"{found.over:.1f}, {found.degrees}, {found.p:.2f}"


def _yes(said: bool) -> str:
    return "yes" if said else "no"


def main(words: list[str] | None = None) -> None:
    """Makes the cells that are asked for and not on file, and prints the table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", action="append", metavar="NAME", help="kind-budgets-seed; repeat")
    parser.add_argument("--people", type=int, default=2_500)
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N people, three weeks, two constants")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    args = parser.parse_args(words)
    args.results.mkdir(parents=True, exist_ok=True)
    size = (args.slice, SLICE_DAYS, ("visits", "attention")) if args.slice else (args.people, DAYS, tuple(TOLD_BY))
    for name in args.cell or CELLS:
        path = args.results / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(cell(name, *size), indent=1) + "\n")
            print(f"{name} done", flush=True)
    print(tables(args.results))


if __name__ == "__main__":
    main()
