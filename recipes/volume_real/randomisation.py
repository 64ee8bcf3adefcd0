"""Were the sends random? The AUC of foretelling them from all that was known before."""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tactful.experiments.distributions import normal_quantile
from tactful.experiments.metrics import auc
from tactful.experiments.stats import Interval
from volume_real.customers import Customers
from volume_real.estimators import FOLDS
from volume_real.fitting import Predict, boosted, by_fold, folds
from volume_real.hiding import Log


def sends_foretold(customers: Customers, seed: int) -> Interval:
    """Returns the cross-fitted AUC of a booster that sees profile, send day, and the sends of earlier days."""
    n, days = customers.sent.shape
    earlier = np.cumsum(customers.sent, axis=1) - customers.sent
    day = np.tile(np.arange(days), n)
    x = np.column_stack([np.repeat(customers.profile, days, axis=0), day, earlier.ravel()])
    sent, owner = customers.sent.ravel(), np.repeat(customers.customer, days)

    def fit(rows: NDArray[np.int64]) -> Predict:
        model = boosted(x[rows], sent[rows].astype(np.float64), "binary")
        return lambda held: model(x[held])

    return clustered_auc(by_fold(folds(owner, seed, FOLDS), fit), sent, owner)


def dose_foretold(log: Log, seed: int) -> Interval:
    """Returns the cross-fitted AUC of foretelling from the profile who has at least the median dose on record."""
    customers, many = log.customers, log.dose >= np.median(log.dose)

    def fit(rows: NDArray[np.int64]) -> Predict:
        model = boosted(customers.profile[rows], many[rows].astype(np.float64), "binary")
        return lambda held: model(customers.profile[held])

    return clustered_auc(by_fold(folds(customers.customer, seed, FOLDS), fit), many, customers.customer)


def clustered_auc(
    score: Float[np.ndarray, " n"], label: Bool[np.ndarray, " n"], owner: Int[np.ndarray, " n"], level: float = 0.95
) -> Interval:
    """Returns the AUC with an interval that takes the rows of one owner as dependent.

    Every row has a place among the rows of the other label: the share that it outranks, or is outranked by. The
    variance is that of the owners' sums of places.

    Source: Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics, 1997.
    """
    value = auc(score, label)
    positive, negative = np.sort(score[label]), np.sort(score[~label])
    places = np.where(label, _below(negative, score), 1.0 - _below(positive, score)) - value
    each = places / np.where(label, len(positive), len(negative))
    sums = np.bincount(np.unique(owner, return_inverse=True)[1], each)
    half = normal_quantile((1.0 + level) / 2.0) * float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()))
    return Interval(value, value - half, value + half)


def _below(ordered: NDArray[np.float64], score: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of `ordered` below each score, ties counted by half."""
    left, right = np.searchsorted(ordered, score, "left"), np.searchsorted(ordered, score, "right")
    return np.asarray(0.5 * (left + right) / len(ordered))
