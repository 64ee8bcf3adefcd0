"""`tactful train rows`: training rows out of exported days, of which there may be more than fit into memory."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import AsJson, SettingsFile, console, needs_extra, print_json

if TYPE_CHECKING:
    from tactful.training.ranking.row_files import RowsMade

_PARTS = 64


def train_rows(
    lake: Annotated[Path, typer.Argument(help="Folder that `tactful export` wrote.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to write to; a run that stopped goes on there.")],
    parts: Annotated[
        int, typer.Option("--parts", min=1, help="Parts to deal people to; more of them take less memory.")
    ] = _PARTS,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Join exported messages with what people did, by part: rows that a ranker of yours learns from.

    What was made of the same bytes stays; a day that came or changed is dealt, and the parts are joined again.
    """
    from tactful.cli.progress import Stages
    from tactful.events.registry import Registry, load_folder
    from tactful.runtime.settings import Settings, load

    with needs_extra("batch"):
        from tactful.training.ranking.row_files import make_rows

    chosen = load(settings) if settings else Settings()
    registry = load_folder(Path(chosen.event_types)) if chosen.event_types else Registry.shipped()
    with Stages(shown=not as_json) as stages:
        made = make_rows(lake, to, registry.types, parts, stages.show)
    if as_json:
        print_json(made)
    else:
        _print(made)


def _print(made: "RowsMade") -> None:
    from rich.table import Table

    table = Table(title=f"{made.rows:,} rows in {made.parts} parts", title_justify="left")
    for head in ("head", "known", "came", "share"):
        table.add_column(head, justify="left" if head == "head" else "right")
    for head, known in made.known.items():
        came = made.came[head]
        table.add_row(head, f"{known:,}", f"{came:,}", f"{came / max(known, 1):.4f}")
    console().print(table)
    console().print(
        f"{made.days_dealt} of {made.days} exported files were dealt, {made.parts_made} of {made.parts} parts joined; "
        f"the others were as they are. Rows are in {made.folder}/rows.",
        markup=False,
    )
