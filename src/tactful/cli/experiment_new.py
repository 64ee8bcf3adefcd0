"""`tactful experiment new`: announces an experiment, from options or from a file."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tactful.cli.options import (
    AsJson,
    Guardrails,
    console,
    guardrails_of,
    instant_option,
    open_to_read,
    print_json,
    share_of,
)

if TYPE_CHECKING:
    from tactful.experiments.design import Experiment
    from tactful.stores.sqlite import SqliteStore


def experiment_new(
    store: Annotated[Path, typer.Argument(help="The store of an engine, which may be running.")],
    name: Annotated[str, typer.Option("--name", help="Of the experiment; decisions name arms NAME/ARM.")] = "",
    arm: Annotated[
        list[str] | None,
        typer.Option("--arm", metavar="ARM=SHARE", help="An arm and its share of the users; the first is the control."),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="ARM.rules.KEY=VALUE", help="A rule that an arm changes; as in the settings."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="ARM.ranker=VERSION", help="A model that an arm has.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="What decides, the first most: clicks, or clicks/sends.")
    ] = None,
    guardrail: Guardrails = None,
    layer: Annotated[str, typer.Option("--layer", help="Other layers are only measured: the app treats them.")] = "",
    offset: Annotated[
        float | None, typer.Option("--offset", help="Where in the layer it lies; the first free place by default.")
    ] = None,
    start: Annotated[datetime | None, instant_option("--start", "When it begins; at once by default")] = None,
    end: Annotated[datetime | None, instant_option("--end", "When it ends; open by default")] = None,
    activity: Annotated[list[str] | None, typer.Option("--activity", help="Only for people in this state.")] = None,
    reach: Annotated[list[str] | None, typer.Option("--reach", help="Only for people so reached.")] = None,
    note: Annotated[str, typer.Option("--note", help="For people.")] = "",
    file: Annotated[Path | None, typer.Option("--file", help="TOML file of an experiment, instead of options.")] = None,
    as_json: AsJson = False,
) -> None:
    """Announce an experiment; the engine takes it as it goes on, and holds its arms at equal volume.

    Nothing is announced if it contradicts itself or what runs.
    """
    from tactful.experiments.compare import refuse_unknown
    from tactful.runtime.experiment_rows import METRICS
    from tactful.runtime.experiments_in_force import add
    from tactful.stores.sqlite import SqliteStore

    if (file is None) == (not name):
        raise typer.BadParameter("expected either --name with --arm, or --file")
    open_to_read(store).close()
    opened = SqliteStore(store)
    try:
        made = _from_file(file) if file is not None else None
        if made is None:
            told: dict[str, Any] = {
                "name": name,
                "arms": _arms(arm or [], change or [], model or []),
                "started_at": start,
                "ended_at": end,
                "targeting": {"activities": activity or [], "reaches": reach or []},
                "note": note,
            }
            guardrails, told["margins"] = guardrails_of(guardrail)
            told |= {key: value for key, value in (("metrics", metric), ("guardrails", guardrails)) if value}
            told |= {"layer": layer} if layer else {}
            made = _placed(opened, told, offset)
        refuse_unknown(made, METRICS)
        add(opened, made)
    finally:
        opened.close()
    if as_json:
        print_json(made)
    else:
        shares = ", ".join(f"{one.name} {100 * one.share:g} %" for one in made.arms)
        console().print(f"Announced {made.name}: {shares}. The engine takes it as it goes on.", markup=False)


def _from_file(file: Path) -> "Experiment":
    from tactful.errors import UnreadableInput
    from tactful.experiments.design import experiment_of

    try:
        return experiment_of(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableInput(f"cannot read {file}: {error.strerror}; give --file a TOML file") from error


def _placed(opened: "SqliteStore", told: dict[str, Any], offset: float | None) -> "Experiment":
    """The experiment, in the first part of its layer that is free and large enough, unless it was told where."""
    import msgspec

    from tactful.errors import InvalidExperiment
    from tactful.experiments.design import POLICY, Experiment
    from tactful.experiments.layers import free
    from tactful.runtime.experiments_in_force import listed

    layer = told.get("layer", POLICY)
    size = sum(one["share"] for one in told["arms"])
    if offset is None:
        running = [one for one in listed(opened) if one.ended_at is None]
        rooms = [low for low, high in free(running, layer) if high - low >= size - 1e-9]
        offset = rooms[0] if rooms else 0.0
    try:
        return msgspec.convert({**told, "offset": offset}, Experiment)
    except msgspec.ValidationError as error:
        raise InvalidExperiment(f"got options that make no experiment: {error}") from error


def _arms(arms: list[str], changes: list[str], models: list[str]) -> list[dict[str, Any]]:
    """The arms as tables, with their rules and models."""
    made: dict[str, dict[str, Any]] = {}
    for text in arms:
        name, share = share_of(text)
        made[name] = {"name": name, "share": share, "rules": {}, "models": {}}
    for option, texts in (("--set", changes), ("--model", models)):
        for text in texts:
            path, value = _parted(text, option, "ARM.rules.weights.click=2, or ARM.ranker=VERSION for --model")
            name, *keys = path.split(".")
            if name not in made or not keys or (option == "--set" and (keys[0] != "rules" or len(keys) < 2)):
                raise typer.BadParameter(f"got {option} {text!r}, expected one of the arms {sorted(made)} and a key")
            if option == "--set":
                _put(made[name], keys, _value(value))
            else:
                made[name]["models"][keys[0]] = value
    return list(made.values())


def _parted(text: str, option: str, expected: str) -> tuple[str, str]:
    left, sign, right = text.partition("=")
    if not (left and sign and right):
        raise typer.BadParameter(f"got {option} {text!r}, expected {expected}")
    return left, right


def _put(table: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        table = table.setdefault(key, {})
    table[keys[-1]] = value


def _value(text: str) -> Any:
    """A value as TOML writes it; what is none is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
