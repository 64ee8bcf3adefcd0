"""Cross-fitted LightGBM: every prediction comes from a model that saw no row of the predicted row's unit.

One setting for every model of both recipes, chosen beforehand and never changed by a result: shallow trees, few rounds.
"""

from collections.abc import Callable, Mapping
from typing import Final

import lightgbm as lgb
import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

SETTINGS: Final[Mapping[str, object]] = {
    "num_leaves": 8,
    "learning_rate": 0.1,
    "min_data_in_leaf": 100,
    "lambda_l2": 1.0,
    "deterministic": True,
    "num_threads": 1,
    "seed": 0,
    "verbose": -1,
}
ROUNDS: Final = 60

Model = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From covariates to predictions, one row each."""
Predict = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""From row numbers to predictions."""


def boosted(
    x: Float[np.ndarray, "n f"],
    y: Float[np.ndarray, " n"] | Int[np.ndarray, " n"],
    objective: str = "regression",
    rounds: int = ROUNDS,
    **more: object,
) -> Model:
    """Returns a fitted booster's prediction function; probabilities for a classifier."""
    booster = lgb.train({**SETTINGS, "objective": objective, **more}, lgb.Dataset(x, y), rounds)

    def predict(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(booster.predict(rows), dtype=np.float64)

    return predict


def folds(unit: Int[np.ndarray, " n"], seed: int, count: int) -> NDArray[np.int64]:
    """Returns each row's fold; the rows of one unit share it."""
    deal = np.random.default_rng(seed).permutation(int(unit.max()) + 1) % count
    return np.asarray(deal[unit], dtype=np.int64)


def by_fold(fold: Int[np.ndarray, " n"], fit: Callable[[NDArray[np.int64]], Predict]) -> NDArray[np.float64]:
    """Returns out-of-fold predictions; `fit(rows of the other folds)` gives what predicts the rows of a fold."""
    parts = [(fold == f, fit(np.flatnonzero(fold != f))(np.flatnonzero(fold == f))) for f in np.unique(fold)]
    whole = np.empty((len(fold), *parts[0][1].shape[1:]))
    for held, predicted in parts:
        whole[held] = predicted
    return whole


def linear(x: Float[np.ndarray, "n f"], y: Float[np.ndarray, " n"]) -> Model:
    """Returns the prediction function of least squares."""
    scaled = _scaler(x)
    coefficient = np.linalg.lstsq(scaled(x), y, rcond=None)[0]
    return lambda rows: scaled(rows) @ coefficient


def logistic(x: Float[np.ndarray, "n f"], y: Float[np.ndarray, " n"], steps: int = 12) -> Model:
    """Returns the prediction function of logistic regression, by Newton's method; a ridge of 1 on scaled columns."""
    scaled = _scaler(x)
    design = scaled(x)
    ridge = np.diag([0.0, *np.ones(x.shape[1])])
    coefficient = np.zeros(design.shape[1])
    coefficient[0] = np.log(y.mean() / (1.0 - y.mean()))
    for _ in range(steps):
        p = 1.0 / (1.0 + np.exp(-design @ coefficient))
        curvature = design.T @ (design * (p * (1.0 - p))[:, None]) + ridge
        coefficient += np.linalg.solve(curvature, design.T @ (y - p) - ridge @ coefficient)
    return lambda rows: 1.0 / (1.0 + np.exp(-scaled(rows) @ coefficient))


def _scaler(x: NDArray[np.float64]) -> Model:
    """A constant, and the columns less their mean, over their spread."""
    mean, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-12)
    return lambda rows: np.column_stack([np.ones(len(rows)), (rows - mean) / spread])
