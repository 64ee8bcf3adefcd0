"""`tactful tune`: what other utility weights would have chosen, and what would have come of it."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import COLUMNS, AsJson, SettingsFile, console, open_to_read, print_json, settings_of

if TYPE_CHECKING:
    from tactful.runtime.settings import Settings
    from tactful.stores.sqlite import SqliteStore
    from tactful.training.ranking.tuning import Tuning


def tune(
    store: Annotated[Path, typer.Argument(help="The store of an engine; nothing is written to it.")],
    weight: Annotated[
        list[str] | None,
        typer.Option("--weight", metavar="HEAD=W,W,..", help="Weights to try for a head; may be given several times."),
    ] = None,
    segment: Annotated[
        str, typer.Option("--segment", help="An activity (new) or a segment (new/both): only its people, and for them.")
    ] = "",
    pick: Annotated[int | None, typer.Option("--pick", min=0, help="Print the settings of this point.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the table and a chart as a page, too.")] = None,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Estimate what other weights would have chosen on days of random sends, and what would have come of it.

    Exits with 1 if the random slice is too small to say. The volume does not change with the weights: thresholds hold
    it.
    """
    if html is not None and find_spec("altair") is None:
        raise typer.BadParameter("--html draws with altair, which is not there; pip install 'tactful[report]'")
    tried = dict(_tried(text) for text in weight or [])
    opened = open_to_read(store)
    found = _found(opened, settings_of(settings, opened), tried, segment)
    opened.close()
    if pick is not None and pick >= len(found.points):
        raise typer.BadParameter(f"got --pick {pick}, expected a point of 0 to {len(found.points) - 1}")
    if html is not None:
        from tactful.cli.report.tuning_page import tuning_page

        html.write_text(tuning_page(found), encoding="utf-8")
    if as_json:
        print_json(found)
        return
    _print(found, pick, html)


def _tried(text: str) -> tuple[str, tuple[float, ...]]:
    head, _, values = text.partition("=")
    try:
        return head, tuple(float(value) for value in values.split(","))
    except ValueError:
        raise typer.BadParameter(f"got --weight {text!r}, expected HEAD=W,W,.. such as unsubscribe=0,-5,-20") from None


def _found(opened: "SqliteStore", settings: "Settings", tried: dict[str, tuple[float, ...]], segment: str) -> "Tuning":
    from tactful.events.registry import Registry, load_folder
    from tactful.training.ranking.random_slice import read_choices
    from tactful.training.ranking.tuning import among, grid, tune

    registry = load_folder(Path(settings.event_types)) if settings.event_types else Registry.shipped()
    choices, in_force = among(read_choices(opened, registry.types), settings.rules, segment)
    return tune(choices, settings.rules, grid(choices.heads, in_force, tried), segment)


def _print(found: "Tuning", pick: int | None, html: Path | None) -> None:
    from tactful.cli.report.tuning import print_tuning, toml

    say = console()
    say.width = max(say.width, COLUMNS)
    print_tuning(found, say)
    if html is not None:
        say.print(f"The same with a chart: {html}", markup=False)
    if pick is not None:
        say.print()
        say.print(toml(found, pick), markup=False, soft_wrap=True)
