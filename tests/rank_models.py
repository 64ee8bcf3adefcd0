"""Rank models for tests of the runtime: what they say is of no use, but it depends on candidate, channel and head."""

import numpy as np
from jaxtyping import Float

from tactful.features.history import N_CHANNELS
from tactful.features.ranking import RankInputs
from tactful.models.protocol import RANK_HEADS, Parameters, version_of

HEADS = len(RANK_HEADS)


class PlainRanker:
    """Scores by quality and match of the candidate, her hour, the channel and the head."""

    def __init__(self, level: float = 0.1, leaving: float = 0.002) -> None:
        self.level, self.leaving = level, leaving
        self.version = version_of(type(self).__name__, self.parameters())

    def parameters(self) -> Parameters:
        return {"level": self.level, "leaving": self.leaving}

    def rank(self, inputs: RankInputs) -> Float[np.ndarray, "n c h heads"]:
        quality = inputs.candidate[:, :, 0].astype(np.float64)
        match = inputs.candidate_ids[:, :, 2].astype(np.float64)
        hour = inputs.user_ids[:, 1].astype(np.float64)[:, None]
        appeal = (0.2 + quality + 0.3 * match + hour / 48.0) / 4.0
        channel = 1.0 - np.arange(N_CHANNELS) / 20.0
        head = np.array([2.0, 1.0, 0.0, 0.5, 1.5, 2.0])
        p = self.level * appeal[:, :, None, None] * channel[None, None, :, None] * head
        p[..., RANK_HEADS.index("unsubscribe")] = self.leaving * (2.0 - appeal[:, :, None]) * channel[::-1]
        return p


class BrokenRanker(PlainRanker):
    """Says something else than probabilities: from the first question on, or once it is asked about a second person."""

    def __init__(self, how: str, late: bool | float = False) -> None:
        self.how, self.late = how, bool(late)
        super().__init__()

    def parameters(self) -> Parameters:
        return {"how": self.how, "late": float(self.late)}

    def rank(self, inputs: RankInputs) -> Float[np.ndarray, "n c h heads"]:
        said = super().rank(inputs)
        if self.late and (len(said) == 1 or not inputs.user.any()):
            return said
        match self.how:
            case "raises":
                raise ZeroDivisionError("no tree left")
            case "shape":
                return said[..., :2]
            case "nan":
                said[-1, 0, 0, 1] = np.nan
            case "above one":
                said[-1, 0, 0, 3] = 1.5
        return said
