"""Ten million hash draws of actions: buckets, actions and whole days are as frequent as the log says.

Five million user-days of two jobs each, under the shares that ship. The second job knows whether the first one sent, as
in the engine. A frequency is compared with what was *logged*; the bound holds for all comparisons together.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.decision.policy.channel import Choice
from tactful.decision.policy.explore import BUCKETS, Exploration, act, bucket, path_weight

USER_DAYS, CHUNK = 5_000_000, 250_000
SHARES = Exploration().shares
SEED = 20261122
SIGMAS = 6.0
"""Two-sided chance of a false alarm 2e-9 a comparison, 2e-7 for a hundred of them. The seed is fixed besides."""

N_OPTIONS = 5
"""A hold, and (candidate, channel) of two by two."""
OPEN = (np.array([[True, True], [True, False]]), np.array([[False, True], [False, True]]))
"""What is feasible at each of the two jobs, by candidate and channel."""


def choice(candidate: int, channel: int, surplus: float) -> Choice:
    return Choice(np.full(CHUNK, candidate), np.full(CHUNK, channel), np.full(CHUNK, surplus))


CHOICES = (
    (choice(0, 0, 0.1), choice(0, 0, -0.1), choice(0, 0, 0.01)),
    (choice(0, 1, 0.1), choice(1, 1, 0.1), choice(1, 1, 0.1)),
)
"""At the low price, at the high price and without jitter: the first job holds at the high one, the second takes another
option there."""


@dataclass(frozen=True)
class Days:
    """By (bucket, action of the first job, action of the second): how often it came, and its logged probability.

    `path` is the logged probability of the two actions whatever the bucket, `constant` whether one cell always logged
    one probability.
    """

    count: np.ndarray
    probability: np.ndarray
    path: np.ndarray
    constant: bool


@pytest.fixture(scope="module")
def days() -> Days:
    shape = (len(BUCKETS), N_OPTIONS, N_OPTIONS)
    count, logged, path, constant = np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(shape[1:]), True
    for start in range(0, USER_DAYS, CHUNK):
        cell, stated, whole = user_days(start)
        flat = np.ravel_multi_index(cell, shape)
        count += np.bincount(flat, minlength=count.size).reshape(shape)
        logged[cell], path[cell[1:]] = stated, whole
        constant &= bool((logged[cell] == stated).all() and (path[cell[1:]] == whole).all())
    return Days(count, logged, path, constant)


def user_days(start: int) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
    """Returns the cell of `CHUNK` user-days, what was logged of bucket and actions, and of the actions alone."""
    keys = np.arange(start, start + CHUNK, dtype=np.uint64) * np.uint64(7919)
    morning = np.full(CHUNK, 20_000 * DAY_US + 9 * HOUR_US)
    order = np.broadcast_to(np.array([9, 4], dtype=np.uint64), (CHUNK, 2))
    drawn, stated = bucket(SEED, keys, morning, SHARES)
    spent, taken, by_bucket = np.zeros(CHUNK, dtype=bool), [], []
    for job, (choices, open_) in enumerate(zip(CHOICES, OPEN, strict=True)):
        feasible = np.broadcast_to(open_, (CHUNK, 2, 2))
        done = act(SEED, keys, morning + job * 3 * HOUR_US, drawn, *choices, feasible, order, spent)
        spent = done.candidate >= 0
        stated = stated * done.probability
        taken.append(np.where(spent, 1 + 2 * done.candidate + done.channel, 0))
        by_bucket.append(done.by_bucket)
    whole = 1 / path_weight(np.ones((CHUNK, 2)), np.stack(by_bucket, axis=1), SHARES)
    return (drawn.astype(np.int64), *taken), stated, whole


def agrees(count: np.ndarray, probability: np.ndarray) -> bool:
    """Whether every count lies within its bound; what was never logged has probability 0 and must not occur."""
    spread = np.sqrt(USER_DAYS * probability * (1 - probability))
    return bool((np.abs(count - USER_DAYS * probability) <= SIGMAS * spread + 1e-6).all())


def test_every_bucket_is_as_frequent_as_its_logged_share(days: Days) -> None:
    assert agrees(days.count.sum(axis=(1, 2)), np.array(SHARES))


def test_every_action_of_every_bucket_is_as_frequent_as_its_logged_probability(days: Days) -> None:
    for job in (1, 2):
        assert agrees(days.count.sum(axis=3 - job), days.probability.sum(axis=3 - job))


def test_every_day_path_is_as_frequent_as_its_logged_probability(days: Days) -> None:
    assert days.constant
    assert days.count.sum() == USER_DAYS
    assert (days.count > 0).sum() == 9  # 2 x 2 in production, 3 random sends, one of each greedy bucket
    assert agrees(days.count, days.probability)
    assert agrees(days.count.sum(axis=0), days.path)


def test_logged_probabilities_of_all_day_paths_sum_to_one(days: Days) -> None:
    assert days.probability.sum() == pytest.approx(1.0)
    assert days.path.sum() == pytest.approx(1.0)
    assert days.probability.sum(axis=0) == pytest.approx(days.path)
