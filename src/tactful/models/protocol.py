"""What the runtime may ask of a model. Dimensions: n users, c candidates, h channels (in the order of
`records.CHANNELS`), K slots of the local day, b budgets.

Every model is built from its parameters by keyword (`type(model)(**model.parameters())` is an equal model),
scores each row by itself (one row alone gives the same bits as in any batch), and is finite for an empty
history.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, Integer
from numpy.typing import NDArray

from tactful.features.ranking import RankInputs
from tactful.features.slot_past import SlotPast

Parameters: TypeAlias = Mapping[str, float | NDArray[np.float64] | bytes | str]
"""The numbers that a model was fitted to, or the graph that holds them, and its choices, by constructor argument."""


@runtime_checkable
class Model(Protocol):
    """What every model has."""

    @property
    def version(self) -> str:
        """The hash of the parameters; a decision names it."""
        ...

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        ...


@runtime_checkable
class GraphModel(Model, Protocol):
    """A model that is a graph, which ONNX Runtime may run elsewhere than on the processor."""

    def on(self, provider: str) -> Any:
        """Returns the same model, run by a provider of ONNX Runtime; a model of the same class.

        Raises:
            InvalidSettings: for a provider that is not there.
        """
        ...


@dataclass(frozen=True, eq=False)
class SlotScores:
    """What a slot model says of a day: `profile`, where her activity falls (each row sums to 1), and `weight`, what a
    send in the slot is worth to the plan (>= 0; its scale does not matter)."""

    profile: Float[np.ndarray, "n K"]
    weight: Float[np.ndarray, "n K"]


@runtime_checkable
class SlotModel(Model, Protocol):
    """Says when a person is active, and when a message is worth sending."""

    def foretell(self, past: SlotPast) -> SlotScores:
        """Returns profile and weights of the slots of each user's planned day."""
        ...


@runtime_checkable
class ClickModel(Model, Protocol):
    """Says how likely a message is clicked."""

    def click(
        self,
        event_type: Integer[np.ndarray, "n c"],
        match: Integer[np.ndarray, "n c"],
        recency: Integer[np.ndarray, "n c"],
        sends: Float[np.ndarray, "n h"],
        clicks: Float[np.ndarray, "n h"],
    ) -> Float[np.ndarray, "n c h"]:
        """Returns the probability that the candidate, sent now on the channel, is clicked within its window.

        Args:
            event_type: index of the event type; out of range (such as -1) is a type never seen.
            match: `features.content.match_bucket`, 0..3.
            recency: `features.content.recency_bucket`, 0..3.
            sends: messages that the user got so far on each channel.
            clicks: how many of them she clicked.
        """
        ...


@runtime_checkable
class UnsubscribeModel(Model, Protocol):
    """Says how likely a message makes the person leave the channel."""

    def unsubscribe(self, sends_7d: Integer[np.ndarray, "n h"]) -> Float[np.ndarray, "n h"]:
        """Returns the probability that one more send on the channel makes the person leave it.

        Args:
            sends_7d: messages that the user got on each channel in the last seven days.
        """
        ...


@runtime_checkable
class VolumeModel(Model, Protocol):
    """Says what a weekly budget is worth."""

    def curve(
        self,
        p_organic: Float[np.ndarray, " n"],
        p_click: Float[np.ndarray, " n"],
        p_unsubscribe: Float[np.ndarray, " n"],
        k_max: int,
    ) -> Float32[np.ndarray, "b n"]:
        """Returns the value of every weekly budget 0..k_max, in active days a day; b = k_max + 1.

        Args:
            p_organic: chance of a day with activity when nothing is sent.
            p_click: chance that a message is clicked.
            p_unsubscribe: chance that a message makes the person leave.
            k_max: largest weekly budget.
        """
        ...


RANK_HEADS: tuple[str, ...] = ("open", "click", "unsubscribe", "session_1h", "session_1d", "session_3d")
"""What a ranker foretells of a message on a channel: opened, clicked (within the type's window), answered by leaving
the channel (unsubscribe, disable, uninstall, complaint), and a session within an hour, a day, three days."""


@runtime_checkable
class RankModel(Model, Protocol):
    """Says what would follow if a candidate were sent now, on each channel."""

    def rank(self, inputs: RankInputs) -> Float[np.ndarray, "n c h heads"]:
        """Returns the probability of every head of `RANK_HEADS` for every candidate and channel.

        Finite and in 0..1 everywhere, also where no candidate is.
        """
        ...


def version_of(model: str, parameters: Parameters) -> str:
    """Returns the version of a model of that class with these parameters: 16 hex digits.

    >>> version_of("M", {"a": 1.0}) == version_of("M", {"a": 1.0}), version_of("M", {"a": 2.0}) == "other"
    (True, False)
    """
    digest = hashlib.blake2b(model.encode(), digest_size=8)
    for name in sorted(parameters):
        value = parameters[name]
        if isinstance(value, bytes | str):
            data = value if isinstance(value, bytes) else value.encode()
            digest.update(f"|{name}[{len(data)}]".encode() + data)
            continue
        array = np.ascontiguousarray(value, dtype="<f8")
        digest.update(f"|{name}{np.shape(parameters[name])}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
