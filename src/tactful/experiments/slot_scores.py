"""How well hours are foretold, as sums by user, so that any models can be compared on the same resamples of users.

Two tasks. *Sessions*: given that somebody came, in which slot (bits, share within the k best slots). *Trials*: did it
happen in this slot or not (log loss, AUC, calibration). A trial is a day and slot of a user, or a message received in
it. Both say when people are there, availability; neither says what a message would change.
"""

import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment

_FLOOR = 1e-15


def session_sums(
    p: Float[np.ndarray, "n K"], sessions: Float[np.ndarray, "n K"], k: int = 3
) -> Float64[np.ndarray, "n 3"]:
    """Returns for each row the bits of its sessions, how many fell into its k best slots, and how many there were.

    The ratios of the totals are `metrics.slot_bits` and `metrics.top_k_hit`.

    Args:
        p: distribution over the slots, rows sum to 1.
        sessions: sessions begun in each slot.

    >>> session_sums(np.array([[0.5, 0.25, 0.25]]), np.array([[2.0, 1.0, 0.0]]), k=1).tolist()
    [[4.0, 2.0, 3.0]]
    """
    best = np.argsort(-p, axis=1, kind="stable")[:, :k]
    bits = -(sessions * np.log2(np.maximum(p, _FLOOR))).sum(axis=1)
    hits = np.take_along_axis(sessions, best, axis=1).sum(axis=1)
    return np.column_stack([bits, hits, sessions.sum(axis=1)]).astype(np.float64)


def trial_sums(
    p: Float[np.ndarray, "n K"], positives: Float[np.ndarray, "n K"], trials: Float[np.ndarray, "n K"]
) -> Float64[np.ndarray, "n 2"]:
    """Returns for each row the negative log likelihood of its trials in nats, and how many there were.

    Args:
        p: probability that a trial in the slot is positive.
        positives, trials: how many there were in each slot; positives <= trials.
    """
    said, unsaid = np.maximum(p, _FLOOR), np.maximum(1.0 - p, _FLOOR)
    nats = -(positives * np.log(said) + (trials - positives) * np.log(unsaid)).sum(axis=1)
    return np.column_stack([nats, trials.sum(axis=1)]).astype(np.float64)


def auc_parts(
    p: Float[np.ndarray, "n K"], positives: Float[np.ndarray, "n K"], trials: Float[np.ndarray, "n K"]
) -> tuple[float, Float64[np.ndarray, " n"]]:
    """Returns the AUC over all trials, and what each row's trials pull it up or down by: influences that sum to 0.

    A trial's placement is the share of the other class that it is ordered right against, ties counting one half. A
    row's influence is `Σ⁺ (placement − AUC)/P + Σ⁻ (placement − AUC)/N`, P and N the positives and negatives of all.
    Added up by user, resampled totals of it are, to first order, the resampled AUC less the AUC.

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988; users as clusters: Obuchowski, Biometrics 53, 1997.

    Raises:
        InvalidExperiment: without a positive or without a negative.

    >>> value, parts = auc_parts(np.array([[0.9, 0.2], [0.5, 0.4]]), np.array([[1.0, 0], [0, 1]]), np.ones((2, 2)))
    >>> value, parts.tolist()
    (0.75, [0.25, -0.25])
    """
    negatives = trials - positives
    n_pos, n_neg = float(positives.sum()), float(negatives.sum())
    if not (n_pos > 0 and n_neg > 0):
        raise InvalidExperiment(f"got {n_pos:g} positives and {n_neg:g} negatives, expected some of each")
    _, group = np.unique(p, return_inverse=True)
    group = group.reshape(p.shape)
    pos_at = np.bincount(group.ravel(), positives.ravel())
    neg_at = np.bincount(group.ravel(), negatives.ravel())
    below = (np.cumsum(neg_at) - 0.5 * neg_at) / n_neg
    above = (n_pos - np.cumsum(pos_at) + 0.5 * pos_at) / n_pos
    auc = float((pos_at * below).sum()) / n_pos
    parts = positives * (below[group] - auc) / n_pos + negatives * (above[group] - auc) / n_neg
    return auc, parts.sum(axis=1)


def calibration_by_slot(
    p: Float[np.ndarray, "n K"], positives: Float[np.ndarray, "n K"], trials: Float[np.ndarray, "n K"]
) -> Float64[np.ndarray, "K 2"]:
    """Returns the share of positive trials that was expected in each slot, and the observed one; NaN without trials."""
    expected, observed, count = (x.sum(axis=0, dtype=np.float64) for x in (p * trials, positives, trials))
    shares: NDArray[np.float64] = np.full((p.shape[1], 2), np.nan)
    np.divide(expected, count, out=shares[:, 0], where=count > 0)
    np.divide(observed, count, out=shares[:, 1], where=count > 0)
    return shares
