"""The orders that Hillstrom's customers are put into: by response, by uplift, by what they had spent before.

Sources: T-, S- and X-learner as in Künzel, Sekhon, Bickel and Yu, "Metalearners for estimating heterogeneous treatment
effects using machine learning", PNAS 2019; the transformed outcome as in Athey and Imbens, "Recursive partitioning for
heterogeneous causal effects", PNAS 2016.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.experiments.uplift import contributions
from volume_real.fitting import Model, boosted, by_fold, folds, linear, logistic
from volume_real.shoppers import HISTORY, Shoppers

FOLDS: Final = 3
RESPONSE: Final = "response"
MODELS: Final = (
    RESPONSE,
    "T-learner",
    "S-learner",
    "X-learner",
    "transformed outcome",
    "response, logistic",
    "T-learner, logistic",
    "spent before",
)
"""LightGBM where nothing else is said. For spend, least squares stands for logistic regression."""


def scores(
    shoppers: Shoppers, outcome: str, fold: NDArray[np.int64]
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Returns each model's out-of-fold score, and the outcome expected of every customer (for `contributions`)."""
    columns = by_fold(fold, lambda rows: lambda held: _fit(shoppers, outcome, rows, held))
    found = dict(zip(MODELS, columns.T, strict=False))
    return found, columns[:, -1]


def dealt(shoppers: Shoppers, seed: int) -> NDArray[np.int64]:
    """Returns the fold of every customer, by the seed."""
    return folds(np.arange(len(shoppers)), seed, FOLDS)


def _fit(shoppers: Shoppers, outcome: str, rows: NDArray[np.int64], held: NDArray[np.int64]) -> NDArray[np.float64]:
    """Fits on `rows`; scores of the held customers, a column each in the order of `MODELS`, the expectation last."""
    x, y, t, p = shoppers.known[rows], shoppers.outcome[outcome][rows], shoppers.mailed[rows], shoppers.probability
    new = shoppers.known[held]
    objective, simple = ("regression", linear) if outcome == "spend" else ("binary", logistic)
    mailed, silent = boosted(x[t], y[t], objective), boosted(x[~t], y[~t], objective)
    plain_mailed, plain_silent = simple(x[t], y[t]), simple(x[~t], y[~t])
    both = boosted(np.column_stack([x, t]), y, objective)
    transformed = boosted(x, contributions(y, t, p))
    if_mailed, if_silent = mailed(new), silent(new)
    return np.column_stack([
        if_mailed,
        if_mailed - if_silent,
        both(np.column_stack([new, np.ones(len(new))])) - both(np.column_stack([new, np.zeros(len(new))])),
        _crossed(x, y, t, p, mailed, silent)(new),
        transformed(new),
        plain_mailed(new),
        plain_mailed(new) - plain_silent(new),
        new[:, HISTORY],
        (1.0 - p) * if_mailed + p * if_silent,
    ])  # fmt: skip


def _crossed(
    x: NDArray[np.float64], y: NDArray[np.float64], t: NDArray[np.bool_], p: float, mailed: Model, silent: Model
) -> Model:
    """The X-learner: each group's effects, imputed by the other group's model, are fitted and averaged by p."""
    of_mailed = boosted(x[t], y[t] - silent(x[t]))
    of_silent = boosted(x[~t], mailed(x[~t]) - y[~t])
    return lambda new: p * of_silent(new) + (1.0 - p) * of_mailed(new)
