"""Steps of people's choices between hold and send, as Q-learning reads them. Needs no torch."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64


@dataclass(frozen=True)
class Transitions:
    """m choices and what came of them.

    Attributes:
        state: what was known at the choice.
        send: whether a message went out.
        reward: what came until the next choice.
        discount: γ^Δ, Δ the days until the next choice; 0 where nothing follows.
        next_state: what was known at the next choice; any numbers where nothing follows.
    """

    state: Float32[np.ndarray, "m f"]
    send: Bool[np.ndarray, " m"]
    reward: Float64[np.ndarray, " m"]
    discount: Float64[np.ndarray, " m"]
    next_state: Float32[np.ndarray, "m f"]
