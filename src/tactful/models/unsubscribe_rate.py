"""How often is too often: the unsubscribe rate of a send, by channel and recent sends."""

import numpy as np
from jaxtyping import Float, Integer
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.models.protocol import Parameters, version_of
from tactful.models.shrinkage import prior_strength, scaled, shrunk

PRIOR_RATE = np.array([0.002, 0.001, 0.001, 0.0005, 0.001])
"""Stated, until there is data: unsubscribes a send by email, push, web_push, in_app, webhook."""
PRIOR_FATIGUE = np.array([1.0, 1.0, 1.2, 1.6, 2.0])
"""A guess, until there is data: factor for 0, 1, 2-3, 4-7, 8 or more sends in the last seven days."""
PRIOR_WEIGHT = 2000.0
"""Sends that an expectation counts for where the data cannot say."""

_EDGES = np.array([1, 2, 4, 8], dtype=np.int64)


class UnsubscribeRate:
    """Unsubscribe rates by (bucket of sends in seven days, channel), shrunk towards the prior's shape.

    Nothing personal but the count: unsubscribes are too rare for a user's own rate, for she leaves but once.
    On observational logs the count is chosen by whoever sent; only a randomised volume makes it causal.
    """

    def __init__(self, rate: Float[np.ndarray, "b h"] | None = None) -> None:
        """Takes the fitted table, rates in [0, 1]; without it, the stated prior."""
        self._rate = prior_table() if rate is None else np.array(rate, dtype=np.float64)
        if not (np.all(self._rate >= 0.0) and np.all(self._rate <= 1.0)):
            raise InvalidModel("got an unsubscribe rate outside [0, 1]; expected probabilities")
        self.version = version_of("UnsubscribeRate", self.parameters())

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        return {"rate": self._rate}

    def unsubscribe(self, sends_7d: Integer[np.ndarray, "n h"]) -> Float[np.ndarray, "n h"]:
        """Returns the probability that one more send on the channel makes the person leave it."""
        rate: NDArray[np.float64] = self._rate[sends_bucket(sends_7d), np.arange(sends_7d.shape[1])]
        return rate

    @classmethod
    def fit(
        cls,
        sends_7d: Integer[np.ndarray, " rows"],
        channel: Integer[np.ndarray, " rows"],
        unsubscribed: Integer[np.ndarray, " rows"],
    ) -> "UnsubscribeRate":
        """Returns the model fitted to sends whose window has closed, one row a send.

        The stated prior is scaled to what was seen, over all and then by channel; cells are shrunk towards
        that with a weight by moments.

        Args:
            sends_7d: sends on the same channel in the seven days before this one.
            channel: index into `records.CHANNELS`.
            unsubscribed: 0 or 1, whether the send was answered by leaving the channel.
        """
        prior = prior_table()
        cell = np.ravel_multi_index((sends_bucket(sends_7d), channel), prior.shape)
        trials = np.bincount(cell, minlength=prior.size).reshape(prior.shape).astype(np.float64)
        hits = np.bincount(cell, unsubscribed, minlength=prior.size).reshape(prior.shape).astype(np.float64)
        mean = scaled(prior, hits, trials)
        weight = prior_strength(hits.ravel(), trials.ravel(), mean.ravel(), default=PRIOR_WEIGHT, bounds=(200.0, 1e6))
        return cls(shrunk(hits, trials, mean, weight))


def sends_bucket(sends_7d: Integer[np.ndarray, "*d"]) -> Integer[np.ndarray, "*d"]:
    """Returns the bucket of the sends of seven days: 0, 1, 2-3, 4-7, 8 or more.

    >>> sends_bucket(np.array([0, 1, 3, 4, 8, 99])).tolist()
    [0, 1, 2, 3, 4, 4]
    """
    return np.searchsorted(_EDGES, sends_7d, side="right")


def prior_table() -> NDArray[np.float64]:
    """Returns the stated prior: fatigue factor x channel rate [5, h]."""
    table: NDArray[np.float64] = np.outer(PRIOR_FATIGUE, PRIOR_RATE)
    return table
