"""How fast weekly budgets are allocated, and in how much memory.

    python benchmarks/allocate_speed.py [--users 1000000 10000000] [--highs 100000] [--json]

Data: `rough` curves (below) of 15 budgets, float32, budgets first, by a seeded generator; total 3 sends a user. Against

- one read of the same array: the sum of all its numbers, with the same threads (the bound for any allocator);
- HiGHS, through scipy, on the linear relaxation for `--highs` users: its interior point. Its simplex was not done
  after ten seconds on 3,000 users, where that took one.

Compilation is outside the clock; wall and CPU seconds are the least of five runs. Memory is the largest growth of the
process's anonymous memory while it allocates, read every 2 ms: pages of a mapped file, which the system may drop, are
not in it. Linux with glibc only.
"""

import argparse
import ctypes
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numba
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import sparse
from scipy.optimize import linprog

from tactful.decision.volume.allocate import allocate, allocate_at_price, allocate_by_group
from tactful.kernel import parallel_kernel

BUDGETS, SENDS_EACH, SEED, RUNS = 15, 3, 1, 5
CHUNK = 1 << 17


class Cell(msgspec.Struct, frozen=True):
    """One row of the table of speeds."""

    what: str
    users: int
    seconds: float
    cpu_seconds: float
    x_read: float
    cpu_x_read: float
    memory_mb: float


class Reference(msgspec.Struct, frozen=True):
    """HiGHS and the allocator on the same curves."""

    users: int
    interior_point_seconds: float
    interior_point_cpu_seconds: float
    allocate_seconds: float
    allocate_cpu_seconds: float
    times_faster: float
    value_to_bound: float


def curves(family: str, n: int, seed: int = SEED) -> NDArray[np.float32]:
    """[15, n] float32: `concave` saturates, `S-shaped` starts late, `humped` falls after its best, `rough` is like
    the output of tree models, with steps of random size, some of them negative."""
    value = np.empty((BUDGETS, n), dtype=np.float32)
    k = np.arange(BUDGETS, dtype=np.float32)[:, None]
    for start in range(0, n, CHUNK):
        rng = np.random.default_rng([seed, start])
        users = min(CHUNK, n - start)
        gain, need = 0.3 * rng.random(users, dtype=np.float32), rng.uniform(1, 8, users).astype(np.float32)
        if family == "concave":
            part = gain * (1 - np.exp(-k / need))
        elif family == "S-shaped":
            part = gain / (1 + np.exp(need - k))
        elif family == "humped":
            part = gain * k / need * np.exp(1 - k / need)
        else:
            steps = gain * np.exp(-k / need) * rng.normal(0.5, 0.5, (BUDGETS, users)).astype(np.float32)
            part = 0.3 + steps.cumsum(axis=0)
        value[:, start : start + users] = part
    return value


@parallel_kernel
def _read(value: NDArray[np.float32], sums: NDArray[np.float32]) -> None:
    users, width = value.shape[1], 1024
    for lane in numba.prange(sums.size):
        running = np.zeros(width, dtype=np.float32)  # a running sum for each place in a block: additions in parallel
        for k in range(value.shape[0]):
            row = value[k, users * lane // sums.size : users * (lane + 1) // sums.size]
            for start in range(0, row.size - width + 1, width):
                block = row[start : start + width]
                for i in range(width):
                    running[i] += block[i]
        sums[lane] = running.sum()


def read(value: NDArray[np.float32]) -> float:
    """The sum of all numbers (but for a few at the end of each stretch)."""
    sums = np.zeros(32, dtype=np.float32)
    _read(value, sums)
    return float(sums.sum())


def clock(work: Callable[[], object], runs: int = RUNS) -> tuple[float, float]:
    """Least wall and CPU seconds of a few runs, after one that is not counted."""
    work()
    wall, cpu = [], []
    for _ in range(runs):
        start, cpu_start = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
    return min(wall), min(cpu)


def _anonymous_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


@contextmanager
def growth() -> Iterator[list[float]]:
    """Yields a list whose last entry will be the largest growth of anonymous memory inside, in MB."""
    ctypes.CDLL(None).malloc_trim(0)  # else what was freed before is taken again, and nothing seems to grow
    before, seen, done = _anonymous_mb(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            seen.append(_anonymous_mb() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()
        seen.append(max(seen))


def compile_loops() -> None:
    """Runs everything on as many users as are sampled, so that neither time nor memory is that of the compiler."""
    few = curves("rough", 70_000)
    allocate(few, 140_000)
    allocate_by_group(few, np.arange(70_000) % 3, np.full(3, 40_000.0))


def speeds(n: int) -> list[Cell]:
    """The allocator's entrances on n users, in memory and from a file."""
    value, total = curves("rough", n), SENDS_EACH * n
    group = np.random.default_rng(SEED).integers(0, 3, n).astype(np.uint8)
    totals = SENDS_EACH * np.bincount(group, minlength=3).astype(np.float64)
    compile_loops()
    bound, cpu_bound = clock(lambda: read(value))
    cells = [Cell("one read", n, bound, cpu_bound, 1.0, 1.0, 0.0)]

    def cell(what: str, work: Callable[[], object]) -> None:
        with growth() as seen:
            work()
        wall, cpu = clock(work)
        cells.append(Cell(what, n, wall, cpu, wall / bound, cpu / cpu_bound, seen[-1]))

    cell("allocate", lambda: allocate(value, total))
    price = allocate(value, total).price
    cell("allocate_at_price", lambda: allocate_at_price(value, price))
    cell("allocate_by_group, 3 groups", lambda: allocate_by_group(value, group, totals))
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "curves.npy", value)
        mapped = np.load(Path(folder) / "curves.npy", mmap_mode="r")
        cell("allocate, memory-mapped file", lambda: allocate(mapped, total))
    return cells


def against_highs(n: int) -> Reference:
    """HiGHS's interior point and the allocator on n users."""
    value, total = curves("rough", n), SENDS_EACH * n
    relaxation = {
        "c": -value.T.ravel().astype(np.float64),
        "A_ub": sparse.csr_matrix(np.tile(np.arange(BUDGETS, dtype=np.float64), n)[None, :]),
        "b_ub": [float(total)],
        "A_eq": sparse.kron(sparse.eye(n), np.ones((1, BUDGETS)), format="csr"),
        "b_eq": np.ones(n),
    }
    start, cpu_start = time.perf_counter(), time.process_time()
    found = linprog(**relaxation, method="highs-ipm")
    took, cpu_took = time.perf_counter() - start, time.process_time() - cpu_start
    result, (ours, cpu_ours) = allocate(value, total), clock(lambda: allocate(value, total))
    return Reference(
        n,
        took,
        cpu_took,
        ours,
        cpu_ours,
        took / ours,
        result.value / -float(found.fun) - 1.0,
    )


def show(cells: list[Cell], reference: Reference | None) -> None:
    """Prints the table and the comparison."""
    console = Console()
    table = Table("what", "users", "seconds", "users/s", "x read", "CPU s", "x read", "MB", title="15 budgets")
    for c in cells:
        figures = (f"{c.seconds:.3f}", f"{c.users / c.seconds:,.0f}", f"{c.x_read:.1f}", f"{c.cpu_seconds:.3f}")
        table.add_row(c.what, f"{c.users:,}", *figures, f"{c.cpu_x_read:.1f}", f"{c.memory_mb:.0f}")
    console.print(table)
    if reference is not None:
        console.print(
            f"HiGHS, {reference.users:,} users: interior point {reference.interior_point_seconds:.1f} s "
            f"(CPU {reference.interior_point_cpu_seconds:.1f}), allocate "
            f"{reference.allocate_seconds * 1000:.1f} ms (CPU {reference.allocate_cpu_seconds * 1000:.1f}), "
            f"{reference.times_faster:,.0f} times faster, value / bound - 1 = {reference.value_to_bound:.1e}"
        )


def main() -> None:
    """Prints all figures, as a table or as JSON."""
    parser = argparse.ArgumentParser(description="Speed of the allocator.")
    parser.add_argument("--users", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--highs", type=int, default=100_000, help="users for HiGHS; 0 leaves it out")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    cells = [cell for n in wanted.users for cell in speeds(n)]
    reference = against_highs(wanted.highs) if wanted.highs else None
    if wanted.json:
        print(json.dumps(msgspec.to_builtins({"speeds": cells, "highs": reference})))
    else:
        show(cells, reference)


if __name__ == "__main__":
    main()
