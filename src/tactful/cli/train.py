"""`tactful train volume`: learns the volume response models from a store, and keeps them there."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tactful.cli.options import COLUMNS, AsJson, SettingsFile, console, open_to_read, print_json, settings_of

if TYPE_CHECKING:
    from tactful.runtime.settings import Settings
    from tactful.stores.sqlite import SqliteStore
    from tactful.training.volume.fit import Fitted


def train_volume(
    store: Annotated[
        Path | None, typer.Argument(metavar="[STORE]", help="The store to learn from; the model is kept in it.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say how many user-weeks effects need, and train nothing; STORE is optional.")
    ] = False,
    allow_observational: Annotated[
        bool, typer.Option("--allow-observational", help="Learn although budgets were not drawn; signs may be wrong.")
    ] = False,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Learn what weekly budgets do to people, from those whose budget was drawn at random.

    Refuses budgets that what is known of the people foretells.
    """
    from tactful.cli.report.fit import print_fit

    if plan:
        _plan(store, settings, as_json)
        return
    if store is None:
        raise typer.BadParameter("got no STORE, expected the file of an engine; only --plan does without")
    opened = open_to_read(store)
    fitted = _fitted(opened, settings_of(settings, opened), allow_observational, shown=not as_json)
    _keep(store, fitted)
    if as_json:
        print_json(fitted.report)
    else:
        say = console()
        say.width = max(say.width, COLUMNS)
        print_fit(fitted.report, say)
        say.print()
        say.print(f"Kept in {store}. Next: tactful allocate {store} --per-user 3", markup=False)


def _fitted(opened: "SqliteStore", settings: "Settings", allow_observational: bool, shown: bool) -> "Fitted":
    from tactful.cli.progress import bar
    from tactful.training.volume.fit import fit
    from tactful.training.volume.stored import read_log

    with bar(shown=shown) as progress:
        task = progress.add_task("reading the log", total=None)
        log = read_log(opened, settings.exploration.volume_period_weeks)
        opened.close()
        progress.update(task, description=f"fitting to {len(log):,} drawn budgets")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it stands among the report's notes
            return fit(log, gamma=settings.volume.gamma, allow_observational=allow_observational)


def _keep(path: Path, fitted: "Fitted") -> None:
    from tactful.stores.sqlite import SqliteStore
    from tactful.training.volume.keeping import keep

    store = SqliteStore(path)
    keep(store, fitted)
    store.close()


def _plan(path: Path | None, settings: Path | None, as_json: bool) -> None:
    """Says how many people effects need, by the store's own rates where it has any."""
    from tactful.cli.report.fit import print_plan
    from tactful.errors import NotEnoughData
    from tactful.runtime.settings import Settings, load
    from tactful.training.volume.plan import TYPICAL, plan, rates_of
    from tactful.training.volume.stored import read_log

    rates, chosen = TYPICAL, load(settings) if settings else Settings()
    if path is not None:
        opened = open_to_read(path)
        chosen = settings_of(settings, opened)
        try:
            rates = rates_of(read_log(opened, chosen.exploration.volume_period_weeks))
        except NotEnoughData:
            rates = TYPICAL
        opened.close()
    slice_ = chosen.exploration
    needs = plan(rates, slice_.volume_choices, slice_.volume_period_weeks)
    if as_json:
        told: dict[str, Any] = {
            "rates": rates,
            "rates_of_store": rates != TYPICAL,
            "volume_choices": slice_.volume_choices,
            "volume_period_weeks": slice_.volume_period_weeks,
            "volume_share": slice_.volume_share,
            "needs": needs,
        }
        print_json(told)
    else:
        print_plan(rates, rates != TYPICAL, needs, slice_.volume_share, console())
