"""What a behaviour of some category at some position says about the target: in the data, and in a fitted model.

Both are taken over the same rows. Truth: mutual information between "a behaviour of this category stands there" and the
label, for targets of one category. Learned: the mean of `learned_correlation` of behaviours put there.
"""

from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tactful.experiments.mutual_information import category_information, pearson
from tactful.models.correlation import learned_correlation
from tactful.training.dataset import in_order
from tactful.training.sequences import Sequences

POSITIONS: Final = 10
"""As many as in the paper's figures; of older behaviours little is known of most users."""
FEWEST: Final = 30
"""Behaviours of the target's category at a position: with fewer there is no truth to correlate with."""
MOST: Final = 2000
"""Behaviours of a category that a model is asked about."""
_AT_ONCE: Final = 4096
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Pairs(NamedTuple):
    """The newest behaviours of n rows with their targets; a behaviour that is not there has ids of 0."""

    target: Ints  # [n, F]
    history: Ints  # [n, POSITIONS, F]
    length: Ints  # [n], of the whole history
    label: NDArray[np.bool_]  # [n]
    field: int  # which of the F is the category

    def of_target(self, category: int) -> "Pairs":
        """Returns the rows whose target is of a category."""
        rows = self.target[:, self.field] == category
        return Pairs(self.target[rows], self.history[rows], self.length[rows], self.label[rows], self.field)

    @property
    def categories(self) -> Ints:
        """The category of each behaviour."""
        return self.history[:, :, self.field]


def pairs(rows: Sequences, field: int) -> Pairs:
    """Returns all rows of a data set."""
    n, fields = len(rows), len(rows.shape.items)
    target, history = np.zeros((n, fields), dtype=np.int64), np.zeros((n, POSITIONS, fields), dtype=np.int64)
    for chosen in in_order(n, _AT_ONCE):
        batch = rows.batch(chosen)
        newest = batch.history[:, :POSITIONS].numpy()
        target[chosen], history[chosen, : newest.shape[1]] = batch.target.numpy(), newest
    return Pairs(target, history, rows.lengths, rows.samples.label > 0.5, field)


def frequent(found: Pairs, most: int) -> Ints:
    """Returns the known categories that most targets have, the most frequent first."""
    count = np.bincount(found.target[:, found.field])
    count[0] = 0
    order = np.argsort(-count, kind="stable")[:most]
    chosen: Ints = order[count[order] > 0].astype(np.int64)
    return chosen


def truth(found: Pairs, target: int, categories: Ints) -> Floats:
    """Returns the bits that each category tells at each position [C, POSITIONS]; NaN where few behaviours stand."""
    rows = found.of_target(target)
    bits = category_information(rows.categories, rows.label, categories)
    many = (rows.categories[None] == categories[:, None, None]).sum(axis=1) >= FEWEST
    return np.where(many, bits, np.nan)


def learned(model: nn.Module, found: Pairs, target: int, categories: Ints) -> Floats:
    """Returns the mean learned correlation of behaviours of each category, put at each position [C, POSITIONS].

    The same behaviours (MOST at most, wherever they stand) are put at every position. What stands near is also more
    like the target, so that otherwise a model without positions would seem to know them. NaN without any.
    """
    rows = found.of_target(target)
    means = np.full((len(categories), POSITIONS), np.nan)
    for i, category in enumerate(categories):
        row, column = np.nonzero(rows.categories == category)
        chosen = np.arange(0, len(row), max(1, len(row) // MOST))
        for k in range(POSITIONS if len(row) else 0):
            at = np.full(len(chosen), k)
            means[i, k] = of_pairs(model, rows, row[chosen], column[chosen], at).mean()
    return means


def of_pairs(model: nn.Module, rows: Pairs, row: Ints, column: Ints, place: Ints) -> Floats:
    """Returns the learned correlation of behaviours with their targets, each put at a place (0 is the newest)."""
    model.eval()
    value = np.empty(len(row))
    with torch.no_grad():
        for chosen in in_order(len(row), _AT_ONCE):
            r, at = row[chosen], place[chosen]
            length = np.maximum(rows.length[r], POSITIONS)  # chronological order is told from the end of the history
            given = (rows.history[r, column[chosen]], rows.target[r], at + 1, length)
            found = learned_correlation(model, *(torch.from_numpy(array) for array in given))
            value[chosen] = found.double().numpy()
    return value


def agreement(true: Floats, found: Floats) -> float:
    """Returns Pearson's coefficient of two curves over positions: 0 if one is flat, NaN with under three places."""
    known = np.isfinite(true) & np.isfinite(found)
    if known.sum() < 3:
        return float("nan")
    flat = np.ptp(true[known]) == 0.0 or np.ptp(found[known]) <= 1e-6 * abs(found[known]).max()
    return 0.0 if flat else pearson(true, found)
