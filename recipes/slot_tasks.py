"""Availability by hour on recorded behaviour: how well simple and learned models foretell when people are there.

Two tasks, each on 24 slots of the local day. *Sessions*: given that somebody comes, in which slot. *Trials*: is she
active in this slot of this day; for the e-mails: does she act within 1 h (6 h) on a message received in this slot.

Command: `python recipes/slot_tasks.py`; cells on file under `results/slot_tasks` are not computed again. It prints the
tables of `docs/explanation/timing.md`, and writes them into it with `--page`; `--slice 300` runs on 300 users with one
seed and keeps its cells apart; `--no-fit` shows what is on file.
Data: `globo_clicks`, `eu_core_email`, `kuairand_pure`. Seeds: 0-4 for what draws its rows (LightGBM, the slot model and
its ablations); other models have one cell.
Hardware: two x86-64 cores shared with other work; about two hours of one core, nearly all of it for the slot model.
Source: the task is that of TIM (Kuaishou, 2024); its data is not public. Expected: the tables of the page.

To add a model, add a line to `MODELS`: a function of (training days, task, seed) that returns a function of a day.
"""

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from timing import page
from timing.data import DATA
from timing.days import SlotData
from timing.histograms import SIMPLE, Fit, Task, smoothed
from timing.judge import Cell, Judge
from timing.learned import LEARNED
from timing.neural import ABLATIONS, slot_model
from volume_real.cells import append

MODELS: Final[Mapping[str, Fit]] = {**SIMPLE, **LEARNED, "slot model": slot_model, **ABLATIONS}
SEEDED: Final = frozenset(MODELS) - frozenset(SIMPLE) - {"logistic regression"}
"""Models with five seeds; the regression, a convex fit to one draw of user-days, has one."""
SEEDS: Final = 5
CASES: Final[Mapping[tuple[str, Task], frozenset[str]]] = {
    ("globo", "sessions"): frozenset(MODELS),
    ("email_1h", "sessions"): frozenset(MODELS) - frozenset(ABLATIONS),
    ("email_1h", "trials"): frozenset(MODELS),
    ("email_6h", "trials"): frozenset(MODELS) - frozenset(ABLATIONS),
    ("globo", "trials"): frozenset(MODELS) - frozenset(ABLATIONS),
    ("kuairand", "sessions"): frozenset(MODELS) - frozenset(ABLATIONS),
    ("kuairand", "trials"): frozenset(MODELS) - frozenset(ABLATIONS),
    ("globo_frozen", "sessions"): frozenset(SIMPLE),
    ("globo_frozen", "trials"): frozenset(SIMPLE),
}
"""Which models are judged where; parts are left out of the slot model on one case of each task.

The e-mails' sessions do not depend on the hours within which somebody acts.
"""


def main(words: Sequence[str] | None = None) -> None:
    """Computes the missing cells and shows all."""
    arguments = _arguments(words)
    folder = arguments.results / (f"slice-{arguments.slice}" if arguments.slice else "")
    passes = () if arguments.no_fit else (range(1), range(1, 1 if arguments.slice else SEEDS))
    for seeds in passes:  # every case once before any again
        for (name, task), models in CASES.items():
            missing = _missing(folder, name, task, [m for m in arguments.models if m in models], seeds)
            if missing:
                _complete(folder, DATA[name](arguments.data, arguments.slice), task, missing)
    cells = [cell for path in sorted(folder.glob("*.ndjson")) for cell in read(path)]
    tables = "\n\n".join(page.tables(cells))
    if arguments.page:
        arguments.page.write_text(page.filled(arguments.page.read_text(encoding="utf-8"), tables), encoding="utf-8")
    print(tables)


def _missing(folder: Path, name: str, task: Task, models: Sequence[str], seeds: range) -> list[tuple[str, int]]:
    wanted = [(model, seed) for seed in seeds for model in models if model in SEEDED or not seed]
    done = {(cell.model, cell.seed) for model in models for cell in read(_file(folder, name, task, model))}
    return [pair for pair in wanted if pair not in done]


def _complete(folder: Path, data: SlotData, task: Task, missing: Sequence[tuple[str, int]]) -> None:
    judge = Judge(data, task, smoothed(data.train, task, 0))
    for model, seed in missing:
        append(_file(folder, data.name, task, model), _cell(judge, data, task, model, seed))


def _cell(judge: Judge, data: SlotData, task: Task, model: str, seed: int) -> Iterator[Cell]:
    began = time.process_time()
    predict = MODELS[model](data.train, task, seed)
    fitted = time.process_time()
    p = judge.foretell(predict)
    done = time.process_time()
    print(f"{data.name}, {task}: {model}, seed {seed}", flush=True)
    yield Cell(
        data=data.name,
        task=task,
        model=model,
        seed=seed,
        scores=tuple(judge.scores(p)),
        calibration=judge.calibration(p),
        fit_cpu_seconds=round(fitted - began, 2),
        predict_cpu_seconds=round(done - fitted, 2),
    )


def read(path: Path) -> list[Cell]:
    """Returns the cells of a file; none if it is not there."""
    return [msgspec.json.decode(line, type=Cell) for line in path.read_bytes().splitlines()] if path.exists() else []


def _file(folder: Path, name: str, task: Task, model: str) -> Path:
    return folder / f"{name}-{task}-{model.replace(', ', '-').replace(' ', '_').replace('/', '-')}.ndjson"


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    parser = argparse.ArgumentParser(
        description="When people are there: simple and learned models on recorded behaviour."
    )
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument("--results", type=Path, default=here / "results" / "slot_tasks", help="where cells are kept")
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N users (0: all), one seed")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS), help="only these")
    parser.add_argument("--no-fit", action="store_true", help="compute nothing, show the cells on file")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the tables between the markers of a page")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
