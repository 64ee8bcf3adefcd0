"""Growing a forest with LightGBM: its settings, and early stopping on people held out."""

from dataclasses import dataclass
from typing import Final

import lightgbm
import numpy as np
from jaxtyping import Bool, Float, Float32

from tactful.models.forest import Forest
from tactful.models.lightgbm_text import forest_of

SETTINGS: Final[dict[str, object]] = {
    "objective": "binary",  # logistic loss, as in the paper
    "learning_rate": 0.05,  # half of it gained nothing on made-up responses, and takes twice the trees
    "num_leaves": 7,  # k meets two or three covariates in a tree; with 15 and 31 the budgets chosen were worse
    "min_data_in_leaf": 200,  # folded rows, two a person at most: no leaf is about fewer than 100 people
    "min_sum_hessian_in_leaf": 5.0,  # for rare outcomes this is the number of positives expected in a leaf
    "monotone_constraints_method": "intermediate",  # "basic" forbids more splits than monotonicity needs
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}
"""No bagging: drawing one of a person's two folded rows without the other is noise, and cost a tenth of the gain."""
MOST_TREES: Final = 1000
PATIENCE: Final = 50
"""Trees without a better loss on the people held out, after which growing stops."""


@dataclass(frozen=True)
class Rows:
    """What a forest is grown on: columns of `volume_heads.head_inputs`, label, and weight of each folded row."""

    inputs: Float32[np.ndarray, "r c"]
    label: Bool[np.ndarray, " r"]
    weight: Float[np.ndarray, " r"]


@dataclass(frozen=True)
class Growth:
    """How a forest is grown: whether the last column (k) may only raise it, threads, and seed."""

    rising_in_k: bool = False
    threads: int = 1
    seed: int = 0


def grow(rows: Rows, growth: Growth, stop: Rows) -> tuple[Forest, int]:
    """Returns a forest and how many trees it has: as many as serve the held-out people best."""
    stopping = lightgbm.early_stopping(PATIENCE, verbose=False)
    booster = lightgbm.train(
        _settings(rows, growth), _data(rows), MOST_TREES, valid_sets=[_data(stop)], callbacks=[stopping]
    )
    trees = max(booster.best_iteration, 1)
    return forest_of(booster.model_to_string(num_iteration=trees)), trees


def grow_again(rows: Rows, growth: Growth, trees: int) -> Forest:
    """Returns a forest of so many trees: once its size is known, from everybody."""
    return forest_of(lightgbm.train(_settings(rows, growth), _data(rows), trees).model_to_string())


def _settings(rows: Rows, growth: Growth) -> dict[str, object]:
    constraints = [0] * (rows.inputs.shape[1] - 1) + [int(growth.rising_in_k)]
    return {**SETTINGS, "num_threads": growth.threads, "seed": growth.seed, "monotone_constraints": constraints}


def _data(rows: Rows) -> lightgbm.Dataset:
    return lightgbm.Dataset(rows.inputs, rows.label.astype(np.float32), weight=rows.weight)
