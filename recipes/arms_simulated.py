"""Arms in the default world at equal volume, scored by J: active days of eight weeks and what is left after them.

Source: design 6.6; arms, world and score are ours (`tactful.simulator`).
Command: python recipes/arms_simulated.py [--users 5000] [--seeds 5] [--days 56] [--workers 2] [--slice]
Data: none; everything is simulated. Every arm follows the same four weeks of neutral exploration in the same world;
those weeks cost every arm alike and do not count. Volumes are set on a world that is not scored (seed 1000), so that
all arms but silence send the same within 1 %; the gap of the hand-set caps is tuned there, too.
Hardware: two cores, 15 minutes when nothing else runs. Results: one JSON file a cell (arm, seed) in
recipes/results/arms_simulated; a second run makes only those that are missing. `--slice` is a tiny run for CI that
writes nothing.
Expected: see recipes/results/arms_simulated/README.md.
"""

import argparse
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tactful.simulator import closed_loop
from tactful.simulator.arms.hand_caps import HandCaps
from tactful.simulator.arms.nine_oclock import NineOclock
from tactful.simulator.arms.policy import Arm
from tactful.simulator.arms.silence import Silence
from tactful.simulator.arms.tactful import Tactful
from tactful.simulator.arms.uniform_personal import UniformPersonal
from tactful.simulator.result import Result
from tactful.simulator.scoring import at_equal_volume, paired_interval, score, sends_per_user_week
from tactful.simulator.world import make

RESULTS = Path(__file__).parent / "results" / "arms_simulated"
ARMS: dict[str, Arm] = {arm.name: arm for arm in (Silence(), NineOclock(), HandCaps(), UniformPersonal(), Tactful())}
VOLUME = 2.5
"""Sends a user and week over everyone: what three planned a week come to, since pools run dry and people leave."""
CALIBRATION_SEED = 1000
GAPS_HOURS = (12, 24)
SLICE_VOLUMES: dict[str, dict[str, Any]] = {"hand_caps": {"per_user_per_week": 3.0, "gap_hours": 24}}
TEXTS = ("arm", "holds", "drops")
"""Fields of a cell that have no mean."""


def calibrate(users: int, days: int, name: str) -> dict[str, Any]:
    """Returns an arm's volume setting, the ratio that it reached, and the gap that suits hand-set caps."""
    world = [closed_loop.explore(make(CALIBRATION_SEED, users), seed=CALIBRATION_SEED)]
    found = []
    for gap in GAPS_HOURS if name == "hand_caps" else (0,):
        arm = ARMS[name]
        if isinstance(arm, HandCaps):
            arm = replace(arm, gap_hours=gap)
        arm, ratio = at_equal_volume(arm, world, days, VOLUME)
        worth = score(closed_loop.follow(world[0], arm, days)).mean() if name == "hand_caps" else 0.0
        found.append((worth, {"per_user_per_week": arm.per_user_per_week, "ratio": ratio, "gap_hours": gap}))
    return max(found, key=lambda pair: pair[0])[1]


def live(
    users: int,
    days: int,
    seed: int,
    volumes: dict[str, dict[str, Any]],
    names: list[str],
    warm_up_days: int = closed_loop.WARM_UP_DAYS,
) -> list[dict[str, Any]]:
    """Returns one cell for each of the arms, all from the same exploration."""
    explored = closed_loop.explore(make(seed, users), warm_up_days, seed)
    cells = []
    for name in names:
        arm = ARMS[name]
        if name in volumes:
            arm = arm.at_volume(volumes[name]["per_user_per_week"])
        if isinstance(arm, HandCaps):
            arm = replace(arm, gap_hours=volumes[name]["gap_hours"])
        cells.append(cell(closed_loop.follow(explored, arm, days, seed), arm, users, days, seed))
    return cells


def cell(result: Result, arm: Arm, users: int, days: int, seed: int) -> dict[str, Any]:
    """Returns what is kept of a run: totals and means over users."""
    sends, mean_target = int(result.sends.sum()), float(result.target.sum())
    return {
        "arm": arm.name,
        "seed": seed,
        "users": users,
        "days": days,
        "per_user_per_week": arm.per_user_per_week,
        "sends_per_user_week": sends_per_user_week(result),
        "target_per_user_week": mean_target * 7.0 / (users * days),
        "click_rate": float(result.clicks.sum() / max(sends, 1)),
        "daily_active": float(result.active.mean()),
        "weekly_active": float(result.weekly_active.mean()),
        "left_per_1000_sends": float(1000.0 * result.unsubscribes.sum() / max(sends, 1)),
        "unsubscribes": int(result.unsubscribes.sum()),
        "quiet_hour_violations": int(result.quiet_hour_violations.sum()),
        "active_days": float(result.active.sum(axis=1).mean()),
        "remaining_value": float(result.remaining_value.mean()),
        "score": float(score(result).mean()),
        "holds": result.holds,
        "drops": result.drops,
    }


def cell_file(name: str, seed: int) -> Path:
    """Returns where a cell is kept."""
    return RESULTS / f"{name}-{seed}.json"


def table(cells: list[dict[str, Any]], console: Console) -> None:
    """Prints means over seeds, and J against the silence and against Tactful, paired by seed."""
    seeds = sorted({c["seed"] for c in cells})
    by = {(c["arm"], c["seed"]): c for c in cells}
    shown = Table(title=f"simulated: {cells[0]['users']:,} people, {cells[0]['days']} days, {len(seeds)} seeds")
    for head in ("arm", "sends/user/week", "clicked", "daily active", "left/1,000 sends", "J"):
        shown.add_column(head)
    shown.add_column("J above silence (95 %)")
    shown.add_column("Tactful's J above it (95 %)")
    for name in ARMS:
        mean = {key: np.mean([by[name, s][key] for s in seeds]) for key in by[name, seeds[0]] if key not in TEXTS}
        shown.add_row(
            name,
            f"{mean['sends_per_user_week']:.3f}",
            f"{100 * mean['click_rate']:.2f} %",
            f"{100 * mean['daily_active']:.2f} %",
            f"{mean['left_per_1000_sends']:.2f}",
            f"{mean['score']:.3f}",
            difference(by, name, "silence", seeds),
            difference(by, "tactful", name, seeds),
        )
    console.print(shown)


def difference(by: dict[tuple[str, int], dict[str, Any]], name: str, base: str, seeds: list[int]) -> str:
    """Returns the mean difference of J with its interval, as text."""
    if name == base or len(seeds) < 2:
        return ""
    gap = paired_interval(np.array([by[name, s]["score"] - by[base, s]["score"] for s in seeds]))
    return f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"


def main() -> None:
    """Calibrates where that is missing, lives through the missing cells, and prints the table."""
    parser = argparse.ArgumentParser(description="Simulated arms at equal volume.")
    parser.add_argument("--users", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--days", type=int, default=56)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--slice", action="store_true", help="100 people, two seeds, a day; writes nothing")
    chosen = parser.parse_args()
    console = Console()
    if chosen.slice:
        cells = [c for seed in (1, 2) for c in live(100, 1, seed, SLICE_VOLUMES, list(ARMS), warm_up_days=8)]
        table(cells, console)
        return
    os.environ["NUMBA_NUM_THREADS"] = "1"  # read by the workers: each is one core's
    RESULTS.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.workers, mp_context=context) as pool, Progress(console=console) as bar:
        volumes = calibrated(pool, chosen.users, chosen.days, bar)
        run_missing(pool, chosen.users, chosen.days, chosen.seeds, volumes, bar)
    table([json.loads(cell_file(n, s).read_text()) for s in range(1, chosen.seeds + 1) for n in ARMS], console)


def calibrated(pool: ProcessPoolExecutor, users: int, days: int, bar: Progress) -> dict[str, dict[str, Any]]:
    """Returns every sending arm's volume setting, from the file or by calibration."""
    file = RESULTS / "volumes.json"
    volumes: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}
    missing = [name for name in ARMS if name != "silence" and name not in volumes]
    task = bar.add_task("calibrate", total=len(missing))
    for name, job in [(name, pool.submit(calibrate, users, days, name)) for name in reversed(missing)]:
        volumes[name] = job.result()
        file.write_text(json.dumps(volumes, indent=1) + "\n")
        bar.advance(task)
    return volumes


def run_missing(
    pool: ProcessPoolExecutor, users: int, days: int, seeds: int, volumes: dict[str, dict[str, Any]], bar: Progress
) -> None:
    """Lives through the cells that have no file, seed by seed."""
    missing = {s: [n for n in ARMS if not cell_file(n, s).exists()] for s in range(1, seeds + 1)}
    task = bar.add_task("worlds", total=sum(1 for names in missing.values() if names))
    jobs = [pool.submit(live, users, days, s, volumes, names) for s, names in missing.items() if names]
    for job in jobs:
        for made in job.result():
            cell_file(made["arm"], made["seed"]).write_text(json.dumps(made, indent=1) + "\n")
        bar.advance(task)


if __name__ == "__main__":
    main()
