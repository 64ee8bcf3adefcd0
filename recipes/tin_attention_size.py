"""How wide attention and representation must be: each has embeddings of its own, and one is made narrow at a time.

Command: `python recipes/tin_attention_size.py`; cells on file under `results/tin_attention_size` are not computed
again. It prints a table of `docs/explanation/behaviour-sequences.md`; `--page` writes it there.
Data: `amazon_s3rec` (Toys and Games), rows as in `recipes/tin_table1.py`, whose setting of TIN without TTE, the same
network with one space for both, is used. Seeds: 0 and 1. Hardware: one thread of two x86-64 cores.
Source: Zhou et al., "Temporal Interest Network for User Response Prediction", WWW 2024, appendix A.2, equation 6,
Figure 5. Expected: GAUC falls with a narrow representation, and hardly with a narrow attention.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch

from responses import page
from responses.cells import DRAWS, of_test, read, rounded
from responses.data import ResponseData, load
from responses.learn import Setting, course, foretold, tuned
from responses.models import HIDDEN
from responses.part import first_users
from tactful.experiments.response_scores import intervals
from tactful.experiments.stats import Interval
from tactful.models.baselines.split_din import SplitDIN
from tactful.training.fit import fit, seeded
from volume_real.cells import append, markdown, shown

WIDE: Final = 16
"""Of one field: 64 for the four fields of a toy."""
NARROW: Final = (0, 1, 2, 4, 8)
SIZES: Final = (*((dim, WIDE) for dim in (*NARROW, WIDE)), *((WIDE, dim) for dim in NARROW if dim))
"""Widths of a field in attention and representation; 0 is no attention at all."""
SEEDS: Final = 2
BEGIN: Final = "<!-- table of recipes/tin_attention_size.py -->"


class SizeCell(msgspec.Struct, frozen=True):
    """One pair of widths with one seed: scores on the test rows, with 95 % intervals over users."""

    checksum: str
    attention: int
    representation: int
    seed: int
    scores: dict[str, Interval]


def main(words: Sequence[str] | None = None) -> None:
    """Computes the missing cells and shows all."""
    arguments = _arguments(words)
    torch.set_num_threads(1)
    file = arguments.results / "cells.ndjson"
    if not arguments.no_fit:
        data = first_users(load("toys", arguments.data, arguments.scratch), arguments.slice)
        setting = tuned(data, "tin_without_tte", arguments.cells / f"trials-{data.name}.ndjson")
        append(file, _missing(data, setting, read(file, SizeCell), arguments.seeds))
    shown_table = table(read(file, SizeCell))
    if arguments.page:
        text = arguments.page.read_text(encoding="utf-8")
        arguments.page.write_text(page.filled(text, [shown_table], BEGIN), encoding="utf-8")
    print(shown_table)


def table(cells: Sequence[SizeCell]) -> str:
    """Returns GAUC and log loss by widths; intervals are means over the seeds of their ends."""
    rows = []
    for attention, representation in SIZES:
        mine = [c.scores for c in cells if (c.attention, c.representation) == (attention, representation)]
        if mine:
            means = {m: Interval(*np.mean([scores[m] for scores in mine], axis=0)) for m in ("GAUC", "log loss")}
            widths = (str(4 * attention) if attention else "none", str(4 * representation))
            rows.append([*widths, str(len(mine)), *(shown(interval, 4) for interval in means.values())])
    return markdown(("d of attention", "d of representation", "seeds", "GAUC", "log loss"), rows)


def _missing(data: ResponseData, setting: Setting, done: Sequence[SizeCell], seeds: int) -> Iterator[SizeCell]:
    there = {(c.checksum, c.attention, c.representation, c.seed) for c in done}
    for seed in range(seeds):
        for sizes in SIZES:
            if (data.checksum, *sizes, seed) not in there:
                yield _cell(data, setting, sizes, seed)


def _cell(data: ResponseData, setting: Setting, sizes: tuple[int, int], seed: int) -> SizeCell:
    model = seeded(lambda: SplitDIN(data.shape, sizes[1], HIDDEN, setting.dropout, sizes[0]), seed)
    fit(model, data.train, data.validation, course(setting, seed))
    found = intervals(of_test(data, foretold(model, data.test)), np.random.default_rng(0), DRAWS)
    print(f"attention {sizes[0]}, representation {sizes[1]}, seed {seed}: GAUC {found['GAUC'].value:.4f}", flush=True)
    return SizeCell(data.checksum, *sizes, seed, {name: rounded(interval) for name, interval in found.items()})


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    scratch = Path(tempfile.gettempdir()) / "tactful-responses"
    results = here / "results" / "tin_attention_size"
    parser = argparse.ArgumentParser(description="Attention size against representation size.")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument("--results", type=Path, default=results, help="where cells are kept")
    parser.add_argument("--cells", type=Path, default=here / "results" / "tin_table1", help="where trials are kept")
    parser.add_argument("--scratch", type=Path, default=scratch, help="where negatives are kept")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="N seeds")
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N users (0: all)")
    parser.add_argument("--no-fit", action="store_true", help="compute nothing, show the cells on file")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table between the markers of a page")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
