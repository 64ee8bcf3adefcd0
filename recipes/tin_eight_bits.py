"""What weights of eight bits cost a trained TIN: AUC of the served graph, float32 against int8, on real test rows.

Command: `python recipes/tin_eight_bits.py`, after `recipes/tin_table1.py` with the same scratch folder, whose fit of
seed 0 it reads (and makes, where it is missing). It prints the table of `docs/explanation/performance.md`; `--page`
writes it there. Both graphs are made by `training.export_responses` and scored by `models.served_responses`.
Data: `amazon_s3rec` (Toys and Games), rows as in `recipes/tin_table1.py`. Seed: 0. Hardware: one thread of two x86-64
cores. Expected: no AUC that three digits show.
"""

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch

from responses import page
from responses.cells import DRAWS, Floats, of_test, read, rounded
from responses.data import ResponseData, load
from responses.learn import fitted, tuned
from responses.part import first_users
from tactful.experiments.response_scores import MEASURES, differences
from tactful.experiments.stats import Interval
from tactful.models.served_responses import ServedResponses
from tactful.training.dataset import by_length
from tactful.training.export_responses import export_responses, quantised
from tactful.training.sequences import Sequences
from volume_real.cells import append, markdown, shown

BEGIN: Final = "<!-- table of recipes/tin_eight_bits.py -->"
_AT_ONCE: Final = 4096


class EightBits(msgspec.Struct, frozen=True):
    """One trained model, served with weights of 32 and of 8 bits.

    Attributes:
        mb, mb_small: sizes of the graphs, in millions of bytes.
        auc, auc_small: on the test rows.
        lost: float32 less int8 in each measure, with 95 % intervals over users.
        typical, largest: median and largest difference of a row's two probabilities.
    """

    data: str
    checksum: str
    model: str
    seed: int
    rows: int
    mb: float
    mb_small: float
    auc: float
    auc_small: float
    lost: dict[str, Interval]
    typical: float
    largest: float


def main(words: Sequence[str] | None = None) -> None:
    """Measures the model, and shows the table."""
    arguments = _arguments(words)
    torch.set_num_threads(1)
    file = arguments.results / "cells.ndjson"
    if not arguments.no_fit:
        data = first_users(load("toys", arguments.data, arguments.scratch), arguments.slice)
        made = _measured(data, arguments)
        file.unlink(missing_ok=True)
        append(file, iter([made]))
    shown_table = table(read(file, EightBits))
    if arguments.page:
        text = arguments.page.read_text(encoding="utf-8")
        arguments.page.write_text(page.filled(text, [shown_table], BEGIN), encoding="utf-8")
    print(shown_table)


def table(cells: Sequence[EightBits]) -> str:
    """Returns both graphs side by side."""
    rows = []
    for cell in cells:
        rows.append(["float32", f"{cell.mb:.2f}", f"{cell.auc:.4f}", *[""] * 5])
        lost = [shown(cell.lost[measure], 5, sign="+") for measure in MEASURES]
        apart = (f"{cell.typical:.4f}", f"{cell.largest:.4f}")
        rows.append(["int8", f"{cell.mb_small:.2f}", f"{cell.auc_small:.4f}", *lost, *apart])
    less = (f"float32 less it, {measure}" for measure in MEASURES)
    return markdown(("weights", "MB", "AUC", *less, "median difference of p", "largest"), rows)


def _measured(data: ResponseData, arguments: argparse.Namespace) -> EightBits:
    setting = tuned(data, "tin", arguments.cells / f"trials-{data.name}.ndjson")
    model, _ = fitted(data, "tin", setting, 0, arguments.scratch / arguments.cells.name / "checkpoints")
    graph = export_responses(model, data.shape, data.train.vocabulary)
    small = quantised(graph)
    p, q = (_served(bits, data.test) for bits in (graph, small))
    mine, theirs = of_test(data, p), of_test(data, q)
    lost = differences(mine, theirs, np.random.default_rng(0), DRAWS)
    return EightBits(
        data=data.name,
        checksum=data.checksum,
        model="tin",
        seed=0,
        rows=len(data.test),
        mb=round(len(graph) / 1e6, 3),
        mb_small=round(len(small) / 1e6, 3),
        auc=round(mine.auc, 6),
        auc_small=round(theirs.auc, 6),
        lost={name: rounded(interval) for name, interval in lost.items()},
        typical=round(float(np.median(abs(p - q))), 6),
        largest=round(float(abs(p - q).max()), 6),
    )


def _served(graph: bytes, rows: Sequences) -> Floats:
    """The probability of a response in each row, as serving computes it."""
    served, p = ServedResponses(graph, rows.vocabulary), np.empty(len(rows))
    for chosen in by_length(rows, _AT_ONCE):
        asked = {name: column.numpy() for name, column in rows.batch(chosen).inputs().items()}
        p[chosen] = served.response(**asked | {"target": asked["target"][:, None, :]})[:, 0]
    return p


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    scratch = Path(tempfile.gettempdir()) / "tactful-responses"
    results = here / "results" / "tin_eight_bits"
    parser = argparse.ArgumentParser(description="What weights of eight bits cost a trained TIN.")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument("--results", type=Path, default=results, help="what is written")
    parser.add_argument("--cells", type=Path, default=here / "results" / "tin_table1", help="where trials are kept")
    parser.add_argument("--scratch", type=Path, default=scratch, help="negatives and checkpoints")
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N users (0: all)")
    parser.add_argument("--no-fit", action="store_true", help="compute nothing, show what is on file")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table between the markers of a page")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
