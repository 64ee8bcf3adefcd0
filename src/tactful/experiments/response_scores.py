"""How well responses are foretold (AUC, AUC within users, log loss), as sums by user.

Whatever is judged on the same rows can be compared on the same resamples of users, and means over seeds are means of
the sums. The resampled totals and the AUC's influences are those of `stats` and `slot_scores`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from tactful.experiments.slot_scores import auc_parts
from tactful.experiments.stats import Interval, bootstrap_totals

MEASURES = ("AUC", "GAUC", "log loss")
_NATS, _ROWS, _INFLUENCE, _WITHIN, _MIXED = range(5)
_FLOOR = 1e-7
"""Single precision ends here: a probability of 1 is 1 - 1e-7."""


@dataclass(frozen=True, eq=False)
class UserScores:
    """What a prediction is worth, by user.

    Attributes:
        auc: over all rows.
        sums: one row a user, in rising order of the users: negative log likelihood in nats, rows, influence on the AUC
            (they sum to 0), rows times the AUC within the user, and rows again; the last two are 0 for a user whose
            rows are all of one class.
    """

    auc: float
    sums: Float64[np.ndarray, "users 5"]

    def values(self) -> dict[str, float]:
        """Returns the three measures by name; GAUC is NaN if no user has rows of both classes."""
        return dict(zip(MEASURES, _measures(self.sums.sum(axis=0), self.auc).tolist(), strict=True))


def judged(p: Float[np.ndarray, " n"], label: Bool[np.ndarray, " n"], user: Int[np.ndarray, " n"]) -> UserScores:
    """Returns the scores of predicted probabilities.

    `GAUC = Σ_u n_u·AUC_u / Σ_u n_u` over the users with rows of both classes, n_u the rows (impressions) of user u, an
    equal score counting one half.

    Source: GAUC as in Zhou et al., "Deep Interest Network", KDD 2018, section 5.3.

    Raises:
        InvalidExperiment: without a positive or without a negative, or for a probability that is none.

    >>> p, label = np.array([0.9, 0.2, 0.3, 0.6]), np.array([True, False, True, False])
    >>> judged(p, label, np.array([7, 7, 8, 8])).values()["GAUC"]
    0.5
    """
    if not ((p >= 0.0) & (p <= 1.0)).all():
        raise InvalidExperiment("got a probability outside 0..1 or NaN; give probabilities, not logits")
    said = np.clip(np.where(label, p, 1.0 - p).astype(np.float64), _FLOOR, None)
    truth = label.astype(np.float64)
    auc, influence = auc_parts(p[:, None], truth[:, None], np.ones((len(p), 1)))
    _, who = np.unique(user, return_inverse=True)
    rows = np.bincount(who).astype(np.float64)
    within = _auc_within(p, label, who)
    mixed = np.where(np.isnan(within), 0.0, rows)
    columns = [np.bincount(who, -np.log(said)), rows, np.bincount(who, influence), np.nan_to_num(within) * mixed, mixed]
    return UserScores(auc, np.column_stack(columns))


def mean(seeds: Sequence[UserScores]) -> UserScores:
    """Returns the mean over seeds, all judged on the same rows: of every measure, and of every resampled one.

    Raises:
        InvalidExperiment: for no seed, or seeds judged on other rows.
    """
    if not seeds:
        raise InvalidExperiment("got no scores to average")
    for other in seeds[1:]:
        _refuse_others(seeds[0], other)
    return UserScores(float(np.mean([s.auc for s in seeds])), np.mean([s.sums for s in seeds], axis=0))


def intervals(scores: UserScores, rng: np.random.Generator, draws: int = 1000) -> dict[str, Interval]:
    """Returns the measures with their 95 % percentile intervals, resampling users."""
    resampled = _measures(bootstrap_totals(scores.sums, rng, draws), scores.auc)
    return _around(scores.values(), resampled)


def differences(
    mine: UserScores, theirs: UserScores, rng: np.random.Generator, draws: int = 1000
) -> dict[str, Interval]:
    """Returns mine less theirs in each measure, with 95 % percentile intervals on the same resamples of users.

    Raises:
        InvalidExperiment: when they were judged on other rows.
    """
    _refuse_others(mine, theirs)
    totals = bootstrap_totals(np.concatenate([mine.sums, theirs.sums], axis=1), rng, draws)
    of_mine, of_theirs = np.split(totals, 2, axis=1)
    theirs_are = theirs.values()
    gains = {name: value - theirs_are[name] for name, value in mine.values().items()}
    return _around(gains, _measures(of_mine, mine.auc) - _measures(of_theirs, theirs.auc))


def _auc_within(p: NDArray[np.floating], label: NDArray[np.bool_], who: NDArray[np.int64]) -> NDArray[np.float64]:
    """The AUC of each user's rows; NaN where all are of one class. `who` counts from 0."""
    order = np.lexsort((p, who))
    score, owner, positive = p[order], who[order], label[order]
    new_user = np.diff(owner, prepend=-1) != 0
    new_tie = new_user | (np.diff(score, prepend=np.nan) != 0)
    tie = np.cumsum(new_tie) - 1
    size = np.bincount(tie)
    first = np.flatnonzero(new_tie) - np.flatnonzero(new_user)[owner[new_tie]]
    rank = first + 0.5 * (size + 1)  # from 1, equal scores share their mean
    positives = np.bincount(owner, positive)
    negatives = np.bincount(owner) - positives
    above = np.bincount(owner, positive * rank[tie]) - positives * (positives + 1) / 2
    pairs = positives * negatives
    within: NDArray[np.float64] = np.divide(above, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return within


def _measures(totals: NDArray[np.float64], auc: float) -> NDArray[np.float64]:
    """The measures of column totals [..., 5]; a resampled AUC moves by the sum of its users' influences."""
    with np.errstate(invalid="ignore"):
        within = totals[..., _WITHIN] / totals[..., _MIXED]
    return np.stack([auc + totals[..., _INFLUENCE], within, totals[..., _NATS] / totals[..., _ROWS]], axis=-1)


def _around(values: dict[str, float], resampled: NDArray[np.float64]) -> dict[str, Interval]:
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    return {name: Interval(value, float(low[i]), float(high[i])) for i, (name, value) in enumerate(values.items())}


def _refuse_others(mine: UserScores, theirs: UserScores) -> None:
    same = mine.sums.shape == theirs.sums.shape
    if not same or (mine.sums[:, [_ROWS, _MIXED]] != theirs.sums[:, [_ROWS, _MIXED]]).any():
        raise InvalidExperiment(
            f"got scores of {len(mine.sums)} and of {len(theirs.sums)} users, or other rows of theirs; "
            "compare only what was judged on the same rows"
        )
