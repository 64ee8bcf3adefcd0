"""`tactful evaluate`: what a change of policy would have brought, from what the log has randomised; or a refusal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from tactful.cli.options import AsJson, console, open_to_read, print_json

if TYPE_CHECKING:
    from tactful.runtime.settings import Settings
    from tactful.stores.sqlite import SqliteStore
    from tactful.training.evaluation.evaluate import Judged
    from tactful.training.evaluation.findings import Evaluation

Sending: TypeAlias = Literal["best", "nothing"]
_COLUMNS = 112
"""Three intervals side by side."""


def evaluate(
    store: Annotated[Path, typer.Argument(help="The store of an engine; nothing is written to it.")],
    settings: Annotated[
        Path | None, typer.Option("--settings", help="Other settings: TOML that changes weights, or the volume.")
    ] = None,
    ranker: Annotated[
        str | None, typer.Option("--ranker", metavar="VERSION", help="Another ranker that the store keeps.")
    ] = None,
    price: Annotated[
        float | None, typer.Option("--price", metavar="SHIFT", help="Prices shifted in quantile, within the jitter.")
    ] = None,
    send: Annotated[Sending | None, typer.Option("--send", help="The best option once a day, or nothing.")] = None,
    hour: Annotated[int | None, typer.Option("--hour", help="A rank job at this hour of the user's clock.")] = None,
    volume: Annotated[float | None, typer.Option("--volume", help="Another mean weekly budget.")] = None,
    as_json: AsJson = False,
) -> None:
    """Estimate what a change of policy would have brought, from what the log has randomised. Give one change.

    Names the row of the table of docs/explanation/off-policy.md that it used. Exits with 1 if the log cannot tell.
    """
    given = {"--settings": settings, "--ranker": ranker, "--price": price, "--send": send, "--hour": hour}
    named = [name for name, value in {**given, "--volume": volume}.items() if value is not None]
    if len(named) != 1:
        raise typer.BadParameter(
            f"got {' '.join(named) or 'no change'}, expected one of --settings, --ranker, --price, --send, --hour, "
            "--volume"
        )
    opened = open_to_read(store)
    found = _found(opened, settings, ranker, price, send, hour, volume)
    opened.close()
    if as_json:
        print_json(found)
        return
    _print(found)


def _found(
    opened: "SqliteStore",
    settings: Path | None,
    ranker: str | None,
    price: float | None,
    send: Sending | None,
    hour: int | None,
    volume: float | None,
) -> "Evaluation":
    from tactful.models.in_force import rank_model_of
    from tactful.runtime.settings import noted
    from tactful.training.evaluation import evaluate as ask

    of_log = noted(opened)
    log = _judged(opened, of_log)
    if settings is not None:
        return _by_settings(log, of_log, settings)
    if ranker is not None:
        return ask.judge_ranker(log, rank_model_of(opened, ranker))
    if price is not None:
        return ask.judge_price(log, price)
    if send is not None:
        return ask.judge_sending(log, send)
    if hour is not None:
        return ask.judge_hour(log, hour)
    return ask.judge_volume(log, of_log.volume.per_user_per_week, float(volume or 0.0))


def _judged(opened: "SqliteStore", settings: "Settings") -> "Judged":
    from tactful.events.registry import Registry, load_folder
    from tactful.training.evaluation.evaluate import Judged

    registry = load_folder(Path(settings.event_types)) if settings.event_types else Registry.shipped()
    return Judged(opened, registry.types, settings.rules, settings.exploration)


def _by_settings(log: "Judged", of_log: "Settings", file: Path) -> "Evaluation":
    """The row in which the changed keys stand says what is asked."""
    from tactful.experiments.identify import row_for_settings
    from tactful.runtime.settings import load
    from tactful.training.evaluation.evaluate import judge_rules, judge_volume

    other = load(file)
    row = row_for_settings(_changed(of_log, other))
    if row.change == "volume":
        return judge_volume(log, of_log.volume.per_user_per_week, other.volume.per_user_per_week)
    return judge_rules(log, other.rules)


def _changed(one: "Settings", other: "Settings") -> list[str]:
    """Keys that differ, such as `rules.weights`."""
    found = []
    for room in one.__struct_fields__:
        mine, theirs = getattr(one, room), getattr(other, room)
        fields = getattr(mine, "__struct_fields__", None)
        if fields is None:
            found += [room] if mine != theirs else []
        else:
            found += [f"{room}.{name}" for name in fields if getattr(mine, name) != getattr(theirs, name)]
    return found


def _print(found: "Evaluation") -> None:
    from rich.table import Table

    say, row = console(), found.row
    say.width = max(say.width, _COLUMNS)
    say.print(
        f"Row {row.change}: {row.question}. Randomised in the log: {row.randomisation} ({row.share}).", markup=False
    )
    say.print(f"Present: {found.present}. Target: {found.target}.", markup=False)
    table = Table(box=None, pad_edge=False)
    table.add_column(f"of 1,000 {row.unit}s")
    for head in ("present", "target", "difference", "rows", "effective"):
        table.add_column(head, justify="right")
    for one in found.findings:
        table.add_row(
            one.reward,
            *(_interval(each[0], each[1], each[2]) for each in (one.present, one.target, one.difference)),
            *(f"{number:,.0f}" for number in (one.rows, one.target.ess)),
        )
    say.print(table)
    say.print(f"In brackets 95 % over people. Not said: {row.silent}.", markup=False)
    for reason in found.unsaid:
        say.print(f"No answer on {reason}.", markup=False)
    if found.left_out:
        say.print(f"{found.left_out:,} rows of the log could not be used.")


def _interval(value: float, low: float, high: float) -> str:
    return f"{1000 * value:,.1f} \\[{1000 * low:,.1f}, {1000 * high:,.1f}]"
