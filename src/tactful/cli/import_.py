"""`tactful import`: reads an engagement log into a store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import AsJson, SettingsFile, console, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from tactful.runtime.importing import Progress as Reading
    from tactful.runtime.importing import Report
    from tactful.runtime.importing.submit import Submitted


def import_(
    file: Annotated[Path, typer.Argument(help="The log: CSV, TSV, NDJSON or Parquet; a file or a folder of files.")],
    mapping: Annotated[Path, typer.Option("--mapping", help="TOML file that says which column is what.")],
    store: Annotated[Path, typer.Option("--store", help="The store to write to; made if it is not there.")],
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Where refused rows are written, with line and reason (NDJSON).")
    ] = None,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Read an engagement log into a store. Importing it again changes nothing."""
    from tactful.cli.progress import bar
    from tactful.runtime.embedded import Engine
    from tactful.runtime.importing import load_mapping, read_log
    from tactful.runtime.importing.submit import submit_log
    from tactful.runtime.settings import load, noted
    from tactful.stores.sqlite import SqliteStore

    columns = load_mapping(mapping)
    given = load(settings) if settings else None
    with bar(shown=not as_json) as progress:
        log = read_log(file, columns, rejects, _reading(progress))
        opened = SqliteStore(store)
        engine = Engine(opened, given or noted(opened))
        try:
            task = progress.add_task("submitting", total=len(log.rows))
            done = submit_log(engine, log, lambda count: progress.update(task, completed=count))
        finally:
            engine.close()
    if as_json:
        print_json({"store": str(store), "log": log.report, "submitted": done})
    else:
        _print(log.report, done, store, rejects)


def _reading(progress: "Progress") -> "Callable[[Reading], None]":
    task = progress.add_task("reading", total=None)

    def show(read: "Reading") -> None:
        progress.update(task, completed=read.bytes_done, total=read.bytes_total)

    return show


def _print(report: "Report", done: "Submitted", store: Path, rejects: Path | None) -> None:
    """The report in two short tables: the rows of the log, and what became of its records."""
    from rich.table import Table

    rows = Table(title="Rows of the log", title_justify="left", show_header=False)
    for label, count in (
        ("read", report.rows),
        ("taken", report.taken),
        ("duplicates within the log", report.duplicates),
        ("left out by the mapping", report.ignored),
        ("refused", report.rejected),
    ):
        rows.add_row(label, f"{count:,}")
    records = Table(title=f"Records, with {report.users:,} users and {report.sessions:,} derived sessions",
                    title_justify="left", show_header=False)  # fmt: skip
    records.add_row("new in the store", f"{done.accepted:,}")
    records.add_row("known before", f"{done.known:,}")
    records.add_row("refused by the engine", f"{done.refused:,}")
    for table in (rows, records):
        table.columns[-1].justify = "right"
        console().print(table)
    for reason, count in sorted({**report.reasons, **done.reasons}.items(), key=lambda each: -each[1]):
        console().print(f"  {count:,} x {reason}", markup=False)
    if report.rejected and rejects:
        console().print(f"The refused rows are in {rejects}.", markup=False)
    console().print(f"{store} holds {report.first_at:%Y-%m-%d} to {report.last_at:%Y-%m-%d} of this log.", markup=False)
    if not done.accepted:
        console().print("Nothing was new: this log had been imported before.")
