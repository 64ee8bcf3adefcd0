"""In which order to show the items of one message: response models against popularity, recency and interest.

Command: `python recipes/content_order.py`; cells on file under `results/content_order` are not computed again. It
prints the table of `docs/explanation/content-order.md`, and writes it there with `--page`; `--slice 300` runs on 300
people with one model and keeps its cells apart.
Data: `kuairand_pure`: real lists, the videos that one person was shown on one day and one page (tab) from 1 May 2022
on, with and without a click. What is known of her is what she had done before the first of them. Fields, periods and
histories are those of `responses/kuairand.py`; models are fitted as in `tin_table1.py`, with what its tuning chose.
Seeds: 0-1 for models. Hardware: two x86-64 cores, one thread.
Expected: the page's table. The measure is nDCG of the clicked among those shown, the mean over people, with intervals
over people. The app's own ranker chose these videos and their order, which is a row.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from responses.cells import read
from responses.data import ResponseData, first_of_user, load
from responses.learn import SETTINGS, Setting, Trial, fitted, foretold
from responses.matches import categories
from responses.models import NEURAL
from responses.part import first_users
from tactful.clock import DAY_US, HOUR_US
from tactful.experiments.metrics import ndcg
from tactful.experiments.stats import Interval, bootstrap_totals
from volume_real.cells import append, markdown, mean, shown

Floats = NDArray[np.float64]
MODELS: Final = ("tin", "din", "average_product")
SEEDS: Final = (0, 1)
BASES: Final = ("popularity", "click rate")
DRAWS: Final = 1000
SHANGHAI_US: Final = 8 * HOUR_US
PRIOR_SHOWN: Final = 20.0
"""Exposures that the mean click rate counts for in a video's own."""
BEGIN, END = "<!-- table of recipes/content_order.py -->", "<!-- end of table -->"


class Cell(msgspec.Struct, frozen=True):
    """One order of all lists: nDCG, and nDCG less that of two simple orders, means over people with 95 % intervals."""

    order: str
    seed: int
    lists: int
    people: int
    ndcg: Interval
    over: dict[str, Interval]


@dataclass(frozen=True, eq=False)
class Lists:
    """The data set with lists as its test part: rows of one list lie together, `list_of` is each row's number."""

    data: ResponseData
    list_of: NDArray[np.int64]

    def by_person(self, score: Floats) -> Floats:
        """Returns each person's mean nDCG over her lists, and beside it 1: sums of them make the mean."""
        samples = self.data.test.samples
        value = ndcg(score, samples.label.astype(np.float64), self.list_of)
        _, first = np.unique(self.list_of, return_index=True)
        _, person = np.unique(samples.user[first], return_inverse=True)
        return np.bincount(person, value) / np.bincount(person)


def main(words: Sequence[str] | None = None) -> None:
    """Computes the missing cells and shows all."""
    arguments = _arguments(words)
    torch.set_num_threads(1)
    data = first_users(load("kuairand", arguments.data, arguments.scratch), arguments.slice)
    file = arguments.results / (f"slice-{arguments.slice}" if arguments.slice else "") / "cells.ndjson"
    if not arguments.no_fit:
        append(file, _cells(of_days(data), arguments, {(cell.order, cell.seed) for cell in read(file, Cell)}))
    table = table_of(read(file, Cell))
    if arguments.page:
        arguments.page.write_text(filled(arguments.page.read_text(encoding="utf-8"), table), encoding="utf-8")
    print(table)


def of_days(data: ResponseData) -> Lists:
    """Returns the lists of the test part: a person's local day and page each, as known before the first of them."""
    given = data.test.samples
    at_us = given.at_us if given.at_us is not None else np.zeros(len(given), dtype=np.int64)
    tab, day = given.context[:, data.context.index("tab")], (at_us + SHANGHAI_US) // DAY_US
    order = np.lexsort((at_us, tab, day, given.user))
    _, number = np.unique(np.column_stack([given.user, day, tab])[order], axis=0, return_inverse=True)
    samples, first = given.take(order), first_of_user(number)
    known = replace(samples, start=samples.start[first], end=samples.end[first], at_us=at_us[order][first])
    clicks, size = np.bincount(number, samples.label), np.bincount(number)
    mixed = np.flatnonzero(((clicks > 0) & (clicks < size))[number])
    return Lists(replace(data, test=data.test.over(known.take(mixed))), number[mixed])


def _cells(lists: Lists, arguments: argparse.Namespace, there: set[tuple[str, int]]) -> Iterator[Cell]:
    simple = _simple(lists, arguments.data)
    bases = {name: lists.by_person(simple[name]) for name in BASES}
    for name, score in simple.items():
        if (name, 0) not in there:
            yield _cell(lists, name, 0, lists.by_person(score), bases)
    kept = arguments.scratch / f"order-{arguments.slice}"
    for model in MODELS[:1] if arguments.slice else MODELS:
        for seed in SEEDS[:1] if arguments.slice else SEEDS:
            if (model, seed) not in there:
                net, _ = fitted(lists.data, model, _setting(model, arguments.trials), seed, kept)
                yield _cell(lists, model, seed, lists.by_person(foretold(net, lists.data.test)), bases)


def _simple(lists: Lists, folder: Path) -> Mapping[str, Floats]:
    """Scores that need no model; of a video, only what the training part says."""
    train, test = lists.data.train.samples, lists.data.test.samples
    n = int(max(train.target.max(), test.target.max())) + 1
    clicks, times = np.bincount(train.target, train.label, n), np.bincount(train.target, minlength=n)
    mean = train.label.mean()
    table = pq.read_table(folder / "kuairand_pure" / "items.parquet", columns=["video_id", "upload_dt"])
    uploaded = np.zeros(n)
    video = table["video_id"].to_numpy().astype(np.int64) + 1
    day = np.array([int(str(value).replace("-", "")) if value else 0 for value in table["upload_dt"].to_pylist()])
    uploaded[video[video < n]] = day[video < n]
    past, target = categories(lists.data.test, lists.data.category)
    interest = ((past == target[:, None]) & (past > 0)).sum(axis=1)
    click_rate = (clicks + PRIOR_SHOWN * mean) / (times + PRIOR_SHOWN)
    popularity = clicks / max(clicks.max(), 1.0)
    return {
        "as it was shown": -np.arange(len(test), dtype=np.float64),
        "popularity": popularity[test.target],
        "recency": uploaded[test.target],
        "click rate": click_rate[test.target],
        "interest, then popularity": interest + popularity[test.target] / 2.0,
    }


def _cell(lists: Lists, order: str, seed: int, value: Floats, bases: Mapping[str, Floats]) -> Cell:
    """The same resamples of people for every order."""
    sums = np.column_stack([value, *(value - base for base in bases.values()), np.ones(len(value))])
    draws = bootstrap_totals(sums, np.random.default_rng(0), DRAWS)
    means, resampled = sums.mean(axis=0), draws / draws[:, -1:]
    intervals = [_interval(float(means[i]), resampled[:, i]) for i in range(1 + len(bases))]
    size = len(np.unique(lists.list_of))
    return Cell(order, seed, size, len(value), intervals[0], dict(zip(bases, intervals[1:], strict=True)))


def _interval(value: float, resampled: Floats) -> Interval:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Interval(round(value, 6), round(float(low), 6), round(float(high), 6))


def _setting(model: str, trials: Path) -> Setting:
    """What tuning chose for a model on KuaiRand; the first of the settings where nothing is on file."""
    done = [trial for trial in read(trials, Trial) if trial.model == model and trial.setting in SETTINGS]
    return min(done, key=lambda trial: min(trial.losses)).setting if done else SETTINGS[0]


def table_of(cells: Sequence[Cell]) -> str:
    """Returns the page's table: an order a row, means over seeds."""
    rows = []
    for order in dict.fromkeys(cell.order for cell in cells):
        mine = [cell for cell in cells if cell.order == order]
        title = NEURAL[order].title if order in NEURAL else order
        gains = [
            "" if order == base else shown(mean([cell.over[base] for cell in mine]), 4, sign="+") for base in BASES
        ]
        rows.append([title, str(len(mine)), shown(mean([cell.ndcg for cell in mine]), 4), *gains])
    size = f"{cells[0].lists:,} lists of {cells[0].people:,} people." if cells else "No cell is on file."
    return markdown(["order", "seeds", "nDCG", *(f"over {base}" for base in BASES)], rows) + f"\n\n{size}"


def filled(page: str, table: str) -> str:
    """Returns the page with the table between its markers."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    results = here / "results"
    parser = argparse.ArgumentParser(description="In which order to show the items of one message.")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument("--results", type=Path, default=results / "content_order", help="where cells are kept")
    trials = results / "tin_table1" / "trials-kuairand.ndjson"
    parser.add_argument("--trials", type=Path, default=trials, help="what tuning tried for tin_table1.py")
    scratch = Path(tempfile.gettempdir()) / "tactful-responses"
    parser.add_argument("--scratch", type=Path, default=scratch, help="where checkpoints are kept")
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N people (0: all), one model")
    parser.add_argument("--no-fit", action="store_true", help="compute nothing, show what is on file")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table between the markers of a page")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
