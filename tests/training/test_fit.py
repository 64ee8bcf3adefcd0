"""The fitting loop, on a small model: it learns, stops, resumes to the same bits, and refuses nonsense."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from tactful.errors import InvalidModel, NotEnoughData, UnreadableInput
from tactful.training.dataset import Columns, batches
from tactful.training.fit import Course, fit, mean_loss, seeded

COURSE = Course(learning_rate=0.05, batch_rows=32, max_epochs=6, patience=6, seed=3)


class Line(nn.Module):
    """y = x·w + b, with dropout, so that the loop's random numbers matter."""

    def __init__(self) -> None:
        super().__init__()
        self.drop, self.line = nn.Dropout(0.2), nn.Linear(3, 1)

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Returns the mean squared error."""
        return ((self.line(self.drop(batch["x"]))[:, 0] - batch["y"]) ** 2).mean()


def _data(n: int, seed: int) -> Columns:
    x = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    return Columns({"x": x, "y": (x @ np.array([1.0, -2.0, 0.5]) + 0.3).astype(np.float32)})


def _bits(model: nn.Module) -> list[bytes]:
    return [value.numpy().tobytes() for value in model.state_dict().values()]


def test_it_learns_and_ends_with_the_best_weights() -> None:
    model = seeded(Line, 0)
    before = mean_loss(model, _data(200, 2))
    learned = fit(model, _data(400, 1), _data(200, 2), COURSE)
    assert min(learned.losses) < 0.5 * before
    assert learned.losses[learned.best_epoch] == min(learned.losses)
    assert mean_loss(model, _data(200, 2)) == min(learned.losses)
    assert not model.training
    assert learned.rows_per_s > 0


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    def weights(model_seed: int, course: Course) -> list[bytes]:
        model = seeded(Line, model_seed)
        fit(model, _data(100, 1), _data(50, 2), course)
        return _bits(model)

    same = Course(0.05, batch_rows=32, max_epochs=2, seed=3)
    other = Course(0.05, batch_rows=32, max_epochs=2, seed=4)
    assert weights(0, same) == weights(0, same) != weights(0, other)
    assert weights(0, same) != weights(1, same)


def test_torchs_own_generator_is_left_as_it_was() -> None:
    before = torch.random.get_rng_state()
    fit(seeded(Line, 0), _data(100, 1), _data(50, 2), COURSE)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path, stop_after: int) -> None:
    whole = seeded(Line, 0)
    straight = fit(whole, _data(100, 1), _data(50, 2), COURSE)
    stopped = seeded(Line, 0)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, _Stops(_data(100, 1), after=4 * stop_after + 1), _data(50, 2), COURSE, tmp_path / "run")
    resumed = seeded(Line, 99)
    again = fit(resumed, _data(100, 1), _data(50, 2), COURSE, tmp_path / "run")
    assert again.losses == straight.losses
    assert _bits(resumed) == _bits(whole)


class _Stops(Columns):
    """Rows until somebody presses Control-C, in the midst of an epoch."""

    def __init__(self, rows: Columns, after: int) -> None:
        super().__init__(rows._columns)
        self._left = after

    def batch(self, rows: np.ndarray) -> dict[str, Tensor]:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().batch(rows)


def test_a_checkpoint_of_other_settings_or_none_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run"
    fit(seeded(Line, 0), _data(100, 1), _data(50, 2), COURSE, path)
    with pytest.raises(UnreadableInput, match="delete it to begin anew"):
        fit(seeded(Line, 0), _data(100, 1), _data(50, 2), Course(seed=9), path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(UnreadableInput, match="no checkpoint"):
        fit(seeded(Line, 0), _data(100, 1), _data(50, 2), COURSE, path)


def test_it_stops_when_nothing_gets_better() -> None:
    course = Course(learning_rate=1e-12, batch_rows=32, max_epochs=50, patience=2)
    assert len(fit(seeded(Line, 0), _data(64, 1), _data(64, 2), course).losses) < 50


def test_progress_shows_rows_a_second_and_the_loss() -> None:
    shown = Console(file=io.StringIO(), width=200, force_terminal=True)
    fit(seeded(Line, 0), _data(100, 1), _data(50, 2), COURSE, console=shown)
    assert isinstance(shown.file, io.StringIO)
    assert "rows/s loss" in shown.file.getvalue()


def test_what_cannot_be_learned_is_refused() -> None:
    with pytest.raises(InvalidModel, match="loss"):
        fit(nn.Linear(1, 1), _data(4, 1), _data(4, 2), COURSE)
    with pytest.raises(NotEnoughData, match="0 rows to learn from"):
        fit(Line(), _data(0, 1), _data(4, 2), COURSE)
    nan = Columns({"x": np.full((4, 3), np.nan, dtype=np.float32), "y": np.zeros(4, dtype=np.float32)})
    with pytest.raises(InvalidModel, match="lower the learning rate"):
        fit(Line(), nan, nan, COURSE)


def test_every_epoch_has_every_row_once_in_an_order_of_its_own() -> None:
    first, second = (np.concatenate(list(batches(10, 3, seed=1, epoch=e))) for e in (0, 1))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert first.tolist() != second.tolist()


def test_columns_may_lie_on_disk(tmp_path: Path) -> None:
    for name, values in {"x": np.arange(12.0).reshape(6, 2), "y": np.arange(6)}.items():
        np.save(tmp_path / name, values)
    rows = Columns.open(tmp_path).batch(np.array([4, 1]))
    assert rows["x"].tolist() == [[8.0, 9.0], [2.0, 3.0]]
    assert rows["y"].tolist() == [4, 1]
    with pytest.raises(UnreadableInput, match="write one for each column"):
        Columns.open(tmp_path / "nowhere")
    with pytest.raises(UnreadableInput, match="all of the same length"):
        Columns({"x": np.zeros(2), "y": np.zeros(3)})
