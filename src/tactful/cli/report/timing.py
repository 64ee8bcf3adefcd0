"""What a training of the slot models says, as tables of a terminal of 100 columns."""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from tactful.clock import EPOCH
from tactful.training.timing.report import Measure

if TYPE_CHECKING:
    from tactful.experiments.stats import Interval
    from tactful.training.timing.report import ModelReport, TimingReport

MEASURES: Final[tuple[Measure, ...]] = ("bits", "log loss", "AUC", "click log loss")
_DIGITS: Final[dict[Measure, int]] = {"bits": 3, "log loss": 4, "AUC": 3, "click log loss": 4}
_GOES_BY: Final = {
    "active": "when people are there",
    "click": "how likely a message is clicked",
    "incremental": "clicks of people who would not have been there",
}


def print_timing(report: "TimingReport", out: Console) -> None:
    """Prints what was learned from, how good each model is on days that it did not see, and which one was taken."""
    out.print(
        f"{report.log_days} days of log, {report.people:,} people. Learned from {report.work_days} days of work and "
        f"{report.rest_days} of rest: {report.user_days:,} user-days, {report.sessions:,} sessions, "
        f"{report.messages:,} messages, {report.clicks:,} clicks."
    )
    first, last = (_date(day) for day in (report.judged_days[0], report.judged_days[-1]))
    out.print(
        f"Judged on the last {len(report.judged_days)} days ({first} to {last}, {report.judged_rest_days} of rest), "
        f"{report.judged_share:.0%} of those with a past: {report.judged_user_days:,} user-days, to which nothing was "
        "fitted."
    )
    for note in report.notes:
        out.print(f"Note: {note}", style="yellow", markup=False)
    for model in report.models:
        if model.worth_of_hours is not None:
            knows = "known" if model.objective == "click" else "not shown to be known"
            out.print(
                f"Hours of clicks, {model.name}: {knows}; log loss {_told(model.worth_of_hours, 4, '+')} against "
                "the same person's mean over the hours."
            )
    _head("How well the judged days were foretold", out)
    out.print(_values(report))
    if len(report.models) > 1:
        _head("Less the smoothed histogram", out)
        out.print(_differences(report))
    out.print(
        "bits: of the hour of a session, given that there is one. log loss (nats) and AUC: was she active in this "
        "hour? click log loss: was a message received in this hour clicked? Less is better, but for AUC. In brackets: "
        "95 %, over people.",
        style="dim",
    )
    out.print()
    chosen = next(model for model in report.models if model.name == report.chosen)
    out.print(f"Taken: {chosen.name} {chosen.version}; plans go by {_GOES_BY[chosen.objective]}.", markup=False)


def _values(report: "TimingReport") -> Table:
    names = _judged(report)
    table = _table("model", *names)
    for model in report.models:
        scores = {score.measure: score.value for score in model.scores}
        table.add_row(model.name, *(_told(scores.get(name), _DIGITS[name], "") for name in names))
    return table


def _differences(report: "TimingReport") -> Table:
    names = _judged(report)
    table = _table("model", *names)
    for model in report.models[1:]:
        table.add_row(model.name, *(_told(_gap(model, name), _DIGITS[name], "+") for name in names))
    return table


def _judged(report: "TimingReport") -> list[Measure]:
    """The measures that there was anything to judge by."""
    told = {score.measure for model in report.models for score in model.scores}
    return [measure for measure in MEASURES if measure in told]


def _gap(model: "ModelReport", measure: str) -> "Interval | None":
    return next((score.over_histogram for score in model.scores if score.measure == measure), None)


def _told(interval: "Interval | None", digits: int, sign: str) -> str:
    if interval is None:
        return "-"
    value, low, high = (f"{number:{sign}.{digits}f}" for number in interval)
    return f"{value} [{low}, {high}]"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(first)
    for name in others:
        table.add_column(name, no_wrap=True)
    return table


def _head(title: str, out: Console) -> None:
    out.print()
    out.print(title, style="bold")


def _date(day: int) -> str:
    return (EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")
