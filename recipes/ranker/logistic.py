"""Logistic regression on one row of numbers a message: the baseline without any crossing of features.

Numbers are standardised, ids become indicators, all with an L2 penalty; fitted by Newton's steps.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import NDArray

from tactful.features.rank_table import COLUMNS
from tactful.models.protocol import RANK_HEADS
from tactful.training.ranking.boosted import table_of
from tactful.training.ranking.rows import RankRows

IDS: Final = ("segment", "hour", "weekday", "reach", "type", "match", "recency", "channel")
PENALTY: Final = 1.0
_STEPS: Final = 12


@dataclass(frozen=True, eq=False)
class Logistic:
    """Means and scales of the numbers, values of the ids, and a weight for each and head."""

    mean: Float64[np.ndarray, " numbers"]
    scale: Float64[np.ndarray, " numbers"]
    values: tuple[NDArray[np.float32], ...]
    weight: Float64[np.ndarray, "heads m"]

    def logits(self, rows: RankRows) -> Float64[np.ndarray, "n heads"]:
        """Returns the log odds of every head, as learned from the rows."""
        said: NDArray[np.float64] = self._design(table_of(rows)) @ self.weight.T
        return said

    def _design(self, table: Float32[np.ndarray, "n F"]) -> Float32[np.ndarray, "n m"]:
        numbers, ids = _parted(table)
        columns = [np.ones((len(table), 1)), (numbers - self.mean) / self.scale]
        columns += [ids[:, [i]] == values for i, values in enumerate(self.values)]
        return np.concatenate(columns, axis=1).astype(np.float32)


def fit_logistic(rows: RankRows) -> Logistic:
    """Returns the regression of each head."""
    numbers, ids = _parted(table_of(rows))
    scale = numbers.std(axis=0)
    values = tuple(np.unique(column) for column in ids.T)
    model = Logistic(numbers.mean(axis=0), np.where(scale > 1e-6, scale, 1.0), values, np.zeros((0, 0)))
    x = model._design(table_of(rows))
    weight = [_newton(x[rows.known[:, h]], rows.label[rows.known[:, h], h]) for h in range(len(RANK_HEADS))]
    return Logistic(model.mean, model.scale, values, np.stack(weight))


def _parted(table: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    at = [COLUMNS.index(name) for name in IDS]
    others = [place for place in range(len(COLUMNS)) if place not in at]
    return table[:, others].astype(np.float64), table[:, at]


def _newton(x: NDArray[np.float32], label: NDArray[np.bool_]) -> NDArray[np.float64]:
    weight, penalty = np.zeros(x.shape[1]), np.full(x.shape[1], PENALTY)
    share = (label.sum() + 0.5) / (len(label) + 1.0)
    weight[0], penalty[0] = np.log(share / (1.0 - share)), 0.0
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ weight, -30.0, 30.0)))
        curvature = (x.T * (p * (1.0 - p)).astype(np.float32)) @ x + np.diag(penalty + 1e-6)
        step = np.linalg.solve(curvature.astype(np.float64), x.T @ (p - label) + penalty * weight)
        weight = weight - step
        if np.abs(step).max() < 1e-4:
            break
    return weight
