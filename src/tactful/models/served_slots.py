"""When, served: the slot model as an ONNX graph, with numpy in and out. No torch is needed here."""

from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float32, Integer

from tactful.errors import InvalidModel
from tactful.features.slot_marks import HISTORY_DAYS
from tactful.features.slot_past import SlotPast
from tactful.features.slots import FEATURES
from tactful.models.onnx import CPU, Graph
from tactful.models.protocol import Parameters, SlotScores, version_of

Objective = Literal["active", "click", "incremental"]
"""What a send in a slot is worth: the chance that she is active, that she clicks, or that she clicks and would not have
been there anyway."""

_INPUTS: Final = {"history", "known", "rest", "today_rest", "segment"}
_CLICK, _ACTIVE = 0, 1


class ServedSlots:
    """The temporal attention unit of `slot_model.py` after `training.export`: what each slot of the day promises."""

    def __init__(self, graph: bytes, objective: Objective = "click", provider: str = CPU) -> None:
        """Takes the exported graph, what its plans are after, and where to run; that is no part of the saved model.

        Raises:
            InvalidModel: for bytes that hold no such graph, or an unknown objective.
            InvalidSettings: for a provider that is not there.
        """
        if objective not in get_args(Objective):
            raise InvalidModel(f"got the objective {objective!r}, expected one of {', '.join(get_args(Objective))}")
        self._data, self._graph, self.objective = graph, Graph(graph, provider), objective
        if set(self._graph.inputs) != _INPUTS:
            raise InvalidModel(
                f"got a graph with the inputs {sorted(self._graph.inputs)}, expected {sorted(_INPUTS)}; "
                "export a slot model (training.export)"
            )
        self.version = version_of("ServedSlots", self.parameters())

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        return {"graph": self._data, "objective": self.objective}

    def on(self, provider: str) -> "ServedSlots":
        """Returns the same model, run by another provider of ONNX Runtime.

        Raises:
            InvalidSettings: for one that is not there.
        """
        return ServedSlots(self._data, self.objective, provider)

    def foretell(self, past: SlotPast) -> SlotScores:
        """Returns where her activity falls, and each slot's worth by the objective.

        The profile is the activity head over its sum. The weight is the activity head `a`, the click head `c`, or
        `c · (1 − a)`.

        Raises:
            InvalidModel: for a graph of other slots, more days or other features than the engine keeps.
        """
        n_days = self._days_read(past.counts.shape[1])
        chances = self.chances(
            past.history(n_days), past.known(n_days), past.rest(n_days), past.today_rest, past.segment
        ).astype(np.float64)
        click, active = chances[..., _CLICK], chances[..., _ACTIVE]
        weight = {"active": active, "click": click, "incremental": click * (1.0 - active)}[self.objective]
        return SlotScores(active / active.sum(axis=1, keepdims=True), weight)

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

    def _days_read(self, n_slots: int) -> int:
        """How many days back the graph reads, if it reads what is kept."""
        slots, days, features = self._graph.inputs["history"]
        if (slots, features) != (n_slots, len(FEATURES)) or not 1 <= days <= HISTORY_DAYS:
            raise InvalidModel(
                f"got the slot model {self.version} for {slots} slots, {days} days and {features} features, expected "
                f"{n_slots} slots, 1 to {HISTORY_DAYS} days and {len(FEATURES)} features: what the engine keeps of "
                "everyone; train it for those"
            )
        return int(days)
