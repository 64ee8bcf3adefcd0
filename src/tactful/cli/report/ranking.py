"""What a training of rankers says, as tables of a terminal of 100 columns."""

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tactful.clock import EPOCH

if TYPE_CHECKING:
    from tactful.experiments.stats import Interval
    from tactful.training.ranking.metrics import Cell
    from tactful.training.ranking.report import ModelReport, RankReport


def print_ranking(report: "RankReport", out: Console) -> None:
    """Prints what was learned from, how good each ranker is on days that it did not see, and which one was taken."""
    out.print(
        f"{report.messages:,} messages with a snapshot. Learned from {report.learned:,} (drawn: "
        f"{report.learned_drawn:,}), tuned by {report.tuned:,} from {_date(report.tune_day)} on, of which "
        f"{report.tuned_random:,} were sent at random."
    )
    out.print(
        f"Judged on {report.judged:,} messages to {report.judged_people:,} people, {_date(report.judged_day)} to "
        f"{_date(report.end_day - 1)}, to which nothing was fitted; {report.judged_random:,} were sent at random."
    )
    for note in report.notes:
        out.print(f"Note: {note}", style="yellow", markup=False)
    _head("How well the judged messages were foretold", out)
    out.print(_losses(report))
    out.print(
        "log loss over all heads, each as a share of what its base rate has: who knows nothing has 1. In brackets: "
        "95 %, over people.",
        style="dim",
    )
    _head("By head and channel", out)
    out.print(_cells(report))
    out.print("o/e, ECE: observed / expected and calibration error, on messages sent at random.", style="dim")
    out.print()
    out.print(_verdict(report), markup=False)


def _losses(report: "RankReport") -> Table:
    table = _table("ranker", "weighted log loss", "less the simple predictors")
    for model in report.models:
        table.add_row(model.name, _told(model.loss, ""), _told(model.over_simple, "+"))
    return table


def _cells(report: "RankReport") -> Table:
    table = _table("head", "channel", "messages", "positives", "ranker", "AUC", "log loss", "o/e", "ECE")
    by_cell = [{(cell.head, cell.channel): cell for cell in model.cells} for model in report.models]
    for key, first in by_cell[0].items():
        for model, cells in zip(report.models, by_cell, strict=True):
            counts = (first.head, first.channel, f"{first.messages:,}", f"{first.positives:,}")
            own = counts if model is report.models[0] else ("", "", "", "")
            table.add_row(*own, *_measured(model, cells[key]))
    return table


def _measured(model: "ModelReport", cell: "Cell") -> tuple[str, ...]:
    return (
        model.name,
        "-" if cell.auc is None else f"{cell.auc:.3f}",
        f"{cell.log_loss:.4f}",
        "-" if cell.observed_over_expected is None else f"{cell.observed_over_expected:.2f}",
        "-" if cell.calibration_error is None else f"{cell.calibration_error:.4f}",
    )


def _verdict(report: "RankReport") -> str:
    if report.chosen == "simple":
        return "Taken: none; the simple predictors were not beaten outside the interval."
    return f"Taken: {report.chosen} {report.model_version}."


def _told(interval: "Interval | None", sign: str) -> str:
    if interval is None:
        return "-"
    value, low, high = (f"{number:{sign}.4f}" for number in interval)
    return f"{value} [{low}, {high}]"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table


def _head(title: str, out: Console) -> None:
    out.print()
    out.print(title, style="bold")


def _date(day: int) -> str:
    return (EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")
