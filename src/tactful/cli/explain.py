"""`tactful explain`: why a user was told something, or was not, and what would have changed it."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import AsJson, SettingsFile, console, instant_option, open_to_read, print_json, settings_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tactful.events.records import Decision
    from tactful.runtime.explaining import Explanation

_COLOURS = {"passed": "green", "narrowed": "yellow", "blocked": "red"}


def explain(
    user: Annotated[str, typer.Argument(help="The user's id.")],
    at: Annotated[datetime | None, instant_option("--at", "The last decision at or before this instant")] = None,
    store: Annotated[Path, typer.Option("--store", help="The store to read; nothing is written.")] = Path("app.db"),
    decision: Annotated[str | None, typer.Option("--decision", help="A decision's id, instead of --at.")] = None,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Explain a user's latest decision: a sentence, a trace, and what would have changed it."""
    from tactful.runtime.evidence import gather
    from tactful.runtime.explaining import explain as explained

    opened = open_to_read(store)
    explanation = explained(gather(opened, settings_of(settings, opened), user, at, decision))
    opened.close()
    if as_json:
        print_json(explanation)
    else:
        print_explanation(explanation, console())


def print_explanation(found: "Explanation", out: "Console") -> None:
    """Prints an explanation for a person."""
    out.print(found.sentence, style="bold", markup=False)
    if found.trace:
        out.print(_trace(found))
    if found.decision is not None and found.decision.feasible:
        out.print(_options(found.decision))
    if found.budget is not None:
        budget = found.budget
        out.print(
            f"Budget: {budget.sent_7d:g} of {budget.k:g} sent in 7 days, {budget.tokens:.2f} tokens left "
            "(a send takes one; they accrue over the week)."
        )
        if budget.source:
            out.print(f"The budget is {budget.source}.", markup=False)
    if found.objective is not None:
        out.print(found.objective.sentence, markup=False)
    _print_plan(found, out)
    if found.decision is not None:
        out.print(_origin(found.decision), style="dim", markup=False)
    out.print("What would have changed it", style="bold")
    out.print(_listed(found.changes))
    if found.also:
        out.print("At the same instant", style="bold")
        out.print(_listed(found.also))
    out.print(f"{found.next_opportunity[0].upper()}{found.next_opportunity[1:]}.", markup=False)


def _trace(found: "Explanation") -> "Table":
    """The reasons in their order."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Trace", title_justify="left")
    for head in ("what", "number", "limit"):
        table.add_column(head, justify="left" if head == "what" else "right", no_wrap=True)
    table.add_column("")
    table.add_column("in words", ratio=1)
    for step in found.trace:
        colour = _COLOURS[step.outcome]
        table.add_row(step.label, step.number, step.limit, Text(step.outcome, style=colour), Text(step.sentence))
    return table


def _listed(lines: tuple[str, ...]) -> "Table":
    """Lines with a dash; what wraps is indented."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    for line in lines:
        table.add_row(" -", Text(line))
    return table


def _options(decision: "Decision") -> "Table":
    """What was left to choose from, with the score heads; a ranker's six stand close, to fit 80 columns."""
    from rich.box import HEAVY_HEAD
    from rich.table import Table
    from rich.text import Text

    close = len(decision.heads) > 2
    box, padding = (None, (0, 1, 0, 0)) if close else (HEAVY_HEAD, (0, 1))
    table = Table(title="Options that were left", title_justify="left", box=box, padding=padding)
    table.add_column("candidate", overflow="fold")
    table.add_column("channel", no_wrap=True)
    for head in (*decision.heads, "utility", "threshold"):
        words = head.replace("unsubscribe", "leave").replace("threshold", "price") if close else head
        table.add_column(words.replace("_", "\n"), justify="right", no_wrap=True)
    for option in sorted(decision.feasible, key=lambda o: o.threshold - o.utility):
        chosen = (option.candidate_id, option.channel) == (decision.candidate_id, decision.channel)
        price = f"{option.threshold:.4f}" if option.threshold > -1.0 else "none"
        table.add_row(
            Text(option.candidate_id + (" *" if chosen else "")),
            option.channel,
            *(f"{score:.4f}" for score in option.scores),
            f"{option.utility:.4f}",
            price,
        )
    return table


def _origin(decision: "Decision") -> str:
    """By which arm, draw and versions it came about; a drop was not drawn."""
    drawn = (
        f"arm {decision.arm}, bucket {decision.bucket} ({decision.bucket_probability:.4g}), "
        f"action probability {decision.action_probability:.4g}, slot probability {decision.slot_probability:.4g}, "
        f"model {decision.model_version}, "
    )
    made = "" if decision.action == "drop" else drawn
    return (
        f"Decision {decision.decision_id}: {made}policy {decision.policy_version}, control {decision.control_version}"
    )


def _print_plan(found: "Explanation", out: "Console") -> None:
    """The plan of the day as a heat line."""
    from tactful.cli.heat_line import heat_lines

    plan = found.plan
    if plan is None:
        return
    now = found.decision.slot if found.decision is not None and found.decision.slot >= 0 else None
    out.print(
        f"Plan of the day: quota {plan.quota}, jobs at {', '.join(f'{slot:02d}' for slot in plan.jobs) or 'no slot'} "
        f"({found.timezone})" + (", slots sampled for exploration" if plan.randomised else "")
    )
    for line in heat_lines(plan, now):
        out.print(f"  {line}", markup=False)
    out.print("  J job, S job with a planned send, ^ this decision", style="dim")
    if found.hours is not None:
        out.print(_listed(found.hours.sentences))
