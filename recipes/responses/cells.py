"""Results, a line a cell, and beside them the predictions, which are too large to publish but let cells be compared."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from responses.data import ResponseData
from tactful.experiments import response_scores
from tactful.experiments.response_scores import UserScores, judged
from tactful.experiments.stats import Interval

DRAWS: Final = 1000
Floats = NDArray[np.float64]


class Cell(msgspec.Struct, frozen=True):
    """One model with one seed on one data set.

    Attributes:
        checksum: of the rows, negatives included: cells of other rows cannot be compared.
        rows, users: that were judged.
        scores: AUC, GAUC and log loss (nats) on the test rows, with 95 % intervals over users.
        setting: what was chosen on validation, by name.
        fit_cpu_seconds: to learn it once, tuning left out.
    """

    data: str
    checksum: str
    model: str
    seed: int
    rows: int
    users: int
    scores: dict[str, Interval]
    setting: dict[str, float]
    fit_cpu_seconds: float


Line = TypeVar("Line", bound=msgspec.Struct)


def read(path: Path, kind: type[Line]) -> list[Line]:
    """Returns the lines of a file; none if it is not there."""
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().splitlines()] if path.exists() else []


def cell(
    data: ResponseData, model: str, seed: int, p: Floats, setting: dict[str, float], fit_cpu_seconds: float
) -> Cell:
    """Returns the cell of predicted test rows."""
    scores = of_test(data, p)
    found = response_scores.intervals(scores, np.random.default_rng(0), DRAWS)
    return Cell(
        data=data.name,
        checksum=data.checksum,
        model=model,
        seed=seed,
        rows=len(data.test),
        users=len(scores.sums),
        scores={name: rounded(interval) for name, interval in found.items()},
        setting=setting,
        fit_cpu_seconds=round(fit_cpu_seconds, 1),
    )


def of_test(data: ResponseData, p: Floats, rows: NDArray[np.int64] | None = None) -> UserScores:
    """Returns the scores of predicted test rows, by user; of some of the rows, if they are given."""
    samples = data.test.samples
    chosen = np.arange(len(p)) if rows is None else rows
    return judged(p[chosen], samples.label[chosen] > 0.5, samples.user[chosen])


def rounded(interval: Interval) -> Interval:
    """Returns the interval to six decimals, which keeps files small."""
    return Interval(*(round(float(end), 6) for end in interval))


class Predictions:
    """Test predictions of all cells, in a folder that is not published."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder, which need not be there."""
        self._folder = folder

    def keep(self, data: ResponseData, model: str, seed: int, p: Floats) -> None:
        """Files predictions, in single precision."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(data, model, seed)
        beside = path.with_name(path.name + ".new")
        with beside.open("wb") as file:
            np.save(file, p.astype(np.float32))
        beside.replace(path)

    def kept(self, data: ResponseData, model: str) -> Iterator[tuple[int, Floats]]:
        """Yields seed and predictions of a model, by seed."""
        for path in sorted(self._folder.glob(f"{self._stem(data, model)}-*.npy")):
            yield int(path.stem.rpartition("-")[2]), np.load(path).astype(np.float64)

    def _path(self, data: ResponseData, model: str, seed: int) -> Path:
        return self._folder / f"{self._stem(data, model)}-{seed}.npy"

    def _stem(self, data: ResponseData, model: str) -> str:
        return f"{data.name}-{data.checksum[:8]}-{model}"


def seeds_of(cells: Sequence[Cell], data: str, model: str) -> list[Cell]:
    """Returns a model's cells on a data set, by seed."""
    return sorted((c for c in cells if (c.data, c.model) == (data, model)), key=lambda c: c.seed)
