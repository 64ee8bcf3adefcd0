"""What a skeptic would count: how many behaviours share a field with the target, by how long ago they were."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.training.dataset import in_order
from tactful.training.sequences import Sequences

BUCKETS: Final = ((0, 1), (1, 2), (2, 5), (5, 10), (10, 20), (20, 50))
"""Positions, newest first, from and to."""
_ROWS: Final = 8192

Floats = NDArray[np.float64]


def matches(data: Sequences) -> NDArray[np.float32]:
    """Returns n rows of counts, field by field and bucket by bucket, and last the log of the history's length + 1."""
    fields = len(data.shape.items)
    table = np.zeros((len(data), fields * len(BUCKETS) + 1), dtype=np.float32)
    for rows in in_order(len(data), _ROWS):
        same = _same(data, rows)
        for b, (first, last) in enumerate(BUCKETS):
            table[rows, b : fields * len(BUCKETS) : len(BUCKETS)] = same[:, first:last].sum(axis=1)
    table[:, -1] = np.log1p(data.lengths)
    return table


def near_matches(data: Sequences, field: int) -> Floats:
    """Returns for each row `Σ_k 1/k` over the positions k whose behaviour shares the field with the target."""
    score = np.zeros(len(data))
    for rows in in_order(len(data), _ROWS):
        same = _same(data, rows)[:, :, field]
        score[rows] = same @ (1.0 / np.arange(1, same.shape[1] + 1))
    return score


def categories(data: Sequences, field: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the field of every row's history [n, L], newest first, 0 where there is none; and that of its target."""
    history = np.zeros((len(data), data.shape.length), dtype=np.int64)
    target = np.zeros(len(data), dtype=np.int64)
    for rows in in_order(len(data), _ROWS):
        batch = data.batch(rows)
        history[rows, : batch.history.shape[1]] = batch.history[:, :, field].numpy()
        target[rows] = batch.target[:, field].numpy()
    return history, target


def ids(data: Sequences) -> NDArray[np.int64]:
    """Returns the ids of every row's target, then of its context."""
    parts = [data.batch(rows) for rows in in_order(len(data), _ROWS)]
    return np.concatenate([np.column_stack([part.target.numpy(), part.context.numpy()]) for part in parts])


def _same(data: Sequences, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each behaviour shares each field with its target; what is not known is shared with nothing."""
    batch = data.batch(rows)
    history, target = batch.history.numpy(), batch.target.numpy()
    same: NDArray[np.bool_] = (history == target[:, None, :]) & (history > 0)
    return same
