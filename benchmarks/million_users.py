"""What a million users cost one engine: memory, disk, and the time to save and to load their states.

    python benchmarks/million_users.py [--users 1000000] [--events 2] [--folder DIR] [--most-gb 12] [--json] [--quick]

Users come in the first hour (a profile each, and a plan of the day as soon as they are there), then `--events` events a
user over six hours, of the stream of `engine_speed.py`; every micro-batch is durable and decided before the next. Then
the engine is closed, which saves all states, and opened again by another process. A figure a user is the whole divided
by the users: resident memory less that of the process before the engine was opened, bytes of the file by kind of row.
Stops with what it has when it takes more memory than `--most-gb`.
"""

import argparse
import gc
import json
import multiprocessing
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import psutil
from rich.console import Console

import engine_stream as stream
from engine_speed import BATCH, SETTINGS
from tactful.clock import HOUR_US, SimulatedClock, from_us
from tactful.events.records import Input
from tactful.runtime.embedded import Engine


class Lived(msgspec.Struct, frozen=True):
    """What users cost while they came and did something."""

    users: int
    inputs: int
    decisions: int
    cpu_seconds: float
    seconds: float
    bytes_per_user: float
    resident_mb: float
    save_cpu_seconds: float


class Opened(msgspec.Struct, frozen=True):
    """What it costs to open the store again."""

    users: int
    cpu_seconds: float
    seconds: float
    bytes_per_user: float


def live(path: Path, users: int, events: int, most_gb: float) -> Lived:
    """Lets users come and do something; expects a process of its own."""
    before = _resident()
    engine = Engine.open(path, SETTINGS, clock=SimulatedClock(stream.START_US))
    gc.freeze()
    cpu, wall, inputs, decisions = time.process_time(), time.perf_counter(), 0, 0
    for records, stamps in _batches(users, events):
        inputs += engine.submit(records, stamps).accepted
        decisions += len(engine.advance(from_us(stamps[-1])))
        if inputs // BATCH % 10 == 0:
            print(
                f"{inputs:,} inputs, {len(engine.user_ids):,} users, {_resident() / 1e6:,.0f} MB, "
                f"{time.process_time() - cpu:.0f} CPU s, {time.perf_counter() - wall:.0f} s",
                file=sys.stderr, flush=True,
            )  # fmt: skip
        if _resident() > most_gb * 1e9:
            break
    took, waited, resident, known = time.process_time() - cpu, time.perf_counter() - wall, _resident(), engine.user_ids
    cpu = time.process_time()
    engine.close()
    return Lived(
        len(known), inputs, decisions, took, waited, (resident - before) / len(known), resident / 1e6,
        time.process_time() - cpu,
    )  # fmt: skip


def reopen(path: Path) -> Opened:
    """Opens the store again; expects a process of its own."""
    before, cpu, wall = _resident(), time.process_time(), time.perf_counter()
    engine = Engine.open(path, SETTINGS, clock=SimulatedClock(stream.START_US))
    took, waited, known = time.process_time() - cpu, time.perf_counter() - wall, len(engine.user_ids)
    return Opened(known, took, waited, (_resident() - before) / known)


def _batches(users: int, events: int) -> Iterator[tuple[Sequence[Input], list[int]]]:
    """Micro-batches: first everybody's profile, then what they do."""
    rng, people, known = np.random.default_rng(1), stream.people(users, np.random.default_rng(users)), 0
    arrival = HOUR_US // users
    while known < users:
        some = list(islice(people, BATCH))
        yield some, [stream.START_US + (known + i) * arrival for i in range(len(some))]
        known += len(some)
    edges = np.linspace(HOUR_US, 7 * HOUR_US, max(users * events // BATCH, 1) + 1).astype(np.int64) + stream.START_US
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        yield stream.records(users, start, end, min(BATCH, users * events), rng)


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


def on_disk(path: Path) -> dict[str, float]:
    """Bytes of the data by kind of row, a row; and of the whole file."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    found = {"file": float(path.stat().st_size)}
    for table in ("inputs", "decisions", "plans", "states"):
        count, size = db.execute(f"SELECT count(*), coalesce(sum(length(data)), 0) FROM {table}").fetchone()
        found |= {f"{table}": count, f"{table}_bytes_each": round(size / max(count, 1), 1)}
    (found["largest_state"],) = db.execute("SELECT max(length(data)) FROM states").fetchone()
    db.close()
    return found


def main() -> None:
    """Runs it, each half in a process of its own."""
    parser = argparse.ArgumentParser(description="Memory and disk of a million users.")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=2, help="events a user after the profile")
    parser.add_argument("--folder", type=Path, default=None, help="where the store rests: 3 GB")
    parser.add_argument("--most-gb", type=float, default=12.0, help="resident memory at which it stops")
    parser.add_argument("--quick", action="store_true", help="300 users: that it runs, no figures")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(dir=given.folder) as place,
        ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool,
    ):
        path = Path(place) / "million.sqlite"
        lived = pool.submit(live, path, 300 if given.quick else given.users, given.events, given.most_gb).result()
        opened = pool.submit(reopen, path).result()
        told = {"lived": msgspec.to_builtins(lived), "opened": msgspec.to_builtins(opened), "disk": on_disk(path)}
    if given.json:
        print(json.dumps(told))
    else:
        Console(width=120).print(told)


if __name__ == "__main__":
    main()
