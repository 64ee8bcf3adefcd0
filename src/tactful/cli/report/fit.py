"""What a training of the volume models says, as tables of a terminal of 100 columns."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tactful.features.segments import REACHES

if TYPE_CHECKING:
    from tactful.training.volume.fill import Fill
    from tactful.training.volume.plan import Need, Rates
    from tactful.training.volume.report import FitReport, HeadReport


def print_fit(report: "FitReport", out: Console) -> None:
    """Prints what was learned, how good it is on people held out, and what is missing."""
    area = report.randomisation
    out.print(
        f"Model {report.model_version}: {report.assignments:,} drawn budgets of {report.users:,} people, "
        f"{report.user_weeks:,} user-weeks."
    )
    out.print(
        f"Were the budgets drawn? What is known of the people foretells them with AUC {area.value:.3f} "
        f"[{area.low:.3f}, {area.high:.3f}]; 0.5 is a random draw."
    )
    for note in report.notes:
        out.print(f"Note: {note}", style="yellow", markup=False)
    _head("The models", out)
    out.print(_heads(report.heads))
    out.print(
        "form: own = a forest of this reach; pooled = one forest of all; shrunk = a table, for want of data. people, "
        "trials (days or weeks) and true: learned from. AUC, log loss (constant: that of the share of true, said to "
        "everybody), observed/expected: on people of this reach held out.",
        style="dim",
    )
    _head("Fill: the part of a weekly budget that was sent, without any price", out)
    out.print(_fill(report.fill))


def print_plan(rates: "Rates", from_log: bool, needs: "tuple[Need, ...]", share: float, out: Console) -> None:
    """Prints how many people effects need."""
    source = "this store's own" if from_log else "stated, for the store does not tell yet"
    out.print(
        f"Rates ({source}): active on {rates.daily_activity:.1%} of the days, correlation of a person's days "
        f"{rates.correlation:.2f}, {rates.weekly_hazard:.2%} leave a week."
    )
    _head("To see an effect of one more message a week", out)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("effect")
    for head in ("people in the slice", "user-weeks", f"users, at a slice of {share:.1%}"):
        table.add_column(head, justify="right")
    for need in needs:
        told = (
            f"{need.effect:+g} active days a day" if need.head == "activity" else f"leaving x {need.effect:g} as likely"
        )
        users = f"{need.users / share:,.0f}" if share > 0.0 else "-"
        table.add_row(told, f"{need.users:,}", f"{need.user_weeks:,}", users)
    out.print(table)
    out.print(
        "One slope over everybody, seen in four of five trials at 95 %. Models that tell people apart need several "
        "times as much.",
        style="dim",
    )


def _head(title: str, out: Console) -> None:
    out.print()
    out.print(title, style="bold")


def _heads(heads: "tuple[HeadReport, ...]") -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    names = ("what", "reach", "form", "trees", "people", "trials", "true", "AUC", "log loss", "constant", "obs/exp")
    for place, name in enumerate(names):
        table.add_column(name, justify="left" if place < 3 else "right", no_wrap=True)
    for head in heads:
        learned = (str(head.trees), f"{head.people:,}", f"{head.trials:,}", f"{head.positives:,}")
        good = head.held_out
        judged = (
            ("-",) * 4
            if good is None
            else (
                "-" if good.auc is None else f"{good.auc:.3f}",
                f"{good.log_loss:.4f}",
                f"{good.constant_log_loss:.4f}",
                f"{good.observed_over_expected:.2f}",
            )
        )
        table.add_row(head.purpose, head.reach, head.rung, *learned, *judged)
    return table


def _fill(fill: "Fill") -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("weekly budget")
    for k in fill.budgets:
        table.add_column(str(k), justify="right")
    for reach, name in enumerate(REACHES):
        rates = (fill.rate(reach, k) for k in fill.budgets)
        table.add_row(name, *("-" if rate is None else f"{rate:.2f}" for rate in rates))
    return table
