"""The tables of the page, from the cells on file."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from off_policy.cells import CoverageCell, HalfCell
from off_policy.estimators import ESTIMATORS
from tactful.experiments.distributions import normal_quantile, student_quantile

_Z = normal_quantile(0.975)
_RIGHT = (0.93, 0.97)


def half_table(cells: Sequence[HalfCell]) -> str:
    """Returns how near each estimator comes to half A, over all dealings, logging and target policies."""
    rows = [_half_row(name, cells) for name in ("half B, uniform", *ESTIMATORS)]
    head = (
        "estimator",
        "RMSE to half A, ×1,000",
        "without A's noise",
        "bias, ×1,000",
        "rank correlation",
        "within 1.96 √(se² + se_A²)",
    )
    return markdown(head, rows)


def facts(cells: Sequence[HalfCell]) -> str:
    """Returns what the logs were like."""
    refused = np.array([cell.refused for cell in cells])
    ess, rows = np.array([cell.ess for cell in cells]), np.array([cell.rows for cell in cells])
    return (
        f"{len({cell.seed for cell in cells})} dealing(s), {len(cells):,} logs of {rows.min():,}..{rows.max():,} rows, "
        f"{refused.size:,} evaluations; effective rows {np.quantile(ess, 0.05):,.0f}..{np.quantile(ess, 0.95):,.0f} "
        f"(5..95 %), {int(refused.sum())} refused for want of support."
    )


def coverage_table(cells: Sequence[CoverageCell]) -> str:
    """Returns how often nominal 95 % intervals hold the truth: over pairs of policies the mean, and the extremes."""
    rows = []
    for size in sorted({cell.rows for cell in cells}):
        names = dict.fromkeys((cell.way, cell.estimator) for cell in cells if cell.rows == size)
        for way, name in names:
            some = [cell for cell in cells if (cell.rows, cell.way, cell.estimator) == (size, way, name)]
            covered = np.array([cell.covered for cell in some])
            mean = float(covered.mean())
            rows.append(
                (
                    f"{size:,}",
                    name,
                    way,
                    f"**{mean:.1%}**" if not _RIGHT[0] <= mean <= _RIGHT[1] else f"{mean:.1%}",
                    f"{covered.min():.1%}..{covered.max():.1%}",
                    f"{1000 * np.mean([cell.bias for cell in some]):+.2f}",
                    f"{1000 * np.mean([cell.error for cell in some]):.1f}",
                    f"{1000 * np.mean([cell.width for cell in some]):.0f}",
                )
            )
    head = ("rows", "estimator", "interval", "covered", "by pair", "bias, ×1,000", "error, ×1,000", "width, ×1,000")
    return markdown(head, rows)


def effective_table(cells: Sequence[CoverageCell]) -> str:
    """Returns how coverage goes with the effective rows of a pair of policies, by the delta method."""
    names = ("IPS", "SNIPS", "DR")
    covered: dict[tuple[float, int], dict[str, float]] = {}
    for cell in cells:
        if cell.way == "delta" and cell.estimator in names:
            covered.setdefault((cell.ess, cell.rows), {})[cell.estimator] = cell.covered
    rows = [
        (f"{ess:,.0f}", f"{n:,}", *(f"{found[name]:.1%}" for name in names))
        for (ess, n), found in sorted(covered.items())
    ]
    return markdown(("effective rows", "rows", *names), rows)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "\n".join("|" + "|".join(cell if cell == "---" else f" {cell} " for cell in line) + "|" for line in lines)


def _half_row(name: str, cells: Sequence[HalfCell]) -> tuple[str, ...]:
    """One estimator: statistics of each dealing, and the interval of their mean over dealings."""
    by_seed = []
    for seed in sorted({cell.seed for cell in cells}):
        mine = [cell for cell in cells if cell.seed == seed]
        truth = np.array([cell.truth for cell in mine])
        found = np.array([cell.uniform if name.startswith("half") else cell.estimates[name] for cell in mine])
        off = found[:, :, 0] - truth[:, :, 0]
        within = np.abs(off) <= _Z * np.hypot(found[:, :, 1], truth[:, :, 1])
        squares = float(np.square(off).mean())
        ranks = [_correlation(*pair) for pair in zip(found[:, :, 0], truth[:, :, 0], strict=True)]
        by_seed.append(
            (squares, squares - float(np.square(truth[:, :, 1]).mean()), off.mean(), np.mean(ranks), within.mean())
        )
    table = np.array(by_seed)
    mean, half = table.mean(axis=0), _half_width(table)
    root = 1000.0 * np.sqrt(np.maximum(mean[:2], 0.0))
    root_half = 1000.0 * half[:2] / np.maximum(2.0 * root / 1000.0, 1e-12)
    return (
        name,
        f"{root[0]:.2f} ± {root_half[0]:.2f}",
        f"{root[1]:.2f}",
        f"{1000 * mean[2]:+.2f} ± {1000 * half[2]:.2f}",
        f"{mean[3]:.3f} ± {half[3]:.3f}",
        f"{mean[4]:.1%} ± {half[4]:.1%}",
    )


def _half_width(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half of the 95 % interval of the mean over dealings."""
    n = len(table)
    if n < 2:
        return np.full(table.shape[1], np.nan)
    width: NDArray[np.float64] = student_quantile(0.975, n - 1) * table.std(axis=0, ddof=1) / np.sqrt(n)
    return width


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Spearman's rank correlation."""
    mine, its = (np.argsort(np.argsort(values)) - (len(values) - 1) / 2.0 for values in (one, other))
    return float(mine @ its / (mine @ mine))
