"""Results, one a (data set, model, seed): a line of NDJSON to commit, and the sums by user to compare models with.

The sums are kept in a scratch folder, for they are large; cells that are on file but whose sums are not are computed
again when they are asked for.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from responses.data import ResponseData
from responses.simple import Fit
from tactful.experiments.response_scores import UserScores, intervals, judged
from tactful.experiments.stats import Interval
from volume_real.cells import append

DRAWS = 1000


class Cell(msgspec.Struct, frozen=True):
    """One model, fitted with one seed, judged on the test rows of one data set.

    Attributes:
        checksum: of the rows; cells of other rows are not compared.
        scores: AUC, GAUC and log loss with 95 % intervals over resamples of users.
        validation: the same measures on the validation rows, without intervals.
        settings: what tuning chose.
    """

    data: str
    checksum: str
    model: str
    seed: int
    users: int
    rows: int
    scores: dict[str, Interval]
    validation: dict[str, float]
    settings: dict[str, float]
    fit_cpu_seconds: float


def complete(
    load: Callable[[], ResponseData],
    name: str,
    models: Mapping[str, Fit],
    seeds: Sequence[int],
    results: Path,
    scratch: Path,
) -> None:
    """Computes the cells of a data set that are missing; the data set is loaded only if there are some.

    Args:
        load, name: the data set.
        models: how to fit each; a fit may tune itself on validation rows.
        seeds: of every model.
        results: a file a model is kept there, a cell a line.
        scratch: sums by user, a file a cell.
    """
    missing = [
        (model, seed)
        for model in models
        for seed in seeds
        if not (_sums(scratch, name, model, seed).exists() and _find(results, name, model, seed))
    ]
    if not missing:
        return
    data = load()
    for model, seed in missing:
        cell = _cell(data, model, models[model], seed, scratch)
        if _find(results, name, model, seed) is None:
            append(_file(results, name, model), iter([cell]))
        print(
            f"{name}, {model}, seed {seed}: " + ", ".join(f"{m} {v.value:.4f}" for m, v in cell.scores.items()),
            flush=True,
        )


def read(results: Path) -> list[Cell]:
    """Returns all cells on file."""
    lines = [line for path in sorted(results.glob("*.ndjson")) for line in path.read_bytes().splitlines()]
    return [msgspec.json.decode(line, type=Cell) for line in lines]


def user_scores(scratch: Path, cell: Cell) -> UserScores:
    """Returns the sums by user of a cell, for paired differences and means over seeds."""
    with np.load(_sums(scratch, cell.data, cell.model, cell.seed), allow_pickle=False) as file:
        return UserScores(float(file["auc"]), file["sums"])


def _cell(data: ResponseData, model: str, fit: Fit, seed: int, scratch: Path) -> Cell:
    began = time.process_time()
    fitted = fit(data, seed)
    seconds = time.process_time() - began
    tested, checked = (
        judged(fitted.predict(part), part.samples.label == 1, part.samples.user)
        for part in (data.test, data.validation)
    )
    path = _sums(scratch, data.name, model, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, auc=tested.auc, sums=tested.sums)
    found = intervals(tested, np.random.default_rng(0), DRAWS)
    return Cell(
        data=data.name,
        checksum=data.checksum,
        model=model,
        seed=seed,
        users=len(tested.sums),
        rows=len(data.test),
        scores={name: Interval(*(round(end, 6) for end in interval)) for name, interval in found.items()},
        validation={name: round(value, 6) for name, value in checked.values().items()},
        settings=fitted.settings,
        fit_cpu_seconds=round(seconds, 2),
    )


def _find(results: Path, name: str, model: str, seed: int) -> Cell | None:
    path = _file(results, name, model)
    cells = [msgspec.json.decode(line, type=Cell) for line in path.read_bytes().splitlines()] if path.exists() else []
    return next((cell for cell in cells if cell.seed == seed), None)


def _file(results: Path, name: str, model: str) -> Path:
    return results / f"{name}-{model.replace(' ', '_').replace('/', '-')}.ndjson"


def _sums(scratch: Path, name: str, model: str, seed: int) -> Path:
    return scratch / "sums" / f"{_file(Path(), name, model).stem}-{seed}.npz"
