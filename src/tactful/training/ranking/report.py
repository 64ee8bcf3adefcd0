"""What a training of rankers says of itself: what it learned from, how good each is, and which one it chose."""

from typing import Literal

import msgspec

from tactful.experiments.stats import Interval
from tactful.training.ranking.metrics import Cell

Name = Literal["simple", "boosted", "network"]


class ModelReport(msgspec.Struct, frozen=True):
    """One ranker.

    Attributes:
        version: what decisions would be named after; empty for the simple predictors, which are no ranker.
        loss: the weighted log loss over heads (`metrics.Judge.loss`) with its 95 % interval over people.
        over_simple: less that of the simple predictors, on the same resamples; None for themselves.
        cells: by head and channel.
    """

    name: Name
    version: str
    loss: Interval
    over_simple: Interval | None
    cells: tuple[Cell, ...]


class RankReport(msgspec.Struct, frozen=True):
    """What was learned.

    Attributes:
        chosen: the ranker to be put in force; "simple" if none is to be.
        model_version: of it.
        messages: in the log, with a snapshot each.
        learned, learned_drawn: messages of the days that were learned from, and those drawn of them.
        tuned, tuned_random: messages of the days that said when to stop, and those sent at random, by which the scores
            were calibrated.
        judged, judged_random, judged_people: of the last days, which nothing was fitted to.
        tune_day, judged_day, end_day: first days of the parts and the end, in days since 1970-01-01.
        rates: share of the negatives that was learned from, by head.
        models: that were judged; the simple predictors come first.
        notes: what a reader should know before trusting it.
    """

    chosen: Name
    model_version: str
    messages: int
    learned: int
    learned_drawn: int
    tuned: int
    tuned_random: int
    judged: int
    judged_random: int
    judged_people: int
    tune_day: int
    judged_day: int
    end_day: int
    rates: dict[str, float]
    models: tuple[ModelReport, ...]
    notes: tuple[str, ...]
