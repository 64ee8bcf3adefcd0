"""`tactful promote` and `rollback`: a ranker past the gate, by a canary, to everybody; and back by one command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tactful.cli.options import COLUMNS, AsJson, Guardrails, console, guardrails_of, open_to_read, print_json

if TYPE_CHECKING:
    from tactful.experiments.canary import Plan
    from tactful.experiments.gate import Gate
    from tactful.runtime.promotions import Move

StoreFile = Annotated[Path, typer.Argument(help="The store of an engine, which may be running.")]
By = Annotated[str, typer.Option("--by", help="Who does it; goes on record as it is given.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; goes on record.")]


def promote(
    store: StoreFile,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="Of a ranker that the store keeps (train ranker --keep).")
    ] = None,
    advance: Annotated[
        bool, typer.Option("--advance", help="Look at the canary that runs, and let it grow or take it back.")
    ] = False,
    history: Annotated[bool, typer.Option("--history", help="List who promoted what, when and why.")] = False,
    margin: Annotated[
        float, typer.Option("--margin", min=0.001, max=0.5, help="Of the gate: the share of clicks that may be lost.")
    ] = 0.01,
    days: Annotated[float, typer.Option("--days", min=0.1, help="That a stage of the canary must have seen.")] = 3.0,
    sends: Annotated[int, typer.Option("--sends", min=0, help="Messages that a stage must have seen.")] = 500,
    guardrail: Guardrails = None,
    force: Annotated[bool, typer.Option("--force", help="Past the gate; needs --by and --reason.")] = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Promote a ranker: past an off-policy gate, then as a canary of 1, 5 and 25 % of the users, then for all.

    With VERSION: if the log shows that it loses no more than the margin, the canary starts; else nothing does, and the
    exit code is 1. With --advance, once a day from cron: guardrails that hold at every look take it back by itself.
    """
    if (version is not None) + advance + history != 1:
        raise typer.BadParameter("expected one of VERSION, --advance and --history")
    if force and not (by and reason):
        raise typer.BadParameter("--force goes on record; give --by and --reason")
    if history:
        _history(store, as_json)
    elif advance:
        _advance(store, as_json)
    else:
        from tactful.experiments.canary import Plan

        plan = Plan(least_days=days, least_sends=sends, margins=guardrails_of(guardrail)[1])
        _begin(store, str(version), margin, plan, force, by, reason, as_json)


def rollback(
    store: StoreFile,
    kind: Annotated[
        Literal["rank", "slot"], typer.Option("--kind", help="Of messages (rank), or of hours (slot).")
    ] = "rank",
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Take back a model: end the canary that runs, else put in force again what decided before."""
    from tactful.runtime.promoting import roll_back
    from tactful.stores.sqlite import SqliteStore

    open_to_read(store).close()
    opened = SqliteStore(store)
    try:
        move = roll_back(opened, kind, by, reason)
    finally:
        opened.close()
    if as_json:
        print_json(move)
        return
    say = console()
    back = move.before or "the simple predictors"
    if move.what == "rolled_back" and move.canary is not None:
        say.print(f"{move.canary.experiment} is over: decided by {back} again, for all.", markup=False)
    else:
        say.print(f"In force again: {back} instead of {move.version or 'the simple predictors'}.", markup=False)
    say.print("An engine that runs takes it before its next micro-batch.")


def _begin(
    store: Path, version: str, margin: float, plan: "Plan", force: bool, by: str, reason: str, as_json: bool
) -> None:
    from tactful.runtime.promoting import begin
    from tactful.stores.sqlite import SqliteStore

    gate = _gate(store, version, margin)
    opens = force or gate.verdict == "promote"
    move = None
    if opens:
        opened = SqliteStore(store)
        try:
            move = begin(opened, version, plan, gate, by, reason, force)
        finally:
            opened.close()
    if as_json:
        print_json({"gate": gate, "move": move})
    else:
        from tactful.cli.report.promotion import print_gate

        say = console()
        say.width = max(say.width, COLUMNS)
        print_gate(gate, move, say)
    if not opens:
        raise typer.Exit(1)


def _gate(store: Path, version: str, margin: float) -> "Gate":
    from tactful.events.registry import Registry, load_folder
    from tactful.models.in_force import rank_model_of
    from tactful.runtime.settings import noted
    from tactful.training.evaluation.evaluate import Judged
    from tactful.training.evaluation.gate_ranker import gate_ranker

    opened = open_to_read(store)
    try:
        settings = noted(opened)
        registry = load_folder(Path(settings.event_types)) if settings.event_types else Registry.shipped()
        log = Judged(opened, registry.types, settings.rules, settings.exploration)
        return gate_ranker(log, rank_model_of(opened, version), margin)
    finally:
        opened.close()


def _advance(store: Path, as_json: bool) -> None:
    from tactful.runtime.promoting import advance
    from tactful.runtime.settings import noted
    from tactful.stores.sqlite import SqliteStore

    open_to_read(store).close()
    opened = SqliteStore(store)
    try:
        canary, seen, move = advance(opened, noted(opened))
    finally:
        opened.close()
    if as_json:
        print_json({"canary": canary, "seen": seen, "move": move})
        return
    from tactful.cli.report.promotion import print_canary

    say = console()
    say.width = max(say.width, COLUMNS)
    print_canary(canary, seen, move, say)


def _history(store: Path, as_json: bool) -> None:
    from tactful.runtime.promotions import history

    opened = open_to_read(store)
    moves: tuple[Move, ...] = history(opened)
    opened.close()
    if as_json:
        print_json(moves)
        return
    from tactful.cli.report.promotion import print_moves

    say = console()
    say.width = max(say.width, COLUMNS)
    print_moves(moves, say)
