"""How good a head's probabilities are, over folded rows: every row counts `weight` times."""

import msgspec
import numpy as np
from jaxtyping import Bool, Float


class Goodness(msgspec.Struct, frozen=True):
    """What a head's probabilities are worth, on people whom it was not fitted to.

    Attributes:
        people: assignments judged.
        trials, positives: days or weeks judged, and those that came true.
        auc: chance that a positive is above a negative; None without some of each.
        log_loss: mean negative log likelihood, in nats.
        constant_log_loss: the same of the share of positives said to everybody.
        observed_over_expected: positives over the sum of the probabilities.
        calibration_error: |observed share - mean probability|, the mean over deciles of the probability.
    """

    people: int
    trials: int
    positives: int
    auc: float | None
    log_loss: float
    constant_log_loss: float
    observed_over_expected: float
    calibration_error: float


def goodness(
    p: Float[np.ndarray, " r"], label: Bool[np.ndarray, " r"], weight: Float[np.ndarray, " r"], people: int
) -> Goodness | None:
    """Returns how good the probabilities are, None if there is nothing to judge them by.

    Args:
        p: predicted, inside (0, 1).
        label: of the folded rows (`labels.Counts.rows`).
        weight: how many trials a row stands for.
        people: assignments behind the rows.
    """
    total, positives = float(weight.sum()), float(weight[label].sum())
    if total == 0.0:
        return None
    share = np.full(2, positives / total)
    constant = log_loss(share, np.array([True, False]), np.array([positives, total - positives]))
    return Goodness(
        people=people,
        trials=round(total),
        positives=round(positives),
        auc=weighted_auc(p, label, weight)[0] if 0.0 < positives < total else None,
        log_loss=log_loss(p, label, weight),
        constant_log_loss=constant,
        observed_over_expected=positives / float((p * weight).sum()),
        calibration_error=calibration_error(p, label, weight),
    )


def log_loss(p: Float[np.ndarray, " r"], label: Bool[np.ndarray, " r"], weight: Float[np.ndarray, " r"]) -> float:
    """Returns the mean negative log likelihood, in nats; probabilities are kept 1e-15 away from 0 and 1."""
    said = np.clip(np.where(label, p, 1.0 - p), 1e-15, None)
    return float(-(weight * np.log(said)).sum() / weight.sum())


def calibration_error(
    p: Float[np.ndarray, " r"], label: Bool[np.ndarray, " r"], weight: Float[np.ndarray, " r"], bins: int = 10
) -> float:
    """Returns the expected calibration error over bins of about equal weight; equal probabilities share a bin."""
    _, group = np.unique(p, return_inverse=True)
    mass = np.bincount(group, weight)
    middle = np.cumsum(mass) - 0.5 * mass
    bin_of = np.minimum(middle / mass.sum() * bins, bins - 1).astype(np.int64)
    gap = np.bincount(bin_of[group], weight * (label - p))
    return float(np.abs(gap).sum() / mass.sum())


def weighted_auc(
    score: Float[np.ndarray, " n"], label: Bool[np.ndarray, " n"], weight: Float[np.ndarray, " n"]
) -> tuple[float, Float[np.ndarray, " n"]]:
    """Returns the AUC, a tie counting one half, and every row's influence on it; these sum to 0.

    The influence of a positive is `w·(share of negatives below − AUC) / Σw` over positives, of a negative likewise;
    the AUC's variance is the sum of their squares.

    >>> area, effect = weighted_auc(np.array([0.1, 0.4, 0.8]), np.array([False, True, True]), np.ones(3))
    >>> area, effect.tolist()
    (1.0, [0.0, 0.0, 0.0])
    """
    _, group = np.unique(score, return_inverse=True)
    up, down = np.where(label, weight, 0.0), np.where(label, 0.0, weight)
    at_up, at_down = np.bincount(group, up), np.bincount(group, down)
    negatives_below = (np.cumsum(at_down) - 0.5 * at_down)[group] / down.sum()
    positives_above = (up.sum() - np.cumsum(at_up) + 0.5 * at_up)[group] / up.sum()
    area = float((up * negatives_below).sum() / up.sum())
    effect = up * (negatives_below - area) / up.sum() + down * (positives_above - area) / down.sum()
    return area, effect
