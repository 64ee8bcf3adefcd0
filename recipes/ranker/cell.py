"""One rival with one seed, as it is kept in a file."""

import time
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ranker.rivals import Task, fitted
from tactful.experiments.stats import Interval
from tactful.features.ranking import RankInputs
from tactful.models.protocol import RankModel
from tactful.training.ranking.metrics import Cell, Judge
from tactful.training.ranking.select import taken

JOBS, CANDIDATES = 64, 32
_ROUNDS: Final = 5


class RankerCell(msgspec.Struct, frozen=True):
    """What is kept of a rival.

    Attributes:
        people: who got the judged messages.
        learned, judged, judged_random: messages; the last ones were sent at random.
        loss: weighted log loss over heads, with its 95 % interval over people.
        over: less that of other rivals of the same seed, on the same resamples of people.
        cells: by head and channel.
        cpu_s: of fitting, calibration and judging, one thread.
        candidates_per_s: of CPU time, 32 candidates a job, the person read anew for each job; None if it cannot serve.
    """

    rival: str
    seed: int
    people: int
    learned: int
    judged: int
    judged_random: int
    loss: Interval
    over: dict[str, Interval]
    cells: tuple[Cell, ...]
    cpu_s: float
    candidates_per_s: float | None


def make_cell(name: str, task: Task, scratch: Path) -> RankerCell:
    """Fits and judges a rival; what it says of the judged messages is kept in the scratch folder for the next ones."""
    began = time.process_time()
    found, judge = fitted(name, task), Judge(task.parts.judged)
    loss, cells = judge.loss(found.chances), judge.cells(found.chances)
    cpu_s = time.process_time() - began
    folder = scratch / f"chances-{task.seed}-{len(task.parts.judged)}"
    others = {file.stem: np.load(file) for file in sorted(folder.glob("*.npy")) if file.stem != name}
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{name}.npy", found.chances)
    return RankerCell(
        rival=name,
        seed=task.seed,
        people=len(np.unique(task.parts.judged.user)),
        learned=len(task.learn),
        judged=len(task.parts.judged),
        judged_random=int(task.parts.judged.random.sum()),
        loss=loss,
        over={other: judge.difference(found.chances, p) for other, p in others.items()},
        cells=cells,
        cpu_s=cpu_s,
        candidates_per_s=None if found.model is None else rate_of(found.model, task.parts.judged.inputs),
    )


def rate_of(model: RankModel, inputs: RankInputs) -> float:
    """Returns candidates a CPU second in jobs of 32, the best of five rounds."""
    jobs = _jobs(inputs)
    model.rank(jobs)
    seconds = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        model.rank(jobs)
        seconds.append(time.process_time() - began)
    return JOBS * CANDIDATES / min(seconds)


def _jobs(inputs: RankInputs) -> RankInputs:
    """Jobs of the first people, with candidates of the first messages in turn."""
    people = taken(inputs, np.arange(JOBS) % len(inputs.present))
    some = np.arange(JOBS * CANDIDATES) % len(inputs.present)

    def pool(column: NDArray[Any]) -> NDArray[Any]:
        return np.reshape(column[some, 0], (JOBS, CANDIDATES, *column.shape[2:]))

    columns = {name: pool(getattr(inputs, name)) for name in ("candidate", "candidate_ids", "present")}
    return RankInputs(**{**vars(people), **columns})
