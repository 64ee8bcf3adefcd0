"""What a score is worth for choosing whom to message, judged on data in which the message was randomised.

Everything is a mean over users of a contribution times a weight that depends on the user's rank, so intervals are
closed forms, and two scores on the same users are compared in pairs. Rank first (`fractional_rank`), within each fold
if the scores of folds come from different models; then ask for `qini`, `gain`, or the difference of two scores.

Not here: models that predict uplift (a recipe's matter), and effects of a dose (`dose`).
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from tactful.experiments.stats import Interval, ratio


def contributions(
    outcome: Float[np.ndarray, " n"],
    treated: Bool[np.ndarray, " n"],
    probability: float,
    expected: Float[np.ndarray, " n"] | None = None,
) -> Float[np.ndarray, " n"]:
    """Returns, for each user, a number whose mean over any group chosen before the draw is the group's mean effect.

    `z = (Y − m)·(T − p) / (p·(1 − p))`. Any m that was made without the user's own outcome is unbiased; the variance
    is smallest for `m = (1 − p)·E[Y|T = 1] + p·E[Y|T = 0]`, so a cross-fitted prediction narrows every interval.

    Args:
        outcome: what is counted, such as a visit (0 or 1) or money.
        treated: who was messaged, by a draw that nobody's covariates moved.
        probability: of being messaged, p in (0, 1).
        expected: m; the outcome's mean if not given.

    Raises:
        InvalidExperiment: for a probability outside (0, 1) or an outcome that is not finite.

    >>> z = contributions(np.array([1.0, 0.0, 1.0, 0.0]), np.array([True, True, False, False]), 0.5)
    >>> float(z.mean())
    0.0
    """
    if not 0.0 < probability < 1.0:
        raise InvalidExperiment(f"got probability {probability} of treatment, expected one between 0 and 1")
    if not np.isfinite(outcome).all():
        raise InvalidExperiment(f"got {np.sum(~np.isfinite(outcome))} outcomes that are not finite; leave them out")
    baseline = float(outcome.mean()) if expected is None else expected
    return (outcome - baseline) * (treated - probability) / (probability * (1.0 - probability))


def fractional_rank(
    score: Float[np.ndarray, " n"], fold: Int[np.ndarray, " n"] | None = None
) -> Float[np.ndarray, " n"]:
    """Returns each user's place in the order of the score, best first, in (0, 1); equal scores share their mean place.

    Args:
        score: higher is messaged earlier.
        fold: ranks are taken within a fold, for scores of different models have different scales.

    Raises:
        InvalidExperiment: for a score that is NaN.

    >>> fractional_rank(np.array([0.3, 0.9, 0.3, 0.1])).tolist()
    [0.5, 0.125, 0.5, 0.875]
    """
    if np.isnan(score).any():
        raise InvalidExperiment(f"got {np.sum(np.isnan(score))} scores that are NaN; nobody knows their place")
    rank = np.empty(len(score))
    for rows in [np.arange(len(score))] if fold is None else [np.flatnonzero(fold == f) for f in np.unique(fold)]:
        _, group, size = np.unique(-score[rows], return_inverse=True, return_counts=True)
        rank[rows] = ((np.cumsum(size) - 0.5 * size) / len(rows))[group]
    return rank


def qini(rank: Float[np.ndarray, " n"], contribution: Float[np.ndarray, " n"], level: float = 0.95) -> Interval:
    """Returns the Qini coefficient a user: the area between the gain curve and that of a random order.

    With `G(q)` the mean effect per user of the population when the best share q is messaged, it is
    `∫ G(q) dq − G(1)/2 = E[z·(½ − r)]`, in units of the outcome a user. 0 is a random order. The interval
    counts the noise of the ranks, too: user i moves everyone behind her, which adds `G(r_i) − G(1)`.

    Args:
        rank: from `fractional_rank`.
        contribution: from `contributions`.
        level: of the interval.

    Raises:
        InvalidExperiment: for fewer than two users.

    Source: Radcliffe, "Using control groups to target on predicted lift", Direct Marketing Analytics Journal, 2007.
    Deviation: there the curve counts outcomes and scales the control group within each cut; here every user
    contributes her inverse-probability effect, so the coefficient is a plain mean and has a closed interval. The area
    is not divided by that of a perfect order, which nobody knows.
    """
    return _mean(_qini_influence(rank, contribution), level)


def qini_difference(
    rank: Float[np.ndarray, " n"],
    rival: Float[np.ndarray, " n"],
    contribution: Float[np.ndarray, " n"],
    level: float = 0.95,
) -> Interval:
    """Returns by how much one order's Qini coefficient exceeds a rival's, paired over the same users.

    Raises:
        InvalidExperiment: for fewer than two users.
    """
    return _mean(_qini_influence(rank, contribution) - _qini_influence(rival, contribution), level)


def gain(
    rank: Float[np.ndarray, " n"], contribution: Float[np.ndarray, " n"], share: float, level: float = 0.95
) -> Interval:
    """Returns `G(share)`: what messaging the best share of users brings, outcomes a user of the whole population.

    A random choice of the same size brings `share·G(1)`. The interval takes the cut for fixed.

    Raises:
        InvalidExperiment: for a share outside (0, 1], or fewer than two users.
    """
    _need_share(share)
    return _mean(contribution * (rank <= share), level)


def gain_over_random(
    rank: Float[np.ndarray, " n"], contribution: Float[np.ndarray, " n"], share: float, level: float = 0.95
) -> Interval:
    """Returns `G(share) − share·G(1)`: what the order adds to a random choice of the same size, paired.

    Raises:
        InvalidExperiment: as `gain`.
    """
    _need_share(share)
    return _mean(contribution * ((rank <= share) - share), level)


def gain_difference(
    rank: Float[np.ndarray, " n"],
    rival: Float[np.ndarray, " n"],
    contribution: Float[np.ndarray, " n"],
    share: float,
    level: float = 0.95,
) -> Interval:
    """Returns by how much messaging the best share by one order beats the best share by a rival's, paired.

    Only users on whom the two orders disagree count.

    Raises:
        InvalidExperiment: as `gain`.
    """
    _need_share(share)
    return _mean(contribution * ((rank <= share).astype(np.float64) - (rival <= share)), level)


def _qini_influence(rank: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each user's term, with the mean of the coefficient; the part due to ranks is centred."""
    order = np.argsort(rank, kind="stable")
    sorted_rank, n = rank[order], len(rank)
    running = np.concatenate([[0.0], np.cumsum(z[order])]) / max(n, 1)
    ahead = 0.5 * (
        running[np.searchsorted(sorted_rank, rank, "left")] + running[np.searchsorted(sorted_rank, rank, "right")]
    )
    influence: NDArray[np.float64] = z * (0.5 - rank) + (ahead - ahead.mean())
    return influence


def _mean(terms: NDArray[np.float64], level: float) -> Interval:
    return ratio(terms, np.ones(len(terms)), level)


def _need_share(share: float) -> None:
    if not 0.0 < share <= 1.0:
        raise InvalidExperiment(f"got the share {share} of users, expected one above 0 and at most 1")
