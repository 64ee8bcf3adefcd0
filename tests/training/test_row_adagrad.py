"""Tables of embeddings learn by the rows that a batch touched, as well as by AdamW, and resume to the same bits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tactful.errors import UnreadableInput
from tactful.models.baselines.din import DIN
from tactful.models.layers.table import Table, collecting
from tactful.models.sequence import Shape
from tactful.models.tin import TIN
from tactful.training.dataset import batches, bucketed, by_length, shuffled
from tactful.training.fit import Course, _warmth, fit, mean_loss, seeded
from tactful.training.histories import Behaviours, Samples
from tactful.training.optimiser import Optimiser
from tactful.training.row_adagrad import RowAdagrad, Rows
from tactful.training.sequences import Sequences

ITEMS, CATEGORIES, LENGTH = 60, 5, 8
COURSE = Course(learning_rate=5e-3, batch_rows=64, max_epochs=3, patience=3, seed=3)


def _rows(n: int, seed: int, regroup: int = 0) -> Sequences:
    """People respond to what is of the category of their newest behaviours; histories have 0 to 8."""
    draw = np.random.default_rng(seed)
    of = np.random.default_rng(9 + regroup).integers(1, CATEGORIES, ITEMS)
    items = np.column_stack([np.arange(ITEMS), of]).astype(np.int32)
    items[0] = 0
    length = draw.integers(0, LENGTH + 1, n)
    history, target = draw.integers(1, ITEMS, (n, LENGTH)), draw.integers(1, ITEMS, n)
    end = np.arange(1, n + 1) * LENGTH
    newest = history[:, ::-1][:, :3]
    known = np.arange(3) < length[:, None]
    alike = ((items[newest, 1] == items[target, 1][:, None]) & known).any(axis=1)
    label = (draw.random(n) < np.where(alike, 0.85, 0.15)).astype(np.float32)
    samples = Samples(np.arange(n), end - length, end, target.astype(np.int32), label, np.zeros((n, 0), dtype=np.int32))
    behaviours = Behaviours(history.ravel().astype(np.int32))
    return Sequences(Shape((ITEMS, CATEGORIES), (), LENGTH, 0), items, behaviours, samples)


def _tin() -> TIN:
    return seeded(lambda: TIN(Shape((ITEMS, CATEGORIES), (), LENGTH, 0), 8, (8,)), 1)


def _bits(model: torch.nn.Module) -> list[bytes]:
    return [value.numpy().tobytes() for value in model.state_dict().values()]


def test_a_step_is_the_formula_and_moves_touched_rows_only() -> None:
    table = seeded(lambda: Table(6, 4), 0)
    before, rate, decay = table.weight.detach().clone(), 0.1, 0.5
    with collecting(table):
        rows = RowAdagrad([table], Rows(rate, decay))
        total = torch.zeros(6)
        expected = before.clone()
        for step in range(2):
            (table(torch.tensor([1, 4, 1])) * torch.arange(12.0).view(3, 4)).sum().backward()
            gradient = torch.zeros(6, 4).index_add(0, torch.tensor([1, 4, 1]), torch.arange(12.0).view(3, 4))
            for row in (1, 4):
                full = gradient[row] + decay * expected[row]
                total[row] += (full**2).mean()
                expected[row] = expected[row] - 0.5 * rate * full / total[row].sqrt()
            rows.step(0.5)
            assert step == 0 or table.weight.grad is None
    torch.testing.assert_close(table.weight.detach(), expected)
    assert torch.equal(table.weight[[0, 2, 3, 5]], before[[0, 2, 3, 5]])


@pytest.mark.parametrize("make", [_tin, lambda: seeded(lambda: DIN(_tin_shape(), 8, (8,)), 1)])
def test_gradients_by_row_are_those_of_torch(make: object) -> None:
    assert callable(make)
    model, batch = make(), _rows(30, 0).batch(np.arange(30))
    model.loss(batch).backward()
    dense = [table.weight.grad for table in model.items.by_field()]
    with collecting(model):
        model.loss(batch).backward()
        for table, expected in zip(model.items.by_field(), dense, strict=True):
            assert table.gradients is not None
            torch.testing.assert_close(torch.from_numpy(table.gradients.dense()), expected, atol=1e-6, rtol=1e-5)


def _tin_shape() -> Shape:
    return Shape((ITEMS, CATEGORIES), (), LENGTH, 0)


def test_rows_learn_no_worse_than_by_adamw_at_the_same_learning_rate_of_the_network() -> None:
    train, judge = _rows(2000, 1), _rows(500, 2)
    ours, theirs = _tin(), _tin()
    course = replace(COURSE, max_epochs=6)
    fit(ours, train, judge, course)
    adamw = Optimiser(theirs, [], course.learning_rate, course.weight_decay, course.rows)
    losses = []
    for epoch in range(course.max_epochs):
        for step, rows in enumerate(shuffled(train, course.batch_rows, course.seed, epoch)):
            adamw.clear()
            theirs.loss(train.batch(rows)).backward()
            adamw.step(_warmth(course, epoch + step * course.batch_rows / len(train)))
        losses.append(mean_loss(theirs, judge))
    assert mean_loss(ours, judge) < min(losses) + 0.005 < 0.66


def test_a_run_with_tables_resumes_to_the_same_bits(tmp_path: Path) -> None:
    train, judge = _rows(300, 1), _rows(80, 2)
    whole, resumed = _tin(), _tin()
    straight = fit(whole, train, judge, COURSE)
    with pytest.raises(KeyboardInterrupt):
        fit(_tin(), _Stops(train, after=7), judge, COURSE, tmp_path / "run")
    again = fit(resumed, train, judge, COURSE, tmp_path / "run")
    assert again.losses == straight.losses
    assert _bits(resumed) == _bits(whole)


class _Stops:
    """Rows until somebody presses Control-C, in the midst of the second epoch."""

    def __init__(self, rows: Sequences, after: int) -> None:
        self._rows, self._left = rows, after
        self.lengths, self.vocabulary = rows.lengths, rows.vocabulary

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, rows: np.ndarray) -> object:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return self._rows.batch(rows)


def test_a_checkpoint_of_another_vocabulary_or_of_other_tables_is_refused(tmp_path: Path) -> None:
    fit(_tin(), _rows(100, 1), _rows(50, 2), COURSE, tmp_path / "run")
    with pytest.raises(UnreadableInput, match="vocabulary"):
        fit(_tin(), _rows(100, 1, regroup=1), _rows(50, 2), COURSE, tmp_path / "run")
    with collecting(Table(3, 2)) as small, collecting(Table(4, 2)) as large, pytest.raises(UnreadableInput, match="3"):
        RowAdagrad(large, Rows()).restore(RowAdagrad(small, Rows()).state())


def test_tables_are_ordinary_parameters_again_after_fitting() -> None:
    model = _tin()
    fit(model, _rows(100, 1), _rows(50, 2), replace(COURSE, max_epochs=1))
    assert all(table.gradients is None for table in model.items.by_field())
    model.loss(_rows(20, 3).batch(np.arange(20))).backward()
    assert all(table.weight.grad is not None for table in model.items.by_field())


def test_the_network_moves_by_adamw_and_the_tables_do_not() -> None:
    model = _tin()
    with collecting(model) as tables:
        optimiser = Optimiser(model, tables, 1e-2, 0.0, Rows(learning_rate=0.0))
        before = [value.clone() for value in model.state_dict().values()]
        model.loss(_rows(20, 3).batch(np.arange(20))).backward()
        optimiser.step(1.0)
    moved = {
        k for k, old in zip(model.state_dict(), before, strict=True) if not torch.equal(model.state_dict()[k], old)
    }
    assert any("tower" in name for name in moved)
    assert not any("tables" in name for name in moved)


def test_bucketed_batches_have_every_row_once_and_rows_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(0, 51, 5000)
    first, again, second = (list(bucketed(lengths, 64, seed=1, epoch=epoch)) for epoch in (0, 0, 1))
    assert sorted(np.concatenate(first).tolist()) == list(range(5000))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    columns = sum(len(rows) * int(lengths[rows].max()) for rows in first)
    assert columns < 1.05 * lengths.sum()
    longest = [int(lengths[rows].max()) for rows in first]
    assert np.abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3
    plain = sum(len(rows) * int(lengths[rows].max()) for rows in batches(5000, 64, 1, 0))
    assert columns < 0.6 * plain


def test_rows_are_judged_once_each_shortest_first() -> None:
    data = _rows(100, 0)
    rows = np.concatenate(list(by_length(data, 30)))
    assert sorted(rows.tolist()) == list(range(100))
    assert (np.diff(data.lengths[rows]) >= 0).all()
