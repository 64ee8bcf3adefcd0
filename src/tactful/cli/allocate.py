"""`tactful allocate`: the week's budgets from a trained model, posted into the store for the engine to take."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tactful.cli.options import COLUMNS, AsJson, SettingsFile, console, open_to_read, print_json, settings_of

if TYPE_CHECKING:
    from tactful.runtime.allocating import Allocated, Ask
    from tactful.runtime.settings import Settings
    from tactful.stores.sqlite import SqliteStore
    from tactful.training.volume.report import FitReport


def allocate(
    store: Annotated[Path, typer.Argument(help="The store of an engine, which may be running.")],
    total: Annotated[float | None, typer.Option("--total", min=0.0, help="Messages a week in all.")] = None,
    per_user: Annotated[
        float | None, typer.Option("--per-user", min=0.0, help="Messages a week for each person, on average.")
    ] = None,
    price: Annotated[
        float | None, typer.Option("--price", min=0.0, help="Active days that 1,000 messages must bring at least.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Version of the response model; the one trained last by default.")
    ] = None,
    k_min: Annotated[int, typer.Option("--k-min", min=0, help="Least weekly budget of everybody.")] = 0,
    k_max: Annotated[
        int | None, typer.Option("--k-max", min=0, help="Largest weekly budget; the largest randomised by default.")
    ] = None,
    together: Annotated[
        bool, typer.Option("--together/--by-reach", help="One total, or each reach segment its share of today's.")
    ] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report as a page, too.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report, and post nothing.")] = False,
    partitions: Annotated[
        Path | None,
        typer.Option("--partitions", help="Folder of Parquet files of people, instead of the store's; needs --to."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder for the budgets of --partitions; a run that stopped goes on.")
    ] = None,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Allocate weekly budgets for exactly one of --total, --per-user and --price, and post them into the store.

    A running engine takes them in; otherwise they wait for its next start. Exits with 1, and leaves the last budgets as
    they are, without a usable model or without any engagement in a week.

    With --partitions the people come from files and the budgets go into files, of which there may be more than fit into
    memory; nothing is posted.
    """
    from tactful.runtime.allocating import Ask

    kind, amount = _goal(total, per_user, price)
    if html is not None and find_spec("altair") is None:
        raise typer.BadParameter("--html draws with altair, which is not there; pip install 'tactful[report]'")
    if (partitions is None) != (to is None) or (partitions and (html or dry_run)):
        raise typer.BadParameter("--partitions and --to belong together, and go with neither --html nor --dry-run")
    opened = open_to_read(store)
    chosen = settings_of(settings, opened)
    ask = Ask(kind, amount, chosen.volume.headroom, k_min, k_max, together, chosen.volume.leaving)
    if partitions is not None and to is not None:
        _allocate_files(opened, partitions, to, ask, model, as_json)
        return
    found = _found(opened, chosen, ask, model, shown=not as_json)
    opened.close()
    if html is not None:
        _write_page(found, html)
    if not dry_run:
        _post(store, found)
    if as_json:
        print_json({"posted": not dry_run, "parts": len(found.plan), "allocation": found.report})
    else:
        _print(found, store, html, dry_run)


def _goal(
    total: float | None, per_user: float | None, price: float | None
) -> tuple[Literal["total", "per_user", "price"], float]:
    given = [total is not None, per_user is not None, price is not None]
    if sum(given) != 1:
        raise typer.BadParameter(f"got {sum(given)} goals, expected exactly one of --total, --per-user and --price")
    if total is not None:
        return "total", total
    return ("per_user", per_user) if per_user is not None else ("price", price or 0.0)


def _found(opened: "SqliteStore", settings: "Settings", ask: "Ask", version: str | None, shown: bool) -> "Allocated":
    from tactful.cli.progress import bar
    from tactful.runtime.allocating import allocated, fresh_people, response_model
    from tactful.training.volume.keeping import report_of

    with bar(shown=shown) as progress:
        task = progress.add_task("reading the model", total=4)
        model = response_model(opened, version)
        trained = report_of(opened, model.version)
        sent = trained.fill.expected_sent(model.k_trained) if trained else None
        progress.update(task, advance=1, description="reading what became of drawn budgets")
        notes = _moved(opened, settings, trained) if trained else ()
        progress.update(task, advance=1, description="reading the people")
        people = fresh_people(opened, settings)
        progress.update(task, advance=1, description=f"allocating to {len(people):,}")
        return allocated(people, model, ask, sent, notes)


def _allocate_files(
    opened: "SqliteStore", people: Path, to: Path, ask: "Ask", version: str | None, as_json: bool
) -> None:
    from tactful.cli.progress import Stages
    from tactful.cli.report.allocation_files import print_files_allocation
    from tactful.runtime.allocating import response_model
    from tactful.runtime.allocating_files import allocate_files

    trained = response_model(opened, version)
    opened.close()
    with Stages(shown=not as_json) as stages:
        found = allocate_files(people, to, trained, ask, stages.show)
    if as_json:
        print_json(found)
    else:
        print_files_allocation(found, console())


def _moved(opened: "SqliteStore", settings: "Settings", trained: "FitReport") -> tuple[str, ...]:
    """Where budgets do not mean any more what they meant at training."""
    from tactful.errors import NotEnoughData
    from tactful.training.volume.stored import read_log
    from tactful.training.volume.watch import moved_since

    try:
        return moved_since(trained.fill, read_log(opened, settings.exploration.volume_period_weeks))
    except NotEnoughData:  # the slice was closed since
        return ()


def _write_page(found: "Allocated", html: Path) -> None:
    from tactful.cli.report.allocation_page import allocation_page

    html.write_text(allocation_page(found.report), encoding="utf-8")


def _post(path: Path, found: "Allocated") -> None:
    """One short write, all parts or none; an engine may have the file open."""
    from tactful.events.records import encode
    from tactful.stores.sqlite import SqliteStore

    store = SqliteStore(path)
    store.post([encode(part) for part in found.plan])
    store.close()


def _print(found: "Allocated", store: Path, html: Path | None, dry_run: bool) -> None:
    from tactful.cli.report.allocation_terminal import print_allocation

    say = console()
    say.width = max(say.width, COLUMNS)
    print_allocation(found.report, say)
    say.print()
    if html is not None:
        say.print(f"The report with charts: {html}", markup=False)
    plans = ", ".join(group.plan_id for group in found.report.groups)
    done = "Nothing was posted (--dry-run)" if dry_run else f"Posted into {store} for its engine"
    say.print(f"{done}: {plans}", markup=False, soft_wrap=True)
