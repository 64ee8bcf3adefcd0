"""What a job reads: a folder that `tactful flink export` makes of a store, and continues when it is run again.

    job.json            where the log begins, its settings, its event types
    inputs/part-*.      accepted inputs (`rows.py`), NDJSON or Parquet, each file in the order of the log
    inputs/manifest.tsv a line a file, in order: number, first and last log time, rows, name
    announced/*.tsv     the same lines, one a file, for a job that waits for more
    states/             the users' states, where a job takes over from an engine (`moved.py`)
    controls/*.ndjson   the prices on record by epoch, for a replay; in a closed loop the job's keeper writes them
    recorded.msgpack    with --recorded: decisions and plans on record, whose scores a replay reads
    models.db           the models in force

Inputs are accepted, and get their log time, where they always do: in the store of an engine or of the HTTP service. The
folder is its log by other means; nothing in it is stamped anew.
"""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from tactful.clock import from_us
from tactful.errors import CannotExport, UnreadableInput
from tactful.events import type_changes
from tactful.events.records import Control, Decision, SlotPlan, decode
from tactful.events.registry import Registry
from tactful.models import in_force
from tactful.runtime import event_types, log_spans, noted_models
from tactful.runtime.control import EPOCH_US
from tactful.runtime.flink import moved, rows
from tactful.runtime.logged_scores import LoggedScorer
from tactful.runtime.models_in_use import scorer_of
from tactful.runtime.moving import Moved
from tactful.runtime.scoring import Scorer
from tactful.runtime.settings import Settings
from tactful.stores.protocols import ControlRow, LoggedInput, Store
from tactful.stores.sqlite import SqliteStore

Format: TypeAlias = Literal["ndjson", "parquet"]
ROWS_A_FILE: Final = 10_000
"""A file is one element of the job's first stream: large enough to forget its cost, small enough to be in memory."""
SCHEMA: Final = 1


class Bundle(msgspec.Struct, frozen=True):
    """What `job.json` says.

    Attributes:
        first_us: the log time of the first input.
        start_us: that of the first input of a user.
        through_us: up to when the inputs are complete.
        settings, types: JSON of the settings and of the event types that the log begins with.
        recorded: whether the scores on record are there.
        last_offset: of the inputs that are exported.
        files: how many there are.
        moved_groups: in how many groups the states are with which the job begins; 0: it begins with nobody.
    """

    first_us: int
    start_us: int
    through_us: int
    settings: msgspec.Raw
    types: msgspec.Raw
    recorded: bool = False
    last_offset: int = -1
    files: int = 0
    moved_groups: int = 0
    schema_version: int = SCHEMA


class Recorded(msgspec.Struct, frozen=True):
    """Decisions and plans on record as msgpack, and who spoke when."""

    versions: list[tuple[int, str]]
    decisions: list[bytes]
    plans: list[bytes]


def export(
    store: Store,
    folder: Path,
    settings: Settings,
    form: Format = "ndjson",
    recorded: bool = False,
    rows_a_file: int = ROWS_A_FILE,
    states: Moved | None = None,
) -> Bundle:
    """Writes what of a store is not in the folder yet, and returns what `job.json` says then.

    Args:
        store: of an engine, which may be running; it is only read.
        folder: made if it is not there.
        settings: of the store's engine.
        form: of new input files.
        recorded: also the scores on record, for a replay of them.
        rows_a_file: inputs in one file.
        states: of the store's engine, which has been stopped: the job takes over from it, and gets the inputs behind
            them. Later exports into the folder do not need them again.

    Raises:
        CannotExport: the store has no inputs, the folder cannot be written to, or it holds an export and is to begin
            with states.
    """
    holds_one = (folder / "job.json").exists()
    if states is not None and holds_one:
        raise CannotExport(f"{folder} holds an export, expected an empty folder to begin with states; give another one")
    begun = load(folder) if holds_one else _begun(store, states)
    try:
        for name in ("inputs", "announced", "controls"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        if states is not None:
            moved.write(folder, states)
        last, files = _write_inputs(store, folder, form, rows_a_file, begun)
        for row in store.controls():
            if row.key == "thresholds":
                write_control(folder / "controls", row)
        _write_models(store, folder)
        if recorded:
            _write_recorded(store, folder)
        bundle = msgspec.structs.replace(
            begun,
            through_us=max(log_spans.through(store), store.last()[1] if begun.moved_groups else -1),
            settings=msgspec.Raw(msgspec.json.encode(settings)),
            types=msgspec.Raw(type_changes.to_bytes(event_types.at_first(store, settings))),
            recorded=recorded,
            last_offset=last,
            files=files,
        )
        _place(folder / "job.json", msgspec.json.encode(bundle))
    except OSError as error:
        raise CannotExport(
            f"cannot write to {folder}: {error}; give a folder with room and the right to write"
        ) from error
    return bundle


def load(folder: Path) -> Bundle:
    """Returns what `job.json` says.

    Raises:
        UnreadableInput: it is not there, damaged, or of a later version.
    """
    path = folder / "job.json"
    try:
        bundle = msgspec.json.decode(path.read_bytes(), type=Bundle)
    except (OSError, msgspec.MsgspecError) as error:
        raise UnreadableInput(f"cannot read {path} ({error}); make the folder with `tactful flink export`") from error
    if bundle.schema_version > SCHEMA:
        raise UnreadableInput(f"{path} is of schema {bundle.schema_version}, expected {SCHEMA} or earlier; upgrade")
    return bundle


def settings_of(bundle: Bundle) -> Settings:
    """Returns the settings of the engine whose log it is."""
    return msgspec.json.decode(bundle.settings, type=Settings)


def types_of(bundle: Bundle) -> Registry:
    """Returns the event types that the log begins with."""
    return type_changes.from_bytes(bytes(bundle.types))


def scorer_in(folder: Path, bundle: Bundle) -> Scorer:
    """Returns who scores: the scores on record where they are there, else the models in force.

    Raises:
        TactfulError: a model or the record cannot be used.
    """
    if bundle.recorded:
        told = msgspec.msgpack.decode((folder / "recorded.msgpack").read_bytes(), type=Recorded)
        decisions = [d for d in map(decode, told.decisions) if isinstance(d, Decision)]
        plans = [p for p in map(decode, told.plans) if isinstance(p, SlotPlan)]
        return LoggedScorer(decisions, plans, told.versions)
    store = SqliteStore(folder / "models.db", read_only=True)
    try:
        return scorer_of(store)
    finally:
        store.close()


def begin_prices(folder: Path, known_until_us: int) -> None:
    """Writes the first control file, which has no prices: up to when none is needed."""
    begins = Control(version=0, effective_at=from_us(known_until_us + 1 - EPOCH_US), key="begins", value=None)
    _place(folder / "begins.ndjson", msgspec.json.encode(begins) + b"\n")


def write_control(folder: Path, row: ControlRow) -> None:
    """Writes an epoch's prices as a file of one line, named by the instant at which they take effect; once."""
    path = folder / f"prices-{row.effective_us}.ndjson"
    if not path.exists():
        control = decode(row.data)
        assert isinstance(control, Control)
        _place(path, msgspec.json.encode(control) + b"\n")


def _begun(store: Store, states: Moved | None) -> Bundle:
    """What a first export says of where the log begins.

    Raises:
        CannotExport: the store has no inputs.
    """
    first = store.read(-1, 1)
    if not first:
        raise CannotExport("the store has no inputs, expected a log to begin with; accept some, then export again")
    nothing = msgspec.Raw(b"{}")
    if states is not None:
        begins_us = states.applied_us + 1
        last = log_spans.offset_before(store, begins_us)
        return Bundle(begins_us, begins_us, -1, nothing, nothing, last_offset=last, moved_groups=len(states.groups))
    first_us = first[0].log_ts_us
    start_us = next((row.log_ts_us for row in _behind(store, -1) if row.user_key), first_us)
    return Bundle(first_us, start_us, -1, nothing, nothing)


def _write_inputs(store: Store, folder: Path, form: Format, rows_a_file: int, begun: Bundle) -> tuple[int, int]:
    """Writes the inputs behind those that are there; returns the last offset, and the number of files.

    A job that takes over hears of its groups by a first file without rows: users' timers do not wait for inputs.
    """
    offset, number = begun.last_offset, begun.files
    manifest = folder / "inputs" / "manifest.tsv"
    lines = manifest.read_text().splitlines()[:number] if manifest.exists() else []
    hello: list[list[LoggedInput]] = [[]] if begun.moved_groups and not number else []
    for part in chain(hello, _parts(_behind(store, offset), rows_a_file)):
        name = f"part-{number:08d}.{form}"
        rows.write(folder / "inputs" / name, part)
        first_us, last_us = (part[0].log_ts_us, part[-1].log_ts_us) if part else (begun.first_us, begun.first_us)
        lines.append(f"{number}\t{first_us}\t{last_us}\t{len(part)}\t{name}")
        _place(folder / "announced" / f"{number:08d}.tsv", lines[-1].encode() + b"\n")
        offset, number = part[-1].offset if part else offset, number + 1
    _place(manifest, "".join(line + "\n" for line in lines).encode())
    return offset, number


def _behind(store: Store, offset: int) -> Iterator[LoggedInput]:
    while part := store.read(offset, log_spans.LINES_AT_ONCE):
        yield from part
        offset = part[-1].offset


def _parts(lines: Iterator[LoggedInput], size: int) -> Iterator[list[LoggedInput]]:
    while part := list(islice(lines, size)):
        yield part


def _write_models(store: Store, folder: Path) -> None:
    partial = folder / ".models.db.partial"
    partial.unlink(missing_ok=True)
    copy = SqliteStore(partial)
    for kind in in_force.KINDS:
        kept = in_force.in_force(store, kind)
        found = store.model(*kept) if kept else None
        if kept and found:
            model = in_force.slot_model(store, kept) if kind == "slot" else in_force.rank_model(store, kept)
            in_force.put_in_force(copy, model)
    copy.close()
    partial.replace(folder / "models.db")


def _write_recorded(store: Store, folder: Path) -> None:
    until_us = log_spans.through(store) + 1
    told = Recorded(
        [(since, version) for since, version in noted_models.versions(noted_models.history(store))],
        [row.data for row in store.decisions_between(0, until_us)],
        [row.data for row in store.plans_between(0, until_us)],
    )
    _place(folder / "recorded.msgpack", msgspec.msgpack.encode(told))


def _place(path: Path, data: bytes) -> None:
    """Writes a file elsewhere first, under a name that nobody reads."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)
