"""Grows the trees of the hour: in which slot of the day she comes, given that she does. A choice, so slots compete.

LightGBM is given the gradient of a softmax over each user-day's slots; settings are those of the other heads.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from tactful.errors import NotEnoughData
from tactful.features.slot_table import slot_table
from tactful.features.slots import SLOTS_PER_DAY
from tactful.models.lightgbm_text import forest_of
from tactful.models.slot_head import SlotHead, softmax
from tactful.models.slot_simple import HourChances
from tactful.training.timing.boosted import PATIENCE, ROUNDS, SETTINGS, Tell
from tactful.training.timing.days import LocalDay
from tactful.training.timing.simple import came_of

USER_DAYS: Final = 9_000
"""With a session, drawn to learn from; times 24 slots."""

Floats = NDArray[np.float64]


def fit_hours(
    days: Sequence[LocalDay],
    simple: HourChances,
    held_out: Bool[np.ndarray, " n"],
    seed: int = 0,
    tell: Tell = lambda round_, rows: None,
) -> SlotHead:
    """Returns the head of the hour, on top of her own smoothed hours.

    It learns from the slots in which she came (`simple.came_of`).

    Args:
        days, held_out, seed: as of `boosted.fit_boosted`.
        simple: fitted to the same days.

    Raises:
        NotEnoughData: nobody to learn from, or nobody held out, came.
    """
    came = came_of(days)
    people = [np.flatnonzero(day.present & getattr(day, came).any(axis=1)) for day in days]
    share, rng = min(1.0, USER_DAYS / max(sum(map(len, people)), 1)), np.random.default_rng(seed)
    drawn = [np.sort(rng.permutation(some)[: round(share * len(some))]) for some in people]
    fitted, stop = (
        [day.only(some[held_out[some] == held]) for day, some in zip(days, drawn, strict=True)]
        for held in (False, True)
    )
    sizes = [sum(len(part.present) for part in parts) for parts in (fitted, stop)]
    if not all(sizes):
        raise NotEnoughData(
            f"got {sizes[0]} user-days with a visit to learn from and {sizes[1]} to stop by, expected some of each; "
            "wait for more people, or use --model histogram"
        )
    early: list[Callable[..., Any]] = [
        lgb.early_stopping(PATIENCE, verbose=False),
        lambda now: tell(now.iteration, sizes[0] * SLOTS_PER_DAY),
    ]
    booster = lgb.train(
        {**SETTINGS, "objective": _gradient, "metric": "none", "seed": seed},
        _dataset(fitted, came, simple), ROUNDS, [_dataset(stop, came, simple)], feval=_loss, callbacks=early,
    )  # fmt: skip
    return SlotHead("hour", simple, forest_of(booster.model_to_string(num_iteration=max(booster.best_iteration, 1))))


def _dataset(days: Sequence[LocalDay], came: str, simple: HourChances) -> lgb.Dataset:
    """The slots of each user-day below each other; the label is how often she came in it."""
    tables, starts = [], []
    for day in days:
        log_chances = simple.log_chances(day.window)
        tables.append(slot_table(day.window, log_chances))
        starts.append(log_chances[..., 0])
    x, label = np.concatenate(tables), np.concatenate([getattr(day, came) for day in days])
    return lgb.Dataset(x.reshape(-1, x.shape[2]), label.ravel(), init_score=np.concatenate(starts).ravel())


def _gradient(score: Floats, data: lgb.Dataset) -> tuple[Floats, Floats]:
    """Gradient and diagonal curvature of the softmax over each user-day's slots."""
    y, p = _choice(score, data)
    n = y.sum(axis=1, keepdims=True)
    return (n * p - y).ravel(), (n * p * (1.0 - p)).ravel()


def _loss(score: Floats, data: lgb.Dataset) -> tuple[str, float, bool]:
    y, p = _choice(score, data)
    return "nats", -float((y * np.log(np.maximum(p, 1e-12))).sum() / y.sum()), False


def _choice(score: Floats, data: lgb.Dataset) -> tuple[Floats, Floats]:
    y = np.asarray(data.get_label(), dtype=np.float64).reshape(-1, SLOTS_PER_DAY)
    return y, softmax(np.asarray(score, dtype=np.float64).reshape(-1, SLOTS_PER_DAY))
