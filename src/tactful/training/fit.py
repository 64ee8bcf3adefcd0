"""The one fitting loop of all neural models: early stopping, checkpoints. It knows losses, not what they are of.

A model that gives `loss(batch)` and a data set that gives such batches are all it takes. Which parameters move how is
settled in `optimiser.py`, the order of the rows in `dataset.py`.
"""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor, nn

from tactful.errors import InvalidModel, NotEnoughData
from tactful.models.layers.table import collecting
from tactful.training import checkpoint
from tactful.training.checkpoint import Checkpoint
from tactful.training.dataset import Coded, Dataset, by_length, shuffled
from tactful.training.optimiser import Optimiser
from tactful.training.row_adagrad import Rows

B = TypeVar("B")
B_contra = TypeVar("B_contra", contravariant=True)
M = TypeVar("M", bound=nn.Module)
_JUDGE_ROWS = 4096


@runtime_checkable
class Learner(Protocol[B_contra]):
    """What the loop asks of a model, which must be an `nn.Module` besides."""

    def loss(self, batch: B_contra) -> Tensor:
        """Returns the mean loss of the batch's rows, a scalar."""
        ...


@dataclass(frozen=True)
class Course:
    """How to learn.

    The learning rate rises over the first twentieth of the steps of `max_epochs` and falls to nothing in a half cosine;
    `patience` epochs without a better validation loss end it sooner. Matrices decay, vectors (biases, norms) do not.
    Tables of embeddings have their own rules, `rows`.
    """

    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    batch_rows: int = 512
    max_epochs: int = 20
    patience: int = 3
    seed: int = 0
    rows: Rows = field(default_factory=Rows)


@dataclass(frozen=True)
class Learned:
    """What came of it: validation losses by epoch, the best epoch (from 0), and training rows a second.

    `rows_per_s` (by the clock) and `rows_per_cpu_s` (of CPU time, all threads together) are of the epochs of this call,
    validation left out; 0 where there was none left to do.
    """

    losses: list[float]
    best_epoch: int
    rows_per_s: float
    rows_per_cpu_s: float


def seeded(make: Callable[[], M], seed: int) -> M:
    """Returns what `make` makes, its random weights drawn from the seed; torch's own generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def fit(
    model: nn.Module,
    train: Dataset[B],
    validation: Dataset[B],
    course: Course,
    resume: Path | None = None,
    console: Console | None = None,
) -> Learned:
    """Teaches the model, in place; it ends with the weights of its best epoch, in evaluation mode.

    Args:
        model: an `nn.Module` that is a `Learner`.
        train, validation: rows of different users or days, from before those on which the model will be judged.
        course: how to learn. The same course on the same machine and threads gives the same bits.
        resume: a checkpoint is written there after every epoch; if there is one, the run goes on from it, to the same
            bits as if it had never stopped.
        console: shows progress there.

    Raises:
        InvalidModel: for a model that has no `loss`, or whose loss is not finite.
        NotEnoughData: without a row to learn from or to judge by.
        UnreadableInput: for a checkpoint of other settings.
    """
    if not isinstance(model, Learner):
        raise InvalidModel(f"got a {type(model).__name__}, expected a model with loss(batch)")
    if not len(train) or not len(validation):
        raise NotEnoughData(f"got {len(train)} rows to learn from and {len(validation)} to judge by, expected some")
    seconds, cpu_seconds, epochs = 0.0, 0.0, 0
    with collecting(model) as tables, _progress(console) as progress:
        optimiser = Optimiser(model, tables, course.learning_rate, course.weight_decay, course.rows)
        state = _begin(model, optimiser, _run(train, course), resume)
        task = progress.add_task("learning", total=course.max_epochs, rate="", loss="")
        while not _done(state, course):
            epoch = len(state.losses)
            began = time.perf_counter(), time.process_time()
            _epoch(model, train, optimiser, course, epoch)
            seconds += time.perf_counter() - began[0]
            cpu_seconds += time.process_time() - began[1]
            epochs += 1
            _judge(model, validation, state)
            state.model, state.optimiser = model.state_dict(), optimiser.state()
            if resume is not None:
                checkpoint.save(state, resume)
            rate, loss = f"{epochs * len(train) / seconds:,.0f} rows/s", f"loss {state.losses[-1]:.5f}"
            progress.update(task, completed=epoch + 1, rate=rate, loss=loss)
    model.load_state_dict(state.best)
    model.eval()
    rows = epochs * len(train)
    rates = (rows / seconds, rows / cpu_seconds) if epochs else (0.0, 0.0)
    return Learned(state.losses, state.best_epoch, *rates)


def mean_loss(model: nn.Module, dataset: Dataset[B]) -> float:
    """Returns the mean loss of all rows, in evaluation mode; the model's mode is left as it was."""
    training, total = model.training, 0.0
    model.eval()
    with torch.no_grad():
        for rows in by_length(dataset, _JUDGE_ROWS):
            total += len(rows) * _loss(model, dataset.batch(rows)).item()
    model.train(training)
    return total / len(dataset)


def _run(train: Dataset[B], course: Course) -> str:
    """What a checkpoint must be of to go on with it."""
    coded = f", vocabulary {train.vocabulary}" if isinstance(train, Coded) else ""
    return f"{course}, {len(train)} rows{coded}"


def _begin(model: nn.Module, optimiser: Optimiser, run: str, resume: Path | None) -> Checkpoint:
    if resume is None or not resume.exists():
        return Checkpoint(run, model.state_dict(), optimiser.state(), copy.deepcopy(model.state_dict()), -1)
    state = checkpoint.load(resume, run)
    model.load_state_dict(state.model)
    optimiser.restore(state.optimiser)
    return state


def _done(state: Checkpoint, course: Course) -> bool:
    epochs = len(state.losses)
    return epochs >= course.max_epochs or epochs - 1 - state.best_epoch >= course.patience


def _epoch(model: nn.Module, train: Dataset[B], optimiser: Optimiser, course: Course, epoch: int) -> None:
    """Learns from every row once. Dropout and the like draw from (seed, epoch)."""
    model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(course.seed * 1_000_003 + epoch)
        for step, rows in enumerate(shuffled(train, course.batch_rows, course.seed, epoch)):
            optimiser.clear()
            torch.autograd.backward(_loss(model, train.batch(rows)))
            optimiser.step(_warmth(course, epoch + step * course.batch_rows / len(train)))


def _warmth(course: Course, epochs: float) -> float:
    """Which share of the learning rate holds after so many epochs."""
    gone = epochs / course.max_epochs
    return min((gone + 1e-3) / 0.05, 0.5 * (1.0 + math.cos(math.pi * gone)))


def _judge(model: nn.Module, validation: Dataset[B], state: Checkpoint) -> None:
    """Files the validation loss; keeps the weights if it is the best so far."""
    loss = mean_loss(model, validation)
    if not loss < float("inf"):
        raise InvalidModel(f"got a validation loss of {loss} in epoch {len(state.losses)}; lower the learning rate")
    if not state.losses or loss < min(state.losses):
        state.best, state.best_epoch = copy.deepcopy(model.state_dict()), len(state.losses)
    state.losses.append(loss)


def _loss(model: nn.Module, batch: object) -> Tensor:
    assert isinstance(model, Learner)
    return model.loss(batch)


def _progress(console: Console | None) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} epochs {task.fields[rate]} {task.fields[loss]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console or Console(quiet=True), disable=console is None)
