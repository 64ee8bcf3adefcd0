"""Logistic regression and LightGBM on the features of a slot, for both tasks.

For the sessions both are models of choice: a score for each slot, a softmax over the day. Settings were written down
before any result; rounds of boosting stop where a fifth of the users, who are not learnt from, stop gaining.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from tactful.models.slot_head import log_odds
from tactful.training.timing.boosted import PATIENCE, ROUNDS, SETTINGS
from tactful.training.timing.days import FEWEST_KNOWN
from timing.days import Day
from timing.histograms import Days, Fit, Predict, Task, everyone_by_type, smoothed, work_rest
from timing.slot_table import slot_table, with_hours

USER_DAYS: Final[Mapping[str, int]] = {"sessions": 9_000, "trials": 12_000}
"""Drawn to learn from: user-days with a session, or with a trial (times 24 slots)."""
RIDGE: Final = 1e-3

Floats = NDArray[np.float64]


class Drawn:
    """User-days to learn from: features x [m, K, F], outcomes y of n, and whose rows are held out."""

    def __init__(self, train: Days, task: Task, seed: int, hours: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self.foretold = (smoothed(train, task, 0), work_rest(train, task, 0), everyone_by_type(train, task, 0))
        fifth = rng.permutation(len(train[0].sessions)) % 5 == 0
        days = [day for day in train if day.known >= FEWEST_KNOWN]
        some = [np.flatnonzero((day.sessions if task == "sessions" else day.trials).any(axis=1)) for day in days]
        share = min(1.0, USER_DAYS[task] / sum(map(len, some)))
        parts = []
        for day, users in zip(days, some, strict=True):
            chosen = np.sort(rng.permutation(users)[: round(share * len(users))])
            part = day.take(chosen)
            outcomes = (part.sessions, part.sessions) if task == "sessions" else (part.positives, part.trials)
            parts.append((self.table(part, hours), *outcomes, fifth[chosen]))
        self.x, y, n, self.held = (np.concatenate(column) for column in zip(*parts, strict=True))
        self.y, self.n = y.astype(np.float64), n.astype(np.float64)

    def table(self, day: Day, hours: bool) -> NDArray[np.float32]:
        """Returns the features of all users and slots of a day."""
        made = slot_table(day, self.foretold)
        return with_hours(made) if hours else made


def logistic(train: Days, task: Task, seed: int) -> Predict:
    """Fits a logistic regression (of choice, for sessions) with a small ridge on standardised features."""
    drawn = Drawn(train, task, seed, hours=True)
    centre, scale = drawn.x.mean(axis=(0, 1)), drawn.x.std(axis=(0, 1)) + 1e-6
    z = ((drawn.x - centre) / scale).astype(np.float64)
    y, n = drawn.y, drawn.y.sum(axis=1, keepdims=True) if task == "sessions" else drawn.n
    weight = float(n.sum())

    def loss(w: Floats) -> tuple[float, Floats]:
        score = z @ w[1:] + w[0]
        p = _probability(score, task)
        if task == "sessions":
            value = -float((y * np.log(np.maximum(p, 1e-12))).sum())
        else:
            value = float((n * np.logaddexp(0.0, score) - y * score).sum())
        pull = n * p - y
        gradient = np.concatenate([[pull.sum()], np.einsum("mk,mkf->f", pull, z)]) / weight + RIDGE * w
        return value / weight + 0.5 * RIDGE * float(w @ w), gradient

    w = np.asarray(minimize(loss, np.zeros(z.shape[2] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 60}).x)
    return lambda day: _probability(((drawn.table(day, True) - centre) / scale) @ w[1:] + w[0], task)


def boosted(train: Days, task: Task, seed: int) -> Predict:
    """Fits LightGBM on top of the smoothed model's log probability."""
    drawn = Drawn(train, task, seed)
    fit, held = (_dataset(drawn, rows, task) for rows in (~drawn.held, drawn.held))
    settings: dict[str, Any] = {**SETTINGS, "seed": seed, "first_metric_only": True}
    early: list[Callable[..., Any]] = [lgb.early_stopping(PATIENCE, verbose=False)]
    if task == "sessions":
        settings |= {"objective": _choice_gradient, "metric": "none"}
        booster = lgb.train(settings, fit, ROUNDS, [held], feval=_choice_loss, callbacks=early)
    else:
        settings |= {"objective": "cross_entropy", "metric": "cross_entropy"}
        booster = lgb.train(settings, fit, ROUNDS, [held], callbacks=early)

    def predict(day: Day) -> Floats:
        x = drawn.table(day, False)
        gain = np.asarray(booster.predict(x.reshape(-1, x.shape[2]), raw_score=True)).reshape(x.shape[:2])
        return _probability(_start(x, task) + gain, task)

    return predict


def _dataset(drawn: Drawn, rows: NDArray[np.bool_], task: Task) -> lgb.Dataset:
    """Slots below each other, 24 to a user-day; for trials only those that were tried, weighted by how often."""
    x, y, n = drawn.x[rows], drawn.y[rows], drawn.n[rows]
    start = _start(x, task)
    if task == "sessions":
        return lgb.Dataset(x.reshape(-1, x.shape[2]), y.ravel(), init_score=start.ravel(), free_raw_data=True)
    tried = n > 0
    return lgb.Dataset(x[tried], y[tried] / n[tried], weight=n[tried], init_score=start[tried])


def _start(x: NDArray[np.float32], task: Task) -> Floats:
    """The smoothed model's log probability, or log odds: the first column of the table."""
    log_p = x[:, :, 0].astype(np.float64)
    return log_p if task == "sessions" else log_odds(log_p)


def _probability(score: Floats, task: Task) -> Floats:
    if task == "trials":
        return 1.0 / (1.0 + np.exp(-score))
    p = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def _choice_gradient(score: Floats, data: lgb.Dataset) -> tuple[Floats, Floats]:
    """Gradient and diagonal curvature of the softmax over each user-day's slots."""
    y, p = _choice(score, data)
    n = y.sum(axis=1, keepdims=True)
    return (n * p - y).ravel(), (n * p * (1.0 - p)).ravel()


def _choice_loss(score: Floats, data: lgb.Dataset) -> tuple[str, float, bool]:
    y, p = _choice(score, data)
    return "nats", -float((y * np.log(np.maximum(p, 1e-12))).sum() / y.sum()), False


def _choice(score: Floats, data: lgb.Dataset) -> tuple[Floats, Floats]:
    y = np.asarray(data.get_label(), dtype=np.float64).reshape(-1, 24)
    return y, _probability(np.asarray(score, dtype=np.float64).reshape(-1, 24), "sessions")


LEARNED: Final[Mapping[str, Fit]] = {"logistic regression": logistic, "LightGBM": boosted}
