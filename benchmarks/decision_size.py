"""Bytes a decision takes in SQLite and in Parquet: without snapshots, as logged by default, and logged in full.

    python benchmarks/decision_size.py [--users 500] [--days 10] [--json]

The *simulated* world runs through the engine twice on the same seed: with the shares that ship, and with everything
logged in full (whole pools, holds too). What is decided must be the same. The decisions of each run, and of the first
one without its snapshots, are then written to a SQLite store of their own, in micro-batches of 8,192, and exported.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from tactful.clock import DAY_US, SimulatedClock, from_us
from tactful.decision.policy.explore import Exploration
from tactful.events.records import Decision, decode, encode
from tactful.runtime.embedded import Engine
from tactful.runtime.exporting import export
from tactful.runtime.settings import Settings
from tactful.simulator.adapter import candidate_records, engagement_records, send_columns, user_records
from tactful.simulator.protocol import TICK_US
from tactful.simulator.world import make
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import DecisionRow
from tactful.stores.sqlite import SqliteStore

SEED = 20261122
BATCH = 8_192


class Size(msgspec.Struct, frozen=True):
    """Bytes a decision: of the record alone, of its row in SQLite, and of its row in Parquet."""

    kept: str
    decisions: int
    with_snapshot: int
    record: float
    sqlite: float
    parquet: float


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    shipped = decided(args.users, args.days, Exploration())
    everything = decided(args.users, args.days, Exploration(logged_sends=1.0, full_history=1.0))
    assert [bare(row) for row in shipped] == [bare(row) for row in everything], "what is logged changed a decision"
    sizes = [
        measured("no snapshots", [bare(row) for row in shipped]),
        measured("shares that ship", shipped),
        measured("everything", everything),
    ]
    if args.json:
        print(msgspec.json.encode({"sizes": sizes, "blobs": blobs(shipped), "actions": actions(shipped)}).decode())
        return
    table = Table(title=f"Bytes a decision (simulated, {args.users:,} users, {args.days} days)", title_justify="left")
    for head in ("kept", "decisions", "with snapshot", "record", "SQLite", "Parquet"):
        table.add_column(head, justify="left" if head == "kept" else "right")
    for s in sizes:
        numbers = (f"{s.decisions:,}", f"{s.with_snapshot:,}", f"{s.record:.0f}", f"{s.sqlite:.0f}", f"{s.parquet:.0f}")
        table.add_row(s.kept, *numbers)
    Console().print(table)
    for name, told in (("mean bytes of a snapshot", blobs(shipped)), ("mean bytes of a record", actions(shipped))):
        Console().print(f"{name}: " + ", ".join(f"{what} {size:.0f}" for what, size in told.items()))


def decided(users: int, days: int, exploration: Exploration) -> list[DecisionRow]:
    """Returns what an engine decided for a simulated app, hour by hour as a service would hear of it."""
    world = make(seed=SEED, n_users=users)
    clock, store = SimulatedClock(world.start_us), MemoryStore()
    engine = Engine(store, Settings(seed=SEED, exploration=exploration), clock=clock)
    engine.submit(user_records(world.users()))
    told: dict[int, tuple[int, int, float]] = {}
    ids: dict[int, str] = {}
    for tick in range(days * DAY_US // TICK_US):
        start = world.start_us + tick * TICK_US
        came = world.candidates(start, start + TICK_US)
        about = zip(came.type.tolist(), came.category.tolist(), came.quality.tolist(), strict=True)
        told.update(zip(came.candidate.tolist(), about, strict=True))
        engine.submit(candidate_records(came), came.created_us.tolist())
        now = engine.advance(from_us(start + TICK_US - 1))
        sends = send_columns(now, told, len(ids))
        of = {(d.user_id, d.candidate_id): d.decision_id for d in now if d.action == "send"}
        numbered = zip(sends.user.tolist(), sends.candidate.tolist(), sends.decision.tolist(), strict=True)
        ids.update({number: of[f"u{user:06d}", f"c{candidate}"] for user, candidate, number in numbered})
        seen = world.respond(sends, start, start + TICK_US)
        clock.set(start + TICK_US)
        engine.submit(engagement_records(seen, tick, ids))
    return list(store.decisions_between(0, 1 << 62))


def measured(kept: str, rows: Sequence[DecisionRow]) -> Size:
    """Writes decisions to a store of their own, exports it, and returns what they take."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        store = SqliteStore(path)
        empty = path.stat().st_size
        for start in range(0, len(rows), BATCH):
            with store.transaction():
                store.append_decisions(rows[start : start + BATCH])
                store.save_meta("committed", str(rows[-1].at_us).encode())
        done = export(store, Path(folder) / "out")
        store.close()
        grown = path.stat().st_size - empty
    return Size(
        kept=kept,
        decisions=len(rows),
        with_snapshot=sum(1 for d in records(rows) if d.snapshot),
        record=float(np.mean([len(row.data) for row in rows])),
        sqlite=grown / len(rows),
        parquet=done.tables["decisions"].bytes / len(rows),
    )


def blobs(rows: Sequence[DecisionRow]) -> dict[str, float]:
    """Mean bytes of the snapshots of one candidate, and of whole pools."""
    sizes: dict[str, list[int]] = {"one candidate": [], "whole pool": []}
    history = {d.user_id for d in records(rows) if d.snapshot and d.bucket == "production" and d.action == "hold"}
    for d in records(rows):
        if d.snapshot:
            whole = d.bucket == "random_send" or d.user_id in history
            sizes["whole pool" if whole else "one candidate"].append(len(d.snapshot))
    return {what: float(np.mean(each)) for what, each in sizes.items() if each}


def actions(rows: Sequence[DecisionRow]) -> dict[str, float]:
    """Mean bytes of the records of each action, without snapshots."""
    sizes: dict[str, list[int]] = {}
    for row in map(bare, rows):
        sizes.setdefault(("send", "hold", "drop")[row.action_code], []).append(len(row.data))
    return {f"{action} (of {len(each):,})": float(np.mean(each)) for action, each in sorted(sizes.items())}


def records(rows: Sequence[DecisionRow]) -> Iterator[Decision]:
    """Yields the decisions of rows."""
    for row in rows:
        record = decode(row.data)
        if isinstance(record, Decision):
            yield record


def bare(row: DecisionRow) -> DecisionRow:
    """Returns a row whose decision was not logged in full."""
    (record,) = records([row])
    return row._replace(
        data=encode(msgspec.structs.replace(record, snapshot=b"", snapshot_place=-1, log_probability=0.0))
    )


if __name__ == "__main__":
    main()
