"""Whom a volume is shared out among, and what an app knows of them; the totals are kept by `budgeted.py`."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from tactful.models.volume_response import Responses, VolumeResponse


@dataclass(frozen=True)
class Crowd:
    """People of one reach, an entry each, at the instant of an allocation.

    Attributes:
        row: which users of the world they are.
        u: a hash draw each, fresh every week, for what does not divide.
        click_rate: clicks per message, shrunk.
        features, reach, activity: what the response models read.
        channels: the open ones, a bitmask; never none.
        model: the response models.
        k_max: the largest budget that may be given.
    """

    row: Int64[np.ndarray, " n"]
    u: Float64[np.ndarray, " n"]
    click_rate: Float64[np.ndarray, " n"]
    features: Float32[np.ndarray, "n f"]
    reach: Int64[np.ndarray, " n"]
    activity: Int64[np.ndarray, " n"]
    channels: UInt8[np.ndarray, " n"]
    model: VolumeResponse
    k_max: int

    @cached_property
    def responses(self) -> Responses:
        """What the models say of every budget."""
        return self.model.responses(self.features, self.reach, self.activity, self.k_max)
