"""Whole systems in a closed loop at equal volume, and everything together with one part taken out.

Source: issue 6 and design 6.4, 6.6; the published policy, and the daily budget that it replaced, are of Pinterest
Engineering, "NEP: Notification System and Relevance" (2024); arms, world and score are ours (`tactful.simulator`).
Command: python recipes/nep_arms.py [--users 10000] [--training 10000] [--seeds 21 22 ..] [--arms ..] [--slice]
Data: none; everything is simulated. For each seed one world teaches the models (four weeks of neutral exploration;
after it thirteen weeks of random budgets, and five of the default loop with simple predictors); in another the arms
live eight weeks, after four weeks of neutral exploration that cost all alike. Exploration has ten times its default
shares of user-days, in the log that rankers learn from and in every arm whose definition allows it.
Hardware: one x86-64 core a process; NUMBA_NUM_THREADS=1. Results: one JSON file a cell in recipes/results/nep_arms; a
second run makes only those that are missing. Worlds and models are kept in the scratch folder. `--slice` is a tiny run.
Expected: recipes/results/nep_arms/README.md, which the run writes from the cells.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jaxtyping
import msgspec
from rich.console import Console

from nep import newcomers, page
from nep.arms import ABLATIONS, ARMS, SYSTEMS, arm_of
from nep.cell import cell
from tactful.errors import InvalidExperiment
from tactful.simulator.bench import teach, worlds
from tactful.simulator.bench.teach import Sizes
from tactful.simulator.bound import dual_bound
from tactful.simulator.closed_loop import follow
from volume.cell import BoundCell

RESULTS: Final = Path(__file__).parent / "results" / "nep_arms"
VOLUME: Final = 2.5
"""Messages a user and week, over everyone: about three for each who can be reached."""
SEEDS: Final = (21, 22, 23, 24, 25)
"""Of whole systems; ablations have the first two."""
BOUND_USERS: Final = 1_000
"""People who stand for all of a world in its bound."""


@dataclass(frozen=True)
class Run:
    """Sizes and folders of a run; `teacher` is the seed whose models all arms have, None: each seed has its own."""

    sizes: Sizes
    results: Path
    scratch: Path
    teacher: int | None = None

    def taught_by(self, seed: int) -> int:
        """Returns the seed of the models with which a seed's arms decide."""
        return seed if self.teacher is None else self.teacher


def live(run: Run, name: str, seed: int) -> None:
    """Lives through one cell, unless it is there."""
    file = run.results / f"{name}-{seed}.json"
    if file.exists():
        return
    explored = worlds.explored("default", seed, run.sizes, run.scratch)
    teacher = run.taught_by(seed)
    arm = arm_of(name, teach.learned(teacher, run.sizes, run.scratch), explored).at_volume(VOLUME)
    write(file, cell(follow(explored, arm, run.sizes.days, seed), explored, seed, VOLUME))
    write(run.results / f"ranker-{teacher}.json", teach.report_of(teacher, run.sizes, run.scratch))


def bound(run: Run, seed: int) -> None:
    """Computes what no policy can exceed at the volume, unless it is there."""
    file = run.results / f"bound-{seed}.json"
    if file.exists():
        return
    explored = worlds.explored("default", seed, run.sizes, run.scratch)
    found = dual_bound(explored.world, run.sizes.days, VOLUME, users=min(BOUND_USERS, run.sizes.users))
    write(
        file,
        BoundCell(
            seed=seed, volume=VOLUME, value=found.value, silence=found.silence, price=found.price, error=found.error
        ),
    )


def refuse_other_sizes(run: Run) -> None:
    """Passes if the cells on file are of as many people and days as are asked for: a table of both would mislead.

    Raises:
        InvalidExperiment: they are not.
    """
    for cells in page.systems(run.results).values():
        for one in cells:
            if (one.users, one.days) != (run.sizes.users, run.sizes.days):
                raise InvalidExperiment(
                    f"got cells of {one.users:,} people and {one.days} days in {run.results}, expected "
                    f"{run.sizes.users:,} and {run.sizes.days}; give another --results, or --users {one.users}"
                )


def write(file: Path, found: msgspec.Struct) -> None:
    """Writes JSON with indents, under another name first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    part.rename(file)


def make(run: Run, seeds: Sequence[int], names: Sequence[str], with_bound: bool, with_newcomers: bool) -> None:
    """Makes what is missing: seed by seed the systems, then the ablations, the bounds and the newcomers."""
    console = Console()
    jobs = [(name, seed) for seed in seeds for name in names if name in SYSTEMS]
    jobs += [(name, seed) for seed in SEEDS[:2] if seed in seeds for name in names if name in ABLATIONS]
    for name, seed in jobs:
        live(run, name, seed)
        console.print(f"{name} {seed}")
    for seed in seeds if with_bound else ():
        bound(run, seed)
        console.print(f"bound {seed}")
    for seed in seeds if with_newcomers else ():
        for name in newcomers.ARMS:
            file = run.results / f"newcomers-{name}-{seed}.json"
            if not file.exists():
                write(file, newcomers.live(name, seed, run.taught_by(seed), run.sizes, run.scratch, VOLUME))
            console.print(f"newcomers {name} {seed}")


def main(words: Sequence[str] | None = None) -> None:
    """Makes what is missing, and writes the tables."""
    parser = argparse.ArgumentParser(description="Whole systems in a closed loop at equal volume, simulated.")
    parser.add_argument("--users", type=int, default=Sizes.users, help="people of each scored world")
    parser.add_argument("--training", type=int, default=Sizes.training, help="people of each world that teaches")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--teacher", type=int, help="one seed whose models all take, instead of each its own")
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=list(ARMS))
    parser.add_argument("--no-bound", action="store_true", help="leave the bounds for another run")
    parser.add_argument("--no-newcomers", action="store_true", help="leave the newcomers for another run")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "tactful-nep-arms")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the tables between the markers of a page")
    parser.add_argument("--slice", action="store_true", help="a few hundred people, a week, two seeds")
    chosen = parser.parse_args(words)
    jaxtyping.config.update("jaxtyping_disable", True)  # shape checks are for tests, and cost thrice the run
    sizes = Sizes(chosen.users, chosen.training)
    seeds: Sequence[int] = chosen.seeds
    if chosen.slice:
        sizes, seeds = Sizes(200, 400, 7, 12, 49, 14), SEEDS[:1]
    run = Run(sizes, chosen.results, chosen.scratch, chosen.teacher)
    refuse_other_sizes(run)
    make(run, seeds, chosen.arms, not chosen.no_bound and not chosen.slice, not chosen.no_newcomers)
    page.write(run.results)
    if chosen.page:
        told = page.filled(chosen.page.read_text(encoding="utf-8"), run.results)
        chosen.page.write_text(told, encoding="utf-8")


if __name__ == "__main__":
    main()
