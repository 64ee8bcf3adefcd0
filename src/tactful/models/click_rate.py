"""What: the click rate of (event type, category match, recency, channel), with the user's own leaning on top.

Dimensions: n users, c candidates, h channels in the order of `records.CHANNELS`, t event types, m match
buckets, r recency buckets. A candidate is scored for a send now; rights and budgets are not known here.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.kernel import kernel
from tactful.models.protocol import Parameters, version_of
from tactful.models.shrinkage import prior_strength, scaled, shrunk

PRIOR_RATE = np.array([0.09, 0.05, 0.05, 0.09, 0.05])
"""Stated, until there is data: clicks (opens) a send by email, push, web_push, in_app, webhook."""
PRIOR_MATCH = np.array([0.7, 1.0, 1.3, 1.7])
"""A guess, until there is data: factor on the rate for 0, 1, 2-3, 4+ recent engagements with the category."""
PRIOR_RECENCY = np.array([1.2, 1.1, 1.0, 0.9])
"""A guess, until there is data: factor when the last of them is < 1 day, < 3 days, < 7 days old, or older."""
CELL_WEIGHT = 200.0
"""Sends that the level above counts for in a cell or channel, where the data cannot say."""
USER_WEIGHT = 20.0
"""Sends that the channel's rate counts for in a user's own, where the data cannot say."""


class ClickRate:
    """A table of click rates, multiplied in odds by the user's own rate over the channel's.

    `odds(p) = odds(cell) · odds(own) / odds(channel)` with `own = (clicks + w·channel) / (sends + w)`: a user
    without messages has the cell's rate, and one who clicks everything still prefers the better candidate
    (shrinking the cell itself towards her rate would make all candidates alike).

    Deviation: it takes her past sends for average ones; who got better candidates looks keener than she is.
    """

    def __init__(
        self,
        cell_rate: Float[np.ndarray, "t m r h"] | None = None,
        channel_rate: Float[np.ndarray, " h"] | None = None,
        user_weight: float = USER_WEIGHT,
    ) -> None:
        """Takes the fitted table; without arguments it is the stated prior, for any type.

        Args:
            cell_rate: click rates in (0, 1); the last type is the one of unknown types.
            channel_rate: mean rate of each channel, in (0, 1).
            user_weight: sends that the channel's rate counts for in a user's own, > 0.
        """
        cells = prior_cells()[None] if cell_rate is None else np.array(cell_rate, dtype=np.float64)
        channels = PRIOR_RATE if channel_rate is None else np.array(channel_rate, dtype=np.float64)
        for rates in (cells, channels):
            if not (np.all(rates > 0.0) and np.all(rates < 1.0)):
                raise InvalidModel("got a click rate outside (0, 1); expected probabilities strictly between")
        if not user_weight > 0.0:
            raise InvalidModel(f"got user_weight {user_weight}, expected a positive number of sends")
        self._cells, self._channels, self._user_weight = cells, channels, float(user_weight)
        self._odds = cells / (1.0 - cells)
        self._per_channel_odds = (1.0 - channels) / channels
        self.version = version_of("ClickRate", self.parameters())

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        return {
            "cell_rate": self._cells,
            "channel_rate": self._channels,
            "user_weight": self._user_weight,
        }

    def click(
        self,
        event_type: Integer[np.ndarray, "n c"],
        match: Integer[np.ndarray, "n c"],
        recency: Integer[np.ndarray, "n c"],
        sends: Float[np.ndarray, "n h"],
        clicks: Float[np.ndarray, "n h"],
    ) -> Float[np.ndarray, "n c h"]:
        """Returns the click probability of every candidate on every channel.

        Args:
            event_type: index of the event type as in `fit`; any other number is an unknown type.
            match, recency: buckets of `features.content`.
            sends, clicks: the user's own counts by channel; clicks beyond the sends are not counted.
        """
        last = len(self._cells) - 1
        row = np.where((event_type < 0) | (event_type > last), last, event_type)
        own = shrunk(np.minimum(clicks, sends), sends, self._channels + 0.0 * sends, self._user_weight)
        leaning = own / (1.0 - own) * self._per_channel_odds
        p_click = np.empty((*row.shape, leaning.shape[1]))
        _chances(self._odds, row, match, recency, leaning, p_click)
        return p_click

    @classmethod
    def fit(
        cls,
        user: Integer[np.ndarray, " rows"],
        event_type: Integer[np.ndarray, " rows"],
        match: Integer[np.ndarray, " rows"],
        recency: Integer[np.ndarray, " rows"],
        channel: Integer[np.ndarray, " rows"],
        clicked: Integer[np.ndarray, " rows"],
        n_types: int,
    ) -> "ClickRate":
        """Returns the model fitted to sends whose window has closed (`features.join`), one row a send.

        From the stated prior downwards, each level is what was seen, shrunk towards the level above: all
        sends, channel, cell over all types, cell of the type. The weights of the cells and of the user's own
        rate are by moments, once there are 30 clicks to tell them from.

        Args:
            user: row index of the user, >= 0.
            event_type: index of the event type, 0 .. n_types - 1.
            match, recency, channel: buckets, and index into `records.CHANNELS`.
            clicked: 0 or 1.
            n_types: number of event types.
        """
        prior = prior_cells()
        shape = (n_types, *prior.shape)
        cell = np.ravel_multi_index((event_type, match, recency, channel), shape)
        trials = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)
        hits = np.bincount(cell, clicked, minlength=trials.size).reshape(shape).astype(np.float64)

        pooled = scaled(prior, hits.sum(axis=0), trials.sum(axis=0))
        pooled = _toward(hits.sum(axis=0), trials.sum(axis=0), pooled)
        typed = _toward(hits, trials, np.broadcast_to(pooled, shape).copy())
        per_channel = trials.sum(axis=(0, 1, 2))
        expected = (trials * typed).sum(axis=(0, 1, 2))
        channel_rate = shrunk(expected, per_channel, pooled.mean(axis=(0, 1)), CELL_WEIGHT)
        weight = _user_weight(user, channel, clicked.astype(np.float64), typed.reshape(-1)[cell])
        return cls(np.concatenate([typed, pooled[None]]), channel_rate, weight)


def prior_cells() -> Float[np.ndarray, "m r h"]:
    """Returns the stated prior: channel rate x match factor x recency factor, the same for every type."""
    rates: NDArray[np.float64] = np.multiply.outer(np.outer(PRIOR_MATCH, PRIOR_RECENCY), PRIOR_RATE)
    return rates


def _toward(hits: NDArray[np.float64], trials: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    weight = prior_strength(hits.ravel(), trials.ravel(), mean.ravel(), default=CELL_WEIGHT)
    return shrunk(hits, trials, mean, weight)


def _user_weight(
    user: NDArray[np.integer[Any]],
    channel: NDArray[np.integer[Any]],
    clicked: NDArray[np.float64],
    expected: NDArray[np.float64],
) -> float:
    """Moments over (user, channel), against the mean of what her messages were expected to get."""
    if len(user) == 0:
        return USER_WEIGHT
    group = user.astype(np.int64) * len(PRIOR_RATE) + channel
    n = np.bincount(group).astype(np.float64)
    mean = np.bincount(group, expected) / np.maximum(n, 1.0)
    return prior_strength(np.bincount(group, clicked), n, mean, default=USER_WEIGHT)


@kernel
def _chances(
    odds: NDArray[np.float64], row: NDArray[Any], match: NDArray[Any], recency: NDArray[Any],
    leaning: NDArray[np.float64], p_click: NDArray[np.float64],
) -> None:  # fmt: skip
    for r in range(p_click.shape[0]):
        for c in range(p_click.shape[1]):
            for h in range(p_click.shape[2]):
                o = odds[row[r, c], match[r, c], recency[r, c], h] * leaning[r, h]
                p_click[r, c, h] = o / (1.0 + o)
