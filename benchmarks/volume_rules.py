"""What the rules of others lose on the curves that the allocator reads: how much, and why.

    python benchmarks/volume_rules.py [--users 20000] [--json]

Four families of curves of 15 budgets (`allocate_speed.curves`), by a seeded generator: no model and no app, but shapes.
A rule is compared with `allocate` at the same total, and at the volume that the rule really spends: the first
difference is what an operator loses, the second what is lost by stopping at the wrong people, not by unspent volume.
The gain is over silence, with the true curves in everybody's hands.
"""

import argparse
import json

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from allocate_speed import SEED, curves
from tactful.decision.volume.allocate import allocate
from tactful.decision.volume.baselines import Reading, kdd18_budgets, uniform_budgets

READINGS: tuple[Reading, ...] = ("R1", "R2")


class Loss(msgspec.Struct, frozen=True):
    """What a rule loses of the gain, given the total, and given only what the rule spent."""

    family: str
    sends_each: float
    rule: str
    unspent_share: float
    lost_share: float
    lost_at_its_volume_share: float


def losses(n: int) -> list[Loss]:
    """What the rules lose on four families at two volumes."""
    found = []
    u = np.random.default_rng(SEED).random(n)
    for family in ("concave", "S-shaped", "humped", "rough"):
        value = curves(family, n)
        silence = float(value[0].sum(dtype=np.float64))
        for sends_each in (1.0, 3.0):
            total = int(sends_each * n)
            best = allocate(value, total)
            budgets = {f"KDD'18 {reading}": kdd18_budgets(value, total, reading).budget for reading in READINGS}
            for rule, budget in (budgets | {"uniform": uniform_budgets(n, total, u)}).items():
                worth = float(value[budget, np.arange(n)].sum(dtype=np.float64))
                spent = int(budget.sum())
                at_its_volume = allocate(value, spent).value
                found.append(
                    Loss(
                        family,
                        sends_each,
                        rule,
                        1 - spent / total,
                        (best.value - worth) / (best.value - silence),
                        (at_its_volume - worth) / max(at_its_volume - silence, 1e-12),
                    )
                )
    return found


def main() -> None:
    """Prints all figures, as a table or as JSON."""
    parser = argparse.ArgumentParser(description="What simple rules lose of the gain.")
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    rules = losses(wanted.users)
    if wanted.json:
        print(json.dumps(msgspec.to_builtins(rules)))
        return
    table = Table("curves", "sends each", "rule", "unspent", "lost", "lost at its volume", title="of the gain")
    for r in rules:
        shares = (f"{r.unspent_share:.1%}", f"{r.lost_share:.1%}", f"{r.lost_at_its_volume_share:.1%}")
        table.add_row(r.family, f"{r.sends_each:g}", r.rule, *shares)
    Console().print(table)


if __name__ == "__main__":
    main()
