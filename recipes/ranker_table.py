"""Rankers compared on logs of simulated worlds: networks, LightGBM, logistic regression, simple predictors.

Source: issue 6 and design 6.3; the rows are the default network and parts of it taken out, and its rivals. There is no
published number to reproduce: the article that the network follows gives none.
Command: python recipes/ranker_table.py [--users 100000] [--seeds 1 2 ..] [--rivals ..] [--slice] [--page FILE]; with
`--kuairand` the same rivals on the one head that recorded behaviour has (`ranker/kuairand.py`; data: `kuairand_pure`).
Data: none else; the rest is simulated. Seed s is a world of its own and the seed of its models: four weeks of neutral
exploration, then 35 days of the default policy with simple predictors, exploring ten times as much as by default. The
first days teach, later ones say when to stop and calibrate (by random sends), the last fifth is judged.
Hardware: one thread. Results: one JSON file a cell in recipes/results/ranker_table; a second run makes only those that
are missing. Logs are kept in the scratch folder. `--slice` is a tiny run for CI.
Expected: the tables of docs/explanation/ranker.md, which `--page` writes.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import jaxtyping
import msgspec
import torch

from ranker import kuairand, page
from ranker.cell import RankerCell, make_cell
from ranker.rivals import TITLES, WHOLE, Task
from ranker.stage import Sizes, log_of
from tactful.training.ranking.sample import sampled
from tactful.training.ranking.split import split

RESULTS: Final = Path(__file__).parent / "results" / "ranker_table"
SEEDS: Final = (1, 2, 3, 4, 5)
ABLATED: Final = 2
"""Seeds of the rivals that are not in `WHOLE`."""


def main(words: Sequence[str] | None = None) -> None:
    """Makes what is missing, and prints the tables."""
    chosen = _arguments(words)
    jaxtyping.config.update("jaxtyping_disable", True)  # shape checks are for tests, and cost thrice the run
    torch.set_num_threads(1)
    sizes = Sizes(300, 14, 7) if chosen.slice else Sizes(users=chosen.users)
    real = chosen.results / kuairand.NAME
    for seed in chosen.seeds[:1] if chosen.slice else chosen.seeds:
        names = [n for n in chosen.rivals if n in WHOLE or seed in SEEDS[:ABLATED]]
        if chosen.kuairand:
            make(seed, names, real, lambda s: kuairand.task(s, chosen.data, chosen.scratch), chosen.scratch / real.name)
        else:
            make(seed, names, chosen.results, lambda s: simulated(s, sizes, chosen.scratch), chosen.scratch)
    cells = read(chosen.results), read(real)
    if chosen.page:
        page.write(*cells, chosen.page)
    print(page.tables(*cells))


def simulated(seed: int, sizes: Sizes, scratch: Path) -> Task:
    """Returns what is to be learned and judged of a seed's own world."""
    parts = split(log_of(seed, sizes, scratch))
    return Task(parts, *sampled(parts.learn, sizes.most_rows, seed), seed)


def make(seed: int, names: Sequence[str], results: Path, task_of: Callable[[int], Task], scratch: Path) -> None:
    """Makes the cells of a seed that are missing, in the order of `TITLES`."""
    missing = [name for name in TITLES if name in names and not (results / f"{name}-{seed}.json").exists()]
    if not missing:
        return
    task = task_of(seed)
    for name in missing:
        found = make_cell(name, task, scratch)
        file = results / f"{name}-{seed}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
        print(f"{name} {seed}: {found.loss.value:.4f}, {found.cpu_s:.0f} CPU s", flush=True)


def read(results: Path) -> list[RankerCell]:
    """Returns the cells on file."""
    files = sorted(results.glob("*.json"))
    return [msgspec.json.decode(file.read_bytes(), type=RankerCell) for file in files]


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    data = os.environ.get("TACTFUL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
    parser = argparse.ArgumentParser(description="Rankers on logs of simulated worlds.")
    parser.add_argument("--users", type=int, default=Sizes.users, help="people of each world")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--rivals", nargs="*", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "tactful-ranker-table")
    parser.add_argument("--slice", action="store_true", help="a few hundred people, two weeks, one seed")
    parser.add_argument("--kuairand", action="store_true", help="recorded behaviour instead of simulated worlds")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the tables between the markers of a page")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
