"""Hillstrom as a bandit of three actions: are off-policy estimates right, and are their intervals?

Source: K. Hillstrom, "The MineThatData e-mail analytics and data mining challenge", 2008: 64,000 customers, a third
each mailed about men's goods, about women's goods, or not at all, by chance. Reward: a visit within two weeks.
Two questions. *Halves*: half A, whose actions are uniform, is the truth (and noisy, too); 20 logging policies by
rejection from half B, ten target policies, 20 dealings of the halves. *Coverage*: the same covariates with outcomes
drawn from a fitted model, so that the truth is exact; 1,000 fresh logs for each of six pairs of policies.
Command: `python recipes/hillstrom_bandit.py`; cells on file under `results/hillstrom_bandit` are not computed again.
`--slice 20` takes one customer in 20, one dealing and 40 logs.
Data: `hillstrom`. Seeds: in the code; policies are drawn over covariates and look at no outcome.
Hardware: one x86-64 core, about 4 minutes idle.
Expected: the tables of `docs/explanation/off-policy.md`.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from off_policy import bandit, coverage, halves, page
from off_policy.bandit import Bandit
from off_policy.cells import CoverageCell, HalfCell, append, read

SEEDS: Final = 20
LOGS: Final = 1000


def main(words: Sequence[str] | None = None) -> None:
    """Computes the missing cells and shows the tables."""
    arguments = _arguments(words)
    folder = arguments.results / (f"slice-{arguments.slice}" if arguments.slice > 1 else "")
    customers = bandit.read(arguments.data, arguments.slice)
    sliced = arguments.slice > 1
    _complete_halves(folder / "halves.ndjson", customers, 1 if sliced else SEEDS)
    _complete_coverage(folder / "coverage.ndjson", customers, 40 if sliced else LOGS, 2 if sliced else None)
    print(tables(folder))


def tables(folder: Path) -> str:
    """Returns the tables of the cells on file."""
    found, covered = read(folder / "halves.ndjson", HalfCell), read(folder / "coverage.ndjson", CoverageCell)
    shown = [page.half_table(found), page.facts(found), page.coverage_table(covered), page.effective_table(covered)]
    return "\n\n".join(shown)


def _complete_halves(path: Path, customers: Bandit, seeds: int) -> None:
    done = {(cell.seed, cell.policy) for cell in read(path, HalfCell)}
    for seed in range(seeds):
        missing = [policy for policy in range(halves.POLICIES) if (seed, policy) not in done]
        if missing:
            append(path, halves.cells(customers, seed, missing))


def _complete_coverage(path: Path, customers: Bandit, logs: int, pairs: int | None) -> None:
    done = {(cell.policy, cell.target, cell.rows) for cell in read(path, CoverageCell)}
    for pair in coverage.PAIRS[:pairs]:
        for rows in coverage.SIZES:
            if (*pair, rows) not in done:
                append(path, iter(list(coverage.cells(customers, pair, rows, logs))))


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    parser = argparse.ArgumentParser(description="Off-policy estimates on Hillstrom's randomised mailing.")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument("--results", type=Path, default=here / "results" / "hillstrom_bandit", help="cells")
    parser.add_argument("--slice", type=int, default=1, metavar="N", help="one customer in N (1: all)")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
