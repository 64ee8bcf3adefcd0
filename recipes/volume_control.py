"""The volume controller and its rivals on a plant with eight disturbances: what does a price of sends hold?

Source: issue 6 (the volume controller) and design 6.4. Rivals: a fixed threshold, yesterday's quantile, a textbook PID
on the raw threshold (`simple-pid`), the two forms that the text of Pinterest's "NEP: Notification System and Relevance"
(2024) admits, and the sum of errors of our first design.
Command: python recipes/volume_control.py [--results FOLDER] [--slice]
Data: none; everything is simulated by `controller/plant.py`: four segments of 20,200 people, about 40,000 jobs and
7,200 sends a day, 24 days (38 where weekends differ). Gains are tuned on seeds 101 and 102, twelve places a rule; seeds
1 to 5 are scored.
Hardware: one core, about ten minutes. Results: one JSON file a disturbance in recipes/results/volume_control; a second
run makes only those that are missing. `--slice` is a tiny run for CI.
Expected: recipes/results/volume_control/README.md, which the run writes from the cells.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Final

import jaxtyping
import msgspec
from rich.console import Console

from controller import page, pictures, tune
from controller.contestants import CONTESTANTS, OURS
from controller.disturbance import ARMS, EVERY, SEVEN, Disturbance
from controller.follow import Trace, days_of, follow
from controller.judge import ArmsGap, Verdict, judge, judge_arms
from controller.pictures import Shown
from controller.plant import SEGMENTS, Plant, Segment
from controller.rules import Tactful, best_constant
from controller.tune import Tried

RESULTS: Final = Path(__file__).parent / "results" / "volume_control"
SEEDS: Final = (1, 2, 3, 4, 5)
SHOWN: Final = (SEVEN[1], SEVEN[8])
"""Whose prices are drawn, hour by hour: a daily cycle, and a model swap that nobody announced."""


def play(
    what: Disturbance, tried: list[Tried], seeds: tuple[int, ...], segments: tuple[Segment, ...] = SEGMENTS
) -> tuple[list[Verdict], dict[str, Trace]]:
    """Returns every rule's measures for every seed, and the traces of the first."""
    start = best_constant(tune.START_SEED, what, segments=segments)
    verdicts, traces = [], {}
    for seed in seeds:
        plant = Plant(seed, what, segments)
        days = days_of(plant)
        for one in CONTESTANTS:
            trace = follow(one.make(plant, start, tune.best(tried, one)), plant, days)
            verdicts.append(judge(one.name, what, seed, trace))
            if seed == seeds[0]:
                traces[one.name] = trace
    return verdicts, traces


def play_arms(seeds: tuple[int, ...], segments: tuple[Segment, ...] = SEGMENTS) -> list[ArmsGap]:
    """Returns how far apart two arms were: each on its half of the plan, and the second following the first."""
    found = []
    for seed in seeds:
        plant = Plant(seed, ARMS, segments)
        days = days_of(plant)
        traces = [follow(Tactful(plant, follows=follows), plant, days) for follows in (False, True)]
        found += [judge_arms(seed, bool(follows), trace) for follows, trace in enumerate(traces)]
    return found


def main() -> None:
    """Makes what is missing, and writes tables and pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--slice", action="store_true", help="few people, one seed, one disturbance")
    chosen = parser.parse_args()
    jaxtyping.config.update("jaxtyping_disable", True)
    if chosen.slice:
        slice_of(chosen.results)
        return
    console, results = Console(), chosen.results
    results.mkdir(parents=True, exist_ok=True)
    if not (results / "tuning.json").exists():
        write(results / "tuning.json", tune.tune())
    tried = msgspec.json.decode((results / "tuning.json").read_bytes(), type=list[Tried])
    for what in EVERY:
        file = results / f"{page.file_name(what.name)}.json"
        if not file.exists():
            verdicts, traces = play(what, tried, SEEDS)
            if what in SHOWN:
                write(results / f"shown-{file.name}", [pictures.shown(name, trace) for name, trace in traces.items()])
            write(file, verdicts)
            console.print(what.name)
    if not (results / "arms.json").exists():
        write(results / "arms.json", play_arms(SEEDS))
    page.write(results)


def write(file: Path, data: list[Tried] | list[Verdict] | list[ArmsGap] | list[Shown]) -> None:
    """Writes JSON, a line a record."""
    lines = b",\n".join(msgspec.json.encode(record) for record in data)
    part = file.with_suffix(".part")
    part.write_bytes(b"[\n" + lines + b"\n]\n")
    part.rename(file)


def slice_of(results: Path) -> None:
    """Lives through a daily cycle with a twentieth of the people."""
    few = tuple(replace(s, people=s.people // 20) for s in SEGMENTS)
    results.mkdir(parents=True, exist_ok=True)
    middle = [Tried(one.name, one.grid[len(one.grid) // 2], 0.0, 0.5, 0.5) for one in CONTESTANTS if one.grid]
    verdicts, _ = play(SEVEN[1], middle, SEEDS[:1], few)
    write(results / f"{page.file_name(SEVEN[1].name)}.json", verdicts)
    Console().print(next(v for v in verdicts if v.rule == OURS))


if __name__ == "__main__":
    main()
