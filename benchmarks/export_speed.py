"""Decisions a CPU second that an export writes, and how much memory it takes: no more for a larger day.

    python benchmarks/export_speed.py [--decisions 20000 100000]

Decisions of a *simulated* app, all logged in full, are repeated under other keys until a day has as many as asked for.
Every day is exported by a process of its own. Memory is the resident memory at its peak, looked at every 10 ms, less
that before the export.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from decision_size import BATCH, decided
from tactful.clock import DAY_US
from tactful.decision.policy.explore import Exploration
from tactful.runtime.exporting import export
from tactful.stores.protocols import DecisionRow
from tactful.stores.sqlite import SqliteStore


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, nargs="+", default=[20_000, 100_000])
    counts: list[int] = parser.parse_args().decisions
    rows = decided(60, 4, Exploration(logged_sends=1.0, full_history=1.0))
    table = Table(title="One day of decisions, exported", title_justify="left")
    for head in ("decisions", "decisions a CPU second", "MB at the peak"):
        table.add_column(head, justify="right")
    spawn = multiprocessing.get_context("spawn")
    for count in counts:
        with ProcessPoolExecutor(1, mp_context=spawn) as alone:
            seconds, megabytes = alone.submit(exported, rows, count).result()
        table.add_row(f"{count:,}", f"{count / seconds:,.0f}", f"{megabytes:,.0f}")
    Console().print(table)


def exported(rows: Sequence[DecisionRow], count: int) -> tuple[float, float]:
    """Exports a day of so many decisions; returns CPU seconds and MB."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "store.db")
        day = rows[0].at_us // DAY_US * DAY_US
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            with store.transaction():
                store.append_decisions([_repeated(rows[i % len(rows)], i, day) for i in numbers])
                store.save_meta("committed", str(day + DAY_US - 1).encode())
        peak = Peak()
        began = time.process_time()
        export(store, Path(folder) / "out")
        seconds = time.process_time() - began
        megabytes = peak.grown_mb()
        store.close()
    return seconds, megabytes


def _repeated(row: DecisionRow, number: int, day: int) -> DecisionRow:
    return row._replace(decision_key=number + 1, user_key=number % 1000, at_us=day + number * 7919 % DAY_US)


class Peak:
    """Watches the resident memory of this process from its making on."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self._most = self._process.memory_info().rss
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def _look(self) -> None:
        while not self._over.wait(0.01):
            self._most = max(self._most, self._process.memory_info().rss)

    def grown_mb(self) -> float:
        """Stops watching, and returns by how much memory had grown at most."""
        self._over.set()
        self._watch.join()
        return float(self._most - self._before) / 1e6


if __name__ == "__main__":
    main()
