"""An allocation as a person reads it in a terminal of 100 columns."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tactful.cli.report.allocation import (
    EXPECTED,
    GROUPS,
    SHIFTS,
    WEEKLY_NOTE,
    expected_rows,
    group_rows,
    histogram,
    lead,
    shift_rows,
)
from tactful.runtime.allocation_report import AllocationReport


def print_allocation(report: AllocationReport, out: Console) -> None:
    """Prints what was asked and given, what is expected of it, and who gains and who loses."""
    for sentence in lead(report):
        out.print(sentence, markup=False)
    for note in report.notes:
        out.print(f"Note: {note}", style="yellow", markup=False)
    _print_table("Expected by the model", EXPECTED, expected_rows(report), out)
    out.print(WEEKLY_NOTE, style="dim")
    _print_table("The price at the margin", GROUPS, group_rows(report), out)
    _print_table("Who gains and who loses: mean weekly budget, active days a week", SHIFTS, shift_rows(report), out)
    names, rows = histogram(report)
    cells = [(name, *(f"{count:,}" if count else "·" for count in counts)) for name, counts in rows]
    _print_table("People by weekly budget", ("segment", *names), cells, out)


def _print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], out: Console) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left", no_wrap=place == 0)
    for row in rows:
        table.add_row(*row)
    out.print()
    out.print(title, style="bold")
    out.print(table)
