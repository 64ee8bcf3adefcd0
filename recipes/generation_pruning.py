"""Sources that are not asked because they would be empty: what it saves, and which candidates it loses.

Command: `python recipes/generation_pruning.py`; settings on file under `results/generation_pruning` are not run again.
It prints the table of `docs/explanation/content-order.md`, and writes it there with `--page`; `--slice 500` runs on 500
people and keeps its cells apart.
Data: `globo_12k_users.parquet`, prepared as in `globo_replay.py`; candidates of 5-16 October 2017, sources looked at
from the 5th on, too: the producer begins with nothing. Nobody follows an author on a news site, so the source
*followed* is always empty; what it saves is told apart.
Seed: 0 (hash draws). Hardware: two x86-64 cores.
Expected: the page's table. Everything a day has is generated twice from the same state, with and without skipping:
*lost* is the share of people-days whose best candidate (the one that a simple policy would send: category she read
most, then quality) is not among those that were made with skipping. *Read* are those lost whose category she read that
very day.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from globo.people import MAPPING, People
from globo.producer import A_DAY, Producer
from responses.cells import read
from tactful.decision.candidates.generate import SOURCES, Generated, Readers, generate
from tactful.experiments.stats import Interval, bootstrap_totals
from tactful.runtime.importing import Log, read_log
from volume_real.cells import append, markdown, shown

FILE: Final = "globo_clicks/globo_12k_users.parquet"
BELOW: Final = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8)
"""A source is skipped that had something in fewer of its looks; 0.2 is the default, 0 skips nothing."""
DRAWS: Final = 1000
_FIRST: Final = (date(2017, 10, 5) - date(1970, 1, 1)).days
DAYS: Final = range(_FIRST, _FIRST + 12)
BEGIN, END = "<!-- table of recipes/generation_pruning.py -->", "<!-- end of the second table -->"
Ints = NDArray[np.int64]


class Cell(msgspec.Struct, frozen=True):
    """One setting over all days. Shares are 0..1, with 95 % intervals over people where they rest on people.

    `saved` and `saved_others` are look-ups skipped of those wanted, over all sources and without *followed*; `lost` and
    `lost_read` the people-days whose best candidate is missing.
    """

    below: float
    people: int
    wanted: int
    saved: float
    saved_others: float
    lost: Interval
    lost_read: Interval


def main(words: Sequence[str] | None = None) -> None:
    """Computes the missing cells and shows all."""
    arguments = _arguments(words)
    file = arguments.results / (f"slice-{arguments.slice}" if arguments.slice else "") / "cells.ndjson"
    there = {cell.below for cell in read(file, Cell)}
    missing = [below for below in BELOW if below not in there]
    if missing:
        people = People(_sliced(read_log(arguments.data / FILE, MAPPING), arguments.slice))
        append(file, (pruned(people, below) for below in missing))
    table = table_of(sorted(read(file, Cell), key=lambda cell: cell.below))
    if arguments.page:
        before, rest = arguments.page.read_text(encoding="utf-8").split(BEGIN)
        arguments.page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
    print(table)


def pruned(people: People, below: float) -> Cell:
    """Returns what one setting saves and loses."""
    producer = Producer(people, below)
    wanted, skipped = np.zeros((2, len(SOURCES)), dtype=np.int64)
    tally = np.zeros((people.n, 3))
    for day in DAYS:
        _, shelf, readers = producer.asked(day)
        full = generate(shelf, replace(readers, skip=np.zeros_like(readers.skip)), limit=A_DAY)
        made = producer.make(day).made
        skipped += (readers.skip & full.looked).sum(axis=0)
        wanted += full.looked.sum(axis=0)
        best = _best(full, readers, people.n)
        has = np.zeros(people.n, dtype=np.bool_)
        has[made.row[made.item == best[made.row]]] = True
        lost = (best >= 0) & ~has
        read = _read_today(people, day, shelf.category[np.maximum(best, 0)])
        tally += np.column_stack([lost, lost & read, best >= 0])
    totals = bootstrap_totals(tally, np.random.default_rng(0), DRAWS)
    shares, resampled = tally.sum(axis=0), totals[:, :2] / totals[:, 2:]
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    intervals = [
        Interval(*(round(float(end), 6) for end in (shares[i] / shares[2], low[i], high[i]))) for i in range(2)
    ]
    others = np.array([source != "followed" for source in SOURCES])
    return Cell(
        below=below,
        people=people.n,
        wanted=int(wanted.sum()),
        saved=round(float(skipped.sum() / wanted.sum()), 6),
        saved_others=round(float(skipped[others].sum() / wanted[others].sum()), 6),
        lost=intervals[0],
        lost_read=intervals[1],
    )


def _best(made: Generated, readers: Readers, n: int) -> Ints:
    """Each user's candidate of the category that stands highest among her interests, then of best quality; -1: none."""
    match = readers.interests[made.row] == made.category[:, None]
    rank = np.where(match.any(axis=1), match.argmax(axis=1), readers.interests.shape[1])
    order = np.lexsort((made.item, -made.quality, rank, made.row))
    row, first = np.unique(made.row[order], return_index=True)
    best = np.full(n, -1, dtype=np.int64)
    best[row] = made.item[order][first]
    return best


def _read_today(people: People, day: int, category: Ints) -> NDArray[np.bool_]:
    """Whether each user read her category on the day."""
    today = (people.at_us >= people.start_us(day)) & (people.at_us < people.start_us(day + 1))
    user, read = people.user[today], people.category[today]
    found = np.zeros(people.n, dtype=np.bool_)
    found[user[read == category[user]]] = True
    return found


def _sliced(log: Log, users: int) -> Log:
    """The log of the first users; all of it for 0."""
    if not users:
        return log
    return replace(log, rows=log.rows.take(np.isin(log.rows.user, np.unique(log.rows.user)[:users])))


def table_of(cells: Sequence[Cell]) -> str:
    """Returns the page's table, a setting a row."""
    rows = [
        [
            "never" if cell.below == 0 else f"under {cell.below:g}",
            f"{100 * cell.saved:.1f}",
            f"{100 * cell.saved_others:.1f}",
            shown(cell.lost, 2, 100),
            shown(cell.lost_read, 2, 100),
        ]
        for cell in cells
    ]
    head = [
        "skipped where found",
        "look-ups saved, %",
        "without *followed*, %",
        "best candidate lost, %",
        "and read, %",
    ]
    return markdown(head, rows)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    parser = argparse.ArgumentParser(description="Sources that are not asked because they would be empty.")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    results = here / "results" / "generation_pruning"
    parser.add_argument("--results", type=Path, default=results, help="where cells are kept")
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N people (0: all)")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table between the markers of a page")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
