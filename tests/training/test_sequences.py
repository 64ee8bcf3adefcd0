"""Behaviour sequences: windows are right, nothing later than a target is known, and the unknown is 0."""

from pathlib import Path

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.errors import FutureInHistory, InvalidFeatures, UnsortedRows
from tactful.models.sequence import Shape
from tactful.training.dataset import Dataset
from tactful.training.histories import Behaviours, Samples, gap_edges
from tactful.training.sequences import Sequences
from tactful.training.vocabulary import vocabulary

ITEMS = np.array([[0, 0], [1, 1], [2, 1], [3, 2]], dtype=np.int32)
SHAPE = Shape(items=(4, 3), context=(5,), length=3, gaps=0)
MONDAY_US = 4 * DAY_US  # 1970-01-05


def _samples(start: list[int], end: list[int], target: list[int], at_us: list[int] | None = None) -> Samples:
    n = len(start)
    return Samples(
        user=np.arange(n),
        start=np.array(start),
        end=np.array(end),
        target=np.array(target, dtype=np.int32),
        label=np.ones(n, dtype=np.float32),
        context=np.full((n, 1), 4, dtype=np.int32),
        at_us=None if at_us is None else np.array(at_us),
    )


def _behaviours(item: list[int], at_us: list[int] | None = None) -> Behaviours:
    return Behaviours(np.array(item, dtype=np.int32), None if at_us is None else np.array(at_us))


def test_history_is_newest_first_and_padded_with_zeros() -> None:
    data = Sequences(SHAPE, ITEMS, _behaviours([1, 2, 3, 1]), _samples([0, 3], [2, 4], [3, 1]))
    batch = data.batch(np.array([0, 1]))
    assert isinstance(data, Dataset)
    assert batch.history.tolist() == [[[2, 1], [1, 1]], [[1, 1], [0, 0]]]
    assert batch.target.tolist() == [[3, 2], [1, 1]]
    assert batch.length.tolist() == [2, 1] == data.lengths.tolist()
    assert batch.context.tolist() == [[4], [4]]
    assert not batch.gap.any()
    assert not batch.clock.any()


def test_long_history_keeps_its_newest_behaviours() -> None:
    data = Sequences(SHAPE, ITEMS, _behaviours([3, 3, 1, 2, 3]), _samples([0], [5], [1]))
    assert data.batch(np.array([0])).history[0, :, 0].tolist() == [3, 2, 1]


def test_batch_equals_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    behaviours = _behaviours(rng.integers(0, 4, 400).tolist())
    end = np.sort(rng.integers(0, 401, 60))
    start = np.maximum(0, end - rng.integers(0, 7, 60))
    data = Sequences(SHAPE, ITEMS, behaviours, _samples(start.tolist(), end.tolist(), [1] * 60))
    batch = data.batch(rng.permutation(60))
    again = data.batch(np.arange(60))
    assert batch.history.shape == (60, 3, 2)
    for row in range(60):
        newest = behaviours.item[start[row] : end[row]][::-1][:3]
        assert again.history[row, : len(newest)].tolist() == ITEMS[newest].tolist()
        assert not again.history[row, len(newest) :].any()


def test_row_alone_equals_the_row_in_a_batch() -> None:
    data = Sequences(SHAPE, ITEMS, _behaviours([1, 2, 3]), _samples([0, 0], [3, 1], [3, 1]))
    alone, both = data.batch(np.array([1])), data.batch(np.array([0, 1]))
    assert alone.history[0].tolist() == both.history[1, :1].tolist()
    assert alone.history.shape[1] == 1


def test_empty_history_is_one_column_of_padding() -> None:
    data = Sequences(SHAPE, ITEMS, _behaviours([]), _samples([0], [0], [2]))
    batch = data.batch(np.array([0]))
    assert batch.history.tolist() == [[[0, 0]]]
    assert batch.length.tolist() == [0]


def test_behaviour_after_the_target_is_refused() -> None:
    behaviours = _behaviours([1, 2, 3], [10, 20, 31])
    planted = _samples([0, 0], [2, 3], [1, 1], [30, 30])
    with pytest.raises(FutureInHistory, match="first row 1: a behaviour at 31 us, the target at 30 us"):
        Sequences(SHAPE, ITEMS, behaviours, planted)
    Sequences(SHAPE, ITEMS, behaviours, _samples([0, 0], [2, 3], [1, 1], [20, 31]))


def test_history_out_of_order_is_refused_but_users_may_follow_each_other() -> None:
    behaviours = _behaviours([1, 2, 3, 1], [50, 60, 10, 20])
    Sequences(SHAPE, ITEMS, behaviours, _samples([0, 2], [2, 4], [1, 1], [70, 30]))
    with pytest.raises(UnsortedRows, match="first in row 0"):
        Sequences(SHAPE, ITEMS, behaviours, _samples([0], [4], [1], [99]))


def test_times_of_one_side_only_are_refused() -> None:
    with pytest.raises(InvalidFeatures, match="give both"):
        Sequences(SHAPE, ITEMS, _behaviours([1], [5]), _samples([0], [1], [1]))


def test_ids_never_seen_in_training_become_unknown() -> None:
    items = np.array([[0, 0], [1, 1], [9, 2]], dtype=np.int32)
    samples = _samples([0, 0], [2, 3], [2, 77])
    samples.context[1] = 99
    batch = Sequences(SHAPE, items, _behaviours([1, 2, 55]), samples).batch(np.array([0, 1]))
    assert batch.target.tolist() == [[0, 2], [0, 0]]
    assert batch.history[1].tolist() == [[0, 0], [0, 2], [1, 1]]
    assert batch.context.tolist() == [[4], [0]]


def test_columns_that_do_not_fit_the_shape_are_refused() -> None:
    with pytest.raises(InvalidFeatures, match="3 item fields and 1 of context"):
        Sequences(SHAPE, np.zeros((2, 3), dtype=np.int32), _behaviours([]), _samples([0], [0], [1]))
    with pytest.raises(InvalidFeatures, match="row 0"):
        Sequences(SHAPE, np.ones((2, 2), dtype=np.int32), _behaviours([]), _samples([0], [0], [1]))
    with pytest.raises(InvalidFeatures, match=r"\[0, 9\)"):
        Sequences(SHAPE, ITEMS, _behaviours([1]), _samples([0], [9], [1]))


def test_gaps_and_clock_are_those_of_the_interval_and_the_local_hour() -> None:
    shape = Shape(items=(4, 3), context=(5,), length=3, gaps=3)
    at_us = [MONDAY_US, MONDAY_US + 5 * HOUR_US, MONDAY_US + 24 * HOUR_US]
    samples = _samples([0, 0], [3, 1], [1, 1], [MONDAY_US + 25 * HOUR_US, MONDAY_US + HOUR_US])
    edges = (2 * HOUR_US, 21 * HOUR_US)
    batch = Sequences(shape, ITEMS, _behaviours([1, 2, 3], at_us), samples, edges).batch(np.array([0, 1]))
    assert batch.gap.tolist() == [[1, 2, 3], [1, 0, 0]]
    assert batch.clock.tolist() == [[25, 24, 5, 0], [1, 0, 0, 0]]
    west = Sequences(shape, ITEMS, _behaviours([1, 2, 3], at_us), samples, edges, "Etc/GMT+3")
    assert west.batch(np.array([1])).clock.tolist() == [[166, 165]]  # three hours earlier: Sunday


def test_bins_are_equally_full_on_the_rows_they_were_fitted_on() -> None:
    rng = np.random.default_rng(0)
    at_us = np.sort(rng.integers(0, 10**12, 2000))
    behaviours = _behaviours([1] * 2000, at_us.tolist())
    end = list(range(0, 2000, 7))
    samples = _samples([0] * len(end), end, [1] * len(end), [int(at_us[i]) for i in end])
    edges = gap_edges(behaviours, samples, length=3, bins=5)
    shape = Shape(items=(4, 3), context=(5,), length=3, gaps=5)
    gap = Sequences(shape, ITEMS, behaviours, samples, edges.tolist()).batch(np.arange(len(end))).gap.numpy()
    share = np.bincount(gap[gap > 0])[1:] / (gap > 0).sum()
    assert len(share) == 5
    assert np.abs(share - 0.2).max() < 0.01


def test_equal_intervals_leave_fewer_bins() -> None:
    behaviours = _behaviours([1, 1, 1], [0, 1, 2])
    assert gap_edges(behaviours, _samples([0, 1, 2], [1, 2, 3], [1, 1, 1], [5, 6, 7]), 3, bins=10).tolist() == []


def test_edges_that_do_not_rise_are_refused() -> None:
    shape = Shape(items=(4, 3), context=(5,), length=3, gaps=3)
    with pytest.raises(InvalidFeatures, match="expected 2 that rise"):
        Sequences(shape, ITEMS, _behaviours([1], [0]), _samples([0], [1], [1], [5]), (7, 7))


def test_memory_mapped_columns_give_the_same_batches(tmp_path: Path) -> None:
    item = np.array([1, 2, 3, 1], dtype=np.int32)
    np.save(tmp_path / "item.npy", item)
    samples = _samples([0, 3], [2, 4], [3, 1])
    mapped = Behaviours(np.load(tmp_path / "item.npy", mmap_mode="r"))
    rows = np.array([1, 0])
    here, there = (Sequences(SHAPE, ITEMS, b, samples).batch(rows) for b in (Behaviours(item), mapped))
    assert here.history.tolist() == there.history.tolist()


def test_taken_rows_are_the_same_rows() -> None:
    data = Sequences(SHAPE, ITEMS, _behaviours([1, 2, 3, 1]), _samples([0, 3], [2, 4], [3, 1]))
    part = data.take(np.array([1]))
    assert len(part) == 1
    assert part.batch(np.array([0])).history.tolist() == data.batch(np.array([1])).history.tolist()


def test_vocabulary_counts_only_what_training_met() -> None:
    raw = np.array([[30, 1], [10, 1], [20, 2], [10, 3]])
    ids, sizes = vocabulary(raw, np.array([3, 1, 0, 1]))
    assert ids.tolist() == [[2, 1], [1, 1], [0, 0], [1, 0]]
    assert sizes == (3, 2)
