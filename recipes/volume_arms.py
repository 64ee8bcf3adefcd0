"""Volume arms at equal volume: who should get how many messages, by rules as old as cool-downs and by learned curves.

Source: issue 3 and design 6.1, 6.6; the paper's rules are of Zhao et al., "Notification Volume Control and
Optimization System at Pinterest", KDD 2018; arms, world and score are ours (`tactful.simulator`).
Command: python recipes/volume_arms.py [--users 20000] [--training 40000] [--workers 2] [--scratch FOLDER] [--slice]
Data: none; everything is simulated. For each seed volume is randomised in a world that is not scored; the arms live
eight weeks in another, after four weeks of neutral exploration that cost all alike. One delivery, one total a week
in each reach segment; only the rule differs that shares it out.
Hardware: two x86-64 cores, one core a cell. Results: one JSON file a cell in recipes/results/volume_arms; a second
run makes only those that are missing. Worlds and models are kept in the scratch folder. `--slice` is a tiny run for CI.
Expected: recipes/results/volume_arms/README.md, which the run writes from the cells.
"""

import argparse
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import jaxtyping
import msgspec
from rich.console import Console

from tactful.simulator import closed_loop
from tactful.simulator.arms.budgeted import Budgeted
from tactful.simulator.arms.hand_caps import HandCaps
from tactful.simulator.arms.policy import Arm
from tactful.simulator.arms.silence import Silence
from tactful.simulator.arms.true_curves import TrueCurves
from tactful.simulator.arms.volume_rules import RULES
from tactful.simulator.bench.lifts import default_world
from tactful.simulator.bound import dual_bound
from tactful.simulator.closed_loop import Explored
from volume import curves, page, stage, trap
from volume.cell import BoundCell, cell

RESULTS: Final = Path(__file__).parent / "results" / "volume_arms"
VOLUME: Final = 2.5
"""Messages a user and week, over everyone: about three planned for each who can be reached."""
WEEKLY: Final = "discounted_weekly"
"""Ours with the shipped default: active weeks are the objective of the low activity states."""
ARMS: Final = ("silence", "hand_caps", *RULES, WEEKLY, "true_curves")
SEEDS: Final = (11, 12, 13, 14, 15)
TIMES: Final = (0.5, 0.75, 1.0, 1.5, 2.0)
FRONTIER: Final = ("uniform", "kdd18_exact", "discounted")
FRONTIER_SEEDS: Final = SEEDS[:2]
BOUND_USERS: Final = 2_000
"""People who stand for all of a world in its bound."""


@dataclass(frozen=True)
class Sizes:
    """How much is lived through: people of each kind of world, and days.

    `users` are those of a scored world, `frontier` those of a scored world at other volumes, `training` those whom
    models learn from, `curves` those on whom they are compared with the truth, and who fall into the trap.
    """

    users: int = 20_000
    frontier: int = 10_000
    training: int = 40_000
    curves: int = 10_000
    days: int = 56
    warm_up: int = closed_loop.WARM_UP_DAYS
    learning: int = stage.LEARNING_DAYS


@dataclass(frozen=True)
class Run:
    """Sizes and folders of a run."""

    sizes: Sizes
    results: Path
    scratch: Path


def prepare(run: Run, seed: int) -> None:
    """Explores the scored worlds of a seed, and learns in its other world."""
    for users in (run.sizes.users, *([run.sizes.frontier] if seed in FRONTIER_SEEDS else [])):
        stage.explored(seed, users, run.scratch, run.sizes.warm_up)
    report = stage.learn(seed, run.sizes.training, run.scratch, run.sizes.warm_up, run.sizes.learning)
    write(run.results / f"models-{seed}.json", report)


def live(run: Run, name: str, seed: int, times: float | None = None) -> None:
    """Lives through one cell, of the frontier if a multiple of the volume is given."""
    users = run.sizes.users if times is None else run.sizes.frontier
    explored = stage.explored(seed, users, run.scratch, run.sizes.warm_up)
    volume = VOLUME * (1.0 if times is None else times)
    result = closed_loop.follow(
        explored, arm_of(name, seed, explored, run.scratch).at_volume(volume), run.sizes.days, seed
    )
    write(cell_file(run, name, seed, times), msgspec.json.encode(cell(result, explored, seed, volume)))


def arm_of(name: str, seed: int, explored: Explored, scratch: Path) -> Arm:
    """Returns an arm with the models of its seed; only the true curves see the world's truth."""
    if name == "silence":
        return Silence()
    learned, lifts = stage.learned(seed, scratch, weekly=name == WEEKLY)
    if name == "hand_caps":
        return Budgeted(name, RULES["uniform"], learned, delivery=HandCaps().prepare)
    if name == "true_curves":
        return Budgeted(
            name, TrueCurves.of(default_world(explored).truth(), learned.fill, lifts.click, lifts.leave), learned
        )
    return Budgeted(name, RULES["discounted" if name == WEEKLY else name], learned)


def bound(run: Run, seed: int) -> None:
    """Computes what no policy can exceed at the volume."""
    explored = stage.explored(seed, run.sizes.users, run.scratch, run.sizes.warm_up)
    found = dual_bound(explored.world, run.sizes.days, VOLUME, users=BOUND_USERS)
    made = BoundCell(
        seed=seed, volume=VOLUME, value=found.value, silence=found.silence, price=found.price, error=found.error
    )
    write(cell_file(run, "bound", seed), msgspec.json.encode(made))


def compare_curves(run: Run) -> None:
    """Compares the curves of the first seed with the truth."""
    learned, lifts = stage.learned(SEEDS[0], run.scratch)
    found = curves.compare(learned, lifts, run.sizes.curves, run.sizes.days, run.sizes.warm_up)
    write(run.results / "curves.json", msgspec.json.encode(found))


def set_trap(run: Run) -> None:
    """Learns from the habit's volume, which nobody drew."""
    learned, _ = stage.learned(SEEDS[0], run.scratch)
    found = trap.spring(learned, run.sizes.curves, run.sizes.warm_up, run.sizes.learning)
    write(run.results / "trap.json", msgspec.json.encode(found))


def cell_file(run: Run, name: str, seed: int, times: float | None = None) -> Path:
    """Returns where a cell is kept."""
    return run.results / (f"{name}-{seed}.json" if times is None else f"frontier-{name}-{seed}-{times:g}.json")


def write(file: Path, data: bytes) -> None:
    """Writes JSON with indents, under another name first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.format(data, indent=1) + b"\n")
    part.rename(file)


Job: TypeAlias = tuple[Path, Callable[..., None], tuple[object, ...]]
"""The file that it makes, what makes it, and with which arguments."""


def jobs_of_seed(run: Run, seed: int) -> list[Job]:
    """Returns what needs the worlds and models of one seed only."""
    arms = [(cell_file(run, name, seed), live, (run, name, seed)) for name in ARMS]
    return [*arms, (cell_file(run, "bound", seed), bound, (run, seed))]


def other_jobs(run: Run) -> list[Job]:
    """Returns the rest: curves, the trap, and the frontier."""
    frontier = [
        (cell_file(run, name, seed, times), live, (run, name, seed, times))
        for seed in FRONTIER_SEEDS
        for times in TIMES
        for name in FRONTIER
    ]
    return [
        (run.results / "curves.json", compare_curves, (run,)),
        (run.results / "trap.json", set_trap, (run,)),
        *frontier,
    ]


def main() -> None:
    """Makes what is missing, and writes tables and pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=Sizes.users)
    parser.add_argument("--training", type=int, default=Sizes.training)
    parser.add_argument("--frontier", type=int, default=Sizes.frontier)
    parser.add_argument("--curves", type=int, default=Sizes.curves)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "tactful-volume-arms")
    parser.add_argument("--slice", action="store_true", help="a few hundred people, a week, one seed, in this process")
    chosen = parser.parse_args()
    if chosen.slice:
        slice_of(chosen.results, chosen.scratch)
        return
    sizes = Sizes(chosen.users, chosen.frontier, chosen.training, chosen.curves)
    run = Run(sizes, chosen.results, chosen.scratch)
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # read by the workers: each is one core's
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.workers, mp_context=context, initializer=unchecked) as pool:
        make(run, pool)
    page.write(run.results)


def make(run: Run, pool: ProcessPoolExecutor) -> None:
    """Makes what has no file: of each seed first its worlds and models, then what needs them."""
    console = Console()
    seeds = {pool.submit(prepare, run, seed): seed for seed in SEEDS if not kept(run, seed)}
    jobs = [submitted(pool, jobs_of_seed(run, seed)) for seed in SEEDS if kept(run, seed)]
    for done in as_completed(seeds):
        done.result()
        console.print(f"worlds and models of seed {seeds[done]}")
        jobs.append(submitted(pool, jobs_of_seed(run, seeds[done])))
    jobs.append(submitted(pool, other_jobs(run)))
    for job in as_completed(merged := {job: name for some in jobs for job, name in some.items()}):
        job.result()
        console.print(merged[job])


def submitted(pool: ProcessPoolExecutor, jobs: list[Job]) -> dict["Future[None]", str]:
    """Hands in the jobs whose file is missing."""
    return {pool.submit(task, *words): file.stem for file, task, words in jobs if not file.exists()}


def kept(run: Run, seed: int) -> bool:
    """Whether a seed's models are still there, with their report."""
    return (run.scratch / f"learned-{seed}.pickle").exists() and (run.results / f"models-{seed}.json").exists()


def slice_of(results: Path, scratch: Path) -> None:
    """Lives through one of everything, tiny; a fresh folder each time."""
    sizes = Sizes(users=200, frontier=200, training=600, curves=200, days=7, warm_up=8, learning=7 * 7)
    run = Run(sizes, results, scratch)
    unchecked()
    prepare(run, SEEDS[0])
    for name in ARMS:
        live(run, name, SEEDS[0])
    compare_curves(run)
    set_trap(run)


def unchecked() -> None:
    """Switches the shape checks off, which only tests need."""
    jaxtyping.config.update("jaxtyping_disable", True)


if __name__ == "__main__":
    main()
