"""`tactful train ranker`: learns what follows a message from a store, and puts the best ranker in force there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tactful.cli.options import COLUMNS, AsJson, SettingsFile, console, open_to_read, print_json, settings_of

if TYPE_CHECKING:
    from tactful.runtime.settings import Settings
    from tactful.stores.sqlite import SqliteStore
    from tactful.training.ranking.fit import Kind, Trained

Asked = Literal["auto", "boosted", "network"]


def train_ranker(
    store: Annotated[Path, typer.Argument(help="The store to learn from; the ranker is kept in it.")],
    kind: Annotated[
        Asked, typer.Option("--kind", help="auto, boosted or network; auto tries all that can be and takes the best.")
    ] = "auto",
    settings: SettingsFile = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed and log give the same ranker.")] = 0,
    only_keep: Annotated[
        bool, typer.Option("--keep", help="Keep it without putting it in force: `tactful promote` does that.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Learn what follows a message on each channel: opens, clicks, leaving, sessions.

    Fits a boosted ranker and, where torch is installed, a network to the messages whose snapshots the store kept;
    judges them on the last days, to which nothing was fitted; and puts one in force, but only if it is better
    than the simple predictors outside the 95 % interval.
    """
    from tactful.cli.report.ranking import print_ranking

    if kind == "network":
        _need_torch()
    opened = open_to_read(store)
    trained = _trained(opened, settings_of(settings, opened), kind, seed, shown=not as_json)
    _keep(store, trained, in_force=not only_keep)
    if as_json:
        print_json(trained.report)
        return
    say = console()
    say.width = max(say.width, COLUMNS)
    print_ranking(trained.report, say)
    say.print()
    promoted = f"not in force: tactful promote {store} {trained.report.model_version}"
    taken = promoted if only_keep else "in force: an engine takes it, also one that runs."
    kept = f"Kept in {store}, {taken}" if trained.model else f"Nothing was changed in {store}."
    say.print(kept, markup=False, soft_wrap=True)


def _need_torch() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise typer.BadParameter(f"--kind network needs {', '.join(missing)}; pip install 'tactful[train]'")


def _trained(opened: "SqliteStore", settings: "Settings", kind: "Kind", seed: int, shown: bool) -> "Trained":
    from rich.console import Console

    from tactful.cli.progress import Stages
    from tactful.events.registry import Registry, load_folder
    from tactful.training.ranking.fit import train_ranker as fit
    from tactful.training.ranking.stored import read_log

    registry = load_folder(Path(settings.event_types)) if settings.event_types else Registry.shipped()
    with Stages(shown=shown) as stages:
        total, read = opened.last()[0] + 1 + opened.count_decisions(), 0

        def tell(rows: int) -> None:
            nonlocal read
            read = min(read + rows, total)
            stages.show("reading the log", read, total)

        log = read_log(opened, registry.types, tell)
        opened.close()
        watching = Console(stderr=True) if shown else None
        return fit(log, seed=seed, kind=kind, watch=stages.show, console=watching)


def _keep(path: Path, trained: "Trained", in_force: bool) -> None:
    from tactful.stores.sqlite import SqliteStore
    from tactful.training.ranking.keeping import keep

    if trained.model is not None:
        store = SqliteStore(path)
        keep(store, trained, in_force)
        store.close()
