"""Jobs on Flink as a person starts them, by `tactful flink run`, and what they leave, to compare with an engine's."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from shards import Left
from stage import App
from tactful import draws
from tactful.clock import to_us
from tactful.delivery.outbox import OutboxMessage
from tactful.delivery.outbox import encode as encode_message
from tactful.events.records import BudgetAssignment, Control, Decision, SlotPlan, encode
from tactful.runtime.flink import bundle, rows
from tactful.runtime.flink.running import files_of
from tactful.runtime.settings import Settings
from tactful.stores.protocols import LoggedInput

T = TypeVar("T")
TUNING = """
mode = "{mode}"
parallelism = {parallelism}
checkpoint_seconds = {checkpoint_seconds}
restarts = 0
lateness_seconds = {lateness_seconds}
"""
"""No restart: an error must end a test, and not begin it anew."""


class _State(msgspec.Struct):
    user_id: str
    state: bytes


def exported(app: App, settings: Settings, folder: Path, **options: Any) -> Path:
    """Writes an app's log as a job's input, in several files, and returns the folder."""
    bundle.export(app.store, folder, settings, rows_a_file=2_000, **options)
    return folder


def permuted(folder: Path, to: Path) -> Path:
    """Writes a job's input anew with its rows in any order over all files; each row keeps its log time."""
    subprocess.run(["cp", "-r", str(folder), str(to)], check=True)
    manifest = to / "inputs" / "manifest.tsv"
    names = [line.split("\t")[4] for line in manifest.read_text().splitlines()]
    taken = [row for name in names for row in rows.read(to / "inputs" / name) if isinstance(row, LoggedInput)]
    order = np.random.default_rng(5).permutation(len(taken))
    lines = []
    for number, (name, places) in enumerate(zip(names, np.array_split(order, len(names)), strict=True)):
        part = [taken[place] for place in places.tolist()]
        rows.write(to / "inputs" / name, part)
        stamps = [row.log_ts_us for row in part]
        lines.append(f"{number}\t{min(stamps)}\t{max(stamps)}\t{len(part)}\t{name}\n")
    manifest.write_text("".join(lines))
    return to


def command(
    folder: Path,
    output: Path,
    *options: str,
    mode: str = "thread",
    parallelism: int = 1,
    checkpoint_seconds: float = 5.0,
    lateness_seconds: float = 0.0,
) -> list[str]:
    """Returns the words of a run; its tuning is written beside the output."""
    output.parent.mkdir(parents=True, exist_ok=True)
    tuning = output.with_suffix(".toml")
    tuning.write_text(
        TUNING.format(
            mode=mode,
            parallelism=parallelism,
            checkpoint_seconds=checkpoint_seconds,
            lateness_seconds=lateness_seconds,
        )
    )
    tactful = str(Path(sys.executable).parent / "tactful")
    where = ["--input", str(folder), "--output", str(output), "--tuning", str(tuning), "--groups", "8"]
    return [tactful, "flink", "run", *where, "--json", *options]


def run(words: Sequence[str]) -> dict[str, Any]:
    """Runs to the end and returns what the run said."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=1_200)
    assert done.returncode == 0, done.stderr[-3_000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def left(output: Path) -> Left:
    """Returns what a job left behind, in the order of `shards.left_by`; of prices only those that it made."""
    decisions = sorted(
        told(output, "decisions", Decision),
        key=lambda one: (to_us(one.at), draws.key(one.user_id), int(one.decision_id, 16)),
    )
    controls = sorted(told(output, "controls", Control), key=lambda one: one.version)
    return Left(
        list(map(encode, decisions)),
        sorted(map(encode, told(output, "plans", SlotPlan))),
        sorted(map(encode, told(output, "budgets", BudgetAssignment))),
        sorted(map(encode_message, told(output, "messages", OutboxMessage))),
        list(map(encode, controls)),
        {one.user_id: one.state for one in told(output, "states", _State)},
    )


def differences(ours: Left, theirs: Left, controls: bool = True) -> list[str]:
    """What is not the same, in words that fit on a screen; `controls`: also prices, which a closed loop makes."""
    names = [name for name in vars(ours) if name != "controls" or controls]
    return [name for name in names if getattr(ours, name) != getattr(theirs, name)]


def told(output: Path, kind: str, type_: type[T]) -> list[T]:
    """Returns the lines of one kind."""
    decoder = msgspec.json.Decoder(type_)
    return [decoder.decode(line) for file in files_of(output, kind) for line in file.read_bytes().splitlines()]
