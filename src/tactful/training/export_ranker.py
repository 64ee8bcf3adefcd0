"""Export of rankers: what is computed once for a person and what for each candidate become a graph each."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor, nn

from tactful.errors import InvalidModel
from tactful.events.records import CHANNELS
from tactful.features.ranking import (
    ANSWER_IDS,
    ANSWERS,
    CANDIDATE,
    CANDIDATE_IDS,
    CONTENT,
    CONTENT_IDS,
    SCHEMA,
    SEND_IDS,
    SENDS,
    USER,
    USER_IDS,
    RankInputs,
)
from tactful.models.onnx import Graph
from tactful.models.protocol import RANK_HEADS
from tactful.models.rank_calibration import RankCalibration
from tactful.models.ranker import ENCODED, Ranker, tensors
from tactful.models.served_ranker import ServedRanker
from tactful.training.export import graph_of, noted, refuse_other_scores

_JOBS, _PLACES = 3, 2
_EVERY_CHANNEL: Final = tuple(range(len(CHANNELS)))


def export_ranker(
    model: Ranker, calibration: RankCalibration | None = None, channels: Sequence[int] = _EVERY_CHANNEL
) -> ServedRanker:
    """Returns a trained ranker as it is served.

    Args:
        model: with all heads.
        calibration: what was fitted beside it, with the rates of down-sampling; without, scores are the network's.
        channels: those that it learned from, indices into `records.CHANNELS`; others get the mean of these.

    Raises:
        InvalidModel: for a model of some heads only, or when the graphs' scores differ from torch's by more than 1e-5.
    """
    if model.heads != RANK_HEADS:
        raise InvalidModel(
            f"got a ranker of {', '.join(model.heads)}, expected all of {', '.join(RANK_HEADS)} to serve"
        )
    model.eval()
    example = tensors(_example())
    person = {name: example[name] for name in ENCODED}
    with torch.no_grad():
        state = model.encode(**person)
        logits = model(**example)
    asked = {"state": state, **{name: example[name] for name in ("candidate", "candidate_ids")}}
    people = {name: {0: "people"} for name in person}
    groups = {"state": {0: "groups"}} | {name: {0: "groups", 1: "places"} for name in ("candidate", "candidate_ids")}
    notes = {"schema": SCHEMA, "model": _fingerprint(model)}
    encode = noted(graph_of(_Encoding(model), person, people), notes)
    score = noted(graph_of(_Scoring(model), asked, groups), notes)
    refuse_other_scores(_run(encode, person), state.numpy())
    refuse_other_scores(_run(score, asked), logits.numpy())
    fitted = calibration or RankCalibration()
    learned = np.array(channels, dtype=np.float64)
    return ServedRanker(encode, score, learned, fitted.rate, fitted.slope, fitted.offset)


class _Encoding(nn.Module):
    """`Ranker.encode` as a module, which the exporter wants."""

    def __init__(self, model: Ranker) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        user: Float[Tensor, "n U"],
        user_ids: Int64[Tensor, "n 4"],
        content: Int64[Tensor, "n 32 3"],
        sends: Int64[Tensor, "n 16 4"],
        answers: Int64[Tensor, "n 16 4"],
    ) -> Float[Tensor, "n state"]:
        return self.model.encode(user, user_ids, content, sends, answers)


class _Scoring(nn.Module):
    """`Ranker.score` as a module."""

    def __init__(self, model: Ranker) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        state: Float[Tensor, "n state"],
        candidate: Float[Tensor, "n c C"],
        candidate_ids: Int64[Tensor, "n c 4"],
    ) -> Float[Tensor, "n c h heads"]:
        return self.model.score(state, candidate, candidate_ids)


def _run(graph: bytes, columns: Mapping[str, Tensor]) -> NDArray[np.float32]:
    return Graph(graph).run({name: column.numpy() for name, column in columns.items()})


def _fingerprint(model: Ranker) -> str:
    """Names the weights: both graphs have it, so that halves of two models are told apart."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def _example() -> RankInputs:
    """Three jobs of two candidates, with full, half and empty sequences."""
    draw = np.random.default_rng(0)

    def ids(columns: Mapping[str, int], *shape: int) -> NDArray[np.int16]:
        return np.stack([draw.integers(1, most, shape) for most in columns.values()], axis=-1).astype(np.int16)

    def entries(columns: Mapping[str, int], places: int) -> NDArray[np.int16]:
        held = np.arange(places) < np.array([places, places // 2, 0])[:, None]
        return ids(columns, _JOBS, places) * held[:, :, None].astype(np.int16)

    return RankInputs(
        user=draw.random((_JOBS, len(USER)), dtype=np.float32),
        user_ids=ids(USER_IDS, _JOBS),
        content=entries(CONTENT_IDS, CONTENT),
        sends=entries(SEND_IDS, SENDS),
        answers=entries(ANSWER_IDS, ANSWERS),
        candidate=draw.random((_JOBS, _PLACES, len(CANDIDATE)), dtype=np.float32),
        candidate_ids=ids(CANDIDATE_IDS, _JOBS, _PLACES),
        present=np.ones((_JOBS, _PLACES), dtype=np.bool_),
    )
