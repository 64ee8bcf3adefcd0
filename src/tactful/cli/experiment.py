"""`tactful experiment list`, `resize`, `report` and `end`: what runs, how large, what it found, and that it is over."""

from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import (
    COLUMNS,
    AsJson,
    SettingsFile,
    console,
    instant_option,
    open_to_read,
    print_json,
    settings_of,
    share_of,
)

if TYPE_CHECKING:
    from tactful.experiments.design import Experiment
    from tactful.stores.sqlite import SqliteStore

StoreFile = Annotated[Path, typer.Argument(help="The store of an engine, which may be running.")]
Named = Annotated[str, typer.Argument(metavar="NAME", help="Of the experiment.")]


def experiment_list(store: StoreFile, as_json: AsJson = False) -> None:
    """List the experiments that the engine has taken."""
    from tactful.runtime.experiments_in_force import listed

    opened = open_to_read(store)
    found = listed(opened)
    opened.close()
    if as_json:
        print_json(found)
        return
    from tactful.cli.report.experiment import print_list

    print_list(found, console())


def experiment_resize(
    store: StoreFile,
    name: Named,
    arm: Annotated[
        list[str], typer.Option("--arm", metavar="ARM=SHARE", help="An arm's new share; others keep theirs.")
    ],
    at: Annotated[datetime | None, instant_option("--at", "When; by default as soon as the engine goes on")] = None,
    as_json: AsJson = False,
) -> None:
    """Give arms other shares: who stays inside keeps her arm, growth takes people who were in none."""
    from tactful.clock import from_us
    from tactful.errors import InvalidExperiment
    from tactful.runtime.experiments_in_force import resize
    from tactful.runtime.log_spans import through
    from tactful.stores.sqlite import SqliteStore

    open_to_read(store).close()
    opened = SqliteStore(store)
    try:
        told, known = dict(share_of(text) for text in arm), _known(opened, name).arms
        if strange := told.keys() - {one.name for one in known}:
            raise InvalidExperiment(f"got the arms {sorted(strange)}, expected some of {[one.name for one in known]}")
        when = at or from_us(through(opened) + 1)
        after = resize(opened, name, [told.get(one.name, one.share) for one in known], when)
    finally:
        opened.close()
    if as_json:
        print_json(after)
    else:
        shares = ", ".join(f"{one.name} {100 * one.share:g} %" for one in after.arms)
        console().print(f"{name} has {shares} from {when:%Y-%m-%d %H:%M} UTC on.", markup=False)


def experiment_end(
    store: StoreFile,
    name: Named,
    at: Annotated[datetime | None, instant_option("--at", "When; by default as soon as the engine goes on")] = None,
    as_json: AsJson = False,
) -> None:
    """End an experiment: from then on everybody is decided as before it; what was measured stays."""
    from tactful.clock import from_us
    from tactful.runtime.experiments_in_force import end
    from tactful.runtime.log_spans import through
    from tactful.stores.sqlite import SqliteStore

    open_to_read(store).close()
    opened = SqliteStore(store)
    try:
        ended = end(opened, name, at or from_us(through(opened) + 1))
    finally:
        opened.close()
    if as_json:
        print_json(ended)
    else:
        console().print(f"{name} ends at {ended.ended_at:%Y-%m-%d %H:%M} UTC.", markup=False)


def experiment_report(
    store: StoreFile,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of the experiment.")] = None,
    holdout: Annotated[
        bool, typer.Option("--holdout", help="Instead: the permanent holdout against all others.")
    ] = False,
    since: Annotated[datetime | None, instant_option("--since", "Count from here, not from the start")] = None,
    until: Annotated[datetime | None, instant_option("--until", "Look no further")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report with plots as a page, too.")] = None,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare the arms of an experiment: lifts with intervals for one look and for every look, guardrails, volume."""
    from tactful.cli.progress import bar
    from tactful.cli.report.experiment import print_report
    from tactful.runtime.experiment_report import report
    from tactful.runtime.holdout_report import holdout_report

    if (name is not None) == holdout:
        raise typer.BadParameter("expected either the NAME of an experiment, or --holdout")

    if html is not None and find_spec("altair") is None:
        raise typer.BadParameter("--html draws with altair, which is not there; pip install 'tactful[report]'")
    opened = open_to_read(store)
    with bar(shown=not as_json) as progress:
        task = progress.add_task("days read", total=None)
        told = settings_of(settings, opened), since, until, lambda days: progress.update(task, completed=days)
        found = holdout_report(opened, *told) if name is None else report(opened, _known(opened, name), *told)
    opened.close()
    if html is not None:
        from tactful.cli.report.experiment_page import experiment_page

        html.write_text(experiment_page(found), encoding="utf-8")
    if as_json:
        print_json(found)
        return
    say = console()
    say.width = max(say.width, COLUMNS)
    print_report(found, say)
    if html is not None:
        say.print(f"The same with plots: {html}", markup=False)


def _known(opened: "SqliteStore", name: str) -> "Experiment":
    from tactful.errors import InvalidExperiment
    from tactful.runtime.experiments_in_force import listed

    known = {one.name: one for one in listed(opened)}
    if name not in known:
        raise InvalidExperiment(f"got experiment {name!r}, expected one of {sorted(known) or 'none yet'}")
    return known[name]
