"""Which message, boosted: a forest for each head and channel on one row of numbers a message.

Served from the trees themselves (`forest.py`); LightGBM grows them (`training/ranking/boosted.py`) and is not needed.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.events.records import CHANNELS
from tactful.features.rank_table import COLUMNS, rank_table
from tactful.features.ranking import CANDIDATE_IDS, CATEGORIES, SCHEMA, RankInputs
from tactful.models.forest import Forest
from tactful.models.protocol import RANK_HEADS, Parameters, version_of
from tactful.models.rank_calibration import RankCalibration

_PARTS: Final = ("splits", "leaves", "roots")
_ROWS_AT_ONCE: Final = 8192
_CATEGORY: Final = list(CANDIDATE_IDS).index("category")
N_NUMBERS: Final = len(COLUMNS) + len(RANK_HEADS)
"""That a forest reads: the row of numbers, then what the category says of each head."""


class RankBoosted:
    """The heads of every candidate on every channel, from trees.

    A forest knows the messages of its own channel only, as a network's head does. Beside `rank_table` it reads one
    number for each head: what the candidate's category says of it there (`training/ranking/categories.py`), 0 for one
    that was never sent. A channel of which there were no messages has the mean of the other channels' logits.
    """

    def __init__(
        self,
        schema: str,
        channels: Float[np.ndarray, " k"],
        categories: Float[np.ndarray, "k heads categories"],
        **numbers: NDArray[np.float64],
    ) -> None:
        """Takes a saved model's numbers, those of a forest named `email_click_splits` and so on; `of` takes forests.

        Args:
            schema: `features.ranking.SCHEMA` of the inputs that it learned from.
            channels: those that it learned from, indices into `records.CHANNELS`.
            categories: log odds of each category's rate less those of the channel's, by head.

        Raises:
            InvalidModel: for inputs of another schema, no channel, categories of another shape, or numbers that make
                no forest.
        """
        if schema != SCHEMA:
            raise InvalidModel(
                f"got a ranker of inputs {schema}, expected {SCHEMA}; train it with this release (tactful train ranker)"
            )
        self.schema, self.channels = schema, np.array(channels, dtype=np.float64)
        self._seen = self.channels.astype(np.int64)
        if not len(self._seen) or not set(self._seen.tolist()) <= set(range(len(CHANNELS))):
            raise InvalidModel(f"got channels {self.channels.tolist()}, expected some of 0 to {len(CHANNELS) - 1}")
        self.categories = _categories(categories)
        self.forests = {
            (channel, head): _forest(channel, head, numbers)
            for channel, head in product(self._seen.tolist(), RANK_HEADS)
        }
        self.calibration = RankCalibration(**{name: numbers[name] for name in ("rate", "slope", "offset")})
        self.version = version_of("RankBoosted", self.parameters())

    @classmethod
    def of(
        cls,
        forests: Mapping[tuple[int, str], Forest],
        categories: Mapping[int, Float[np.ndarray, "heads categories"]],
        calibration: RankCalibration | None = None,
    ) -> "RankBoosted":
        """Returns the model of fitted forests, one for each channel and head, and of what categories say by channel."""
        channels = np.array(sorted(categories), dtype=np.float64)
        odds = np.stack([categories[channel] for channel in sorted(categories)])
        fitted = calibration or RankCalibration()
        return cls(SCHEMA, channels, odds, **_numbers(forests), **fitted.numbers())

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        own: dict[str, Any] = {"schema": self.schema, "channels": self.channels, "categories": self.categories}
        return {**own, **_numbers(self.forests), **self.calibration.numbers()}

    def rank(self, inputs: RankInputs) -> Float[np.ndarray, "n c h heads"]:
        """Returns the probability of every head for every candidate and channel; 0 where no candidate is.

        Bad features stop nobody's decision: a number that is NaN or infinite counts as 0, not known.
        """
        n, places = inputs.present.shape
        p = np.zeros((n, places, len(CHANNELS), len(RANK_HEADS)))
        row, place = np.nonzero(inputs.present)
        for start in range(0, len(row), _ROWS_AT_ONCE):
            some = slice(start, start + _ROWS_AT_ONCE)
            logits = self.logits(inputs, row[some], place[some])
            p[row[some], place[some]] = self.calibration.chances(logits[:, None])[:, 0]
        return p

    def logits(
        self, inputs: RankInputs, row: Int64[np.ndarray, " m"], place: Int64[np.ndarray, " m"]
    ) -> Float64[np.ndarray, "m h heads"]:
        """Returns what the trees say of m candidates on every channel, before calibration."""
        category = inputs.candidate_ids[row, place, _CATEGORY].astype(np.int64)
        category = np.where((category >= 0) & (category < CATEGORIES), category, 0)
        each = []
        for channel, odds in zip(self._seen.tolist(), self.categories, strict=True):
            table = rank_table(inputs, row, place, np.full(len(row), channel))
            table = np.column_stack([np.where(np.isfinite(table), table, 0.0), odds[:, category].T]).astype(np.float32)
            each.append(np.stack([self.forests[channel, head].scores(table) for head in RANK_HEADS], axis=1))
        mean = each[0].copy()
        for one in each[1:]:
            mean += one
        logit = np.repeat((mean / len(each))[:, None], len(CHANNELS), axis=1)
        for channel, one in zip(self._seen.tolist(), each, strict=True):
            logit[:, channel] = one
        return logit


def _numbers(forests: Mapping[tuple[int, str], Forest]) -> dict[str, NDArray[np.float64]]:
    return {
        f"{CHANNELS[channel]}_{head}_{part}": getattr(forest, part)
        for (channel, head), forest in forests.items()
        for part in _PARTS
    }


def _forest(channel: int, head: str, numbers: Mapping[str, NDArray[np.float64]]) -> Forest:
    try:
        splits, leaves, roots = (numbers[f"{CHANNELS[channel]}_{head}_{part}"] for part in _PARTS)
    except KeyError as error:
        raise InvalidModel(f"got a ranker without {error.args[0]!r}; train it again (tactful train ranker)") from None
    return Forest(splits.reshape(-1, 4), leaves, roots, N_NUMBERS)


def _categories(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    if odds.shape[1:] != (len(RANK_HEADS), CATEGORIES) or not np.isfinite(odds).all():
        raise InvalidModel(
            f"got what categories say as {odds.shape}, expected a finite number for each channel, "
            f"{len(RANK_HEADS)} heads and {CATEGORIES} categories; train the ranker again (tactful train ranker)"
        )
    return np.array(odds, dtype=np.float64)
