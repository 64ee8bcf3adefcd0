"""Which hours: rules of planning on what different sources say of a person's hours, with nothing else that differs.

Everybody gets as many sends a day in every arm, each with the same content and channel; only the slots differ
(`tactful.simulator.timing_only`). Simulated: people after 28 days of exploration at random hours, from which every
source has its say once, live 28 days under each arm.

Source: issue 4 and design 6.2, 6.6; TIM's rule is of "TIM: Temporal Interaction Model in Notification System"
(Kuaishou, 2024); world and score are ours.
Command: `python recipes/timing_arms.py --bound --pictures --page docs/explanation/timing-simulated.md`
Data: none. Seeds: worlds 1 to 5; the slot model learns in world 100.
Hardware: two x86-64 cores shared with other work, about 30 minutes of one core. Results: a line a cell in
`results/timing_arms`; a second run lives through the missing ones only. `--seeds` and `--sources` choose a part, for
several processes; `--slice` is a tiny run. Expected: the tables of the page.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import jaxtyping
import msgspec

from tactful.simulator.bound import dual_bound
from tactful.simulator.timing_only import Stage
from timing_simulated import page, pictures, portraits, stage
from timing_simulated.cell import Ceiling, ceilings, lived, read, silence
from timing_simulated.planned_volume import engine_days
from timing_simulated.profiles import Profile

RESULTS: Final = Path(__file__).resolve().parent / "results" / "timing_arms"
SEEDS: Final = (1, 2, 3, 4, 5)
WHOLE: Final = (1, 3)
"""Quotas at which every rule reads every source."""
READERS: Final = ("best_hour", "tim", "sampler", "sampler3", "best")
"""Rules that read a profile."""
SOURCES: Final = ("histogram", "true", "model")
"""What every rule reads at a whole quota; at the others only the first and the last rule do."""
ABLATION: Final = "without_attention"
"""The slot model that takes the mean of the days."""
OTHERS: Final = (
    "everyone", "visits", "answers", "posterior", "true_active", "true_new", "model_active", "model_new",
    "model_smooth", ABLATION, "boosted", "boosted_active",
)  # fmt: skip
"""What only the best slots are read from."""


class Arm(NamedTuple):
    """A rule on a source at a quota; source "" where the rule reads none."""

    rule: str
    source: str
    q: int


@dataclass(frozen=True)
class Sizes:
    """People of each world, local days of exploration and of the run, user-days to learn from, people in the bound.

    `quotas` are in the order in which they are lived through.
    """

    users: int = 10_000
    warm_up: int = 28
    days: int = 28
    rows: int = 90_000
    bound_users: int = 600
    quotas: tuple[int, ...] = (1, 3, 2, 5)


def arms(quotas: Sequence[int]) -> Iterator[Arm]:
    """Yields every arm but silence."""
    for q in quotas:
        yield from (Arm(rule, "", q) for rule in ("nine", "even"))
        rules = READERS if q in WHOLE else ("best_hour", "best")
        yield from (Arm(rule, source, q) for source in SOURCES for rule in rules)
        yield from (Arm("best", source, q) for source in OTHERS if q in WHOLE)


def live_through(seed: int, sizes: Sizes, results: Path, scratch: Path, sources: Sequence[str]) -> None:
    """Lives through the missing cells of a seed, of arms that read one of the sources (or none)."""
    file = results / f"seed-{seed}.ndjson"
    done = {(c.rule, c.source, c.q) for c in read(results) if c.seed == seed}
    missing = [arm for arm in arms(sizes.quotas) if arm not in done and arm.source in ("", *sources)]
    if not missing and ("silence", "", 0) in done:
        return
    world = stage.explored(seed, sizes.users, sizes.warm_up, scratch)
    said = _said(world, seed, sizes, scratch, {arm.source for arm in missing})
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as out:
        if ("silence", "", 0) not in done:
            out.write(_line(silence(world, sizes.days, seed)))
        for arm in missing:
            p = said[arm.source or "true"]
            out.write(_line(lived(world, arm.rule, arm.source, p, said["true"], arm.q, sizes.days, seed)))
            out.flush()


def _said(world: Stage, seed: int, sizes: Sizes, scratch: Path, sources: set[str]) -> Mapping[str, Profile]:
    """The profiles that are needed; models are fitted first if theirs are among them."""
    name = f"{seed}-{sizes.users}-{sizes.warm_up}.pickle"
    said = stage.simple_and_true(world, scratch / f"profiles-{name}")
    if any(source.startswith("model") for source in sources):
        net = stage.slot_model(sizes.users, sizes.warm_up, sizes.rows, scratch)
        said = {**said, **stage.modelled(world, net, scratch / f"modelled-{name}")}
    if any(source.startswith("boosted") for source in sources):
        trees = stage.boosted_model(sizes.users, sizes.warm_up, scratch)
        said = {**said, **stage.boosted_profiles(world, trees, scratch / f"boosted-{name}")}
    if ABLATION in sources:
        net = stage.slot_model(sizes.users, sizes.warm_up, sizes.rows, scratch, attends=False)
        said = {**said, ABLATION: stage.modelled(world, net, scratch / f"ablated-{name}")["model"]}
    return said


def bound(seed: int, sizes: Sizes, results: Path, scratch: Path) -> None:
    """Computes the ceiling of a seed at seven messages a week, what one a day may come to at most."""
    file = results / f"bound-{seed}.json"
    if file.exists():
        return
    world = stage.explored(seed, sizes.users, sizes.warm_up, scratch)
    found = dual_bound(world.world, sizes.days + 1, 7.0, users=sizes.bound_users)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_line(Ceiling(seed, found.per_user_per_week, found.gain, found.error)))


def portray(sizes: Sizes, results: Path, scratch: Path) -> None:
    """Makes what the pictures show, unless it is there, and draws them."""
    seed = SEEDS[0]
    world = stage.explored(seed, sizes.users, sizes.warm_up, scratch)
    net = stage.slot_model(sizes.users, sizes.warm_up, sizes.rows, scratch)
    made: dict[str, Callable[[], object]] = {
        "attention": lambda: portraits.attention(world, net),
        "clusters": lambda: portraits.clusters(world, _said(world, seed, sizes, scratch, {"model"})),
        "planned_volume": lambda: engine_days(seed, users=2_000, skipped=14, days=7, per_user_per_week=3.0),
    }
    for name, make_it in made.items():
        if not (results / f"{name}.json").exists():
            (results / f"{name}.json").write_bytes(msgspec.json.encode(make_it()) + b"\n")
    pictures.write(results)


def main(words: Sequence[str] | None = None) -> None:
    """Lives through the missing cells and shows all."""
    arguments = _arguments(words)
    jaxtyping.config.update("jaxtyping_disable", True)  # shape checks are for tests, and cost thrice the run
    sizes = Sizes(80, 5, 2, 100, 20, quotas=(2,)) if arguments.slice else Sizes()
    folder = arguments.results / "slice" if arguments.slice else arguments.results
    for seed in () if arguments.no_run else arguments.seeds:
        live_through(seed, sizes, folder, arguments.scratch, arguments.sources)
        if arguments.bound:
            bound(seed, sizes, folder, arguments.scratch)
    if arguments.pictures:
        portray(sizes, folder, arguments.scratch)
    tables = page.tables(read(folder), ceilings(folder))
    if arguments.page:
        arguments.page.write_text(page.filled(arguments.page.read_text(encoding="utf-8"), tables), encoding="utf-8")
    print("\n\n".join(tables))


def _line(cell: msgspec.Struct) -> bytes:
    return msgspec.json.encode(cell) + b"\n"


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Which hours: rules of planning and sources of profiles, simulated.")
    every = [*SOURCES, *OTHERS]
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, help="worlds that are scored")
    parser.add_argument("--sources", nargs="+", choices=every, default=every, help="only arms that read these, or none")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where cells are kept")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "tactful-timing-arms")
    parser.add_argument("--slice", action="store_true", help="80 people, two days, two sends a day")
    parser.add_argument("--bound", action="store_true", help="compute the ceilings of the seeds, too")
    parser.add_argument("--pictures", action="store_true", help="draw the pictures, too")
    parser.add_argument("--no-run", action="store_true", help="compute nothing, show the cells on file")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the tables between the markers of a page")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
