"""Amazon reviews, Toys and Games: who reviews which toy next. The order of reviews is known, their times are not.

The last event of each user tests, the last but one validates, events 3 to n - 2 teach. A history is the events before
the target, 50 at most. Every positive has one negative, drawn by training popularity (`load`) or uniformly
(`load_uniform`, where popularity alone tells a part of the label). No model sees who the user is.
"""

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq

from responses.data import Ints, ResponseData, assemble, first_of_user, paired
from responses.negatives import SMOOTHING, Positives, digest, negatives
from tactful.training.histories import Behaviours

FIELDS: Final = ("item", "brand", "cat_l3", "cat_leaf")
CATEGORY: Final = FIELDS.index("cat_l3")
SEED: Final = 0
FIRST: Final = 2
"""Events without a target of their own, so that every history has some."""


def load(folder: Path, scratch: Path) -> ResponseData:
    """Returns the data set with negatives drawn by training popularity."""
    return _load(folder, scratch, uniform=False)


def load_uniform(folder: Path, scratch: Path) -> ResponseData:
    """Returns the same positives with negatives drawn from all items alike."""
    return _load(folder, scratch, uniform=True)


def _load(folder: Path, scratch: Path, uniform: bool) -> ResponseData:
    name = "toys_uniform" if uniform else "toys"
    events = pq.read_table(folder / "amazon_s3rec" / "Toys_and_Games_events.parquet").sort_by(
        [("user", "ascending"), ("pos", "ascending")]
    )
    user, item = (events[column].to_numpy().astype(np.int64) for column in ("user", "item"))
    items = _fields(folder, int(item.max()) + 1)
    start = first_of_user(user)
    part, after = leave_one_out(start, FIRST)
    popularity = np.bincount(item[after >= 2], minlength=len(items)) + SMOOTHING
    weights = np.where(np.arange(len(items)) > 0, 1.0 if uniform else popularity, 0.0)
    target = np.flatnonzero(part >= 0)
    positives = Positives(user[target], np.zeros(len(target), dtype=np.int64), weights[None, :], user, item)
    negative = negatives(scratch / f"negatives-{name}.npz", positives, SEED)
    parts = [paired(user, start, item, target[part[target] == p], negative[part[target] == p]) for p in range(3)]
    return assemble(
        name,
        FIELDS,
        (),
        CATEGORY,
        items,
        Behaviours(item.astype(np.int32)),
        (parts[0], parts[1], parts[2]),
        digest(user, item, items, negative),
    )


def leave_one_out(start: Ints, first: int) -> tuple[Ints, Ints]:
    """Returns each event's part (0 teaches, 1 validates, 2 tests, -1 only precedes), and how many are still to come.

    Args:
        start: the place of its user's first event.
        first: so many events of each user are no targets.
    """
    place = np.arange(len(start)) - start
    after = np.bincount(start, minlength=len(start))[start] - 1 - place
    return np.select([place < first, after >= 2, after == 1], [-1, 0, 1], default=2), after


def _fields(folder: Path, n: int) -> Ints:
    table = pq.read_table(folder / "amazon_s3rec" / "Toys_and_Games_items.parquet")
    items = np.zeros((n, len(FIELDS)), dtype=np.int64)
    items[table["item"].to_numpy()] = np.column_stack([table[field].to_numpy() for field in FIELDS])
    items[items == 0] = -1  # a toy without a brand has none that could be known
    return items
