"""How good predicted probabilities are: log loss, order (AUC, nDCG), calibration, and slots foretold."""

import numpy as np
from jaxtyping import Bool, Float, Int
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


def ndcg(
    score: Float[np.ndarray, " n"], gain: Float[np.ndarray, " n"], of_list: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " lists"]:
    """Returns the normalised discounted cumulative gain of each list, ordered by falling score: 1 is the best order.

    `DCG = Σ_r gain_r / log2(1 + r)`, r from 1, over that of the order by gain. Equal scores share the mean discount of
    their places, so that the order in which rows are given does not matter. A list without gain is NaN.

    Args:
        score: of each item; the larger goes first.
        gain: what showing the item is worth, 0 or more: 1 for one that was clicked.
        of_list: which list each item stands in; lists are returned by rising number.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002; ties as in McSherry
    and Najork, "Computing information retrieval performance measures efficiently in the presence of tied scores",
    ECIR 2008.

    >>> ndcg(np.array([0.9, 0.1, 0.5]), np.array([0.0, 0.0, 1.0]), np.zeros(3, dtype=np.int64)).round(3).tolist()
    [0.631]
    """
    _, row = np.unique(of_list, return_inverse=True)
    lists = int(row.max(initial=-1)) + 1
    got, best = (_dcg(by, gain, row, lists) for by in (score, gain))
    value: NDArray[np.float64] = np.divide(got, best, out=np.full(lists, np.nan), where=best > 0.0)
    return value


def _dcg(
    by: Float[np.ndarray, " n"], gain: Float[np.ndarray, " n"], row: NDArray[np.int64], lists: int
) -> NDArray[np.float64]:
    order = np.lexsort((-by, row))
    row, by, gain = row[order], by[order], gain[order]
    new_list = np.diff(row, prepend=-1) != 0
    tie = np.cumsum(new_list | (np.diff(by, prepend=np.nan) != 0)) - 1
    rank = np.arange(len(row)) - np.flatnonzero(new_list)[row] + 1
    discount = np.bincount(tie, 1.0 / np.log2(1.0 + rank)) / np.maximum(np.bincount(tie), 1)
    total: NDArray[np.float64] = np.bincount(row, gain * discount[tie], minlength=lists).astype(np.float64)
    return total


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
