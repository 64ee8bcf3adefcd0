"""`tactful shadow`: decides beside the sender that you have, sends nothing, and reports the difference."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import COLUMNS, AsJson, SettingsFile, console, needs_extra, open_to_read, print_json
from tactful.cli.progress import bar

if TYPE_CHECKING:
    from tactful.runtime.importing.mapping import Defaults
    from tactful.runtime.settings import Settings
    from tactful.runtime.shadowing.report import ShadowReport
    from tactful.runtime.shadowing.sends import Sends
    from tactful.stores.sqlite import SqliteStore


def shadow(
    store: Annotated[Path, typer.Argument(help="The store with the app's people and what they did; it is only read.")],
    log: Annotated[
        Path | None,
        typer.Option("--log", help="The other sender's log: CSV, TSV, NDJSON, Parquet, or a folder of them."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="TOML file that says which column of the log is what.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], help="Compare from this local day on; earlier ones are history."),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Where refused rows are written, with line and reason (NDJSON).")
    ] = None,
    settings: SettingsFile = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report with plots as a page, too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decide beside another sender, over its log, and report agreement, volume and what models foretell.

    Nothing is sent and nothing is written to the store: no channel is set up. Without --log the other sender's messages
    are those that it posted to /v1/shadow/sends.
    """
    if (log is None) != (mapping is None):
        raise typer.BadParameter("got one of --log and --mapping, expected both, or neither")
    from tactful.cli.options import settings_of
    from tactful.runtime.shadowing.beside import decide_beside
    from tactful.runtime.shadowing.report import report

    opened = open_to_read(store)
    chosen = settings_of(settings, opened)
    sends, users = _sends(opened, chosen, log, mapping, rejects)
    with bar(shown=not as_json) as progress:
        task = progress.add_task("deciding beside", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        found = decide_beside(opened, chosen, sends.messages, users, since.date() if since else None, progress=show)
    opened.close()
    told = report(found, sends.report if log else None)
    if html is not None:
        with needs_extra("report"):
            from tactful.cli.report.shadow_page import shadow_page
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(shadow_page(told), encoding="utf-8")
    if as_json:
        print_json(told)
    else:
        _print(told, html)


def _sends(
    opened: "SqliteStore", settings: "Settings", log: Path | None, mapping: Path | None, rejects: Path | None
) -> "tuple[Sends, Defaults]":
    """The other sender's messages, and what to assume of people without a profile."""
    from tactful.runtime import event_types
    from tactful.runtime.importing.mapping import Defaults
    from tactful.runtime.shadowing.mapping import load_sends_mapping
    from tactful.runtime.shadowing.sends import kept_sends, read_sends

    if log is None or mapping is None:
        return kept_sends(opened), Defaults()
    columns = load_sends_mapping(mapping)
    return read_sends(log, columns, event_types.soon(opened, settings).names, rejects), columns.users


def _print(told: "ShadowReport", html: Path | None) -> None:
    from tactful.cli.report.shadow import print_shadow

    say = console()
    say.width = max(say.width, COLUMNS)
    print_shadow(told, say)
    if html is not None:
        say.print(f"The same with plots: {html}", markup=False)
