"""Served response models score as the trained ones do, and refuse what they were not trained on."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tactful.errors import InvalidFeatures, InvalidModel
from tactful.models.baselines.average_product import AverageProduct
from tactful.models.sequence import Shape
from tactful.models.served_responses import ServedResponses
from tactful.models.time_bias import TimeBias
from tactful.models.tin import TIN
from tactful.training.export_responses import export_responses, quantised
from tactful.training.fit import seeded

SHAPE = Shape(items=(40, 7), context=(3,), length=12, gaps=4)
UNTIMED = Shape(items=(40, 7), context=(), length=12, gaps=0)
U, C, L = 5, 3, 12


def _inputs(shape: Shape, users: int = U, candidates: int = C) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(users)
    length = draw.integers(0, L + 1, users)
    length[:2] = [0, L]
    return {
        "target": np.stack([draw.integers(0, n, (users, candidates)) for n in shape.items], axis=-1),
        "history": np.stack([draw.integers(0, n, (users, L)) for n in shape.items], axis=-1),
        "length": length,
        "gap": draw.integers(1, 5, (users, L)) * (shape.gaps > 0),
        "clock": draw.integers(0, 168, (users, 1 + L)) * (shape.gaps > 0),
        "context": draw.integers(0, 3, (users, len(shape.context))),
    }


def _eager(model: nn.Module, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The model's own probabilities, a history a row."""
    users, candidates, fields = inputs["target"].shape
    rows = {k: torch.from_numpy(np.repeat(v, candidates, axis=0)) for k, v in inputs.items()}
    rows["target"] = torch.from_numpy(inputs["target"].reshape(-1, fields))
    with torch.no_grad():
        logits: Tensor = model(**rows)
    return torch.sigmoid(logits).numpy().reshape(users, candidates)


@cache
def _made(name: str) -> tuple[nn.Module, bytes]:
    """TIN by an encoding, or with a number a position."""
    model: nn.Module = seeded(
        lambda: TimeBias(SHAPE, 8, (8, 4)) if name == "number" else TIN(SHAPE, 8, (8, 4), encoding=name), 3
    ).eval()
    return model, export_responses(model, SHAPE, "v1")


@pytest.mark.parametrize("name", ["position", "both", "number"])
def test_candidates_of_a_shared_history_score_as_rows_of_their_own(name: str) -> None:
    model, graph = _made(name)
    served = ServedResponses(graph, "v1")
    for users, candidates in ((U, C), (40, 1), (2, 300)):
        inputs = _inputs(SHAPE, users, candidates)
        np.testing.assert_allclose(served.response(**inputs), _eager(model, inputs), atol=1e-5)


def test_a_rival_without_times_or_context_is_served_too() -> None:
    model = seeded(lambda: AverageProduct(UNTIMED, 8, (8, 4)), 3).eval()
    served = ServedResponses(export_responses(model, UNTIMED, "v1"), "v1")
    inputs = _inputs(UNTIMED)
    few = {name: inputs[name] for name in ("target", "history", "length")}
    np.testing.assert_allclose(served.response(**few), _eager(model, inputs), atol=1e-5)


def test_unknown_ids_count_as_not_known_and_long_histories_are_cut_to_the_newest() -> None:
    served, inputs = ServedResponses(_made("both")[1], "v1"), _inputs(SHAPE)
    zeros, odd = ({k: v.copy() for k, v in inputs.items()} for _ in range(2))
    zeros["target"][0, 0], odd["target"][0, 0] = 0, [10**9, -1]
    zeros["history"][1, 2], odd["history"][1, 2] = 0, 10**9
    assert np.array_equal(served.response(**zeros), served.response(**odd))
    longer = inputs | {k: np.concatenate([inputs[k], inputs[k][:, -L:]], axis=1) for k in ("history", "gap", "clock")}
    longer["length"] = np.where(inputs["length"] == L, 2 * L, inputs["length"])
    assert np.array_equal(served.response(**longer), served.response(**inputs))
    shorter = inputs | {k: inputs[k][:, :4] for k in ("history", "gap")} | {"clock": inputs["clock"][:, :5]}
    shorter["length"] = np.minimum(inputs["length"], 4)
    whole = inputs | {"length": shorter["length"]}
    assert np.array_equal(served.response(**shorter), served.response(**whole))


def test_a_user_has_the_same_bits_alone_and_among_many() -> None:
    served, inputs = ServedResponses(_made("position")[1], "v1"), _inputs(SHAPE, 40)
    alone = served.response(**{k: v[7:8] for k, v in inputs.items()})
    assert np.array_equal(alone, served.response(**inputs)[7:8])


def test_a_model_of_another_vocabulary_is_refused() -> None:
    graph = _made("position")[1]
    with pytest.raises(InvalidModel, match="vocabulary v1, expected v2"):
        ServedResponses(graph, "v2")
    same = ServedResponses(**ServedResponses(graph, "v1").parameters())
    assert same.version == ServedResponses(graph, "v1").version


def test_other_fields_or_missing_times_are_refused() -> None:
    served, inputs = ServedResponses(_made("both")[1], "v1"), _inputs(SHAPE)
    with pytest.raises(InvalidFeatures, match="fields"):
        served.response(**inputs | {"context": None})
    with pytest.raises(InvalidFeatures, match="with times"):
        served.response(**inputs | {"gap": None})


def test_eight_bits_score_nearly_the_same() -> None:
    model, graph = _made("position")
    inputs = _inputs(SHAPE)
    small = ServedResponses(quantised(graph), "v1").response(**inputs)
    assert np.abs(small - _eager(model, inputs)).max() < 0.02
