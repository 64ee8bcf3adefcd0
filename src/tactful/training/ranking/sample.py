"""Negative down-sampling by head, and the weights that undo it.

Most messages are not clicked and hardly any makes a person leave: negatives are drawn, each head at its own rate, by
one draw a row, so that a row that a rare rate keeps is kept by the others as well. What a model learns from such rows
is restored by `models.rank_calibration`; sums over rows by weights 1 / keep.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray

from tactful import draws
from tactful.errors import InvalidRecord
from tactful.models.protocol import RANK_HEADS
from tactful.training.ranking.rows import RankRows


def down_sampled(rows: RankRows, rates: Mapping[str, float], seed: int) -> RankRows:
    """Returns the rows that some head keeps: all its positives, and of its negatives a share `rates[head]`.

    In a row that is left out for a head, that head is no longer `known`; `keep` of a negative is multiplied by the
    rate. Heads without a rate keep everything.

    Args:
        rates: by head, in (0, 1].
        seed: with the person and the instant it draws the rows.

    Raises:
        InvalidRecord: for a head that is none, or a rate outside (0, 1].
    """
    rate = rates_of(rates)
    luck = draws.uniform(seed, rows.user, rows.at_us, "down-sampling")
    negative = rows.known & ~rows.label
    known = rows.known & (rows.label | (luck[:, None] < rate))
    keep = np.where(negative, rows.keep * rate, rows.keep).astype(np.float32)
    some = np.flatnonzero(known.any(axis=1))
    return replace(rows.only(some), known=known[some], keep=keep[some])


def sampled(
    rows: RankRows, most: int, seed: int, negatives: float = 3.0
) -> tuple[RankRows, Float64[np.ndarray, " heads"]]:
    """Returns at most about `most` of the rows, and the rates at which negatives were kept.

    Where all fit in, nothing is left out. Else each head keeps about `negatives` to a positive; if that is still too
    much, rows are drawn, positives and negatives alike.
    """
    rate = np.ones(len(RANK_HEADS))
    if len(rows) > most:
        positives, shown = (rows.known & rows.label).sum(axis=0), rows.known.sum(axis=0)
        rate = np.clip(negatives * positives / np.maximum(shown - positives, 1), 1e-3, 1.0)
        rows = down_sampled(rows, dict(zip(RANK_HEADS, rate.tolist(), strict=True)), seed)
    share = most / max(len(rows), 1)
    if share < 1.0:
        some = rows.only(np.flatnonzero(draws.uniform(seed, rows.user, rows.at_us, "rows to learn from") < share))
        rows = replace(some, keep=(some.keep * share).astype(np.float32))
    return rows, rate


def rates_of(rates: Mapping[str, float]) -> Float64[np.ndarray, " heads"]:
    """Returns the rates in the order of `RANK_HEADS`, 1 where none is named.

    Raises:
        InvalidRecord: for a head that is none, or a rate outside (0, 1].
    """
    unknown = sorted(set(rates) - set(RANK_HEADS))
    rate = np.array([rates.get(head, 1.0) for head in RANK_HEADS], dtype=np.float64)
    if unknown or not ((rate > 0.0) & (rate <= 1.0)).all():
        raise InvalidRecord(f"got rates {dict(rates)}, expected rates in (0, 1] of some of {', '.join(RANK_HEADS)}")
    return rate


def weights(rows: RankRows) -> Float64[np.ndarray, "n heads"]:
    """Returns 1 / keep where a head is known, else 0: sums with these are, in expectation, those of all rows."""
    shown: NDArray[np.bool_] = rows.known
    return np.where(shown, 1.0 / rows.keep.astype(np.float64), 0.0)


def own_channel(rows: RankRows, n_channels: int) -> Bool[np.ndarray, "n h heads"]:
    """Returns what a loss may read: the known heads of each row's own channel, nothing of the others."""
    mask = np.zeros((len(rows), n_channels, rows.known.shape[1]), dtype=np.bool_)
    mask[np.arange(len(rows)), rows.channel] = rows.known
    return mask
