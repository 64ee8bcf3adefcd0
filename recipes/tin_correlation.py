"""Semantic-temporal correlation on the toys: what behaviours tell of the target, and what models have learned of it.

Command: `python recipes/tin_correlation.py`, after `recipes/tin_table1.py` with the same scratch folder, whose fits of
seed 0 it reads (and makes, where they are missing). It writes the pictures and a line a model into
`results/tin_correlation`, and prints the table of `docs/explanation/behaviour-sequences.md`; `--page` writes it there.
Data: `amazon_s3rec` (Toys and Games), training rows; categories are the finest (`cat_leaf`). Figure 4 is of
`globo_clicks`, which alone knows times. Seed: 0. Hardware: one thread of two x86-64 cores, about two minutes.
Source: Zhou et al., "Temporal Interest Network for User Response Prediction", WWW 2024, sections 2 and 4.3, appendix
A.2 and A.3; Figures 1, 3, 4, 6 and 7. Expected, by the paper: TIN's correlation with the truth is above all others'.
Found: it is not; that of one number a position (ours) is.
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
from torch import nn

from responses import page, pictures
from responses.cells import read
from responses.correlation import Floats, Pairs, agreement, frequent, learned, of_pairs, pairs, truth
from responses.data import ResponseData, load
from responses.learn import fitted, tuned
from responses.models import NEURAL
from responses.part import first_users
from volume_real.cells import append, markdown

MODELS: Final = ("tin", "tin_without_tte", "tin_without_ta", "tin_without_tr", "position_bias", "din", "sasrec", "bst")
FIELD: Final = "cat_leaf"
TARGETS: Final = 200
SHOWN: Final = 5
"""Categories of behaviours in a picture of one target category."""
BOUNDS: Final = (0.2, 0.8)
"""Between poor, medium and strong (the paper's Figure 6)."""
BEGIN: Final = "<!-- table of recipes/tin_correlation.py -->"


class Agreement(msgspec.Struct, frozen=True):
    """How a model's learned correlation goes with the truth, along the positions of the target's own category.

    Attributes:
        first: Pearson's coefficient for the most frequent target category.
        by_target: the same for each of the most frequent ones that have enough to judge by.
    """

    data: str
    checksum: str
    model: str
    first: float
    by_target: tuple[float, ...]


def main(words: Sequence[str] | None = None) -> None:
    """Measures the models whose fits can be had, draws all pictures, shows the table."""
    arguments = _arguments(words)
    torch.set_num_threads(1)
    file = arguments.results / "agreement.ndjson"
    if not arguments.no_fit:
        data = first_users(load("toys", arguments.data, arguments.scratch), arguments.slice)
        found = pairs(data.train, data.fields.index(FIELD))
        models = {model: _fit(data, model, arguments) for model in arguments.models}
        file.unlink(missing_ok=True)
        append(file, (_agreement(data, found, name, model) for name, model in models.items()))
        _draw(found, models, arguments.results)
        if not arguments.slice:
            pictures.intervals(load("globo", arguments.data, arguments.scratch).train, arguments.results)
    shown = table(read(file, Agreement))
    if arguments.page:
        text = arguments.page.read_text(encoding="utf-8")
        arguments.page.write_text(page.filled(text, [shown], BEGIN), encoding="utf-8")
    print(shown)


def table(found: Sequence[Agreement]) -> str:
    """Returns the coefficients of all models, and how many categories are poor, medium and strong."""
    rows = []
    for one in found:
        values = np.array(one.by_target)
        parts = np.bincount(np.searchsorted(BOUNDS, values, side="left"), minlength=3) / len(values)
        shares = (f"{100 * part:.0f} %" for part in parts)
        rows.append([NEURAL[one.model].title, f"{one.first:.2f}", f"{np.median(values):.2f}", *shares])
    targets = len(found[0].by_target) if found else 0
    return markdown(("model", "first category", f"median of {targets}", "poor", "medium", "strong"), rows)


def _fit(data: ResponseData, model: str, arguments: argparse.Namespace) -> nn.Module:
    setting = tuned(data, model, arguments.cells / f"trials-{data.name}.ndjson")
    return fitted(data, model, setting, 0, arguments.scratch / arguments.cells.name / "checkpoints")[0]


def _agreement(data: ResponseData, found: Pairs, name: str, model: nn.Module) -> Agreement:
    values = [_along(found, model, int(target)) for target in frequent(found, TARGETS)]
    known = [round(value, 4) for value in values if np.isfinite(value)]
    return Agreement(data.name, data.checksum, name, round(values[0], 4), tuple(known))


def _along(found: Pairs, model: nn.Module, target: int) -> float:
    """Pearson's coefficient over positions, for behaviours of the target's category."""
    own = np.array([target])
    return agreement(truth(found, target, own)[0], learned(model, found, target, own)[0])


def _draw(found: Pairs, models: dict[str, nn.Module], folder: Path) -> None:
    target = int(frequent(found, 1)[0])
    categories = np.concatenate([[target], frequent(found, SHOWN)[1:]])
    true = truth(found, target, categories)
    panels: dict[str, Floats] = {"truth": true}
    for name, model in models.items():
        values = learned(model, found, target, categories)
        panels[f"{NEURAL[name].title} ({agreement(true[0], values[0]):.2f})"] = values
    of_tin = [title for title in panels if title.startswith("TIN")]
    rivals = [title for title in panels if title not in of_tin]  # the truth stands first among them
    pictures.heat("figure-1", {title: panels[title] for title in rivals}, categories, folder)
    pictures.heat("figure-3", {title: panels[title] for title in ("truth", *of_tin)}, categories, folder)
    by_target = {
        NEURAL[n].title: [_along(found, m, int(t)) for t in frequent(found, TARGETS)] for n, m in models.items()
    }
    pictures.shares(by_target, BOUNDS, folder)
    pictures.histories([_history(found, models, row) for row in _two(found)], folder)


def _two(found: Pairs) -> list[int]:
    """Two rows with a response: about eight of ten behaviours are of the target's category, and about two."""
    same = (found.categories == found.target[:, found.field][:, None]).sum(axis=1)
    often = np.isin(found.target[:, found.field], frequent(found, SHOWN))
    full = np.flatnonzero(found.label & often & (found.categories > 0).all(axis=1))
    return [int(full[np.argmin(abs(same[full] - wanted))]) for wanted in (8, 2)]


def _history(found: Pairs, models: dict[str, nn.Module], row: int) -> pictures.History:
    """One row's behaviours: their categories, what they tell in truth, and what models hold of them."""
    target, categories = int(found.target[row, found.field]), found.categories[row]
    place = np.arange(len(categories))
    true = truth(found, target, categories)[place, place]
    one = np.full(len(place), row)
    values = {NEURAL[name].title: of_pairs(model, found, one, place, place) for name, model in models.items()}
    return pictures.History(target, categories, {"truth": true, **values})


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    scratch = Path(tempfile.gettempdir()) / "tactful-responses"
    parser = argparse.ArgumentParser(description="Semantic-temporal correlation: in the data, and learned.")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument("--results", type=Path, default=here / "results" / "tin_correlation", help="what is written")
    parser.add_argument("--cells", type=Path, default=here / "results" / "tin_table1", help="where trials are kept")
    parser.add_argument("--scratch", type=Path, default=scratch, help="negatives and checkpoints")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), help="only these")
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N users (0: all), without Figure 4")
    parser.add_argument("--no-fit", action="store_true", help="compute nothing, show what is on file")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table between the markers of a page")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
