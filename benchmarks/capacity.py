"""What 500 million users take a day: cores, memory, state, checkpoints, logs and money, from measured unit costs.

    python benchmarks/capacity.py [--users 500000000] [--checkpoint-minutes 10]

Pure arithmetic over `Units` (measured; each says where), `Load` of `peak_hour.py` and `Prices` (assumed): prints the
tables of `docs/explanation/500-million-users.md`.
"""

import argparse
import math
from typing import Final

import msgspec

from peak_hour import Load, peak

DAY: Final = 86_400.0
HEADROOM: Final = 0.6
"""Share of the cores' time in use at the peak."""


class Units(msgspec.Struct, frozen=True):
    """Measured sizes in bytes and times in microseconds of one core.

    Attributes:
        row, profile, candidate, engagement: a full user row packed, and records of `engine_stream.py` as they are kept.
        open_candidates: of one user, at four a day that stay open for two days.
        in_memory: of a user in the embedded engine (`million_users.py`).
        decision_sqlite, decision_parquet: of a decision with the shares of snapshots that ship (`decision_size.py`).
        shipped_job_us, shipped_event_us, shipped_plan_us: with the ranker of trees (`service_times.py`).
        flink_event_us: of an event on a Flink slot; the toy step of before we began.
        curve_us, curve_bytes: of scoring and keeping a user's 15 weekly budgets (`batch_scale.py`).
        row_us: of a decision on its way into training rows (`batch_scale.py`).
    """

    row: float = 2_200.0
    profile: float = 250.0
    candidate: float = 460.0
    engagement: float = 183.0
    open_candidates: float = 8.0
    in_memory: float = 6_200.0
    decision_sqlite: float = 1_205.0
    decision_parquet: float = 74.0
    shipped_job_us: float = 212.1
    shipped_event_us: float = 10.0
    shipped_plan_us: float = 63.2
    flink_event_us: float = 118.0
    curve_us: float = 19.8
    curve_bytes: float = 60.0
    row_us: float = 1.04


class Prices(msgspec.Struct, frozen=True):
    """Assumed, in dollars; put in your own."""

    core_hour: float = 0.04
    memory_gb_hour: float = 0.005
    disk_gb_month: float = 0.10
    object_gb_month: float = 0.023


def lines(load: Load, units: Units, prices: Prices, minutes: float) -> list[tuple[str, float, str]]:
    """Returns (what, how much, unit) in the order of the page."""
    users, jobs = load.users, load.users * load.jobs
    candidates = load.users * 4.0
    engagements = load.users * load.events - candidates
    decisions = jobs + candidates
    shipped = msgspec.structs.replace(
        load, job_us=units.shipped_job_us, event_us=units.shipped_event_us, plan_us=units.shipped_plan_us
    )
    world, trees = peak(load, "the world"), peak(shipped, "the world")
    flink = (world["events"] + world["jobs"] + world["plans"]) * units.flink_event_us * 1e-6
    state = users * (units.row + units.profile + units.open_candidates * units.candidate)
    touched = users * -math.expm1(-(load.events + load.jobs + load.plans) * minutes / 1440.0)
    written = touched * state / users
    log = candidates * units.candidate + engagements * units.engagement
    cores = max(trees["cores"] / HEADROOM, flink / HEADROOM)
    costs = {
        "cores": cores * 24 * prices.core_hour,
        "memory for a fifth of the state": state / 5e9 * 24 * prices.memory_gb_hour,
        "disks, state three times": 3 * state / 1e9 * prices.disk_gb_month / 30,
        "checkpoints kept, two whole ones": 2 * state / 1e9 * prices.object_gb_month / 30,
        "input log kept 7 days": 7 * log / 1e9 * prices.object_gb_month / 30,
        "decisions kept 90 days, Parquet": 90 * decisions * units.decision_parquet / 1e9 * prices.object_gb_month / 30,
    }
    total = sum(costs.values())
    return [
        ("events in", (candidates + engagements) / DAY, "a second, mean"),
        ("rank jobs", jobs / DAY, "a second, mean"),
        ("decisions, with drops", decisions / 1e9, "billion a day"),
        ("work, simple predictors", world["mean cores"], "cores, mean"),
        ("the same at the peak", world["cores"], "cores"),
        ("the same, ranker of trees", trees["cores"], "cores"),
        ("Flink slots at the peak", flink, "slots in use"),
        ("cores to buy, 60 % in use at the peak", cores, "cores"),
        ("state of a user", state / users / 1e3, "KB"),
        ("state", state / 1e12, "TB"),
        ("the same held in embedded engines", users * units.in_memory / 1e12, "TB of memory"),
        ("users touched between checkpoints", touched / 1e6, "million"),
        ("checkpoint, what changed", written / 1e9, "GB"),
        ("checkpoint traffic", written / minutes / 60 / 1e6, "MB/s, mean"),
        ("input log", log / 1e12, "TB a day"),
        ("decisions as Parquet", decisions * units.decision_parquet / 1e9, "GB a day"),
        ("decisions in SQLite", decisions * units.decision_sqlite / 1e12, "TB a day"),
        ("training rows of a day", decisions * units.row_us * 1e-6 / 3600, "core-hours"),
        ("weekly budgets", users * units.curve_us * 1e-6 / 3600, "core-hours a week"),
        ("values of weekly budgets", users * units.curve_bytes / 1e9, "GB on disk"),
        *((f"cost: {name}", cost, "$ a day") for name, cost in costs.items()),
        ("cost in all", total, "$ a day"),
        ("cost of a million rank jobs", total / jobs * 1e6, "$"),
        ("cost of a million decisions", total / decisions * 1e6, "$"),
    ]


def main() -> None:
    """Prints the table as markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=Load().users)
    parser.add_argument("--checkpoint-minutes", type=float, default=10.0)
    given = parser.parse_args()
    print("| what | how much | |\n|---|---|---|")
    for what, number, unit in lines(Load(users=given.users), Units(), Prices(), given.checkpoint_minutes):
        shown = f"{number:,.0f}" if number >= 100 else f"{number:,.3g}"
        print(f"| {what} | {shown} | {unit} |")


if __name__ == "__main__":
    main()
