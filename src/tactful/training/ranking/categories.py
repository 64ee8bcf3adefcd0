"""What a candidate's category says by itself, as a number: its rate of an outcome against everybody's, in log odds.

It is to trees what a vector of each category is to a network. Only messages that are learned from are counted, and in
what a message teaches with, only those to other people: a rate that holds the message's own answer would tell it.
"""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, Int64

from tactful import draws
from tactful.features.ranking import CANDIDATE_IDS, CATEGORIES
from tactful.models.shrinkage import prior_strength, shrunk
from tactful.training.ranking.rows import RankRows

FOLDS: Final = 5
"""Parts of the people; one is taught with the rates of the others."""
_WEIGHT: Final = 1e4
"""Messages that everybody's rate counts for where there are too few outcomes to tell how much categories differ: then
they hardly do."""
_CATEGORY: Final = list(CANDIDATE_IDS).index("category")


def leanings(rows: RankRows) -> Float64[np.ndarray, "heads categories"]:
    """Returns by head and category `logit(rate) - logit(rate of all)`, shrunk; 0 for a category that is not there.

    Leaving out negatives of a head adds one number to all of its log odds, so it does not show in these.

    Args:
        rows: messages on one channel.
    """
    category = _of(rows)
    each = [_leanings(category[k], label[k]) for label, k in zip(rows.label.T, rows.known.T, strict=True)]
    return np.stack(each)


def leanings_from_others(rows: RankRows) -> Float64[np.ndarray, "n heads"]:
    """Returns for each message the leanings of its category, counted without a fifth of the people, her among them."""
    fold = (draws.bits(0, rows.user, 0, "fold of categories") % np.uint64(FOLDS)).astype(np.int64)
    category, found = _of(rows), np.zeros(rows.label.shape)
    for one in range(FOLDS):
        mine = np.flatnonzero(fold == one)
        found[mine] = leanings(rows.only(np.flatnonzero(fold != one)))[:, category[mine]].T
    return found


def _of(rows: RankRows) -> Int64[np.ndarray, " n"]:
    return rows.inputs.candidate_ids[:, 0, _CATEGORY].astype(np.int64)


def _leanings(category: Int64[np.ndarray, " m"], label: Bool[np.ndarray, " m"]) -> Float64[np.ndarray, " categories"]:
    trials = np.bincount(category, minlength=CATEGORIES).astype(np.float64)
    hits = np.bincount(category, label, minlength=CATEGORIES).astype(np.float64)
    overall = (hits.sum() + 0.5) / (trials.sum() + 1.0)
    mean = np.full(CATEGORIES, overall)
    rate = shrunk(hits, trials, mean, prior_strength(hits, trials, mean, _WEIGHT))
    odds: Float64[np.ndarray, " categories"] = np.log(rate / (1.0 - rate)) - np.log(overall / (1.0 - overall))
    odds[trials == 0.0] = 0.0
    return odds
