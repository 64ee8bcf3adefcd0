"""The points of a tuning as a table of a terminal, and one of them as settings to paste."""

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from tactful.experiments.ope import Estimate
    from tactful.training.ranking.tuning import Point, Tuning

SHOWN: Final = {"open": "opened", "click": "clicked", "session_1d": "visited", "unsubscribe": "left"}
"""Outcomes in the table, and what they are called there; `--json` has all of them."""


def print_tuning(found: "Tuning", out: Console) -> None:
    """Prints what was judged on, and every point with its intervals."""
    for line in lead(found):
        out.print(line, markup=False)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for name in columns(found):
        table.add_column(name, justify="right")
    for number, point in enumerate(found.points):
        table.add_row(*cells(found, number), style="bold" if point.in_force else "" if point.frontier else "dim")
    out.print(table)
    out.print(
        "Of 1,000 messages, in brackets 95 % over people. Bold: in force; dim: another point has no fewer clicks and "
        "sessions, and no more who left. Intervals that overlap do not tell points apart.",
        style="dim",
    )


def lead(found: "Tuning") -> list[str]:
    """Returns what the points were judged on, in words."""
    of = f" of people in {found.segment}" if found.segment else ""
    return [
        f"{found.messages:,} random sends{of} to {found.people:,} people, each drawn from {found.options:.1f} options "
        "on average.",
        "Of the same jobs: what the weights would have chosen, and what would have come of it. Not: how many would go "
        "out.",
    ]


def columns(found: "Tuning") -> list[str]:
    """Returns the heads of the table."""
    return ["point", *_varied(found), "changed %", *SHOWN.values(), "messages"]


def cells(found: "Tuning", number: int) -> list[str]:
    """Returns a point's row."""
    point = found.points[number]
    return [
        f"{number}{'*' if point.frontier else ''}",
        *(f"{point.weights[head]:g}" for head in _varied(found)),
        f"{100 * point.changed:.0f}",
        *(_told(point.outcomes[head]) for head in SHOWN),
        f"{point.outcomes['click'].ess:,.0f}",
    ]


def toml(found: "Tuning", number: int) -> str:
    """Returns the weights of a point as settings to paste: of a segment only what was varied, else all."""
    point = found.points[number]
    where = f'rules.weights_by_segment."{found.segment}"' if found.segment else "rules.weights"
    return "\n".join([f"[{where}]", *_lines(found, point)])


def _lines(found: "Tuning", point: "Point") -> list[str]:
    heads = _varied(found) if found.segment else list(found.weights)
    weights = {**found.weights, **point.weights}
    return [f"{head} = {float(weights[head])}" for head in heads]


def _varied(found: "Tuning") -> list[str]:
    """The heads whose weights differ between points; if none does, all."""
    heads = list(found.points[0].weights)
    return [head for head in heads if len({point.weights[head] for point in found.points}) > 1] or heads


def _told(estimate: "Estimate") -> str:
    digits = 0 if estimate.high >= 0.1 else 1
    value, low, high = (f"{1000 * max(part, 0.0):.{digits}f}" for part in estimate[:3])
    return f"{value} [{low}, {high}]"
