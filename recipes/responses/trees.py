"""LightGBM on what can be counted, the rival to beat; and on parts of it, to see where its knowledge comes from.

Settings are chosen among eight trials on a quarter of the users; the number of rounds by early stopping on validation.
"""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from responses.data import ResponseData
from responses.matches import ids, matches
from responses.simple import SHARE, Fit, Fitted
from tactful.training.sequences import Sequences

TRIALS: Final = tuple(
    {"num_leaves": leaves, "min_data_in_leaf": fewest} for leaves, fewest in product((7, 31, 63, 127), (50, 500))
)
SETTINGS: Final[Mapping[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.1,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.8,
    "lambda_l2": 1.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}
ROUNDS: Final = 400
PATIENCE: Final = 20
LARGEST_VOCABULARY: Final = 10_000
"""Ids of larger fields are no features: too many for a split to sort."""


def boosted(on_ids: bool, on_matches: bool) -> Fit:
    """Returns the fit on the ids of target and context, on counts of matches by field and position, or on both."""

    def fit(data: ResponseData, seed: int) -> Fitted:
        trial = data.share(SHARE)
        train, checked = dataset(trial.train), dataset(trial.validation)
        loss = [_train(train, checked, settings, 0).best_score["held"]["binary_logloss"] for settings in TRIALS]
        chosen = TRIALS[int(np.argmin(loss))]
        booster = _train(dataset(data.train), dataset(data.validation), chosen, seed)
        return Fitted(
            lambda part: np.asarray(booster.predict(columns(part)), dtype=np.float64),
            {**chosen, "rounds": booster.best_iteration},
        )

    def columns(part: Sequences) -> NDArray[np.float32]:
        parts = [ids(part)[:, _small(part)].astype(np.float32)] if on_ids else []
        return np.concatenate([*parts, matches(part)] if on_matches else parts, axis=1)

    def dataset(part: Sequences) -> lgb.Dataset:
        categorical = list(range(len(_small(part)))) if on_ids else []
        table = columns(part)
        return lgb.Dataset(table, part.samples.label, categorical_feature=categorical, free_raw_data=False)

    return fit


def _small(part: Sequences) -> list[int]:
    return [i for i, size in enumerate((*part.shape.items, *part.shape.context)) if size <= LARGEST_VOCABULARY]


def _train(train: lgb.Dataset, held: lgb.Dataset, settings: Mapping[str, float], seed: int) -> lgb.Booster:
    held.set_reference(train)
    early: list[Callable[..., Any]] = [lgb.early_stopping(PATIENCE, verbose=False)]
    return lgb.train({**SETTINGS, **settings, "seed": seed}, train, ROUNDS, [held], ["held"], callbacks=early)
