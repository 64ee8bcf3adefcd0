"""Grows the forests of the boosted ranker, one for each channel and head: LightGBM on rows of numbers.

Settings were chosen on a simulated world in which nobody is scored (`docs/explanation/ranker.md`). Rounds stop where
later days stop gaining.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import NDArray

from tactful.errors import NotEnoughData
from tactful.events.records import CHANNELS
from tactful.features.rank_table import rank_table
from tactful.features.ranking import CANDIDATE_IDS
from tactful.models.forest import Forest
from tactful.models.lightgbm_text import forest_of
from tactful.models.protocol import RANK_HEADS
from tactful.models.rank_boosted import RankBoosted
from tactful.training.ranking.calibrate import calibrated, own
from tactful.training.ranking.categories import leanings, leanings_from_others
from tactful.training.ranking.rows import RankRows

SETTINGS: Final[Mapping[str, Any]] = {
    "objective": "binary",
    "metric": "binary_logloss",
    "num_leaves": 7,
    "learning_rate": 0.08,
    "min_data_in_leaf": 50,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}
ROUNDS: Final = 150
PATIENCE: Final = 15
_CATEGORY: Final = list(CANDIDATE_IDS).index("category")

Tell = Callable[[str, int, int], None]
"""Is told the channel and the head, the round, from 0, and how many rows each round learns from."""


def fit_boosted(
    learn: RankRows,
    rate: Float64[np.ndarray, " heads"],
    tune: RankRows,
    seed: int = 0,
    tell: Tell = lambda forest, round_, rows: None,
    rounds: int = ROUNDS,
) -> RankBoosted:
    """Returns the boosted ranker, calibrated.

    Args:
        learn: rows to learn from, of which negatives may have been left out.
        rate: shares of the negatives that are there, by head.
        tune: whole rows of later days: they say when to stop, and what to lean by.
        seed: draws columns.
        rounds: trees a forest, at most.

    Raises:
        NotEnoughData: without a row to learn from or to stop by.
    """
    if not (len(learn) and len(tune)):
        raise NotEnoughData(f"got {len(learn)} rows to learn from and {len(tune)} to stop by, expected some of each")
    forests, categories = {}, {}
    for channel in sorted(set(learn.channel.tolist())):
        here, later = (rows.only(np.flatnonzero(rows.channel == channel)) for rows in (learn, tune))
        categories[channel] = leanings(here)
        said = categories[channel][:, later.inputs.candidate_ids[:, 0, _CATEGORY].astype(np.int64)].T
        x, x_tune = _numbers(here, leanings_from_others(here)), _numbers(later, said)
        for place, head in enumerate(RANK_HEADS):

            def told(now: Any, name: str = f"{CHANNELS[channel]}, {head}", taught: int = len(here)) -> None:
                tell(name, now.iteration, taught)

            rate_here = float(rate[place])
            forests[channel, head] = _forest(x, here, x_tune, later, place, rate_here, seed, told, rounds)
    raw = RankBoosted.of(forests, categories).logits(tune.inputs, *_every(tune))
    return RankBoosted.of(forests, categories, calibrated(tune, own(raw, tune.channel), rate))


def table_of(rows: RankRows) -> Float32[np.ndarray, "n F"]:
    """Returns the numbers of every row's message on the channel on which it was sent."""
    return rank_table(rows.inputs, *_every(rows), rows.channel)


def _every(rows: RankRows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row and the place of each message."""
    return np.arange(len(rows)), np.zeros(len(rows), dtype=np.int64)


def _numbers(rows: RankRows, of_category: Float64[np.ndarray, "n heads"]) -> Float32[np.ndarray, "n F"]:
    return np.column_stack([table_of(rows), of_category]).astype(np.float32)


def _forest(
    x: Float32[np.ndarray, "n F"], learn: RankRows, x_tune: Float32[np.ndarray, "t F"], tune: RankRows, head: int,
    rate: float, seed: int, told: Callable[[Any], None], rounds: int,
) -> Forest:  # fmt: skip
    """Trees of one head, on the share of positives; none but that where there are too few of a kind to tell apart.

    Later rows hold all negatives: there the margin is moved by the rate, as it will be when served.
    """
    known, shown = learn.known[:, head], tune.known[:, head]
    label, late = learn.label[known, head], tune.label[shown, head]
    base = np.log((label.sum() + 0.5) / (len(label) - label.sum() + 0.5))
    if min(label.sum(), len(label) - label.sum(), late.sum()) < 1:
        return Forest(np.zeros((0, 4)), np.array([base]), np.array([-1.0]), x.shape[1])
    teach = lgb.Dataset(x[known], label.astype(np.float64), init_score=np.full(len(label), base))
    start = np.full(len(late), base + np.log(rate))
    stop = lgb.Dataset(x_tune[shown], late.astype(np.float64), init_score=start, reference=teach)
    booster = lgb.train(
        {**SETTINGS, "seed": seed}, teach, rounds, [stop],
        callbacks=[lgb.early_stopping(PATIENCE, verbose=False), told],
    )  # fmt: skip
    grown = forest_of(booster.model_to_string(num_iteration=max(booster.best_iteration, 1)))
    leaves = np.append(grown.leaves, base)
    return Forest(grown.splits, leaves, np.append(grown.roots, -float(len(leaves))), grown.n_features)
