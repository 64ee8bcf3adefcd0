"""Results, one a (data set, model, seed): a line of NDJSON to commit, and predictions to compare models with.

Predictions are large, so they rest in a scratch folder; a cell on file is not computed again for want of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from responses.data import ResponseData
from tactful.experiments.response_scores import UserScores, intervals, judged
from tactful.experiments.stats import Interval

DRAWS: Final = 1000
T = TypeVar("T", bound=msgspec.Struct)
Floats = NDArray[np.float64]


class Cell(msgspec.Struct, frozen=True):
    """One model, fitted with one seed, judged on the test rows of one data set.

    Attributes:
        checksum: of the rows; cells of other rows are not compared.
        users, rows: that it was judged on.
        scores: AUC, GAUC and log loss with 95 % intervals over resamples of users.
        settings: what tuning chose.
        fit_cpu_seconds: of the fit with the chosen settings.
    """

    data: str
    checksum: str
    model: str
    seed: int
    users: int
    rows: int
    scores: dict[str, Interval]
    settings: dict[str, float]
    fit_cpu_seconds: float


class Predictions:
    """The predictions of the test rows, a file a (data set, model, seed) in a folder; of other rows, none is found."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder, which need not be there."""
        self._folder = folder

    def keep(self, data: ResponseData, model: str, seed: int, p: Floats) -> None:
        """Writes the probabilities of all test rows."""
        self._folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(self._folder / f"{_stem(data, model)}{seed}.npz", p=p.astype(np.float32))

    def kept(self, data: ResponseData, model: str) -> Iterator[tuple[int, Floats]]:
        """Yields seeds, rising, and their predictions."""
        stem = _stem(data, model)
        seeds = [int(path.stem.removeprefix(stem)) for path in self._folder.glob(f"{stem}*.npz")]
        for seed in sorted(seeds):
            with np.load(self._folder / f"{stem}{seed}.npz", allow_pickle=False) as file:
                yield seed, file["p"].astype(np.float64)


def cell(
    data: ResponseData, model: str, seed: int, p: Floats, settings: Mapping[str, float], fit_cpu_seconds: float
) -> Cell:
    """Returns the cell of predictions of all test rows."""
    scores = of_test(data, p)
    return Cell(
        data=data.name,
        checksum=data.checksum,
        model=model,
        seed=seed,
        users=len(scores.sums),
        rows=len(data.test),
        scores={m: rounded(i) for m, i in intervals(scores, np.random.default_rng(0), DRAWS).items()},
        settings=dict(settings),
        fit_cpu_seconds=round(fit_cpu_seconds, 2),
    )


def of_test(data: ResponseData, p: Floats, rows: NDArray[np.int64] | None = None) -> UserScores:
    """Returns the scores of predictions of all test rows, judged on some of them or on all."""
    samples = data.test.samples
    chosen = np.arange(len(samples)) if rows is None else rows
    return judged(p[chosen], samples.label[chosen] == 1, samples.user[chosen])


def seeds_of(cells: Sequence[Cell], data: str, model: str) -> list[Cell]:
    """Returns the cells of one model on one data set, by seed."""
    return sorted((c for c in cells if (c.data, c.model) == (data, model)), key=lambda c: c.seed)


def read(path: Path, kind: type[T]) -> list[T]:
    """Returns the lines of a file; none if it is not there."""
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().splitlines()] if path.exists() else []


def rounded(interval: Interval) -> Interval:
    """Returns the interval to six decimals."""
    return Interval(*(round(end, 6) for end in interval))


def _stem(data: ResponseData, model: str) -> str:
    return f"{data.name}-{data.checksum[:8]}-{model.replace(' ', '_')}-"
