"""Which message, boosted: a forest for each head on one row of numbers a message, the channel among them.

Served from the trees themselves (`forest.py`); LightGBM grows them (`training/ranking/boosted.py`) and is not needed.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final

import numpy as np
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.events.records import CHANNELS
from tactful.features.rank_table import COLUMNS, rank_table
from tactful.features.ranking import SCHEMA, RankInputs
from tactful.models.forest import Forest
from tactful.models.protocol import RANK_HEADS, Parameters, version_of
from tactful.models.rank_calibration import RankCalibration

_PARTS: Final = ("splits", "leaves", "roots")
_ROWS_AT_ONCE: Final = 8192


class RankBoosted:
    """The heads of every candidate on every channel, from trees.

    Deviation: a head's trees have the channel as one of their numbers, so that messages of one channel teach what all
    channels have in common; the network's heads are taught by their own channel only. Slopes and offsets are by channel
    in both.

    A channel of which there were no messages has the mean of the other channels' logits: trees would take it for the
    one next to it in number.
    """

    def __init__(self, schema: str, channels: Float[np.ndarray, " k"], **numbers: NDArray[np.float64]) -> None:
        """Takes a saved model's numbers, those of a head named `click_splits` and so on; `of` takes forests.

        Args:
            schema: `features.ranking.SCHEMA` of the inputs that it learned from.
            channels: those that it learned from, indices into `records.CHANNELS`.

        Raises:
            InvalidModel: for inputs of another schema, no channel, or numbers that make no forest.
        """
        if schema != SCHEMA:
            raise InvalidModel(
                f"got a ranker of inputs {schema}, expected {SCHEMA}; train it with this release (tactful train ranker)"
            )
        self.schema, self.channels = schema, np.array(channels, dtype=np.float64)
        self._seen = self.channels.astype(np.int64)
        if not len(self._seen) or not set(self._seen.tolist()) <= set(range(len(CHANNELS))):
            raise InvalidModel(f"got channels {self.channels.tolist()}, expected some of 0 to {len(CHANNELS) - 1}")
        self.forests = {head: _forest(head, numbers) for head in RANK_HEADS}
        self.calibration = RankCalibration(**{name: numbers[name] for name in ("rate", "slope", "offset")})
        self.version = version_of("RankBoosted", self.parameters())

    @classmethod
    def of(
        cls, forests: Mapping[str, Forest], channels: Sequence[int], calibration: RankCalibration | None = None
    ) -> "RankBoosted":
        """Returns the model of fitted forests, one for each head."""
        numbers = {f"{head}_{part}": getattr(forest, part) for head, forest in forests.items() for part in _PARTS}
        fitted = calibration or RankCalibration()
        return cls(SCHEMA, np.array(channels, dtype=np.float64), **numbers, **fitted.numbers())

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        forests = {f"{head}_{part}": getattr(self.forests[head], part) for head, part in product(self.forests, _PARTS)}
        return {"schema": self.schema, "channels": self.channels, **forests, **self.calibration.numbers()}

    def rank(self, inputs: RankInputs) -> Float[np.ndarray, "n c h heads"]:
        """Returns the probability of every head for every candidate and channel; 0 where no candidate is.

        Bad features stop nobody's decision: a number that is NaN or infinite counts as 0, not known.
        """
        n, places = inputs.present.shape
        p = np.zeros((n, places, len(CHANNELS), len(RANK_HEADS)))
        row, place = np.nonzero(inputs.present)
        for start in range(0, len(row), _ROWS_AT_ONCE):
            some = slice(start, start + _ROWS_AT_ONCE)
            p[row[some], place[some]] = self._chances(inputs, row[some], place[some])
        return p

    def logits(
        self, inputs: RankInputs, row: Int64[np.ndarray, " m"], place: Int64[np.ndarray, " m"],
        channel: Int64[np.ndarray, " m"],
    ) -> Float64[np.ndarray, "m heads"]:  # fmt: skip
        """Returns what the trees say of m messages on one channel each, before calibration."""
        table = rank_table(inputs, row, place, channel)
        table = np.where(np.isfinite(table), table, 0.0).astype(table.dtype)
        return np.stack([self.forests[head].scores(table) for head in RANK_HEADS], axis=1)

    def _chances(
        self, inputs: RankInputs, row: NDArray[np.int64], place: NDArray[np.int64]
    ) -> Float64[np.ndarray, "m h heads"]:
        m, k = len(row), len(self._seen)
        each = self.logits(inputs, np.repeat(row, k), np.repeat(place, k), np.tile(self._seen, m)).reshape(m, k, -1)
        mean = each[:, 0].copy()
        for one in range(1, k):
            mean += each[:, one]
        logit = np.repeat((mean / k)[:, None], len(CHANNELS), axis=1)
        logit[:, self._seen] = each
        return self.calibration.chances(logit[:, None])[:, 0]


def _forest(head: str, numbers: Mapping[str, NDArray[np.float64]]) -> Forest:
    try:
        splits, leaves, roots = (numbers[f"{head}_{part}"] for part in _PARTS)
    except KeyError as error:
        raise InvalidModel(f"got a ranker without {error.args[0]!r}; train it again (tactful train ranker)") from None
    return Forest(splits.reshape(-1, 4), leaves, roots, len(COLUMNS))
