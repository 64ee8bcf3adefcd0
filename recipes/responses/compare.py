"""TIN, and ours, against all others on the same resamples of users, and TIN's encodings by length of history."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from responses.cells import DRAWS, Floats, Predictions, of_test, rounded
from responses.data import ResponseData
from responses.models import NEURAL
from tactful.experiments.response_scores import UserScores, differences, mean
from tactful.experiments.stats import Interval

COMPARED: Final = ("tin", "position_bias")
"""Models whose difference to every other is measured."""
RELATIVE: Final = "tin"
ORDER: Final = "tin_order"
LENGTHS: Final = (1, 5, 10, 15, 20, 51)
"""Ranges of the length of history, as in the paper's Table 3; ours end at 50."""


class Difference(msgspec.Struct, frozen=True):
    """A model less a rival in each measure, with 95 % intervals over users; both are means over the seeds named.

    Of two neural models these are the seeds that both were fitted with; a simple one is compared by all that there are.
    Intervals over users say nothing of the luck of the seeds: `won` tells with how many of the `paired` ones the model
    has the higher AUC.
    """

    data: str
    checksum: str
    model: str
    rival: str
    seeds: tuple[int, ...]
    rival_seeds: tuple[int, ...]
    won: int
    paired: int
    gains: dict[str, Interval]


class ByLength(msgspec.Struct, frozen=True):
    """GAUC of TIN with target-relative positions and with chronological order on histories of `first` to `last`.

    Means over the seeds that both were fitted with.
    """

    data: str
    checksum: str
    first: int
    last: int
    users: int
    relative: float
    order: float
    gain: Interval


def compared(data: ResponseData, predictions: Predictions, rivals: Sequence[str]) -> Iterator[Difference]:
    """Yields the compared models against every rival whose predictions are kept."""
    for model in COMPARED:
        mine = dict(predictions.kept(data, model))
        for rival in rivals:
            theirs = dict(predictions.kept(data, rival))
            if mine.keys() & theirs.keys() and rival != model:
                yield _difference(data, (model, mine), (rival, theirs))


def by_length(data: ResponseData, predictions: Predictions) -> Iterator[ByLength]:
    """Yields both encodings in every range of lengths that has a user to judge by."""
    relative, order = _of_both(dict(predictions.kept(data, RELATIVE)), dict(predictions.kept(data, ORDER)))
    if not relative:
        return
    samples = data.test.samples
    length = samples.end - samples.start
    for first, stop in pairwise(LENGTHS):
        rows = np.flatnonzero((length >= first) & ((length < stop) | (stop == LENGTHS[-1])))
        if len(np.unique(samples.label[rows])) < 2:
            continue
        mine, theirs = _mean(data, relative, rows), _mean(data, order, rows)
        gain = differences(mine, theirs, np.random.default_rng(0), DRAWS)["GAUC"]
        relative_is, order_is = (round(scores.values()["GAUC"], 6) for scores in (mine, theirs))
        users = len(mine.sums)
        yield ByLength(data.name, data.checksum, first, stop - 1, users, relative_is, order_is, rounded(gain))


def _difference(
    data: ResponseData, mine: tuple[str, dict[int, Floats]], theirs: tuple[str, dict[int, Floats]]
) -> Difference:
    """From names and predictions by seed."""
    (model, p), (rival, q) = mine, theirs
    both = sorted(p.keys() & q.keys())
    if rival in NEURAL:
        p, q = _of_both(p, q)
    gains = differences(_mean(data, p), _mean(data, q), np.random.default_rng(0), DRAWS)
    return Difference(
        data=data.name,
        checksum=data.checksum,
        model=model,
        rival=rival,
        seeds=tuple(p),
        rival_seeds=tuple(q),
        won=sum(of_test(data, p[seed]).auc > of_test(data, q[seed]).auc for seed in both),
        paired=len(both),
        gains={name: rounded(interval) for name, interval in gains.items()},
    )


def _of_both(p: dict[int, Floats], q: dict[int, Floats]) -> tuple[dict[int, Floats], dict[int, Floats]]:
    """The predictions with the seeds that both have."""
    both = sorted(p.keys() & q.keys())
    return {seed: p[seed] for seed in both}, {seed: q[seed] for seed in both}


def _mean(data: ResponseData, by_seed: dict[int, Floats], rows: NDArray[np.int64] | None = None) -> UserScores:
    return mean([of_test(data, p, rows) for p in by_seed.values()])
