"""What, served: a response model as an ONNX graph, with numpy in and out. No torch is needed here.

The graph is written by `training.export_responses`. It carries what its ids mean: sizes of its tables and a
fingerprint of the vocabulary.
"""

import json
from typing import Final

import numpy as np
from jaxtyping import Float32, Int, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidFeatures, InvalidModel
from tactful.models.onnx import Graph
from tactful.models.protocol import Parameters, version_of

_BLOCK_SCORES: Final = 1024
_MOST_USERS: Final = 32


class ServedResponses:
    """A trained response model: how likely each of a user's candidates is responded to, given what she did before.

    Users are scored in blocks of one size for a number of candidates, so that a user has the same bits alone and among
    many; scores of the same candidate beside another number of candidates may differ in the last bits.
    """

    def __init__(self, graph: bytes, vocabulary: str) -> None:
        """Takes an exported graph, and the fingerprint of the vocabulary that the ids will be of.

        Raises:
            InvalidModel: for bytes that hold no such graph, or one that was trained on another vocabulary.
        """
        self._data, self._vocabulary, self._graph = graph, vocabulary, Graph(graph)
        notes = self._graph.notes
        if "vocabulary" not in notes:
            raise InvalidModel("got a graph without a vocabulary; export it with training.export_responses")
        if notes["vocabulary"] != vocabulary:
            raise InvalidModel(
                f"got a model of vocabulary {notes['vocabulary']}, expected {vocabulary}: its ids mean other items; "
                "train it on this vocabulary, or serve it with its own"
            )
        sizes = json.loads(notes["shape"])
        self._items = np.array(sizes["items"], dtype=np.int64)
        self._context = np.array(sizes["context"], dtype=np.int64)
        self._length, self._gaps = int(sizes["length"]), int(sizes["gaps"])
        self.version = version_of("ServedResponses", self.parameters())

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        return {"graph": self._data, "vocabulary": self._vocabulary}

    def response(
        self,
        target: Int[np.ndarray, "u C F"],
        history: Int[np.ndarray, "u L F"],
        length: Int[np.ndarray, " u"],
        gap: Int[np.ndarray, "u L"] | None = None,
        clock: Int[np.ndarray, "u 1+L"] | None = None,
        context: Int[np.ndarray, "u K"] | None = None,
    ) -> Float32[np.ndarray, "u C"]:
        """Returns the probability of a response to each candidate.

        An id that the model does not know, in any column, counts as 0, *not known*; of a longer history than the model
        was trained on, the newest behaviours are read.

        Args:
            target: ids of the fields of C candidates a user.
            history: ids of her behaviours, newest first; columns from `length` on are not read.
            length: how many behaviours she has.
            gap: bin of the time from each behaviour to now, where the model was trained with times; else none.
            clock: hour of the week of now (column 0) and of the behaviours; likewise.
            context: ids of the further fields; none for a model without.

        Raises:
            InvalidFeatures: for other fields than the model's, or columns that it needs and has not.
        """
        users, columns = history.shape[:2]
        self._refuse_other_fields(target, history, gap, clock, context)
        none = np.zeros((users, columns), dtype=np.int64)
        times = none if gap is None else gap.astype(np.int64)
        hours = np.zeros((users, 1 + columns), dtype=np.int64) if clock is None else clock.astype(np.int64)
        further = np.zeros((users, 0), dtype=np.int64) if context is None else context
        inputs = {
            "target": _known(target, self._items),
            "history": self._cut(_known(history, self._items), self._length),
            "length": np.clip(length, 0, min(columns, self._length)).astype(np.int64),
            "gap": self._cut(np.where((times >= 0) & (times <= self._gaps), times, 0), self._length),
            "clock": self._cut(hours, 1 + self._length),
            "context": _known(further, self._context),
        }
        fed = {name: inputs[name] for name in self._graph.inputs}
        block = max(1, min(_MOST_USERS, _BLOCK_SCORES // max(target.shape[1], 1)))
        logits = self._graph.run(fed, block_rows=block)
        return (1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0)))).astype(np.float32)

    def _cut(self, column: NDArray[np.int64], columns: int) -> NDArray[np.int64]:
        """The first columns, or as many with zeros behind."""
        short = columns - column.shape[1]
        if short <= 0:
            return column[:, :columns]
        return np.pad(column, [(0, 0), (0, short)] + [(0, 0)] * (column.ndim - 2))

    def _refuse_other_fields(
        self,
        target: NDArray[np.integer],
        history: NDArray[np.integer],
        gap: NDArray[np.integer] | None,
        clock: NDArray[np.integer] | None,
        context: NDArray[np.integer] | None,
    ) -> None:
        got = (target.shape[2], history.shape[2], 0 if context is None else context.shape[1])
        expected = (len(self._items), len(self._items), len(self._context))
        if got != expected:
            raise InvalidFeatures(f"got {got} fields of target, history and context, expected {expected}")
        if self._gaps and (gap is None or clock is None):
            raise InvalidFeatures("got no gap or no clock for a model that was trained with times; give both")


def _known(ids: NDArray[np.integer], sizes: NDArray[np.int64]) -> Int64[np.ndarray, "..."]:
    """The ids, with 0 for those outside of their tables."""
    return np.where((ids >= 0) & (ids < sizes), ids, 0).astype(np.int64)
