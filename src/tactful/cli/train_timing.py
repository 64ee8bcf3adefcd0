"""`tactful train timing`: learns when people are there from a store, and puts the best model in force there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tactful.cli.options import COLUMNS, AsJson, SettingsFile, console, open_to_read, print_json, settings_of

if TYPE_CHECKING:
    from tactful.runtime.settings import Timing
    from tactful.stores.sqlite import SqliteStore
    from tactful.training.timing.fit import Choice, Fitted

Asked = Literal["auto", "histogram", "boosted", "network"]


def train_timing(
    store: Annotated[Path, typer.Argument(help="The store to learn from; the model is kept in it.")],
    model: Annotated[
        Asked,
        typer.Option(
            "--model", help="auto, histogram, boosted or network; auto keeps the histogram unless one is better."
        ),
    ] = "auto",
    settings: SettingsFile = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed and log give the same model.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Learn when people are there, and when they click, from what a store holds.

    Fits the smoothed histogram, a boosted model and, where torch is installed, a network; judges them on the last days,
    to which nothing was fitted; and keeps one in the store, which an engine takes, also one that runs.
    """
    from tactful.cli.report.timing import print_timing

    if model == "network":
        _need_torch()
    opened = open_to_read(store)
    fitted = _fitted(opened, settings_of(settings, opened).timing, model, seed, shown=not as_json)
    _keep(store, fitted)
    if as_json:
        print_json(fitted.report)
    else:
        say = console()
        say.width = max(say.width, COLUMNS)
        print_timing(fitted.report, say)
        say.print()
        say.print(f"Kept in {store}, in force: an engine takes it, also one that runs.", markup=False)


def _need_torch() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise typer.BadParameter(f"--model network needs {', '.join(missing)}; pip install 'tactful[train]'")


def _fitted(opened: "SqliteStore", timing: "Timing", choice: "Choice", seed: int, shown: bool) -> "Fitted":
    from rich.console import Console

    from tactful.cli.progress import Stages
    from tactful.training.timing.fit import fit_timing
    from tactful.training.timing.stored import read_log

    with Stages(shown=shown) as stages:
        total, read = opened.last()[0] + 1 + opened.count_decisions(), 0

        def tell(rows: int) -> None:
            nonlocal read
            read = min(read + rows, total)
            stages.show("reading the log", read, total)

        log = read_log(opened, seed, tell=tell)
        opened.close()
        return fit_timing(
            log,
            choice,
            timing.half_life_days,
            timing.country,
            seed,
            stages.show,
            Console(stderr=True) if shown else None,
        )


def _keep(path: Path, fitted: "Fitted") -> None:
    from tactful.stores.sqlite import SqliteStore
    from tactful.training.timing.keeping import keep

    store = SqliteStore(path)
    keep(store, fitted)
    store.close()
