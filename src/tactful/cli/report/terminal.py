"""The report as a person reads it in a terminal, from top to bottom."""

from rich.console import Console

from tactful.cli.report import text
from tactful.cli.report.estimates import METHOD, ArmRow
from tactful.cli.report.story import Story
from tactful.cli.report.table import LEGEND, arms_table


def print_story(story: Story, rows: list[ArmRow], out: Console) -> None:
    """Prints the table of arms, volume against target, one person's day and the budgets."""
    _head(
        out, f"{story.n_users:,} simulated people, {story.n_days} days, the same luck in every arm (seed {story.seed})"
    )
    out.print(arms_table(rows))
    out.print(LEGEND, METHOD, style="dim")
    _head(out, "Tactful's volume against its target, by UTC day (simulated)")
    _plain(out, text.volume_by_day(story))
    sample = story.sample
    row = sample.example()
    _head(out, f"One simulated person's day: {sample.user_ids[row]}, own local hours")
    _plain(out, text.slot_line(sample.slots[row], sample.jobs[row], sample.told[row], sample.quiet[row]))
    out.print("activity: when the person is expected; S sent, J ranked but not sent, z quiet hours", style="dim")
    _head(out, "Weekly budgets: how many people may be told how often (simulated)")
    _plain(out, text.budgets(story.volume.budget))


def _head(out: Console, title: str) -> None:
    out.print()
    out.print(title, style="bold")


def _plain(out: Console, drawn: str) -> None:
    """Prints a drawing as it is: no markup, no wrapping."""
    out.print(drawn, markup=False, no_wrap=True, overflow="ignore", crop=False)
