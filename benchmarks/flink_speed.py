"""The same log through the embedded engine and through Flink: events a second, start, checkpoints, recovery, profile.

    .venv-flink/bin/python benchmarks/flink_speed.py [--users 5000] [--hours 24] [--groups 16] [--parallelism 1 2]
                                                     [--mode thread process] [--epochs-a-run 1] [--no-kill] [--json]

The stream is that of `engine_stream.py`: people who register at its start and have 16 events a day each. One engine
takes it in micro-batches of 8,192 events with two fsyncs each; its store is exported, and jobs of `tactful flink run`
decide on the export with the prices on record, a group an hour at a time. They take nothing in and check less, so the
engine's figures are told with and without what accepting costs it.

A job is a process with Java in it, which is watched from outside: CPU seconds and resident memory of all its processes
ten times a second; sizes and times of checkpoints are in the log that Flink writes. It has started when its first
output file is there, and ended when the last one was written, which the last checkpoint does (up to a second late).
Then a job is killed
(SIGKILL) after a checkpoint and half of its time, and resumed: recovery is from the new start to the first new output.
A last job has a sampler in it (`flink_sampler`): where its Python threads are, by operator and what it called.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

import engine_stream as stream
from engine_speed import BATCH, SETTINGS
from tactful.clock import HOUR_US, SimulatedClock, from_us
from tactful.events.records import Input
from tactful.runtime.embedded import Engine
from tactful.runtime.flink import bundle
from tactful.runtime.flink.running import latest_checkpoint

LOOK_S: Final = 0.1
_OPENING: Final = ("<module>", "_open", "scorer_in")
CHECKPOINT_S: Final = 1.0
_COMPLETED: Final = re.compile(r"Completed checkpoint \d+ for job \S+ \((\d+) bytes, checkpointDuration=(\d+) ms")
_TUNING: Final = """
mode = "{mode}"
parallelism = {parallelism}
checkpoint_seconds = {checkpoint}
restarts = 0
"""


class Embedded(msgspec.Struct, frozen=True):
    """What the engine took and decided; seconds with what accepting cost, and without."""

    events: int
    decisions: int
    seconds: float
    decide_seconds: float
    cpu_seconds: float
    decide_cpu_seconds: float


class Job(msgspec.Struct, frozen=True):
    """What a job took; times in seconds, memory and sizes in MB.

    Attributes:
        start: from the command to the first output; `start_cpu` is what it cost.
        work, work_cpu: from there to the last output.
        checkpoints: complete ones; `checkpoint_ms` the median time of one, `slowest_ms` the longest, `checkpoint_mb`
            the size of the largest.
    """

    mode: str
    parallelism: int
    start: float
    start_cpu: float
    work: float
    work_cpu: float
    resident_mb: float
    checkpoints: int
    checkpoint_ms: float
    slowest_ms: float
    checkpoint_mb: float
    decisions: int


class Watched:
    """A job's processes, seen from outside."""

    def __init__(self, words: list[str], output: Path, samples: Path | None = None) -> None:
        """Starts it; with `samples`, a sampler in every interpreter writes there."""
        self.logs = output.with_suffix(".logs")
        self.logs.mkdir(exist_ok=True)
        env = os.environ | {"FLINK_LOG_DIR": str(self.logs)}
        if samples is not None:
            sampler = str(Path(__file__).parent / "flink_sampler")
            paths = [sampler, *filter(None, [env.get("PYTHONPATH")])]
            env |= {"PYTHONPATH": os.pathsep.join(paths), "FLINK_SAMPLES": str(samples)}
        self._output = output
        self._before = _files(output)
        self._cpu: dict[int, float] = {}
        self.resident = 0
        self.began = time.time()
        self.process = subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, env=env)
        self._seen = psutil.Process(self.process.pid)

    @property
    def cpu(self) -> float:
        """CPU seconds of all processes up to the last look."""
        return sum(self._cpu.values())

    def look(self) -> bool:
        """Looks once; returns whether the job is still there."""
        time.sleep(LOOK_S)
        if self.process.poll() is not None:
            return False
        resident = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in [self._seen, *self._seen.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    spent = one.cpu_times()
                    self._cpu[one.pid] = spent.user + spent.system
                    resident += one.memory_info().rss
        self.resident = max(self.resident, resident)
        return True

    def checkpoints(self) -> list[tuple[int, int]]:
        """Bytes and milliseconds of each complete checkpoint, as Flink's log tells them."""
        told = "".join(file.read_text(errors="replace") for file in self.logs.glob("flink-*.log"))
        return [(int(size), int(took)) for size, took in _COMPLETED.findall(told)]

    def has_written(self) -> bool:
        """Whether there is a file of output that was not there before."""
        return bool(_files(self._output) - self._before)

    def until_written(self) -> tuple[float, float]:
        """Waits for the first output and returns (seconds, CPU seconds) since the start."""
        while not self.has_written():
            if not self.look():
                raise SystemExit(f"the job ended as {self.process.returncode} before its first output")
        return time.time() - self.began, self.cpu

    def kill(self) -> None:
        """Kills all of its processes at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def embed(path: Path, users: int, hours: float) -> Embedded:
    """Takes the whole stream into a new store and decides on it."""
    told, stamps, end_us = _stream(users, hours)
    engine = Engine.open(path, SETTINGS, clock=SimulatedClock(stream.START_US))
    decisions, wall, cpu = 0, 0.0, 0.0
    began, began_cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(told), BATCH):
        end = start + BATCH
        engine.submit(told[start:end], stamps[start:end])
        before, before_cpu = time.perf_counter(), time.process_time()
        decisions += len(engine.advance(from_us(stamps[end - 1] if end < len(told) else end_us)))
        wall, cpu = wall + time.perf_counter() - before, cpu + time.process_time() - before_cpu
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    engine.close()
    return Embedded(len(told), decisions, seconds, wall, cpu_seconds, cpu)


def _stream(users: int, hours: float) -> tuple[list[Input], list[int], int]:
    rng, end_us = np.random.default_rng(1), stream.START_US + round(hours * HOUR_US)
    total = int(users * stream.EVENTS_PER_DAY * hours / 24)
    told: list[Input] = list(stream.people(users, rng))
    events, at = stream.records(users, stream.START_US + 1, end_us, total, rng)
    return [*told, *events], [stream.START_US] * len(told) + at, end_us


def measured(
    folder: Path, output: Path, args: argparse.Namespace, mode: str, workers: int, samples: Path | None = None
) -> Job:
    """Runs a job to its end."""
    job = Watched(_words(folder, output, args, mode, workers), output, samples)
    start, start_cpu = job.until_written()
    while job.look():
        pass
    if job.process.returncode:
        raise SystemExit(f"the job ended as {job.process.returncode}")
    if samples is not None:  # the process that started the job only waits
        (samples / f"{job.process.pid}.json").unlink(missing_ok=True)
    ended = max(file.stat().st_mtime for file in _files(output))
    done = job.checkpoints()
    times = [float(took) for _, took in done] or [np.nan]
    return Job(
        mode, workers, start, start_cpu, ended - job.began - start, job.cpu - start_cpu, job.resident / 1e6,
        len(done), float(np.median(times)), float(max(times)), max((size for size, _ in done), default=0) / 1e6,
        sum(file.read_bytes().count(b"\n") for file in _files(output) if file.parent.name == "decisions"),
    )  # fmt: skip


def recovered(folder: Path, output: Path, args: argparse.Namespace, after: float) -> float:
    """Kills a job `after` seconds of work and a checkpoint; returns the seconds from its new start to its output."""
    words = _words(folder, output, args, args.mode[0], 1)
    job = Watched(words, output)
    job.until_written()
    end = time.time() + after
    while time.time() < end or latest_checkpoint(output) is None:
        if not job.look():
            raise SystemExit("the job ended before it could be killed; give it more users or hours")
    job.kill()
    again = Watched([*words, "--resume", "last"], output)
    seconds, _ = again.until_written()
    again.kill()
    return seconds


def profile(folder: Path, output: Path, args: argparse.Namespace) -> dict[str, float]:
    """Returns the share of the samples by operator and what it called, the largest first; opening is left out."""
    samples = output.parent / "samples"
    samples.mkdir()
    measured(folder, output, args, args.mode[0], 1, samples)
    counts = Counter[str]()
    for file in samples.glob("*.json"):
        counts.update(json.loads(file.read_bytes()))
    for name in [name for name in counts if not name or any(part in name for part in _OPENING)]:
        del counts[name]
    return {name: round(count / counts.total(), 3) for name, count in counts.most_common(14)}


def _words(folder: Path, output: Path, args: argparse.Namespace, mode: str, workers: int) -> list[str]:
    """The command of a job."""
    tuning = output.with_suffix(".toml")
    tuning.write_text(_TUNING.format(mode=mode, parallelism=workers, checkpoint=CHECKPOINT_S))
    tactful = str(Path(sys.executable).parent / "tactful")
    where = ["--input", str(folder), "--output", str(output), "--tuning", str(tuning)]
    sizes = ["--groups", str(args.groups), "--epochs-a-run", str(args.epochs_a_run)]
    return [tactful, "flink", "run", *where, *sizes, "--json"]


def _files(output: Path) -> set[Path]:
    """All files of output, also those that are being written."""
    kinds = ("decisions", "plans", "budgets", "messages", "rejected")
    return {file for kind in kinds for file in (output / kind).glob("*part-*")}


def show(engine: Embedded, jobs: list[Job], recovery: float | None, parts: dict[str, float]) -> None:
    """Prints a row for each run, then the recovery and the profile."""
    table = Table(
        "runtime",
        "start s",
        "work s",
        "events/s",
        "CPU s",
        "events a CPU s",
        "resident MB",
        "checkpoints",
        "ms",
        "slowest",
        "MB",
    )
    for name, wall, cpu in (
        ("embedded, accepts and decides", engine.seconds, engine.cpu_seconds),
        ("embedded, decides", engine.decide_seconds, engine.decide_cpu_seconds),
    ):
        table.add_row(
            name, "", f"{wall:.1f}", f"{engine.events / wall:,.0f}", f"{cpu:.1f}", f"{engine.events / cpu:,.0f}"
        )
    for one in jobs:
        table.add_row(
            f"Flink, {one.mode} mode, {one.parallelism}", f"{one.start:.1f}", f"{one.work:.1f}",
            f"{engine.events / one.work:,.0f}", f"{one.work_cpu:.1f}", f"{engine.events / one.work_cpu:,.0f}",
            f"{one.resident_mb:,.0f}", str(one.checkpoints), f"{one.checkpoint_ms:.0f}",
            f"{one.slowest_ms:.0f}", f"{one.checkpoint_mb:.1f}",
        )  # fmt: skip
    console = Console(width=150)
    console.print(table)
    console.print(f"{engine.events:,} events, decisions: {engine.decisions:,}, {[one.decisions for one in jobs]}")
    if recovery is not None:
        console.print(f"killed and resumed: {recovery:.1f} s to the first new output")
    for name, share in parts.items():
        console.print(f"{share:6.1%} {name}", markup=False)


def main() -> None:
    """Runs the engine, then one job after another."""
    parser = argparse.ArgumentParser(description="Speed of the embedded engine and of jobs on Flink.")
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--hours", type=float, default=24.0, help="of simulated time")
    parser.add_argument("--groups", type=int, default=16)
    parser.add_argument("--parallelism", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--mode", choices=("thread", "process"), nargs="+", default=["thread"])
    parser.add_argument("--epochs-a-run", type=int, default=1)
    parser.add_argument("--no-kill", action="store_true", help="no recovery")
    parser.add_argument("--no-profile", action="store_true", help="no job with a sampler in it")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        base = Path(place)
        engine = embed(base / "app.db", args.users, args.hours)
        store = Engine.open(base / "app.db", SETTINGS, clock=SimulatedClock(stream.START_US)).store
        bundle.export(store, base / "in", SETTINGS)
        store.close()
        kinds = [(mode, workers) for mode in args.mode for workers in args.parallelism]
        jobs = [measured(base / "in", base / f"{mode}-{workers}", args, mode, workers) for mode, workers in kinds]
        recovery = None if args.no_kill else recovered(base / "in", base / "killed", args, jobs[0].work / 2)
        parts = {} if args.no_profile else profile(base / "in", base / "profiled", args)
    wrong = [one.decisions for one in jobs if one.decisions != engine.decisions]
    if wrong:
        raise SystemExit(f"jobs made {wrong} decisions, expected {engine.decisions:,}: their speed means nothing")
    if args.json:
        told = {"embedded": engine, "jobs": jobs, "recovery_seconds": recovery, "profile": parts}
        print(json.dumps(msgspec.to_builtins(told)))
    else:
        show(engine, jobs, recovery, parts)


if __name__ == "__main__":
    main()
