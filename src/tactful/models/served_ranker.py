"""Whether and where, served: the ranker as two ONNX graphs, with numpy in and out. No torch is needed here.

One graph reads the person, once a rank job; the other goes on from there for each candidate. Both are written by
`training.export_ranker`.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.events.records import CHANNELS
from tactful.features.ranking import (
    ANSWER_IDS,
    CANDIDATE_IDS,
    CONTENT_IDS,
    SCHEMA,
    SEND_IDS,
    USER_IDS,
    RankInputs,
)
from tactful.models.onnx import CPU, Graph
from tactful.models.protocol import RANK_HEADS, Parameters, version_of
from tactful.models.rank_calibration import RankCalibration

PLACES: Final = 4
"""Candidates of one person that are scored side by side; one that is left over is scored by itself."""
_BLOCK_PEOPLE, _BLOCK_CANDIDATES = 32, 64
_GROUPS_AT_ONCE: Final = 256
LIMIT: Final = 100.0
"""Numbers of people and candidates are about 0..1; one beyond this counts as not known."""
_IDS: Final[Mapping[str, Mapping[str, int]]] = {
    "user_ids": USER_IDS,
    "content": CONTENT_IDS,
    "sends": SEND_IDS,
    "answers": ANSWER_IDS,
    "candidate_ids": CANDIDATE_IDS,
}
_INPUTS: Final = {
    "encode": ("user", "user_ids", "content", "sends", "answers"),
    "score": ("state", "candidate", "candidate_ids"),
}


class ServedRanker:
    """A trained `ranker.Ranker`: every head of each candidate on each channel.

    Bad features do not stop anybody's decision: a number that is NaN, infinite or beyond `LIMIT`, and an id outside of
    its table, count as 0, *not known*. A channel of which there were no messages to learn from has the mean of the
    other channels' logits.

    People and candidates are computed in blocks of one size, a person's candidates in groups of `PLACES` by their order
    among those present. So a job has the same bits alone and among many, beside pools of any size; scores of a
    candidate that gets another rival may differ in the last bits.
    """

    def __init__(
        self,
        encode: bytes,
        score: bytes,
        channels: Float[np.ndarray, " k"],
        rate: Float[np.ndarray, " heads"] | None = None,
        slope: Float[np.ndarray, "h heads"] | None = None,
        offset: Float[np.ndarray, "h heads"] | None = None,
        provider: str = CPU,
    ) -> None:
        """Takes the exported graphs, what was fitted beside them, and where to run.

        Args:
            encode, score: the graphs of the person and of the candidate.
            channels: those that it learned from, indices into `records.CHANNELS`.
            rate, slope, offset: of the `RankCalibration`.
            provider: of onnxruntime, for both graphs; no part of the saved model. Scores of another provider may
                differ in the last bits.

        Raises:
            InvalidModel: for bytes that hold no such graphs, graphs of two models, other inputs than those of this
                release, an unknown channel, or an impossible calibration.
            InvalidSettings: for a provider that is not there.
        """
        self._data = {"encode": encode, "score": score}
        self._graphs = {part: Graph(data, provider) for part, data in self._data.items()}
        _refuse_others(self._graphs)
        self.channels = np.array(channels, dtype=np.float64)
        self._seen = self.channels.astype(np.int64)
        if not len(self._seen) or not set(self._seen.tolist()) <= set(range(len(CHANNELS))):
            raise InvalidModel(f"got channels {self.channels.tolist()}, expected some of 0 to {len(CHANNELS) - 1}")
        self.calibration = RankCalibration(rate, slope, offset)
        self.version = version_of("ServedRanker", self.parameters())

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again, on the CPU."""
        return {**self._data, "channels": self.channels, **self.calibration.numbers()}

    def on(self, provider: str) -> "ServedRanker":
        """Returns the same model, run by another provider of onnxruntime.

        Raises:
            InvalidSettings: for one that is not there, with those that are.
        """
        fitted = self.calibration
        graphs = self._data["encode"], self._data["score"]
        return ServedRanker(*graphs, self.channels, fitted.rate, fitted.slope, fitted.offset, provider)

    def rank(self, inputs: RankInputs) -> Float[np.ndarray, "n c h heads"]:
        """Returns the probability of every head for every candidate and channel; 0 where no candidate is."""
        return self.score(self.encode(inputs), inputs)

    def encode(self, inputs: RankInputs) -> Float32[np.ndarray, "n state"]:
        """Returns what scoring must know of each person, some 10 KB a row: it holds for the instant of the inputs."""
        return self._graphs["encode"].run(
            {name: _clean(name, getattr(inputs, name)) for name in _INPUTS["encode"]}, _BLOCK_PEOPLE
        )

    def score(self, state: Float32[np.ndarray, "n state"], inputs: RankInputs) -> Float64[np.ndarray, "n c h heads"]:
        """Returns what `rank` does, for people who were encoded; of the inputs only the candidates are read."""
        row, place = np.nonzero(inputs.present)
        chances = np.zeros((*inputs.present.shape, len(CHANNELS), len(RANK_HEADS)))
        chances[row, place] = self.calibration.chances(self._logits(state, inputs, row, place)[:, None])[:, 0]
        return chances

    def logits(self, inputs: RankInputs) -> Float32[np.ndarray, "n c h heads"]:
        """Returns what the network says before it is calibrated; 0 where no candidate is."""
        row, place = np.nonzero(inputs.present)
        logits = np.zeros((*inputs.present.shape, len(CHANNELS), len(RANK_HEADS)), dtype=np.float32)
        logits[row, place] = self._logits(self.encode(inputs), inputs, row, place)
        return logits

    def _logits(
        self, state: NDArray[np.float32], inputs: RankInputs, row: NDArray[np.int64], place: NDArray[np.int64]
    ) -> Float32[np.ndarray, "m h heads"]:
        """Of the present candidates, in order of their people."""
        nth, count = _nth(row, len(state))
        left_over = (count[row] % PLACES == 1) & (nth == count[row] - 1)
        logits = np.empty((len(row), len(CHANNELS), len(RANK_HEADS)), dtype=np.float32)
        for places, some in ((PLACES, np.flatnonzero(~left_over)), (1, np.flatnonzero(left_over))):
            if len(some):
                logits[some] = self._side_by_side(state, inputs, row[some], place[some], nth[some], places)
        return self._with_unseen_channels(logits)

    def _side_by_side(
        self, state: NDArray[np.float32], inputs: RankInputs, row: NDArray[np.int64], place: NDArray[np.int64],
        nth: NDArray[np.int64], places: int,
    ) -> NDArray[np.float32]:  # fmt: skip
        """Of candidates in groups of so many of one person; the nth of hers stands in group nth // places."""
        first = nth % places == 0
        person, group, at = row[first], np.cumsum(first) - 1, nth % places
        columns = {}
        for name in ("candidate", "candidate_ids"):
            column = getattr(inputs, name)
            columns[name] = np.zeros((len(person), places, column.shape[2]), dtype=column.dtype)
            columns[name][group, at] = column[row, place]
            columns[name] = _clean(name, columns[name])
        parts = [
            self._graphs["score"].run(
                {"state": state[person[some]], **{name: column[some] for name, column in columns.items()}},
                _BLOCK_CANDIDATES // places,
            )
            for some in (slice(s, s + _GROUPS_AT_ONCE) for s in range(0, len(person), _GROUPS_AT_ONCE))
        ]
        logits: NDArray[np.float32] = np.concatenate(parts)[group, at]
        return logits

    def _with_unseen_channels(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(self._seen) == len(CHANNELS):
            return logits
        mean = logits[:, self._seen[0]].copy()
        for one in self._seen[1:]:
            mean += logits[:, one]
        mean /= np.float32(len(self._seen))
        every = np.repeat(mean[:, None], len(CHANNELS), axis=1)
        every[:, self._seen] = logits[:, self._seen]
        return every


def _nth(row: Int64[np.ndarray, " m"], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of her person's each candidate is, from 0, where people stand in order; and how many each person has."""
    count = np.bincount(row, minlength=n)
    return np.arange(len(row)) - (np.cumsum(count) - count)[row], count


def _clean(name: str, column: NDArray[Any]) -> NDArray[Any]:
    """The column with 0 for what is not known."""
    if name in _IDS:
        sizes = np.array(list(_IDS[name].values()), dtype=column.dtype)
        return np.where((column >= 0) & (column < sizes), column, 0).astype(np.int64)
    return np.where(np.abs(column) <= LIMIT, column, np.float32(0.0))  # a comparison with NaN is false


def _refuse_others(graphs: Mapping[str, Graph]) -> None:
    """Refuses what is not the two halves of one ranker of this release's inputs."""
    for part, graph in graphs.items():
        if set(graph.inputs) != set(_INPUTS[part]):
            raise InvalidModel(
                f"got a graph with the inputs {sorted(graph.inputs)} to {part}, expected {sorted(_INPUTS[part])}; "
                "export a ranker (training.export_ranker)"
            )
        schema = graph.notes.get("schema", "none")
        if schema != SCHEMA:
            raise InvalidModel(
                f"got a ranker of inputs {schema}, expected {SCHEMA}; train it with this release (tactful train ranker)"
            )
    models = {part: graph.notes.get("model", "none") for part, graph in graphs.items()}
    if len(set(models.values())) > 1:
        raise InvalidModel(f"got halves of two models, {models}, expected those of one; export it again")
