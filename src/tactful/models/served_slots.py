"""When, served: the slot model as an ONNX graph, with numpy in and out. No torch is needed here."""

import numpy as np
from jaxtyping import Bool, Float32, Integer

from tactful.models.onnx import Graph
from tactful.models.protocol import Parameters, version_of


class ServedSlots:
    """The temporal attention unit of `slot_model.py` after `training.export`: what each slot of the day promises."""

    def __init__(self, graph: bytes) -> None:
        """Takes the exported graph.

        Raises:
            InvalidModel: for bytes that hold none.
        """
        self._data, self._graph = graph, Graph(graph)
        self.version = version_of("ServedSlots", self.parameters())

    def parameters(self) -> Parameters:
        """Returns the constructor's argument that makes this model again."""
        return {"graph": self._data}

    def chances(
        self,
        history: Float32[np.ndarray, "n K L f"],
        known: Bool[np.ndarray, "n L"],
        rest: Integer[np.ndarray, "n L"],
        today_rest: Integer[np.ndarray, " n"],
        segment: Integer[np.ndarray, " n"],
    ) -> Float32[np.ndarray, "n K 2"]:
        """Returns for each slot of the coming local day how likely a message is clicked, and the user is active.

        Args:
            history: `features.slots.day_slots`; day 0 is yesterday.
            known: which of these days are on record; all False for a cold user.
            rest: 1 on days of rest, else 0.
            today_rest: of the coming day.
            segment: index of the user's segment, -1 when unknown.

        Raises:
            InvalidModel: for another number of slots, days or features than the graph was made for.
        """
        logits = self._graph.run(
            {
                "history": history,
                "known": known,
                "rest": rest.astype(np.int64),
                "today_rest": today_rest.astype(np.int64),
                "segment": segment.astype(np.int64),
            }
        )
        return (1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0)))).astype(np.float32)
