"""`tactful flink`: a store's log as the input of a job, the job on this machine or on a session cluster, and back."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import AsJson, SettingsFile, console, instant_option, open_to_read, print_json, settings_of

if TYPE_CHECKING:
    from tactful.runtime.flink.bundle import Bundle, Format
    from tactful.runtime.flink.job import Tuning
    from tactful.runtime.settings import Settings

_Input = Annotated[Path, typer.Option("--input", help="Folder that `tactful flink export` made.")]
_Output = Annotated[Path, typer.Option("--output", help="Folder to write to; every worker must reach both.")]
_Tuning = Annotated[Path | None, typer.Option("--tuning", help="TOML file; see docs/how-to/run-on-flink.md.")]
_Parallelism = Annotated[int, typer.Option("--parallelism", min=1, help="Workers; the file's stands over it.")]
_Groups = Annotated[int, typer.Option("--groups", help="Groups of users, a power of two, for the life of the job.")]
_Epochs = Annotated[int, typer.Option("--epochs-a-run", min=1, help="Hours that a group passes at once.")]
_Closed = Annotated[bool, typer.Option("--closed", help="Make prices of the job's own counts, not those on record.")]
_Resume = Annotated[str, typer.Option("--resume", help="Checkpoint or savepoint to go on from; `last` finds it.")]


def flink_export(
    store: Annotated[Path, typer.Argument(help="The store of an engine, which may be running; it is only read.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to write to; made if it is not there, continued if it is.")],
    parquet: Annotated[bool, typer.Option("--parquet", help="Parquet instead of lines of JSON.")] = False,
    recorded: Annotated[bool, typer.Option("--recorded", help="Also the scores on record, for a replay.")] = False,
    from_states: Annotated[
        bool, typer.Option("--from-states", help="The job takes over from the store's engine, which has been stopped.")
    ] = False,
    groups: Annotated[int, typer.Option("--groups", help="With --from-states: of users, as of the job.")] = 128,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Write a store's accepted inputs, prices and models as the input of a job; a later run writes what is new."""
    from tactful.runtime.flink.bundle import export

    opened = open_to_read(store)
    found = settings_of(settings, opened)
    form: "Format" = "parquet" if parquet else "ndjson"
    if from_states:
        opened.close()
        done = _hand_over(store, to, found, form, groups)
    else:
        done = export(opened, to, found, form, recorded)
        opened.close()
    if as_json:
        print_json(
            {"folder": str(to), "files": done.files, "last_offset": done.last_offset, "through_us": done.through_us}
        )
    else:
        console().print(f"{done.files:,} files of inputs in {to}, up to offset {done.last_offset:,}.", markup=False)


def flink_run(
    input_: _Input,
    output: _Output,
    parallelism: _Parallelism = 1,
    groups: _Groups = 128,
    epochs_a_run: _Epochs = 1,
    closed: _Closed = False,
    states: Annotated[bool, typer.Option("--states", help="Write the users' states at the end.")] = False,
    until: Annotated[datetime | None, instant_option("--until", "Where to end, by default the log's end")] = None,
    resume: _Resume = "",
    tuning: _Tuning = None,
    as_json: AsJson = False,
) -> None:
    """Decide on an exported log with Flink on this machine.

    A closed run ends with a savepoint: give it to --resume, with a later --until or another --parallelism, to go on.
    """
    from tactful.clock import to_us
    from tactful.runtime.flink import bundle
    from tactful.runtime.flink.groups import Plan
    from tactful.runtime.flink.running import run

    through_us = bundle.load(input_).through_us
    until_us = through_us if until is None else min(through_us, to_us(until))
    plan = Plan(str(input_.absolute()), groups, epochs_a_run, until_us, states)
    done = run(plan, output, _tuning(tuning, parallelism), closed, _from(resume, output))
    if as_json:
        print_json(done)
        return
    lines = ", ".join(f"{count:,} {kind}" for kind, count in done.lines.items())
    console().print(f"{lines} in {done.seconds:.0f} s, {done.started_seconds:.0f} of them before the start.")
    console().print(f"Written to {done.output}.", markup=False)


def flink_submit(
    input_: _Input,
    output: _Output,
    cluster: Annotated[str, typer.Option("--cluster", metavar="HOST:PORT", help="REST endpoint of the cluster.")],
    parallelism: _Parallelism = 1,
    groups: _Groups = 128,
    live_lag: Annotated[
        float, typer.Option("--live-lag", min=0.0, help="Seconds behind the clock at which to go on.")
    ] = 60.0,
    resume: _Resume = "",
    tuning: _Tuning = None,
    as_json: AsJson = False,
) -> None:
    """Give the job to a session cluster, where it goes on as more inputs are exported, until it is stopped.

    It makes prices of its own counts.
    """
    from tactful.runtime.flink.groups import Plan
    from tactful.runtime.flink.running import submit

    plan = Plan(str(input_.absolute()), groups, live_lag_us=round(live_lag * 1e6))
    job = submit(plan, output, _tuning(tuning, parallelism), cluster, True, True, _from(resume, output))
    if as_json:
        print_json({"job": job, "cluster": cluster})
    else:
        console().print(f"Job {job} runs on {cluster}.", markup=False)


def flink_import(
    output: Annotated[Path, typer.Argument(help="What a job with --closed --states has written; it has ended.")],
    to: Annotated[Path, typer.Option("--to", help="The store that was exported with --from-states.")],
    delivered: Annotated[
        bool, typer.Option("--delivered", help="The job's messages were delivered: leave them out of the outbox.")
    ] = False,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Bring back what a job has decided and its users' states, so that the store's engine goes on from there."""
    from tactful.clock import from_us
    from tactful.runtime.flink.moved import put_back
    from tactful.stores.sqlite import SqliteStore

    opened = open_to_read(to)
    found = settings_of(settings, opened)
    opened.close()
    store = SqliteStore(to)
    decided_us = put_back(store, found, output, not delivered)
    store.close()
    if as_json:
        print_json({"store": str(to), "decided_us": decided_us})
    else:
        console().print(f"{to} has what was decided up to {from_us(decided_us).isoformat()}.", markup=False)


def _hand_over(store: Path, to: Path, settings: "Settings", form: "Format", groups: int) -> "Bundle":
    """Exports an engine with its states; from then on it only accepts."""
    from tactful.runtime.embedded import Engine
    from tactful.runtime.flink.bundle import export
    from tactful.runtime.moving import mark, to_shards

    engine = Engine.open(store, settings)
    done = export(engine.store, to, settings, form, states=to_shards(engine, groups))
    mark(engine.store, str(to.absolute()))
    engine.close()
    return done


def _tuning(file: Path | None, parallelism: int) -> "Tuning":
    from tactful.runtime.flink.job import Tuning, load

    return load(file) if file else Tuning(parallelism=parallelism)


def _from(resume: str, output: Path) -> str:
    """The checkpoint to go on from; `last` is the newest complete one of the output folder."""
    from tactful.runtime.flink.running import latest_checkpoint

    if resume != "last":
        return resume
    found = latest_checkpoint(output)
    if found is None:
        raise typer.BadParameter(f"got --resume last, but {output} has no complete checkpoint; leave it out")
    return found.absolute().as_uri()
