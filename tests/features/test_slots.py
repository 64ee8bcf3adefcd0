"""Slot counts: a slot counts once a day, and every user has her own row."""

import numpy as np

from tactful.features.slots import active_slot_counts


def test_a_slot_counts_once_a_day_however_much_happens_in_it() -> None:
    user, day, slot = np.zeros(6, dtype=int), np.array([1, 2, 1, 2, 2, 1]), np.array([9, 9, 9, 9, 10, 23])
    counts = active_slot_counts(user, day, slot, n_users=1)[0]
    assert counts[[9, 10, 23]].tolist() == [2.0, 1.0, 1.0]
    assert counts.sum() == 4.0


def test_counts_equal_a_set_of_user_day_slot_on_random_input() -> None:
    rng = np.random.default_rng(1)
    user, day, slot = rng.integers(0, 9, 3000), rng.integers(-3, 4, 3000), rng.integers(0, 24, 3000)
    counts = active_slot_counts(user, day, slot, n_users=10)
    expected = np.zeros((10, 24))
    for u, _, s in set(zip(user.tolist(), day.tolist(), slot.tolist(), strict=True)):
        expected[u, s] += 1
    assert counts.tolist() == expected.tolist()


def test_no_engagements_give_zeros() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert active_slot_counts(none, none, none, n_users=2, n_slots=48).tolist() == [[0.0] * 48] * 2
