"""TIN, its ablations, its encodings and its rivals on real behaviour sequences: Tables 1, 3 and 4 of its paper.

Command: `python recipes/tin_table1.py`; cells on file under `results/tin_table1` are not computed again. It prints the
tables of `docs/explanation/behaviour-sequences.md`, and writes them into it with `--page`. `--data-sets`, `--models`
and `--seeds` make a part of the cells; `--slice 300` runs on 300 users with one seed and small models, and keeps its
cells apart; `--no-fit` shows what is on file. Whoever has the paper's data runs `--data-sets amazon alibaba`.
Data: `amazon_s3rec` (Toys and Games), `kuairand_pure`, `globo_clicks`; protocols in `responses/`.
Seeds: 0-4 for TIN, its ablations, ours and DIN, 0-1 for the others. Hardware: two x86-64 cores, one thread a process.
Source: Zhou et al., "Temporal Interest Network for User Response Prediction", WWW 2024, Tables 1, 3, 4. Its order of
models was to reappear where time tells something (Toys) and need not where it does not (KuaiRand); it did not.
Expected: the tables of the page. Besides the paper's models there is ours, time as one number a position.

Checkpoints and predictions rest in the scratch folder: without it differences between models cannot be made anew, and
those on file stay.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import torch

from responses import page
from responses.cells import Cell, Predictions, cell, read
from responses.compare import ByLength, Difference, by_length, compared
from responses.data import DATA, ResponseData, load
from responses.learn import Trial, fitted, foretold, tuned
from responses.models import NEURAL
from responses.part import first_users
from volume_real.cells import append

ABLATIONS: Final = ("tin_without_tte", "tin_without_ta", "tin_without_tr")
MOST_SEEDS: Final = ("tin", "din", "position_bias", *ABLATIONS)
SEEDS: Final[Mapping[str, int]] = {name: 5 if name in MOST_SEEDS else 2 for name in NEURAL}
CASES: Final = ("toys", "kuairand", "globo")
TIMED: Final = ("globo",)
"""Data sets that know when each behaviour was."""
ORDERED: Final = ("toys", "globo")
"""Data sets on which chronological order is told from relative position: elsewhere most histories are full."""


def main(words: Sequence[str] | None = None) -> None:
    """Computes the missing cells and shows all."""
    arguments = _arguments(words)
    torch.set_num_threads(1)
    folder = arguments.results / (f"slice-{arguments.slice}" if arguments.slice else "")
    scratch = arguments.scratch / folder.name
    if not arguments.no_fit:
        for name in arguments.data_sets:
            data = first_users(load(name, arguments.data, arguments.scratch), arguments.slice)
            _complete(data, arguments, folder, scratch)
    tables = page.tables(*on_file(folder))
    if arguments.page:
        arguments.page.write_text(page.filled(arguments.page.read_text(encoding="utf-8"), tables), encoding="utf-8")
    print("\n\n".join(tables))


def on_file(folder: Path) -> tuple[list[Cell], list[Difference], list[ByLength], list[Trial]]:
    """Returns everything that a folder of results holds."""
    cells = [line for path in sorted(folder.glob("cells-*.ndjson")) for line in read(path, Cell)]
    differences = [line for path in sorted(folder.glob("differences-*.ndjson")) for line in read(path, Difference)]
    lengths = [line for path in sorted(folder.glob("lengths-*.ndjson")) for line in read(path, ByLength)]
    trials = [line for path in sorted(folder.glob("trials-*.ndjson")) for line in read(path, Trial)]
    return cells, differences, lengths, trials


def models_of(data: str) -> list[str]:
    """Returns the neural models that are judged on a data set."""
    fits = {name: (data in TIMED) if model.timed else True for name, model in NEURAL.items()}
    fits["tin_order"] = data in ORDERED
    fits["tin_timestamp"] = data in TIMED
    return [name for name, does in fits.items() if does]


def _complete(data: ResponseData, arguments: argparse.Namespace, folder: Path, scratch: Path) -> None:
    """Computes the missing cells of a data set, every model once before any again, then compares."""
    models = [model for model in arguments.models if model in models_of(data.name)]
    predictions = Predictions(scratch / "predictions")
    file = folder / f"cells-{data.name}.ndjson"
    for seed in range(1 if arguments.slice else max(SEEDS.values())):
        for model in models:
            wanted = seed < min(SEEDS[model], arguments.seeds)
            if wanted and (data.checksum, model, seed) not in {(c.checksum, c.model, c.seed) for c in read(file, Cell)}:
                trials = folder / f"trials-{data.name}.ndjson"
                append(file, iter([_cell(data, model, seed, trials, scratch / "checkpoints", predictions)]))
    _rewrite(folder / f"differences-{data.name}.ndjson", list(compared(data, predictions, _rivals(file))))
    if data.name in ORDERED:
        _rewrite(folder / f"lengths-{data.name}.ndjson", list(by_length(data, predictions)))


def _cell(data: ResponseData, model: str, seed: int, trials: Path, checkpoints: Path, predictions: Predictions) -> Cell:
    setting = tuned(data, model, trials)
    began = time.process_time()
    net, learned = fitted(data, model, setting, seed, checkpoints)
    seconds = time.process_time() - began
    p = foretold(net, data.test)
    predictions.keep(data, model, seed, p)
    made = cell(data, model, seed, p, msgspec.structs.asdict(setting), seconds)
    told = ", ".join(f"{name} {interval.value:.4f}" for name, interval in made.scores.items())
    print(f"{data.name}: {model}, seed {seed}, {len(learned.losses)} epochs, {seconds:.0f} CPU s: {told}", flush=True)
    return made


def _rivals(cells: Path) -> list[str]:
    return list(dict.fromkeys(cell.model for cell in read(cells, Cell)))


def _rewrite(path: Path, lines: Sequence[msgspec.Struct]) -> None:
    """Replaces a file; what cannot be made anew, for want of predictions, stays."""
    if lines:
        path.unlink(missing_ok=True)
        append(path, iter(lines))


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    scratch = Path(tempfile.gettempdir()) / "tactful-responses"
    parser = argparse.ArgumentParser(description="TIN and its rivals on real behaviour sequences.")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument("--results", type=Path, default=here / "results" / "tin_table1", help="where cells are kept")
    parser.add_argument("--scratch", type=Path, default=scratch, help="negatives, checkpoints and predictions")
    parser.add_argument("--data-sets", nargs="+", choices=list(DATA), default=list(CASES), help="only these")
    parser.add_argument("--models", nargs="+", choices=list(NEURAL), default=list(NEURAL), help="only these")
    parser.add_argument("--seeds", type=int, default=max(SEEDS.values()), metavar="N", help="N seeds at most")
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N users (0: all), one seed")
    parser.add_argument("--no-fit", action="store_true", help="compute nothing, show what is on file")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the tables between the markers of a page")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
