"""Grows the forests of the boosted slot model: LightGBM on the features of a slot, on top of her own smoothed rate.

Settings were written down before any result. Rounds stop where people who are not learned from stop gaining.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from tactful.errors import NotEnoughData
from tactful.features.slot_table import slot_table
from tactful.models.lightgbm_text import forest_of
from tactful.models.slot_head import SlotHead, log_odds
from tactful.models.slot_simple import Outcome, SimpleChances
from tactful.training.timing.days import LocalDay
from tactful.training.timing.simple import with_trial

SETTINGS: Final[Mapping[str, Any]] = {
    "objective": "cross_entropy",
    "metric": "cross_entropy",
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 100,
    "lambda_l2": 10.0,
    "feature_fraction": 0.7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}
ROUNDS: Final = 150
PATIENCE: Final = 15
USER_DAYS: Final = 12_000
"""Drawn to learn from; times 24 slots."""

Tell = Callable[[int, int], None]
"""Is told the round, from 0, and how many rows each round learns from."""


class Rows:
    """Slots with a trial below each other: features, share of successes, weight, and the start to be corrected."""

    def __init__(self, days: Sequence[LocalDay], outcome: Outcome, simple: SimpleChances) -> None:
        parts = [_rows(day, outcome, simple) for day in days]
        self.x, self.share, self.weight, self.start = (np.concatenate(column) for column in zip(*parts, strict=True))

    def dataset(self) -> lgb.Dataset:
        """Returns the rows as LightGBM takes them."""
        return lgb.Dataset(self.x, self.share, weight=self.weight, init_score=self.start)


def fit_boosted(
    days: Sequence[LocalDay],
    outcome: Outcome,
    simple: SimpleChances,
    held_out: Bool[np.ndarray, " n"],
    seed: int = 0,
    tell: Tell = lambda round_, rows: None,
) -> SlotHead:
    """Returns a head: trees on top of the simple models.

    Args:
        days: to learn from.
        simple: fitted to the same days.
        held_out: people who are not learned from, and say when to stop.
        seed: draws user-days and columns.

    Raises:
        NotEnoughData: nobody to learn from, or nobody held out, had a trial.
    """
    rng = np.random.default_rng(seed)
    total = sum(len(with_trial(day, outcome)) for day in days)
    share = min(1.0, USER_DAYS / max(total, 1))
    drawn = [_drawn(day, outcome, share, rng) for day in days]
    fitted, stop = (
        Rows([day.only(some[held_out[some] == held]) for day, some in zip(days, drawn, strict=True)], outcome, simple)
        for held in (False, True)
    )
    if not (len(fitted.x) and len(stop.x)):
        raise NotEnoughData(
            f"got {len(fitted.x)} slots to learn from and {len(stop.x)} to stop by, expected some of each; wait for "
            "more people, or use --model histogram"
        )
    booster = lgb.train(
        {**SETTINGS, "seed": seed}, fitted.dataset(), ROUNDS, [stop.dataset()],
        callbacks=[lgb.early_stopping(PATIENCE, verbose=False), lambda now: tell(now.iteration, len(fitted.x))],
    )  # fmt: skip
    text = booster.model_to_string(num_iteration=max(booster.best_iteration, 1))
    return SlotHead(outcome, simple, forest_of(text))


def _drawn(day: LocalDay, outcome: Outcome, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    people = with_trial(day, outcome)
    return np.sort(rng.permutation(people)[: round(share * len(people))])


def _rows(day: LocalDay, outcome: Outcome, simple: SimpleChances) -> tuple[NDArray[Any], ...]:
    """A message counts as often as its slot was seldom chosen; a slot of a day counts once."""
    log_chances = simple.log_chances(day.window, outcome)
    if outcome == "click":
        tried, share, weight = day.receipts > 0, day.clicks / np.maximum(day.receipts, 1.0), day.weight
    else:
        tried, share, weight = day.exists > 0, day.active, day.exists
    start = log_odds(log_chances[..., 0])
    return slot_table(day.window, log_chances)[tried], share[tried], weight[tried], start[tried]
