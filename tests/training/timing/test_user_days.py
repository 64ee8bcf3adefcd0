"""User-days as a data set: a pair's numbers are its own, in whatever batch it stands."""

import numpy as np
import pytest
import torch

from tactful.errors import UnreadableInput
from tactful.training.timing.user_days import PastAndDay, UserDays

N, K, L, F = 5, 4, 3, 2


def _day(seed: int, chance: float | None = None) -> PastAndDay:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(1.0, (N, K, L + 2, F)).astype(np.float32)
    return PastAndDay(
        history=counts[:, :, 1 : L + 1],
        known=rng.random((N, L)) < 0.5,
        rest=np.array([0, 1, 1]),
        today_rest=seed % 2,
        segment=np.full(N, -1),
        active=np.ones((N, K), dtype=np.float32),
        receipts=np.full((N, K), 2.0, dtype=np.float32),
        clicked=rng.random((N, K)).astype(np.float32),
        slot_probability=None if chance is None else np.full((N, K), chance, dtype=np.float32),
    )


def test_rows_keep_their_order_and_their_own_day() -> None:
    days = (_day(0), _day(1, chance=0.25))
    data = UserDays(days, np.array([1, 0, 1, 0]), np.array([2, 4, 0, 1]))
    batch = data.batch(np.array([3, 0, 2]))
    assert len(data) == 4
    assert batch.today_rest.tolist() == [0, 1, 1]
    for row, (day, user) in enumerate(((0, 1), (1, 2), (1, 0))):
        assert torch.equal(batch.history[row], torch.from_numpy(days[day].history[user].copy()))
        assert batch.known[row].tolist() == days[day].known[user].tolist()
        assert torch.equal(batch.clicked[row], torch.from_numpy(days[day].clicked[user]))
    assert batch.receipt_weight[:, 0].tolist() == [2.0, 8.0, 8.0]


def test_users_and_days_that_are_not_there_are_refused() -> None:
    for day, user in ((2, 0), (-1, 0), (0, N), (0, -1)):
        with pytest.raises(UnreadableInput, match="expected one of 2 days"):
            UserDays((_day(0), _day(1)), np.array([day]), np.array([user]))
