"""How fast daily plans are made: users a second at 1 M users x 24 slots, against one read of the same array.

Command: `python benchmarks/plan_speed.py [--users 1000000]`. Data: p by a seeded generator, three sends a day,
quiet hours from 22 to 8. One thread, so figures are CPU time of the process: what others do on the machine counts
little. Compilation and the first touch of memory are outside the clock; the least of five rounds, in each of which
every row runs once. "Read" is the sum of the same array, the bound for anything that must look at all of it.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from tactful.decision.timing.send_time import best_spaced, inclusion, plan

SLOTS, SENDS, GAP = 24, 3, 2


def seconds(work: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """The least CPU time of each over a few rounds, after one that is not counted."""
    least = dict.fromkeys(work, float("inf"))
    for number in range(rounds + 1):
        for name, function in work.items():
            start = time.process_time()
            function()
            least[name] = min(least[name], time.process_time() - start if number else float("inf"))
    return least


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Speed of daily send plans.")
    parser.add_argument("--users", type=int, default=1_000_000)
    n = parser.parse_args().users
    rng = np.random.default_rng(1)
    p = rng.random((n, SLOTS), dtype=np.float32)
    quota, u = np.full(n, SENDS), rng.random(n)
    hour = np.arange(SLOTS)
    allowed = np.repeat(((hour >= 8) & (hour < 22))[None], n, axis=0)
    work: dict[str, Callable[[], object]] = {
        "one read (sum)": lambda: p.sum(),
        "plan": lambda: plan(p, quota, u),
        "plan, beta 3": lambda: plan(p, quota, u, beta=3.0),
        "plan, quiet hours, gap 2": lambda: plan(p, quota, u, allowed=allowed, min_gap_slots=GAP),
        "inclusion": lambda: inclusion(p, quota),
        "best_spaced, gap 2": lambda: best_spaced(p, quota, min_gap_slots=GAP),
        "best_spaced, quiet hours, gap 2": lambda: best_spaced(p, quota, allowed, GAP),
    }
    table = Table("what", "CPU s", "users a CPU s", "x one read", title=f"{n:,} users x {SLOTS} slots, {SENDS} sends")
    took = seconds(work)
    read = took["one read (sum)"]
    for name, least in took.items():
        table.add_row(name, f"{least:.3f}", f"{n / least:,.0f}", f"{least / read:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
