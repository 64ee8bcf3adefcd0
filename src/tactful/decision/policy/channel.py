"""Which candidate through which channel: the best option of a job, by one of three modes.

Not here: rights, caps, gaps and quiet hours (they make `feasible` before anything is drawn), and whether the
best option is sent at all (`Choice.sends`, or an exploration bucket, see `explore.py`).
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt64
from numpy.typing import NDArray

from tactful.errors import InvalidScores
from tactful.kernel import kernel

ChannelMode: TypeAlias = Literal["best", "separate", "ladder"]


@dataclass(frozen=True, eq=False)
class Choice:
    """The best option of each job; candidate and channel -1 and surplus -inf where nothing is feasible."""

    candidate: Int[np.ndarray, " n"]
    channel: Int[np.ndarray, " n"]
    surplus: Float[np.ndarray, " n"]

    @property
    def sends(self) -> Bool[np.ndarray, " n"]:
        """Whether the option's utility exceeds its threshold. Equality is not enough."""
        return self.surplus > 0


def choose(
    utility: Float[np.ndarray, "n c h"],
    threshold: Float[np.ndarray, "n h"],
    feasible: Bool[np.ndarray, "n c h"],
    order: UInt64[np.ndarray, "n c"],
    rank: Int[np.ndarray, "n c h"],
    mode: ChannelMode = "best",
    tried: Bool[np.ndarray, "n c h"] | None = None,
) -> Choice:
    """Returns the best feasible option of each job, whether or not it exceeds its threshold.

    Surplus is utility minus the channel's threshold. Ties have a total order: larger surplus, then smaller
    `order`, then smaller `rank`; the place of a candidate in the pool never matters.

    - `best`: the largest surplus over all candidates and channels.
    - `separate`: every channel judges its own best candidate by its own threshold; of the channels that would
      send, the one of smallest rank. Where none would, the same as `best`.
    - `ladder`: a candidate stands on one rung, its first feasible channel ranked after every channel in
      which it was `tried`; then the largest surplus over the candidates. The caller takes a candidate that
      was seen out of the pool, and marks a channel as tried once the time to see the message there has
      passed.

    Args:
        utility: per option, c at least 1; values of infeasible options (padding) are not read.
        threshold: the price per channel, finite.
        feasible: what rights, caps, gaps and quiet hours left.
        order: keys of the candidates (`draws.key` of their ids), distinct within a row.
        rank: preference of the channel within its candidate's type, 0 first.
        mode: see above.
        tried: for `ladder`, the options sent before without being seen; nothing by default.

    Raises:
        InvalidScores: a feasible option has utility NaN or a threshold is not finite.

    Deviation: NEP decides each channel by itself and may send through several at once; one job yields one
    decision here, so `separate` sends through the first of them, and the others wait for the next job.

    >>> utility = np.array([[[0.10, 0.30], [0.20, 0.25]]])
    >>> threshold = np.array([[0.05, 0.20]])
    >>> everything = np.ones((1, 2, 2), dtype=bool)
    >>> order, rank = np.array([[1, 2]], dtype=np.uint64), np.tile(np.array([1, 0]), (1, 2, 1))
    >>> best = choose(utility, threshold, everything, order, rank)
    >>> int(best.candidate[0]), int(best.channel[0]), round(float(best.surplus[0]), 3)
    (1, 0, 0.15)
    >>> separate = choose(utility, threshold, everything, order, rank, "separate")
    >>> int(separate.candidate[0]), int(separate.channel[0])
    (0, 1)
    """
    _refuse_infinite(threshold)
    options = feasible
    if mode != "best":
        unknown = np.flatnonzero(np.isnan(utility) & feasible)
        _refuse_nan(int(unknown[0]) if len(unknown) else -1, utility)
    if mode == "ladder":
        options = _rung(feasible, rank, tried)
    elif mode == "separate":
        options = _first_channel_that_sends(utility - threshold[:, None, :], feasible, rank)
    candidate, channel = np.full((2, len(utility)), -1)
    surplus = np.full(len(utility), -np.inf)
    _refuse_nan(_first(utility, threshold, options, order, rank, candidate, channel, surplus), utility)
    return Choice(candidate, channel, surplus)


def _refuse_infinite(threshold: Float[np.ndarray, "n h"]) -> None:
    if not np.isfinite(threshold).all():
        rows = np.flatnonzero(~np.isfinite(threshold).all(axis=1))
        raise InvalidScores(f"got a threshold that is not finite in row {rows[0]}, expected a number per channel")


def _refuse_nan(unknown: int, utility: Float[np.ndarray, "n c h"]) -> None:
    if unknown >= 0:
        row, candidate, channel = np.unravel_index(unknown, utility.shape)
        raise InvalidScores(
            f"got utility NaN for the feasible option (row {row}, candidate {candidate}, channel {channel}), "
            "expected a number; look at the scores of the model that ranked it"
        )


def _rung(
    feasible: Bool[np.ndarray, "n c h"],
    rank: Int[np.ndarray, "n c h"],
    tried: Bool[np.ndarray, "n c h"] | None,
) -> Bool[np.ndarray, "n c h"]:
    """The one channel of each candidate that the ladder has reached."""
    if tried is None:
        open_rungs = feasible
    else:
        last_tried = np.where(tried, rank, -1).max(axis=2, keepdims=True)
        open_rungs = feasible & (rank > last_tried)
    n, c, h = feasible.shape
    return _keep_least(open_rungs.reshape(n * c, h), rank.reshape(n * c, h)).reshape(n, c, h)


def _first_channel_that_sends(
    surplus: Float[np.ndarray, "n c h"],
    feasible: Bool[np.ndarray, "n c h"],
    rank: Int[np.ndarray, "n c h"],
) -> Bool[np.ndarray, "n c h"]:
    """The best candidates of the first channel in which one exceeds the threshold; else everything."""
    n, c, h = surplus.shape
    best = np.where(feasible, surplus, -np.inf).max(axis=1, keepdims=True)
    champion = feasible & (surplus > 0) & (surplus == best)
    first = _keep_least(champion.reshape(n, c * h), rank.reshape(n, c * h)).reshape(n, c, h)
    return np.where(first.any(axis=(1, 2), keepdims=True), first, feasible)


def _keep_least(left: Bool[np.ndarray, "m k"], key: Shaped[np.ndarray, "m k"]) -> Bool[np.ndarray, "m k"]:
    """Those of `left` whose key is the least in their row."""
    worst = np.inf if key.dtype.kind == "f" else np.iinfo(key.dtype).max
    least = np.where(left, key, worst).min(axis=1, keepdims=True)
    kept: Bool[np.ndarray, "m k"] = left & (key == least)
    return kept


@kernel
def _first(
    utility: NDArray[Any], threshold: NDArray[Any], options: NDArray[np.bool_], order: NDArray[Any],
    rank: NDArray[Any], candidate: NDArray[Any], channel: NDArray[Any], surplus: NDArray[Any],
) -> int:  # fmt: skip
    """Walks over the options of each job and keeps the one that comes first in the total order of `choose`.

    Returns the flat place of an option without a utility, at which it stops; -1 if there is none.
    """
    for r in range(utility.shape[0]):
        for c in range(utility.shape[1]):
            for h in range(utility.shape[2]):
                if not options[r, c, h]:
                    continue
                kept_c, kept_h, gain = candidate[r], channel[r], utility[r, c, h] - threshold[r, h]
                if np.isnan(gain):
                    unknown: int = (r * utility.shape[1] + c) * utility.shape[2] + h
                    return unknown
                if kept_c >= 0:
                    if gain < surplus[r]:
                        continue
                    if gain == surplus[r]:
                        if order[r, c] > order[r, kept_c]:
                            continue
                        if order[r, c] == order[r, kept_c] and rank[r, c, h] >= rank[r, kept_c, kept_h]:
                            continue
                candidate[r], channel[r], surplus[r] = c, h, gain
    return -1
