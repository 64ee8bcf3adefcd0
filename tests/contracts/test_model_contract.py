"""What every model of `MODELS` keeps, whatever it predicts: found by name, so that no new one escapes."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tactful.models
from rank_rows import rank_rows
from tactful.errors import InvalidModel
from tactful.features.ranking import CATEGORIES, RankInputs
from tactful.features.slot_table import OF_HISTORY, SlotWindow
from tactful.models import MODELS, served
from tactful.models.click_rate import ClickRate
from tactful.models.forest import Forest
from tactful.models.protocol import RANK_HEADS
from tactful.models.rank_boosted import N_NUMBERS, RankBoosted
from tactful.models.rank_calibration import RankCalibration
from tactful.models.served_responses import ServedResponses
from tactful.models.served_slots import ServedSlots
from tactful.models.slot_boosted import SlotBoosted
from tactful.models.slot_head import SIMPLE, SlotHead
from tactful.models.slot_histogram import GlobalSlots, SlotHistogram
from tactful.models.slot_rates import SlotRates
from tactful.models.slot_simple import OUTCOMES, HourChances, SimpleChances
from tactful.models.unsubscribe_rate import UnsubscribeRate
from tactful.models.volume_curve import SimpleCurve
from tactful.models.volume_heads import PURPOSES
from tactful.models.volume_response import VolumeResponse
from tactful.models.work_rest import WorkRestRates, WorkRestSlots

N, C, H, K, TYPES, F, K_MAX = 193, 3, 5, 24, 4, 3, 14
GRAPHS = Path(__file__).parents[1] / "fixtures"
TRAINED_IN_TORCH = {"slot_model", "tin", "time_bias", "shared_history", "ranker"}
"""Modules that serve nobody: their suites stand in `tests/models/`, what they export is in this one."""


def _history(n: int, empty: bool, seed: int = 3) -> dict[str, Any]:
    """Inputs of all kinds of models for n users."""
    rng = np.random.default_rng(seed)
    some = 0 if empty else 1
    sends = some * rng.poisson(4.0, (n, H)).astype(float)
    return {
        "counts": some * rng.poisson(rng.gamma(0.5, 1.0, (n, K))).astype(float),
        "segment": rng.integers(-1, 3, n),
        "event_type": rng.integers(-1, TYPES + 2, (n, C)),
        "match": some * rng.integers(0, 4, (n, C)),
        "recency": np.full((n, C), 3) if empty else rng.integers(0, 4, (n, C)),
        "sends": sends,
        "clicks": some * rng.binomial(sends.astype(int), 0.3).astype(float),
        "sends_7d": some * rng.poisson(4.0, (n, H)),
        "p_organic": np.zeros(n) if empty else rng.random(n),
        "p_click": np.zeros(n) if empty else rng.random(n),
        "p_unsubscribe": np.zeros(n) if empty else rng.random(n) * 0.01,
        "features": np.zeros((n, F), dtype=np.float32) if empty else rng.normal(size=(n, F)).astype(np.float32),
        "reach": rng.integers(0, 3, n),
        "activity": rng.integers(0, 6, n),
        "history": some * rng.poisson(0.2, (n, K, 7, 6)).astype(np.float32),
        "known": np.zeros((n, 7), dtype=bool) if empty else rng.random((n, 7)) < 0.8,
        "rest": rng.integers(0, 2, (n, 7)),
        "today_rest": rng.integers(0, 2, n),
        "target": rng.integers(0, 5, (n, C, 2)),
        "behaviours": rng.integers(0, 5, (n, 6, 2)),
        "length": some * rng.integers(0, 7, n),
        "gap": rng.integers(1, 4, (n, 6)),
        "clock": rng.integers(0, 168, (n, 7)),
        "context": rng.integers(0, 4, (n, 1)),
        **{f"rank_{name}": column for name, column in vars(rank_rows(n, C, seed, empty)).items()},
    }


# How each kind of model is asked, rows first, and the shape of one row's answer.
ASK: dict[str, tuple[Callable[[Any, dict[str, Any]], np.ndarray], tuple[int, ...]]] = {
    "slots": (lambda m, x: m.slots(x["counts"], x["segment"]), (K,)),
    "click": (
        lambda m, x: m.click(x["event_type"], x["match"], x["recency"], x["sends"], x["clicks"]),
        (C, H),
    ),
    "unsubscribe": (lambda m, x: m.unsubscribe(x["sends_7d"]), (H,)),
    "curve": (lambda m, x: m.curve(x["p_organic"], x["p_click"], x["p_unsubscribe"], K_MAX).T, (K_MAX + 1,)),
    "chances": (
        lambda m, x: m.chances(x["history"], x["known"], x["rest"], x["today_rest"], x["segment"]),
        (K, 2),
    ),
    "response": (
        lambda m, x: m.response(x["target"], x["behaviours"], x["length"], x["gap"], x["clock"], x["context"]),
        (C,),
    ),
    "scores": (lambda m, x: np.stack([vars(m.scores(_window(x)))[k] for k in ("profile", "weight")], axis=2), (K, 2)),
    "rank": (lambda m, x: m.rank(_rank_inputs(x)), (C, H, len(RANK_HEADS))),
    "curves": (lambda m, x: m.curves(x["features"], x["reach"], x["activity"], K_MAX).T, (K_MAX + 1,)),
}


def _window(x: dict[str, Any]) -> SlotWindow:
    return SlotWindow(*(x[name] for name in ("history", "known", "rest", "today_rest", "today_rest")))


def _rank_inputs(x: dict[str, Any]) -> RankInputs:
    return RankInputs(**{name.removeprefix("rank_"): x[name] for name in x if name.startswith("rank_")})


def _rank_boosted() -> RankBoosted:
    every = list(product((0, 1, 3), RANK_HEADS))
    forests = {each: _forest(N_NUMBERS, seed) for seed, each in enumerate(every)}
    says = np.random.default_rng(0).normal(size=(3, len(RANK_HEADS), CATEGORIES))
    shape = (H, len(RANK_HEADS))
    lean = RankCalibration(np.full(shape[1], 0.5), np.linspace(0.8, 1.2, 30).reshape(shape), np.full(shape, -1.0))
    return RankBoosted.of(forests, dict(zip((0, 1, 3), says, strict=True)), lean)


def _forest(n_features: int, seed: int) -> Forest:
    """Trees of two splits each, on every column in turn."""
    rng, trees = np.random.default_rng(seed), 4 * n_features
    n = 2 * trees
    feature, even = np.arange(n) % n_features, np.arange(n) % 2 == 0
    threshold = np.where(feature == F + 1, rng.integers(0, K_MAX, n), rng.normal(size=n))
    leaf = ~(3 * (np.arange(n) // 2))
    left, right = np.where(even, np.arange(n) + 1, leaf - 1), np.where(even, leaf, leaf - 2)
    splits = np.column_stack([feature, threshold, left, right]).astype(float)
    return Forest(splits, rng.normal(size=3 * trees) * 0.2, np.arange(0.0, n, 2.0), n_features)


def _volume_response() -> VolumeResponse:
    heads = {
        purpose: tuple(_forest(F + 2 - (purpose == "long_term"), 10 * i + reach) for reach in range(3))
        for i, purpose in enumerate(PURPOSES)
    }
    rates = np.random.default_rng(7).random((18, K_MAX + 1))
    return VolumeResponse.of(heads | {"unsubscribe": (rates, rates, rates)}, F, K_MAX, "schema")


def _slot_boosted() -> SlotBoosted:
    rates, tilt = np.linspace(0.05, 0.3, K), np.linspace(0.5, 1.5, 2 * K).reshape(2, K)
    level = SimpleChances(WorkRestRates(SlotRates(rates), tilt), np.stack([rates, rates[::-1]]))
    hour = HourChances(WorkRestSlots(SlotHistogram(rates), tilt), np.stack([rates, rates[::-1]]) / rates.sum())
    heads = [
        SlotHead(outcome, hour if outcome == "hour" else level, _forest(SIMPLE + OF_HISTORY, seed))
        for seed, outcome in enumerate(OUTCOMES)
    ]
    return SlotBoosted.of(7, "incremental", heads)


def _fitted() -> dict[str, Any]:
    x, later = _history(400, empty=False, seed=5), _history(400, empty=False, seed=6)
    segment = x["segment"]
    row = np.arange(400)
    bought = (row % 7 == 0).astype(int)
    return {
        "global_slots": GlobalSlots.fit(x["counts"], segment, 3),
        "slot_histogram": SlotHistogram.fit(x["counts"], later["counts"], segment, 3, (4.0,), (1.0,)),
        "click_rate": ClickRate.fit(row % 50, row % TYPES, row % 4, row % 3, row % H, bought, TYPES),
        "unsubscribe_rate": UnsubscribeRate.fit(row % 9, row % H, bought),
        "simple_curve": SimpleCurve(gamma=0.8, after_leaving_share=0.5),
        "volume_response": _volume_response(),
        "slot_boosted": _slot_boosted(),
        "rank_boosted": _rank_boosted(),
        "ranker": served.load((GRAPHS / "ranker.msgpack").read_bytes()),
        "response_model": ServedResponses((GRAPHS / "response_model.onnx").read_bytes(), "contract"),
        "slot_model": ServedSlots((GRAPHS / "slot_model.onnx").read_bytes()),
    }


FITTED = _fitted()
NEEDS_DATA = {"volume_response", "slot_boosted", "rank_boosted", "ranker", "slot_model", "response_model"}
WITH_PRIOR = [name for name in MODELS if name not in NEEDS_DATA]
INSTANCES = [pytest.param(served.resolve(name)(), id=f"{name}-prior") for name in WITH_PRIOR] + [
    pytest.param(model, id=f"{name}-fitted") for name, model in FITTED.items()
]


def _ask(model: Any, inputs: dict[str, Any]) -> np.ndarray:
    (method,) = [name for name in ASK if hasattr(model, name)]
    return ASK[method][0](model, inputs)


def _rows(inputs: dict[str, Any], rows: Any) -> dict[str, Any]:
    return {name: values[rows] for name, values in inputs.items()}


def test_every_model_has_a_name_and_a_fitted_example() -> None:
    found = {
        f"{module.__name__}:{name}"
        for info in pkgutil.iter_modules(tactful.models.__path__, "tactful.models.")
        if info.name.rpartition(".")[2] not in TRAINED_IN_TORCH
        for module in [importlib.import_module(info.name)]
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module.__name__ and inspect.isfunction(getattr(cls, "parameters", None))
    }
    protocols = {path for path in found if path.startswith("tactful.models.protocol:")}
    assert found - protocols == set(MODELS.values())
    assert set(FITTED) == set(MODELS)


@pytest.mark.parametrize("model", INSTANCES)
def test_one_row_alone_scores_the_same_bits_as_in_any_batch(model: Any) -> None:
    inputs = _history(N, empty=False)
    whole = _ask(model, inputs)
    alone = np.concatenate([_ask(model, _rows(inputs, slice(i, i + 1))) for i in range(N)])
    assert whole.tobytes() == alone.tobytes()
    backwards = _ask(model, _rows(inputs, slice(None, None, -1)))
    assert np.ascontiguousarray(backwards[::-1]).tobytes() == whole.tobytes()


@pytest.mark.parametrize("model", INSTANCES)
@pytest.mark.parametrize("n", [0, 1, 7])
@pytest.mark.parametrize("empty", [True, False])
def test_scores_are_finite_probabilities_of_the_stated_shape(model: Any, n: int, empty: bool) -> None:
    (method,) = [name for name in ASK if hasattr(model, name)]
    scores = _ask(model, _history(n, empty))
    assert scores.shape == (n, *ASK[method][1])
    assert np.all(np.isfinite(scores))
    assert np.all((scores >= 0.0) & (scores <= 1.0))


@pytest.mark.parametrize("model", INSTANCES)
def test_a_loaded_model_equals_the_saved_one_bit_for_bit(model: Any) -> None:
    loaded = served.load(served.save(model))
    inputs = _history(N, empty=False)
    assert type(loaded) is type(model)
    assert loaded.version == model.version
    assert _ask(loaded, inputs).tobytes() == _ask(model, inputs).tobytes()
    assert served.save(loaded) == served.save(model)


@pytest.mark.parametrize("name", WITH_PRIOR)
def test_version_tells_a_fitted_model_from_the_prior(name: str) -> None:
    assert served.resolve(name)().version != FITTED[name].version


@pytest.mark.parametrize("name", list(MODELS))
def test_same_parameters_give_the_same_version(name: str) -> None:
    assert served.resolve(name)(**FITTED[name].parameters()).version == FITTED[name].version


def test_unknown_names_and_changed_bytes_are_refused() -> None:
    with pytest.raises(InvalidModel, match="expected one of"):
        served.resolve("oracle")
    with pytest.raises(InvalidModel, match="no saved model"):
        served.load(b"not a model")
    data = served.save(SimpleCurve(gamma=0.5))
    at = data.index(np.float64(0.5).tobytes())
    with pytest.raises(InvalidModel, match="changed after saving"):
        served.load(data[:at] + np.float64(0.25).tobytes() + data[at + 8 :])
