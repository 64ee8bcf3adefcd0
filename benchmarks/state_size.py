"""Bytes that a user's state takes in a store, and what packing and loading it costs.

    python benchmarks/state_size.py STORE [STORE ...] [--json]

Every store is one that an engine closed: of a log that was imported, of `tactful demo`, or your own; it is only read.
For comparison there are the bytes of a row in memory. Times are CPU time, the least of three turns over all states.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from tactful.features.history import UserTable
from tactful.features.state_bytes import packed
from tactful.runtime.snapshot import saved_rows
from tactful.stores.sqlite import SqliteStore


class Size(msgspec.Struct, frozen=True):
    """What the states of one store take."""

    store: str
    users: int
    engagements: float
    sends: float
    candidates: float
    mean: float
    median: float
    p95: float
    largest: int
    in_memory: int
    pack_us: float
    load_us: float


def measured(path: Path) -> Size:
    """Returns what the states in a store take, and how full they are."""
    store = SqliteStore(path, read_only=True)
    form, states = saved_rows(store.load_meta("states") or b""), [state for _, state in store.load_states()]
    store.close()
    table = UserTable()
    load_us = _least_us(lambda: form.load(table, states), len(states))
    rows = table.rows
    sizes = np.array([len(state) for state in packed(rows)])
    engagements, sends, candidates = (float(rows[name].mean()) for name in ("e_len", "s_len", "c_len"))
    median, p95 = np.percentile(sizes, [50, 95]).tolist()
    return Size(
        path.name, len(rows), engagements, sends, candidates, float(sizes.mean()), median, p95, int(sizes.max()),
        rows.dtype.itemsize, _least_us(lambda: list(packed(rows)), len(rows)), load_us,
    )  # fmt: skip


def _least_us(work: Callable[[], object], rows: int) -> float:
    """Microseconds of CPU a row, the least of three turns."""
    spent = []
    for _ in range(3):
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)
    return min(spent) / rows * 1e6


def show(found: list[Size]) -> None:
    """Prints a row for each store."""
    table = Table(*Size.__struct_fields__, title="bytes a state; engagements, sends, candidates: on average a user")
    for one in found:
        table.add_row(*(f"{v:,.1f}" if isinstance(v, float) else str(v) for v in msgspec.structs.astuple(one)))
    Console(width=150).print(table)


def main() -> None:
    """Measures every store that is named."""
    parser = argparse.ArgumentParser(description="Bytes of a user's state.")
    parser.add_argument("stores", type=Path, nargs="+")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = [measured(path) for path in given.stores]
    if given.json:
        print(json.dumps(msgspec.to_builtins(found)))
    else:
        show(found)


if __name__ == "__main__":
    main()
