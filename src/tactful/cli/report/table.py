"""The table of arms: one line an arm, every figure with its interval."""

from typing import Final

from rich.table import Table

from tactful.cli.report.estimates import ArmRow
from tactful.experiments.stats import Interval

COLUMNS: Final = (
    "arm",
    "sent",
    "volume",
    "opened\n%",
    "clicked\n%",
    "active a\nday, %",
    "gain\npoints",
    "active a\nweek, %",
    "left\n%",
    "quiet\nhours",
)
LEGEND: Final = (
    "volume: sent relative to Tactful; opened: e-mail only, a push shows its click; gain: active a day, less "
    "silence (which still sends critical alerts), the same people; left: closed a channel; quiet hours: sent within "
    "them, critical alerts apart."
)
"""What the short headings mean."""


def cells(row: ArmRow) -> tuple[str, ...]:
    """Returns an arm's line as texts, in the order of `COLUMNS`."""
    return (
        row.title,
        f"{row.sends:,}",
        f"{row.volume_ratio:.2f}",
        percent(row.open_share, 1),
        percent(row.click_share, 1),
        percent(row.daily_active_share, 1),
        percent(row.daily_gain, 2, signed=True) if row.key != "silence" else "-",
        percent(row.weekly_active_share, 1),
        percent(row.left_share, 1),
        f"{row.quiet_violations:,}",
    )


def arms_table(rows: list[ArmRow]) -> Table:
    """Returns the table of arms; the last one, Tactful's, in bold."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for i, name in enumerate(COLUMNS):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for i, row in enumerate(rows):
        table.add_row(*cells(row), style="bold" if i == len(rows) - 1 else "")
    return table


def percent(interval: Interval | None, digits: int, signed: bool = False) -> str:
    """Returns a share as a percentage with half the width of its interval.

    >>> percent(Interval(0.091, 0.089, 0.093), 1)
    '9.1 ±0.2'
    """
    if interval is None:
        return "-"
    half = (interval.high - interval.low) / 2.0
    sign = "+" if signed else ""
    return f"{100 * interval.value:{sign}.{digits}f} ±{100 * half:.{digits}f}"
