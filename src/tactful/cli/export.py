"""`tactful export`: what a store decided and what people did, as Parquet files by day."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tactful.cli.options import AsJson, console, open_to_read, print_json

if TYPE_CHECKING:
    from tactful.runtime.exporting import Exported


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"got {text!r}, expected a UTC day such as 2026-03-01") from None


def _day_option(name: str, meaning: str) -> Any:
    return typer.Option(name, parser=_day, metavar="DAY", help=f"{meaning}; UTC, such as 2026-03-01.")


def export(
    store: Annotated[Path, typer.Argument(help="The store of an engine, which may be running; it is only read.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to write to; made if it is not there.")],
    first: Annotated[date | None, _day_option("--from", "First day")] = None,
    until: Annotated[date | None, _day_option("--until", "Last day, itself included")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write days anew that are over and exported.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write decisions, engagements and slot plans to Parquet, one file a table and UTC day.

    A later run writes what is new since: the days that are over stay as they are.
    """
    from tactful.cli.progress import bar
    from tactful.runtime.exporting import export as export_store

    opened = open_to_read(store)
    with bar(shown=not as_json) as progress:
        task = progress.add_task("exporting", total=None)
        done = export_store(
            opened, to, first, until, overwrite, lambda days, total: progress.update(task, completed=days, total=total)
        )
    opened.close()
    if as_json:
        print_json(done)
    else:
        _print(done)


def _print(done: "Exported") -> None:
    from rich.table import Table

    if done.first_day is None:
        console().print("Nothing to export: the store has nothing from these days.")
        return
    table = Table(title=f"{done.first_day} to {done.last_day} (UTC)", title_justify="left")
    table.add_column("")
    for head in ("days written", "kept as they were", "rows", "MB"):
        table.add_column(head, justify="right")
    for name, each in done.tables.items():
        size = f"{each.bytes / 1e6:,.1f}"
        table.add_row(name, f"{each.days_written:,}", f"{each.days_kept:,}", f"{each.rows:,}", size)
    console().print(table)
    console().print(f"Written to {done.folder}; complete through {done.through:%Y-%m-%d %H:%M} UTC.", markup=False)
