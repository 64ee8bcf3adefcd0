"""Served rankers score as the trained one does, each job by itself, and refuse graphs of other inputs."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from rank_rows import rank_rows, some_rows
from tactful.errors import InvalidModel, InvalidSettings
from tactful.features.ranking import SCHEMA
from tactful.models import served
from tactful.models.onnx import CPU
from tactful.models.protocol import RANK_HEADS, RankModel
from tactful.models.rank_calibration import RankCalibration
from tactful.models.ranker import Ranker, tensors
from tactful.models.served_ranker import PLACES, ServedRanker
from tactful.training.export_ranker import export_ranker
from tactful.training.fit import seeded

FIXTURE = Path(__file__).parents[1] / "fixtures" / "ranker.msgpack"
RATE = np.array([0.5, 0.2, 1.0, 1.0, 0.9, 0.1])


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Threads wait longer for each other than these few rows take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def _exported() -> tuple[Ranker, ServedRanker]:
    model = seeded(lambda: Ranker(dim=8, mixer=True, blocks=1, hidden=16), 3)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model, export_ranker(model, RankCalibration(RATE))


def _small() -> ServedRanker:
    model = served.load(FIXTURE.read_bytes())
    assert isinstance(model, ServedRanker)
    assert isinstance(model, RankModel)
    return model


def _with(model: ServedRanker, **changed: object) -> ServedRanker:
    return ServedRanker(**{**model.parameters(), **changed})


def test_a_served_ranker_scores_as_the_trained_one_for_pools_of_any_size() -> None:
    model, ranker = _exported()
    for n, c in ((1, 1), (40, 2), (3, 37)):
        inputs = rank_rows(n, c)
        with torch.no_grad():
            eager = model(**tensors(inputs)).numpy()
        np.testing.assert_allclose(ranker.logits(inputs), eager, atol=1e-5)


def test_down_sampling_is_undone() -> None:
    _, ranker = _exported()
    inputs = rank_rows(5, 2)
    sampled = 1.0 / (1.0 + np.exp(-ranker.logits(inputs).astype(np.float64)))
    np.testing.assert_allclose(ranker.rank(inputs), sampled / (sampled + (1.0 - sampled) / RATE), rtol=1e-6)


def test_a_job_has_the_same_bits_alone_among_many_and_beside_larger_pools() -> None:
    ranker, inputs = _small(), rank_rows(50, 3)
    whole = ranker.rank(inputs)
    for one in (0, 17, 49):
        assert np.array_equal(ranker.rank(some_rows(inputs, slice(one, one + 1))), whole[one : one + 1])
    wide = rank_rows(50, 11)
    for name in ("candidate", "candidate_ids"):
        getattr(wide, name)[:, :3] = getattr(inputs, name)
    wide.present[::2, 3:] = False
    held = {name: getattr(inputs, name) for name in ("user", "user_ids", "content", "sends", "answers")}
    assert np.array_equal(ranker.rank(replace(wide, **held))[::2, :3], whole[::2])


def test_absent_candidates_are_neither_scored_nor_read() -> None:
    ranker, inputs = _small(), rank_rows(7, 6)
    inputs.present[:, ::2] = False
    inputs.candidate[:, ::2] = np.nan
    inputs.candidate_ids[:, ::2] = 9999
    scores = ranker.rank(inputs)
    assert (scores[:, ::2] == 0.0).all()
    second = {name: getattr(inputs, name)[:, 1::2] for name in ("candidate", "candidate_ids", "present")}
    assert np.array_equal(scores[:, 1::2], ranker.rank(replace(inputs, **second)))
    inputs.present[:] = False
    assert (ranker.rank(inputs) == 0.0).all()


def test_numbers_that_are_not_finite_and_ids_out_of_range_count_as_not_known() -> None:
    ranker = _small()
    odd, plain = rank_rows(4, 2), rank_rows(4, 2)
    for inputs, bad in ((odd, (np.nan, np.inf, -1e30)), (plain, (0.0, 0.0, 0.0))):
        inputs.user[0, :3] = bad
        inputs.candidate[1, 0, :3] = bad
    odd.candidate_ids[2, 0], plain.candidate_ids[2, 0] = [-1, 5000, 64, 4], 0
    odd.content[0, 0], plain.content[0, 0] = [1024, -3, 14], 0
    odd.user_ids[3], plain.user_ids[3] = [18, 24, -1, 32], 0
    assert np.array_equal(ranker.rank(odd), ranker.rank(plain))


def test_an_encoded_person_is_scored_as_at_once() -> None:
    ranker, inputs = _small(), rank_rows(9, PLACES + 1)
    state = ranker.encode(inputs)
    assert np.array_equal(ranker.score(state, inputs), ranker.rank(inputs))
    assert np.array_equal(state, np.concatenate([ranker.encode(some_rows(inputs, slice(i, i + 1))) for i in range(9)]))


def test_a_channel_without_messages_to_learn_from_has_the_mean_of_the_others() -> None:
    ranker, inputs = _small(), rank_rows(3, 2)
    raw = _with(ranker, channels=np.arange(5.0)).logits(inputs)
    some = _with(ranker, channels=np.array([0.0, 3.0])).logits(inputs)
    assert np.array_equal(some[:, :, [0, 3]], raw[:, :, [0, 3]])
    np.testing.assert_allclose(some[:, :, 4], (raw[:, :, 0] + raw[:, :, 3]) / 2, rtol=1e-5)


def _noted(graph: bytes, key: str, value: str) -> bytes:
    model = onnx.load_from_string(graph)
    for note in model.metadata_props:
        note.value = value if note.key == key else note.value
    data: bytes = model.SerializeToString()
    return data


def test_graphs_of_other_inputs_of_two_models_or_of_something_else_are_refused() -> None:
    ranker = _small()
    encode, score = (ranker.parameters()[part] for part in ("encode", "score"))
    assert isinstance(score, bytes)
    with pytest.raises(InvalidModel, match=f"inputs 0123, expected {SCHEMA}"):
        _with(ranker, score=_noted(score, "schema", "0123"))
    with pytest.raises(InvalidModel, match="halves of two models"):
        _with(ranker, score=_noted(score, "model", "another"))
    with pytest.raises(InvalidModel, match="to score, expected"):
        _with(ranker, score=encode)
    with pytest.raises(InvalidModel, match="no ONNX graph"):
        _with(ranker, encode=b"nothing")
    with pytest.raises(InvalidModel, match="some of 0 to 4"):
        _with(ranker, channels=np.array([7.0]))
    with pytest.raises(InvalidModel, match="rates in"):
        _with(ranker, rate=np.zeros(6))


def test_a_ranker_of_some_heads_is_not_served() -> None:
    with pytest.raises(InvalidModel, match="expected all of"):
        export_ranker(Ranker(heads=RANK_HEADS[:1]))


def test_a_provider_that_is_not_there_is_refused_with_those_that_are() -> None:
    ranker = _small()
    assert np.array_equal(ranker.on(CPU).rank(rank_rows(3, 2)), ranker.rank(rank_rows(3, 2)))
    missing = next(p for p in ("CUDAExecutionProvider", "CoreMLExecutionProvider") if p not in _available())
    with pytest.raises(InvalidSettings, match=f"{missing}.*{CPU}"):
        ranker.on(missing)
    with pytest.raises(InvalidSettings, match="expected one that this onnxruntime has"):
        ranker.on("gpu")


def _available() -> list[str]:
    known: list[str] = onnxruntime.get_available_providers()
    return known
