"""Allocates the week's budgets of more people than fit into memory: partition by partition, and on where it stopped.

Each partition of people is scored by itself; the values go into its columns of one file, budgets first, which the
allocator maps and reads in place, block by block (`decision/volume/allocate.py`): so budgets are those that
`allocating.allocated` gives to the same people in memory, bit for bit. In memory are one chunk of people and two bytes
for each person; on disk 4 bytes a person and budget. Scoring is by far the most of it, and is kept: another total over
the same people takes passes over the values only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import UInt8
from numpy.typing import NDArray

from tactful.decision.volume.allocate import allocate_at_price, allocate_by_group
from tactful.errors import BudgetsStand
from tactful.features.segments import REACHES
from tactful.models.volume_response import VolumeResponse
from tactful.runtime.allocating import VALUE_OF_PRICE, Ask, totals, worth
from tactful.runtime.people_files import read_people, undrawn
from tactful.stores.partitions import PartitionedJob, partition_files, whole

JOB: Final = "allocate"
_VALUES, _REACH, _BUDGETS = "values.npy", "reach.npy", "budgets"
_AT_ONCE: Final = 1 << 20

Tell = Callable[[str, int, int], None]
"""Told (stage, people done, people in all)."""


class GroupOfFiles(msgspec.Struct, frozen=True):
    """One group that was given a total of its own (a reach segment, or `together`).

    Attributes:
        name: of the group.
        people: who got a budget.
        caps_today, caps_allowed, caps: sums of weekly budgets: those of today, allowed (None for a price), given.
        price: active days that 1,000 messages bring at the margin.
    """

    name: str
    people: int
    caps_today: float
    caps_allowed: float | None
    caps: float
    price: float


class FilesAllocation(msgspec.Struct, frozen=True):
    """What an allocation over files did: how many partitions were scored and kept as they were, and what was given.

    `value` is the sum that was maximised, in discounted active days a day; `by_budget` says how many people got each.
    """

    folder: str
    model_version: str
    goal: str
    amount: float
    people: int
    partitions: int
    scored: int
    kept: int
    k_min: int
    k_max: int
    value: float
    by_budget: tuple[int, ...]
    groups: tuple[GroupOfFiles, ...]


@dataclass(frozen=True)
class _Partition:
    """A file of people, and which columns of the values are theirs."""

    path: Path
    name: str
    columns: slice


@dataclass(frozen=True)
class _Sums:
    """By reach: people and their budgets of today; and what the values of all partitions were made of."""

    people: NDArray[np.int64]
    today: NDArray[np.float64]
    key: str
    scored: int


def allocate_files(
    people: Path, to: Path, model: VolumeResponse, ask: Ask, tell: Tell = lambda *_: None
) -> FilesAllocation:
    """Writes the budgets that make the most of what is asked for, one Parquet file (user, budget) a partition.

    Args:
        people: folder of files as `runtime/people_files.py` describes them.
        to: folder to write to: `budgets/` and, kept for the next time, the values. What is there already of the same
            people, model and settings is not made again.
        model: of their responses.
        ask: how much.
        tell: is told of the progress.

    Raises:
        BudgetsStand: nobody is there to get a budget.
        CannotExport: the folder is another job's, or another process works in it.
        UnreadableInput, InvalidFeatures: a file of people is damaged, or of another release.
        InfeasibleBudget, InvalidScores, OutsideTraining: as `allocating.allocated`.
    """
    k_max = model.k_trained if ask.k_max is None else ask.k_max
    settings = {"model": model.version, "k_max": k_max, "leaving": dict(ask.leaving)}
    with PartitionedJob(to, JOB, settings) as job:
        partitions = _partitions(people)
        n = partitions[-1].columns.stop
        if n == 0:
            raise BudgetsStand(f"got nobody in {people} whose budget is not drawn, expected people to give budgets to")
        _make_room(job, k_max + 1, n)
        sums = _score(job, partitions, model, ask, tell)
        tell("allocating", 0, 0)
        value, reach = np.load(to / _VALUES, mmap_mode="r"), np.load(to / _REACH, mmap_mode="r")
        budget, total, groups = _solved(value, reach, sums, ask)
        job.keep_only(_BUDGETS, [f"{_BUDGETS}/{partition.name}" for partition in partitions])
        for partition in partitions:
            _write_budgets(job, partition, budget, sums.key, ask)
            tell("writing budgets", partition.columns.stop, n)
    return FilesAllocation(
        folder=str(to),
        model_version=model.version,
        goal=ask.kind,
        amount=ask.amount,
        people=n,
        partitions=len(partitions),
        scored=sums.scored,
        kept=len(partitions) - sums.scored,
        k_min=ask.k_min,
        k_max=k_max,
        value=total,
        by_budget=tuple(_counts(budget, budget, k_max + 1)[0].tolist()),
        groups=groups,
    )


def _partitions(people: Path) -> list[_Partition]:
    """The files with their columns, in the order of their names."""
    found, start = [], 0
    for path in partition_files(people):
        stop = start + undrawn(path)
        found.append(_Partition(path, path.relative_to(people).as_posix(), slice(start, stop)))
        start = stop
    return found


def _make_room(job: PartitionedJob, budgets: int, n: int) -> None:
    """Makes the mapped files, unless they are there in this shape; what they hold is what receipts say."""
    for name, shape, dtype in ((_VALUES, (budgets, n), np.float32), (_REACH, (n,), np.uint8)):
        path = job.folder / name
        if not path.exists() or np.load(path, mmap_mode="r").shape != shape:
            job.forget(_VALUES)
            with whole(path) as partial:
                np.lib.format.open_memmap(partial, mode="w+", dtype=dtype, shape=shape).flush()


def _score(job: PartitionedJob, partitions: list[_Partition], model: VolumeResponse, ask: Ask, tell: Tell) -> _Sums:
    """Scores the partitions that are not, or not from these bytes."""
    n, keys, scored = partitions[-1].columns.stop, [], 0
    people, today = np.zeros(len(REACHES), dtype=np.int64), np.zeros(len(REACHES))
    for partition in partitions:
        columns = partition.columns
        key = job.key(job.print_of(partition.path), columns.start, n)
        told = job.told(_VALUES, key, of=partition.name)
        if told is None:
            told = _score_one(job.folder, partition, model, ask)
            job.note(_VALUES, key, of=partition.name, **told)
            scored += 1
        keys.append(key)
        people += told["people"]
        today += told["today"]
        tell("scoring", columns.stop, n)
    job.note_inputs()
    return _Sums(people, today, job.key(*keys), scored)


def _score_one(folder: Path, partition: _Partition, model: VolumeResponse, ask: Ask) -> dict[str, list[int]]:
    """Writes the columns of a partition; returns people and their budgets of today, by reach."""
    value, reach = (np.load(folder / name, mmap_mode="r+") for name in (_VALUES, _REACH))
    people, today = (np.zeros(len(REACHES), dtype=np.int64) for _ in range(2))
    start = partition.columns.start
    for some in read_people(partition.path):
        place = slice(start, start + len(some))
        value[:, place], reach[place] = worth(some, model, ask)[1], some.reach
        people += np.bincount(some.reach, minlength=len(REACHES))
        today += np.bincount(some.reach, some.k, minlength=len(REACHES)).astype(np.int64)
        start = place.stop
    value.flush()
    reach.flush()
    return {"people": people.tolist(), "today": today.tolist()}


def _solved(
    value: NDArray[np.float32], reach: NDArray[np.uint8], sums: _Sums, ask: Ask
) -> tuple[UInt8[np.ndarray, " n"], float, tuple[GroupOfFiles, ...]]:
    """Budgets, their value, and what was given to each group."""
    present = np.flatnonzero(sums.people)
    names = tuple(REACHES[place] for place in present)
    group, people, today = reach, sums.people[present], sums.today[present]
    if ask.together:
        names, people, today = ("together",), people.sum(keepdims=True), today.sum(keepdims=True)
        group = np.zeros(len(reach), dtype=np.uint8)
    elif len(present) < len(REACHES):
        group = np.searchsorted(present, np.arange(len(REACHES))).astype(np.uint8)[reach]
    if ask.kind == "price":
        theta, allowed = ask.amount * VALUE_OF_PRICE, None
        one = allocate_at_price(value, theta, ask.k_min)
        budget, price, total = one.budget, np.full(len(names), theta), one.value
    else:
        allowed = totals(ask, names, people, today)
        each = allocate_by_group(value, group, allowed, ask.k_min)
        budget, price, total = each.budget, each.price, float(each.value.sum())
    caps = _counts(group, budget, len(value), len(names)) @ np.arange(len(value))
    return (
        budget,
        total,
        tuple(
            GroupOfFiles(
                name=name,
                people=int(people[g]),
                caps_today=float(today[g]),
                caps_allowed=None if allowed is None else float(allowed[g]),
                caps=float(caps[g]),
                price=float(price[g]) / VALUE_OF_PRICE,
            )
            for g, name in enumerate(names)
        ),
    )


def _counts(group: NDArray[np.uint8], budget: NDArray[np.uint8], budgets: int, groups: int = 1) -> NDArray[np.int64]:
    """[groups, budgets]: how many people have which budget; some at a time, for counting takes 8 bytes each."""
    counts = np.zeros(groups * budgets, dtype=np.int64)
    for start in range(0, len(budget), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        cell = budget[part].astype(np.int64) + (group[part].astype(np.int64) * budgets if groups > 1 else 0)
        counts += np.bincount(cell, minlength=len(counts))
    return counts.reshape(groups, budgets)


def _write_budgets(
    job: PartitionedJob, partition: _Partition, budget: NDArray[np.uint8], values: str, ask: Ask
) -> None:
    output, asked = f"{_BUDGETS}/{partition.name}", (ask.kind, ask.amount, ask.headroom, ask.k_min, ask.together)
    key = job.key(values, partition.columns.start, *asked)
    if job.told(output, key) is not None:
        return
    schema = pa.schema([("user", pa.uint64()), ("budget", pa.uint8())])
    start = partition.columns.start
    with whole(job.folder / output) as partial, pq.ParquetWriter(partial, schema, compression="zstd") as writer:
        for some in read_people(partition.path):
            mine = budget[start : start + len(some)]
            writer.write_batch(pa.record_batch([pa.array(some.key), pa.array(mine)], schema=schema))
            start += len(some)
    job.note(output, key)
