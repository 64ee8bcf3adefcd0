"""`tactful replay`: the log of a store once more, to prove its decisions or to see those of other settings."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import AsJson, SettingsFile, console, instant_option, open_to_read, print_json
from tactful.cli.progress import bar

if TYPE_CHECKING:
    from tactful.runtime.replaying import Comparison, Verification


def replay(
    store: Annotated[Path, typer.Argument(help="The store whose log is replayed; it is only read.")],
    until: Annotated[datetime | None, instant_option("--until", "Stop at this instant")] = None,
    settings: SettingsFile = None,
    day: Annotated[
        datetime | None,
        typer.Option("--day", formats=["%Y-%m-%d"], help="With --settings: only they decide, on this day (UTC)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a store's log. The same settings must give its decisions byte for byte; others show the difference.

    With --day other settings decide on that day alone: who would have got what. Exits with 1 if the same settings give
    other decisions.
    """
    if day is not None:
        if settings is None or until is not None:
            raise typer.BadParameter("--day compares a day: give --settings, and no --until")
        _replay_day(store, settings, day.date(), as_json)
        return
    from tactful.runtime.replaying import compare, verify
    from tactful.runtime.settings import load, noted

    opened = open_to_read(store)
    recorded = noted(opened)
    chosen = load(settings) if settings else recorded
    with bar(shown=not as_json) as progress:
        task = progress.add_task("replaying", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        if chosen == recorded:
            verified = verify(opened, chosen, until, show)
            compared = None
        else:
            verified = None
            compared = compare(opened, chosen, until, progress=show)
    opened.close()
    if as_json:
        print_json(verified if compared is None else compared)
    elif compared is not None:
        _print_comparison(compared)
    elif verified is not None:
        _print_verification(verified)
    if verified is not None and not verified.equal:
        raise typer.Exit(1)


def _replay_day(store: Path, settings: Path, day: date, as_json: bool) -> None:
    from tactful.cli.report.day import print_day
    from tactful.runtime.replaying_day import compare_day
    from tactful.runtime.settings import load

    opened = open_to_read(store)
    found = compare_day(opened, load(settings), day)
    opened.close()
    if as_json:
        print_json(found)
    else:
        print_day(found, console())


def _print_verification(verified: "Verification") -> None:
    until = f" up to {verified.until:%Y-%m-%d %H:%M} UTC" if verified.until else ""
    if verified.equal:
        console().print(
            f"Equal: {verified.inputs:,} inputs{until} give the {verified.decisions:,} decisions and "
            f"{verified.plans:,} plans on record, byte for byte."
        )
        return
    console().print(f"Different after {verified.decisions:,} equal decisions{until}.")
    if verified.difference:
        console().print(f"First difference: {verified.difference.what}.", markup=False)


def _print_comparison(compared: "Comparison") -> None:
    """Sends of both runs: in all, by type, by channel, and by hour where either has any."""
    from rich.table import Table

    a, b = compared.recorded, compared.replayed
    table = Table(title="Other settings over the same inputs", title_justify="left")
    table.add_column("")
    for head in ("recorded", "replayed", "difference"):
        table.add_column(head, justify="right")

    def row(label: str, before: int, after: int) -> None:
        table.add_row(label, f"{before:,}", f"{after:,}", f"{after - before:+,}" if after != before else "")

    row("sends", a.sends, b.sends)
    row("holds", a.holds, b.holds)
    row("drops", a.drops, b.drops)
    for title, before, after in (("type", a.by_type, b.by_type), ("channel", a.by_channel, b.by_channel)):
        table.add_section()
        for name in sorted(before.keys() | after.keys()):
            row(f"sends, {title} {name}", before.get(name, 0), after.get(name, 0))
    table.add_section()
    for hour in range(24):
        if a.by_hour[hour] or b.by_hour[hour]:
            row(f"sends, {hour:02d}:00 local", a.by_hour[hour], b.by_hour[hour])
    console().print(table)
    console().print(
        f"{compared.changed:,} of {compared.jobs:,} jobs ({compared.changed_share:.1%}) ended differently or ran in "
        "one run only.\nThe engagements are those of the recorded run: this says what would have been sent, not what "
        "people would have done."
    )
    if compared.recorded_model not in ("", compared.replayed_model):
        console().print(
            f"The recorded run used other models ({compared.recorded_model}) than this one "
            f"({compared.replayed_model}): part of the difference is theirs."
        )
