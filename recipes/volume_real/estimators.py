"""The estimators of transactions a send: from a log with doses that somebody chose, to a slope with its interval."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.experiments.dose import contributions, regression, slope
from tactful.experiments.stats import Interval
from volume_real.customers import DOSES
from volume_real.fitting import ROUNDS, Predict, boosted, by_fold, folds
from volume_real.hiding import SEND_STAYS, SENT_SHARE, Log

FOLDS: Final = 3
LEAST_PROBABILITY: Final = 0.01
"""Estimated propensities are kept above this share of the dose's own frequency."""
ESTIMATORS: Final = (
    "slope as it lies",
    "regression on profile",
    "outcome model (LightGBM)",
    "IPW, known probability",
    "IPW, estimated",
    "DR, estimated",
    "DR, known probability",
    "corrected for forgetting",
)


def estimates(log: Log, share: NDArray[np.float64], seed: int) -> dict[str, Interval]:
    """Returns the slope by every estimator that applies.

    Doses weigh as in `share`, those not on record excepted; where sends were forgotten, as on record.
    """
    outcome, dose, n = log.customers.transactions, log.dose, len(log.dose)
    on_record = np.bincount(dose, minlength=DOSES) / n
    seen = on_record if log.rule == "forgotten" else np.where(on_record > 0.0, share, 0.0)
    curves = outcome_curves(log, seed)
    estimated = propensity(log, seed)

    def by_weights(probability: NDArray[np.float64], predicted: NDArray[np.float64] | None = None) -> Interval:
        return slope(contributions(dose, outcome, probability, predicted, doses=DOSES), seen)

    found = [
        by_weights(np.ones(n)),
        regression(dose[:, None].astype(np.float64), outcome, log.customers.profile)[0],
        slope(curves, seen),
        by_weights(log.probability),
        by_weights(estimated),
        by_weights(estimated, curves),
        by_weights(log.probability, curves),
    ]
    if log.rule == "forgotten":
        found.append(corrected(log))
    return dict(zip(ESTIMATORS, found, strict=False))


def outcome_curves(log: Log, seed: int, rounds: int = ROUNDS) -> NDArray[np.float64]:
    """Returns the transactions predicted for every customer at every dose, as a volume response model does it."""
    customers, deal = log.customers, folds(log.customers.customer, seed, FOLDS)
    x = np.column_stack([customers.profile, log.dose])

    def fit(rows: NDArray[np.int64]) -> Predict:
        model = boosted(x[rows], customers.transactions[rows], rounds=rounds)
        return lambda held: np.column_stack(
            [model(np.column_stack([customers.profile[held], np.full(len(held), k)])) for k in range(DOSES)]
        )

    return by_fold(deal, fit)


def propensity(log: Log, seed: int) -> NDArray[np.float64]:
    """Returns the chance of the dose on record given the profile, estimated and cross-fitted, over the dose's share.

    Rounds are cut to a quarter: a booster adds one tree a dose and round.
    """
    customers, deal = log.customers, folds(log.customers.customer, seed, FOLDS)

    def fit(rows: NDArray[np.int64]) -> Predict:
        model = boosted(customers.profile[rows], log.dose[rows], "multiclass", rounds=ROUNDS // 4, num_class=DOSES)
        return lambda held: model(customers.profile[held])

    chance = by_fold(deal, fit)[np.arange(len(log.dose)), log.dose]
    floor: NDArray[np.float64] = LEAST_PROBABILITY * np.bincount(log.dose)[log.dose] / len(log.dose)
    return np.asarray(np.maximum(chance, floor))


def corrected(log: Log) -> Interval:
    """Returns the slope on sends that were made, from sends on record and the known share that the log forgot.

    Who has one send more on record has only `1 − r` more sends behind it, for a day without a record still had a send
    with chance `r = p·(1 − s)/(1 − p·s)` (p sent, s stays). So the slope within heavy and within light spenders is
    divided by 1 − r, and the two halves are averaged.
    """
    value, variance = 0.0, 0.0
    for group, stays in zip((~log.heavy, log.heavy), SEND_STAYS, strict=True):
        customers = log.customers.take(np.flatnonzero(group))
        dose = log.dose[group][:, None].astype(np.float64)
        own = regression(dose, customers.transactions, customers.profile)[0]
        part = float(group.mean()) / (1.0 - SENT_SHARE * (1.0 - stays) / (1.0 - SENT_SHARE * stays))
        value += part * own.value
        variance += (part * (own.high - own.low) / 2.0) ** 2
    half = float(np.sqrt(variance))
    return Interval(value, value - half, value + half)
