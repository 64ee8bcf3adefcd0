"""Makes the cells that are missing: worlds, arms, volumes and seeds are a plan, a file each what came of it.

A stopped run goes on where it was; several processes may share a folder if they are given different worlds or seeds.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tactful.errors import InvalidExperiment
from tactful.events.declaration import nearest
from tactful.simulator.arms.budgeted import Budgeted
from tactful.simulator.arms.policy import Arm
from tactful.simulator.arms.uber_plan import UberPlan
from tactful.simulator.bench import teach, worlds
from tactful.simulator.bench.arms import ARMS, ORACLES
from tactful.simulator.bench.cell import BoundCell, Setting, cell, cells, write
from tactful.simulator.bench.prepared import prepared
from tactful.simulator.bench.teach import Sizes
from tactful.simulator.bound import dual_bound
from tactful.simulator.closed_loop import Explored, follow
from tactful.simulator.scoring import at_equal_volume

VOLUME: Final = 2.5
"""Messages a user and week, over everyone: about three for each who can be reached."""
SEEDS: Final = (21, 22, 23, 24, 25)
"""Of the worlds that are scored."""
CALIBRATION_SEED: Final = 1000
"""Of the worlds in which arms are set that do not hold their volume by themselves; they are not scored."""
TEACHER: Final = 9
"""Of the one world that teaches the models of every arm (`teach.TRAINING_SEED` is added)."""
TIMES: Final = (0.5, 0.75, 1.0, 1.5, 2.0)
"""Multiples of the volume at which opens and unsubscribes are traded."""
BOUND_USERS: Final = 600
"""People who stand for all of a world in its bound."""
SENDS_NOTHING: Final = "silence"


@dataclass(frozen=True)
class Bench:
    """Sizes and folders of a run."""

    sizes: Sizes
    results: Path
    scratch: Path
    teacher: int = TEACHER


class Job(NamedTuple):
    """One cell: an arm in a world of a seed, at a multiple of the volume."""

    world: str
    seed: int
    arm: str
    times: float


def jobs(names: Iterable[str], arms: Iterable[str], seeds: Iterable[int], times: Iterable[float]) -> list[Job]:
    """Returns every cell that is asked for, world by world and seed by seed; silence has one volume.

    Raises:
        InvalidExperiment: for an arm or a world that nobody knows.
    """
    arms, times = list(arms), list(times)
    for arm in arms:
        if arm not in ARMS:
            raise InvalidExperiment(f"got the arm {arm!r}, expected {nearest(arm, ARMS)}")
    for name in names:
        worlds.maker(name)
    every = [Job(name, seed, arm, by) for name in names for seed in seeds for by in times for arm in arms]
    return [job for job in every if job.arm != SENDS_NOTHING or job.times == times[0]]


def missing(bench: Bench, wanted: Iterable[Job]) -> Iterator[Job]:
    """Yields the jobs without a file.

    Raises:
        InvalidExperiment: cells of that world on file are of another size: a table of both would mislead.
    """
    wanted = list(wanted)
    size = (bench.sizes.users, bench.sizes.days)
    for one in cells(bench.results):
        if one.world in {job.world for job in wanted} and (one.users, one.days) != size:
            raise InvalidExperiment(
                f"got cells of {one.users:,} people and {one.days} days of the world {one.world} in {bench.results}, "
                f"expected {size[0]:,} and {size[1]}; give another --results, or --users {one.users}"
            )
    yield from (job for job in wanted if not cell_file(bench, job).exists())


def live(bench: Bench, job: Job) -> None:
    """Lives through one cell and writes it."""
    explored = worlds.explored(job.world, job.seed, bench.sizes, bench.scratch)
    volume = 0.0 if job.arm == SENDS_NOTHING else VOLUME * job.times
    arm = _at_volume(bench, job, volume, explored)
    began = time.process_time()
    result = follow(explored, arm, bench.sizes.days, job.seed)
    took = time.process_time() - began
    write(cell_file(bench, job), cell(result, job.world, job.arm, job.seed, job.times, volume, took))


def bound(bench: Bench, world: str, seed: int) -> None:
    """Computes what no policy can exceed in a default world at the volume, unless it is there."""
    file = bench.results / _folder(world) / f"bound-{seed}.json"
    if file.exists():
        return
    explored = worlds.explored(world, seed, bench.sizes, bench.scratch)
    people = min(BOUND_USERS, bench.sizes.users)
    found = dual_bound(explored.world, bench.sizes.days, VOLUME, users=people)
    made = BoundCell(
        world=world,
        seed=seed,
        volume=VOLUME,
        people=people,
        value=found.value,
        silence=found.silence,
        price=found.price,
        error=found.error,
    )
    write(file, made)


def cell_file(bench: Bench, job: Job) -> Path:
    """Returns where a cell is kept."""
    return bench.results / _folder(job.world) / f"cell-{job.arm}-{job.seed}-{job.times:g}.json"


def _at_volume(bench: Bench, job: Job, volume: float, explored: Explored) -> Arm:
    """The arm at its volume; one that neither budgets nor a plan correct is set on the calibration world first."""
    arm = _arm(bench, job.arm, explored).at_volume(volume)
    if isinstance(arm, Budgeted | UberPlan) or job.arm == SENDS_NOTHING:
        return arm
    file = bench.results / _folder(job.world) / f"setting-{job.arm}-{job.times:g}.json"
    if not file.exists():
        other = worlds.explored(job.world, CALIBRATION_SEED, bench.sizes, bench.scratch)
        mine = _arm(bench, job.arm, other).at_volume(volume)
        found, reached = at_equal_volume(mine, [other], bench.sizes.days, volume)
        write(file, Setting(job.world, job.arm, job.times, found.per_user_per_week, reached))
    return arm.at_volume(msgspec.json.decode(file.read_bytes(), type=Setting).per_user_per_week)


def _arm(bench: Bench, name: str, explored: Explored) -> Arm:
    models = teach.learned(bench.teacher, bench.sizes, bench.scratch)
    truth = explored.world.truth() if name in ORACLES else None
    return ARMS[name](prepared(explored.log, models, truth))


def _folder(world: str) -> str:
    return world.replace(":", ".").replace("*", "-times-").replace("/", "-")
