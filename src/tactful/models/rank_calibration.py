"""From a ranker's raw scores to probabilities: undoes the down-sampling of negatives, then leans as seen at random.

Shared by all trained rankers; what the numbers are fitted to is told in `training/ranking/calibrate.py`.
"""

from typing import Final

import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.events.records import CHANNELS
from tactful.models.protocol import RANK_HEADS

SHAPE: Final = (len(CHANNELS), len(RANK_HEADS))
"""Of slope and offset: channels x heads."""


class RankCalibration:
    """`p = σ(offset + slope·(z + log r))` by channel and head, z a model's logit.

    Adding `log r` is `p = p_s / (p_s + (1 − p_s) / r)` for a model of rows with a share r of the negatives.

    Source: He et al., "Practical lessons from predicting clicks on ads at Facebook", ADKDD 2014, section 6.3.
    """

    def __init__(
        self,
        rate: Float[np.ndarray, " heads"] | None = None,
        slope: Float[np.ndarray, "h heads"] | None = None,
        offset: Float[np.ndarray, "h heads"] | None = None,
    ) -> None:
        """Takes the shares of negatives that were learned from, and what was fitted; without, all stays as it is.

        Raises:
            InvalidModel: for rates outside (0, 1], another shape, or what is not finite.
        """
        self.rate = np.ones(SHAPE[1]) if rate is None else np.array(rate, dtype=np.float64)
        self.slope = np.ones(SHAPE) if slope is None else np.array(slope, dtype=np.float64)
        self.offset = np.zeros(SHAPE) if offset is None else np.array(offset, dtype=np.float64)
        shapes = (self.rate.shape, self.slope.shape, self.offset.shape)
        finite = np.isfinite(self.slope).all() and np.isfinite(self.offset).all()
        if shapes != (SHAPE[1:], SHAPE, SHAPE) or not finite or not ((self.rate > 0.0) & (self.rate <= 1.0)).all():
            raise InvalidModel(
                f"got a calibration of shapes {shapes} (rates {self.rate.tolist()}), expected rates in (0, 1] by head "
                f"and finite slopes and offsets {SHAPE} by channel and head; train the ranker again"
            )

    def numbers(self) -> dict[str, NDArray[np.float64]]:
        """Returns the constructor's arguments."""
        return {"rate": self.rate, "slope": self.slope, "offset": self.offset}

    def chances(self, logit: Float[np.ndarray, "n c h heads"]) -> Float64[np.ndarray, "n c h heads"]:
        """Returns the probabilities; element by element, so that a row's bits do not depend on the others."""
        z = self.offset + self.slope * (logit.astype(np.float64) + np.log(self.rate))
        p: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(z, -50.0, 50.0)))
        return p
