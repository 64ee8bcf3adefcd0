"""One engine against several side by side, a store each: events a second that are durable, applied and decided on.

    python benchmarks/engine_shards.py [--shards 1 2] [--users 20000] [--days 10] [--hours 24] [--rounds 1]
                                       [--folder DIR] [--json] [--quick]

The stream is that of `engine_speed.py`: the same events in every run, dealt to shards by user (`runtime/sharding.py`).
Every shard is a process with an engine, a SQLite file and fsyncs of its own, in micro-batches of 8,192 of its events.
Stores with a past are prepared, and all records are made, before the clock starts for all shards at once; it stops when
the last shard has decided everything. Inside the clock is what `engine_speed.py` has inside: checks, hashes, logs,
two fsyncs a micro-batch, plans, rank jobs, decisions with their reasons, snapshots. Resident memory is that at the
start, with the stream in it, and what came on top; sends a user and day say that each shard keeps its own volume.
"""

import argparse
import gc
import json
import multiprocessing
import resource
import tempfile
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import msgspec
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

import engine_stream as stream
from engine_speed import BATCH
from engine_speed import SETTINGS as WHOLE
from tactful.clock import DAY_US, SimulatedClock, from_us
from tactful.events.records import Candidate, Engagement
from tactful.runtime.embedded import Engine
from tactful.runtime.sharding import dealt, shard_of

SETTINGS = msgspec.structs.replace(WHOLE, engine=msgspec.structs.replace(WHOLE.engine, snapshot_min_inputs=1))
"""States are saved after ten inputs a user in small shards, too, as in the engine that has all users."""


class Part(msgspec.Struct, frozen=True):
    """What one shard did, with the instants of the machine's clock between which it ran."""

    users: int
    events: int
    began: float
    ended: float
    cpu_seconds: float
    decisions: int
    sends: int
    resident_mb: float
    grown_mb: float
    store_mb: float


class Run(msgspec.Struct, frozen=True):
    """What some shards did together in the same time."""

    shards: int
    parts: list[Part]

    @property
    def seconds(self) -> float:
        """From the start of all to the end of the last."""
        return max(part.ended for part in self.parts) - min(part.began for part in self.parts)

    @property
    def events(self) -> int:
        """Of all shards."""
        return sum(part.events for part in self.parts)

    @property
    def cpu_seconds(self) -> float:
        """Of all shards."""
        return sum(part.cpu_seconds for part in self.parts)


def run(shards: int, users: int, days: int, hours: float, folder: Path | None) -> Run:
    """Runs the stream over so many shards, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Barrier(shards), context.Queue()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place)
        processes = [
            context.Process(target=_live, args=(path, shard, shards, users, days, hours, ready, done))
            for shard in range(shards)
        ]
        for process in processes:
            process.start()
        parts = [msgspec.json.decode(done.get(), type=Part) for _ in processes]
        for process in processes:
            process.join()
    return Run(shards, parts)


def _live(
    folder: Path, shard: int, shards: int, users: int, days: int, hours: float, ready: Barrier, done: "Queue[bytes]"
) -> None:
    """One shard: a store with a past, its part of the stream, then everything at once with the others."""
    path = folder / f"shard-{shard}.sqlite"
    own = _prepare(path, shard, shards, users, days)
    engine = Engine.open(path, SETTINGS, clock=SimulatedClock(stream.START_US))
    batches = _batches(shard, shards, users, hours)
    gc.freeze()
    before, decided, sends = psutil.Process().memory_info().rss, 0, 0
    ready.wait()
    began, cpu = time.perf_counter(), time.process_time()
    for end, records, stamps in batches:
        receipt = engine.submit(records, stamps)
        assert receipt.accepted == len(records)
        made = engine.advance(from_us(end))
        decided += len(made)
        sends += sum(one.action == "send" for one in made)
    ended, cpu = time.perf_counter(), time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    engine.close()
    part = Part(
        own, sum(len(records) for _, records, _ in batches), began, ended, cpu, decided, sends, before / 1e6,
        (peak - before) / 1e6, path.stat().st_size / 1e6,
    )  # fmt: skip
    done.put(msgspec.json.encode(part))


def _prepare(path: Path, shard: int, shards: int, users: int, days: int) -> int:
    """Writes a store in which the shard's people have been for so many days, and returns how many they are."""
    rng = np.random.default_rng(users + days)
    engine = Engine.open(path, SETTINGS, clock=SimulatedClock(stream.START_US - DAY_US))
    people = dealt(stream.people(users, rng), shards)[shard]
    past = dealt(stream.open_candidates(users, rng), shards)[shard]
    for start in range(0, len(people), BATCH):
        part = people[start : start + BATCH]
        engine.submit(part, [stream.START_US - 2 * DAY_US] * len(part))
    stream.fill_past(engine.population.table.rows, days, engine.registry, rng)
    for start in range(0, len(past), BATCH):
        part = past[start : start + BATCH]
        engine.submit(part, [stream.START_US] * len(part))
    engine.advance(from_us(stream.START_US))
    engine.close()
    return len(people)


def _batches(
    shard: int, shards: int, users: int, hours: float
) -> list[tuple[int, list[Candidate | Engagement], list[int]]]:
    """The shard's part of the stream: (end, records, stamps), as many of its events in each as a micro-batch takes."""
    rng, end_us = np.random.default_rng(1), stream.START_US + round(hours * DAY_US / 24)
    total = int(users * stream.EVENTS_PER_DAY * hours / 24)
    made, at = stream.records(users, stream.START_US + 1, end_us, total, rng)
    own = [i for i, record in enumerate(made) if shard_of(record.user_id, shards) == shard]
    found = []
    for start in range(0, len(own), BATCH):
        some = own[start : start + BATCH]
        last = at[some[-1]] if start + BATCH < len(own) else end_us
        found.append((last, [made[i] for i in some], [at[i] for i in some]))
    return found


def show(runs: list[Run], hours: float) -> None:
    """Prints a row for each run."""
    table = Table(
        "shards", "events", "seconds", "events/s", "CPU s", "events a CPU s", "decisions", "sends a user-day",
        "resident MB", "grown MB", "stores MB", title="engines side by side, fsync per micro-batch",
    )  # fmt: skip
    for one in runs:
        a_day = [f"{part.sends / part.users * 24 / hours:.3f}" for part in one.parts]
        table.add_row(
            str(one.shards), f"{one.events:,}", f"{one.seconds:.2f}", f"{one.events / one.seconds:,.0f}",
            f"{one.cpu_seconds:.2f}", f"{one.events / one.cpu_seconds:,.0f}",
            f"{sum(part.decisions for part in one.parts):,}", ", ".join(a_day),
            " + ".join(f"{part.resident_mb:,.0f}" for part in one.parts),
            " + ".join(f"{part.grown_mb:,.0f}" for part in one.parts),
            " + ".join(f"{part.store_mb:,.0f}" for part in one.parts),
        )  # fmt: skip
    Console(width=170).print(table)


def main() -> None:
    """Measures every number of shards, in turns."""
    parser = argparse.ArgumentParser(description="Speed of several engines side by side.")
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=10, help="days of state behind every user")
    parser.add_argument("--hours", type=float, default=24.0, help="of simulated time to run")
    parser.add_argument("--rounds", type=int, default=1, help="turns of all numbers of shards")
    parser.add_argument("--folder", type=Path, default=None, help="where the stores rest; the disk counts")
    parser.add_argument("--quick", action="store_true", help="400 users for six hours: that it runs, no figures")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    users, hours = (400, 6.0) if given.quick else (given.users, given.hours)
    runs = [run(n, users, given.days, hours, given.folder) for _ in range(given.rounds) for n in given.shards]
    if given.json:
        print(json.dumps([msgspec.to_builtins(one) | {"events_per_second": one.events / one.seconds} for one in runs]))
    else:
        show(runs, hours)


if __name__ == "__main__":
    main()
