"""What makes the allocator fast on many users changes no result: filter, sample, bins, files, ties by the thousand."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tactful.decision.volume.allocate import allocate, allocate_at_price
from tactful.errors import InvalidScores

N = 150_000  # enough for a sample, and for more equal steps than are listed


def unit_cost(value: np.ndarray) -> np.ndarray:
    """The default cost, spelled out: then no sample is drawn and every user is walked."""
    return np.repeat(np.arange(len(value), dtype=value.dtype)[:, None], value.shape[1], axis=1)


def noisy(n: int = N) -> np.ndarray:
    """Rough curves, falling too, with offsets that are large against their steps: single precision hurts here."""
    rng = np.random.default_rng(1)
    steps = rng.normal(0.001, 0.003, size=(6, n)).astype(np.float32)
    return (rng.random(n, dtype=np.float32) + np.concatenate([np.zeros((1, n)), steps.cumsum(axis=0)])).astype(
        np.float32
    )


def stepped(n: int = N) -> np.ndarray:
    """As tree models write them: few different steps, flat runs, leaps."""
    rng = np.random.default_rng(2)
    steps = rng.choice(np.array([0, 0, 1, 2, 7], dtype=np.float32), size=(6, n)) / 32
    return np.concatenate([np.zeros((1, n), dtype=np.float32), steps.cumsum(axis=0, dtype=np.float32)])


def alike(n: int = N) -> np.ndarray:
    """Two kinds of users whose steps gain equally per send and differ in length."""
    kinds = np.array([[0, 0, 2, 2, 2, 2, 2], [0, 0, 0, 3, 3, 3, 3]], dtype=np.float32)
    return np.ascontiguousarray(kinds[np.arange(n) % 2].T)


def by_activity(n: int = N) -> np.ndarray:
    """Users in order of how much they gain: a sample of neighbours knows little."""
    gain = np.linspace(0, 1, n, dtype=np.float32) ** 4
    return (1 - np.exp(-np.arange(7, dtype=np.float32)))[:, None] * gain


@pytest.mark.parametrize("make", [noisy, stepped, alike, by_activity])
@pytest.mark.parametrize("sends_each", [0.05, 0.9, 2.1, 4.5])
def test_filter_and_sample_change_no_budget(make: object, sends_each: float) -> None:
    assert callable(make)
    value = make()
    total = int(sends_each * N)
    fast, walked = allocate(value, total), allocate(value, total, cost=unit_cost(value))
    assert (fast.budget == walked.budget).all()
    assert (fast.price, fast.total, fast.value) == (walked.price, walked.total, walked.value)
    assert fast.total == fast.budget.sum() <= total
    assert fast.value == pytest.approx(float(value[fast.budget, np.arange(N)].sum(dtype=np.float64)), rel=1e-12)


@pytest.mark.parametrize("price", [0.0, 0.0012, 1 / 32, 2 / 3])
def test_at_a_price_the_filter_changes_no_budget(price: float) -> None:
    for value in (noisy(), stepped(), alike()):
        fast, walked = allocate_at_price(value, price), allocate_at_price(value, price, cost=unit_cost(value))
        assert (fast.budget == walked.budget).all()


def test_of_equal_steps_the_longer_are_taken_first_then_by_position() -> None:
    # Room for 1,000 sends beyond the long steps of half of the users: 500 short ones, the first.
    value = alike()
    budget = allocate(value, 3 * (N // 2) + 1000).budget
    assert (budget[1::2] == 3).all()
    assert (budget[0::2] == np.where(np.arange(N // 2) < 500, 2, 0)).all()


def test_order_of_many_users_changes_neither_value_nor_price() -> None:
    value = stepped()
    shuffled = value[:, np.random.default_rng(3).permutation(N)]
    one, other = allocate(value, N), allocate(shuffled, N)
    assert (one.price, one.total, one.value) == (other.price, other.total, other.value)


def test_a_memory_mapped_file_gives_what_the_array_gives(tmp_path: Path) -> None:
    value = noisy()
    np.save(tmp_path / "curves.npy", value)
    mapped = np.load(tmp_path / "curves.npy", mmap_mode="r")
    assert (allocate(mapped, N).budget == allocate(value, N).budget).all()


def test_memory_beside_the_curves_is_a_byte_a_user_and_a_few_megabytes() -> None:
    n = 3_000_000
    value = np.zeros((3, n), dtype=np.float32)
    value[1:] = np.random.default_rng(5).random(n, dtype=np.float32)
    allocate(value[:, :N].copy(), N // 2)  # compiled
    tracemalloc.start()
    budget = allocate(value, n // 2).budget
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert budget.sum() == n // 2
    assert peak < n + 8_000_000


def test_any_layout_and_precision_is_read() -> None:
    value = stepped(1000)
    expected = allocate(value, 900).budget
    for other in (np.asfortranarray(value), np.repeat(value, 2, axis=1)[:, ::2], value.astype(np.float64)):
        assert (allocate(other, 900).budget == expected).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("user", [0, 77_777, N - 1])
def test_a_wrong_number_among_many_is_refused_with_its_user(wrong: float, user: int) -> None:
    value = stepped()
    value[3, user] = wrong
    with pytest.raises(InvalidScores, match=f"user {user},"):
        allocate(value, N)
    with pytest.raises(InvalidScores, match=f"user {user},"):
        allocate_at_price(value, 0.01)


def test_huge_values_of_a_few_do_not_disturb_the_rest() -> None:
    value = stepped()
    value[4:, 11] = 3e38
    result = allocate(value, N)
    assert result.budget[11] == 4
    assert result.total == N
