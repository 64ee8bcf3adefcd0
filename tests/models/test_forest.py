"""The forest: LightGBM's own margins, every budget in one walk, and refusal of what it cannot walk."""

from typing import Any

import lightgbm
import numpy as np
import pytest

from tactful.errors import InvalidFeatures, InvalidModel
from tactful.models.forest import Forest
from tactful.models.lightgbm_text import forest_of

F, K_MAX = 6, 12
GROW = {"objective": "binary", "num_leaves": 15, "verbose": -1, "num_threads": 1, "deterministic": True, "seed": 1}


def _rows(n: int, seed: int, k_feature: int = F) -> np.ndarray:
    """Rows with skewed, integer and negative columns, and k where it is asked for."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(n, F + 1))
    columns[:, 2] = np.where(columns[:, 2] > 0.5, -0.0, 0.0) + rng.poisson(0.4, n)
    columns[:, k_feature] = rng.integers(0, K_MAX + 1, n)
    return columns.astype(np.float32)


def _booster(k_feature: int = F, rounds: int = 40, categories: list[int] | None = None, **settings: Any) -> Any:
    x = _rows(3000, 2, k_feature)
    k = x[:, k_feature]
    margin = -1.0 + x[:, 1] + 0.4 * k * (x[:, 0] > 0) - 0.03 * k**2 + 0.5 * x[:, 2]
    y = np.random.default_rng(3).random(len(x)) < 1.0 / (1.0 + np.exp(-margin))
    data = lightgbm.Dataset(x, y.astype(int), categorical_feature=categories or [])
    return lightgbm.train(GROW | settings, data, rounds)


def _margins_of_lightgbm(booster: Any, rows: np.ndarray, k_feature: int) -> np.ndarray:
    repeated = np.repeat(rows, K_MAX + 1, axis=0)
    repeated[:, k_feature] = np.tile(np.arange(K_MAX + 1), len(rows))
    return booster.predict(repeated, raw_score=True, num_threads=1).reshape(len(rows), -1).T


BOOSTER = _booster()
FOREST = forest_of(BOOSTER.model_to_string())


@pytest.mark.parametrize("k_feature", [0, 3, F])
def test_every_budget_has_the_margin_that_lightgbm_gives_it(k_feature: int) -> None:
    booster, rows = _booster(k_feature), _rows(1500, 4, k_feature)
    margins = forest_of(booster.model_to_string()).over_budgets(rows, k_feature, K_MAX)
    assert margins.dtype == np.float32
    assert margins.flags.c_contiguous
    assert margins == pytest.approx(_margins_of_lightgbm(booster, rows, k_feature), abs=1e-6)


def test_scores_are_the_raw_scores_of_lightgbm() -> None:
    rows = _rows(2000, 5)
    assert FOREST.scores(rows) == pytest.approx(BOOSTER.predict(rows, raw_score=True), abs=1e-9)


def test_rows_on_a_threshold_go_left_as_in_lightgbm() -> None:
    at = FOREST.splits[FOREST.splits[:, 0] < F]
    rows = _rows(len(at), 6)
    for near in (at[:, 1].astype(np.float32), np.nextafter(at[:, 1].astype(np.float32), np.float32(np.inf))):
        rows[np.arange(len(at)), at[:, 0].astype(int)] = near
        assert FOREST.scores(rows) == pytest.approx(BOOSTER.predict(rows, raw_score=True), abs=1e-9)


def test_both_walks_agree_to_the_last_bit() -> None:
    rows = _rows(300, 7)
    margins = FOREST.over_budgets(rows, F, K_MAX)
    for k in range(K_MAX + 1):
        rows[:, F] = k
        assert margins[k].tobytes() == FOREST.scores(rows).astype(np.float32).tobytes()


def test_column_of_k_may_be_left_out_where_it_is_last() -> None:
    rows = _rows(50, 8)
    whole = FOREST.over_budgets(rows, F, K_MAX)
    assert FOREST.over_budgets(rows[:, :F], F, K_MAX).tobytes() == whole.tobytes()


def test_one_row_alone_has_the_bits_of_any_batch() -> None:
    rows = _rows(2100, 9)  # over two blocks
    whole = FOREST.over_budgets(rows, F, K_MAX)
    for i in (0, 1023, 1024, 2099):
        assert FOREST.over_budgets(rows[i : i + 1], F, K_MAX).tobytes() == whole[:, i].tobytes()


def test_forest_that_is_monotone_in_k_gives_margins_that_never_fall() -> None:
    booster = _booster(monotone_constraints=[0] * F + [1])
    margins = forest_of(booster.model_to_string()).over_budgets(_rows(3000, 10), F, K_MAX)
    assert np.all(np.diff(margins, axis=0) >= 0.0)
    assert np.any(np.diff(margins, axis=0) > 0.0)


def test_budgets_beyond_every_split_share_the_last_margin() -> None:
    margins = FOREST.over_budgets(_rows(20, 11), F, 60)
    assert np.all(margins[K_MAX:] == margins[K_MAX])


def test_no_rows_give_no_margins_and_one_budget_is_allowed() -> None:
    assert FOREST.over_budgets(np.empty((0, F), dtype=np.float32), F, K_MAX).shape == (K_MAX + 1, 0)
    assert FOREST.scores(np.empty((0, F + 1), dtype=np.float32)).shape == (0,)
    assert FOREST.over_budgets(_rows(3, 12), F, 0).shape == (1, 3)


def test_trees_of_a_single_leaf_are_constants() -> None:
    stump = forest_of(_booster(rounds=3, min_data_in_leaf=4000).model_to_string())
    assert len(stump.splits) == 0
    margins = stump.over_budgets(_rows(4, 13), F, K_MAX)
    assert np.all(margins == margins[0, 0])


def test_large_margins_do_not_overflow() -> None:
    splits = np.array([[0.0, 0.5, -1.0, -2.0]])
    forest = Forest(splits, np.array([-3e30, 7e30]), np.zeros(50), 2)
    assert forest.scores(np.array([[0, 0], [1, 0]], dtype=np.float32)) == pytest.approx([-1.5e32, 3.5e32])


def test_features_that_cannot_be_scored_are_refused() -> None:
    rows = _rows(5, 14)
    rows[3, 1] = np.nan
    with pytest.raises(InvalidFeatures, match=r"NaN in 1 of 5 rows \(first: row 3\)"):
        FOREST.over_budgets(rows, F, K_MAX)
    with pytest.raises(InvalidFeatures, match="NaN"):
        FOREST.scores(rows)
    with pytest.raises(InvalidFeatures, match="5 features, expected the forest's 7"):
        FOREST.scores(rows[:, :5])
    with pytest.raises(InvalidFeatures, match="expected a column below 7"):
        FOREST.over_budgets(rows, 7, K_MAX)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"linear_tree": True, "rounds": 4}, "linear"),
        ({"zero_as_missing": True, "rounds": 4}, "zero"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5, "rounds": 2}, "averaged"),
        ({"sigmoid": 2.0, "rounds": 2}, "sigmoid"),
        ({"categories": [2], "rounds": 4}, "categorical"),
    ],
)
def test_models_that_a_forest_cannot_walk_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidModel, match=message):
        forest_of(_booster(**settings).model_to_string())


def test_text_without_trees_and_models_of_several_outputs_are_refused() -> None:
    with pytest.raises(InvalidModel, match="without trees"):
        forest_of("not a model")
    x = _rows(300, 15)
    classes = lightgbm.Dataset(x, np.arange(300) % 3)
    booster = lightgbm.train(GROW | {"objective": "multiclass", "num_class": 3}, classes, 2)
    with pytest.raises(InvalidModel, match="single output"):
        forest_of(booster.model_to_string())


@pytest.mark.parametrize(
    "split",
    [[9.0, 0.0, -1.0, -2.0], [0.0, 0.0, 0.0, -2.0], [0.0, 0.0, -1.0, -3.0], [0.0, np.nan, -1.0, -2.0]],
    ids=["unknown feature", "loop", "unknown leaf", "no threshold"],
)
def test_arrays_that_are_no_forest_are_refused(split: list[float]) -> None:
    with pytest.raises(InvalidModel, match="read or train it again"):
        Forest(np.array([split]), np.array([0.1, 0.2]), np.array([0.0]), 2)
