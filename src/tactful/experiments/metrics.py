"""How good predicted probabilities are: log loss, order (AUC), calibration, and slots foretold."""

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment

_FLOOR = 1e-15


def log_loss(p: Float[np.ndarray, " n"], label: Bool[np.ndarray, " n"]) -> float:
    """Returns the mean negative log likelihood, in nats; probabilities are kept 1e-15 away from 0 and 1."""
    said = np.clip(np.where(label, p, 1.0 - p), _FLOOR, None)
    return float(-np.log(said).mean())


def auc(score: Float[np.ndarray, " n"], label: Bool[np.ndarray, " n"]) -> float:
    """Returns the chance that a random positive scores above a random negative, a tie counting one half.

    Raises:
        InvalidExperiment: without a positive or without a negative.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    positives = int(label.sum())
    negatives = len(label) - positives
    if positives == 0 or negatives == 0:
        raise InvalidExperiment(f"got {positives} positives and {negatives} negatives, expected some of each")
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(size) - 0.5 * (size - 1)  # the mean rank (from 1) of equal scores
    above = float(rank[group[label]].sum()) - positives * (positives + 1) / 2.0
    return above / (positives * negatives)


def observed_over_expected(p: Float[np.ndarray, " n"], label: Bool[np.ndarray, " n"]) -> float:
    """Returns the number of positives over the sum of the probabilities: 1 is calibrated, above 1 is too
    modest.

    Raises:
        InvalidExperiment: when nothing is expected.
    """
    expected = float(p.sum())
    if not expected > 0.0:
        raise InvalidExperiment("got probabilities that sum to 0; observed over expected is undefined")
    return float(label.sum()) / expected


def calibration_error(p: Float[np.ndarray, " n"], label: Bool[np.ndarray, " n"], bins: int = 10) -> float:
    """Returns the expected calibration error: |observed share − mean probability| over bins of equal size,
    weighted.

    Deviation: bins hold equally many rows, not equal ranges of p, for rare outcomes would all fall into the
    first range.
    """
    order = np.argsort(p, kind="stable")
    gaps = [abs(float(label[rows].sum()) - float(p[rows].sum())) for rows in np.array_split(order, min(bins, len(p)))]
    return sum(gaps) / len(p)


def slot_bits(p: Float[np.ndarray, "n K"], counts: Float[np.ndarray, "n K"]) -> float:
    """Returns the mean cross entropy of the sessions under the predicted slots, in bits (log2 K for a flat
    one).

    Args:
        p: predicted distribution over the slots, rows sum to 1.
        counts: sessions by slot of the same users on later days.

    Raises:
        InvalidExperiment: without sessions.
    """
    return float(-(counts * np.log2(np.maximum(p, _FLOOR))).sum()) / _sessions(counts)


def top_k_hit(p: Float[np.ndarray, "n K"], counts: Float[np.ndarray, "n K"], k: int = 1) -> float:
    """Returns the share of sessions that fall into their user's k most probable slots (ties: the earlier
    slot).

    Raises:
        InvalidExperiment: without sessions.
    """
    best = np.argsort(-p, axis=1, kind="stable")[:, :k]
    return float(np.take_along_axis(counts, best, axis=1).sum()) / _sessions(counts)


def _sessions(counts: NDArray[np.float64]) -> float:
    total = float(counts.sum())
    if total == 0.0:
        raise InvalidExperiment("got no sessions; a prediction of slots cannot be judged by none")
    return total
