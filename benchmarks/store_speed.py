"""Inputs a second that the SQLite store appends durably, against the bound of the disk.

The bound is a plain `write` and `fsync` of the same data bytes in the same run; on a busy machine compare the
figure per CPU second, which is what the store itself costs. Each commit is one transaction with
synchronous = FULL. Keys are random 64-bit numbers, as hashes are, so that the key index is at its worst;
`--known` sets how many the log holds before the clock starts.

    python benchmarks/store_speed.py --known 0 4000000
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tactful.stores.protocols import LoggedInput
from tactful.stores.sqlite import SqliteStore

DATA_BYTES = 250
USERS = 100_000
SECONDS = 5.0
FILL_BATCH = 50_000


def batches(size: int, data: bytes, first_offset: int, rng: np.random.Generator) -> Iterator[list[LoggedInput]]:
    """Yields batches of inputs of random users with random keys."""
    offset = first_offset
    while True:
        users = rng.integers(USERS, size=size, dtype=np.uint64).tolist()
        keys = rng.integers(1, 2**64, size=size, dtype=np.uint64).tolist()
        yield [
            LoggedInput(offset + i, offset, user, key, key, 1, data)
            for i, (user, key) in enumerate(zip(users, keys, strict=True))
        ]
        offset += size


class Speed(NamedTuple):
    """What one series of commits took; making the inputs is not counted."""

    per_second: float
    per_cpu_second: float
    longest_s: float


def append_speed(store: SqliteStore, size: int, rng: np.random.Generator) -> Speed:
    """Returns the speed of appending for `SECONDS`."""
    data = os.urandom(DATA_BYTES)
    spent: list[float] = []
    cpu = 0.0
    for batch in batches(size, data, store.last()[0] + 1, rng):
        start, cpu_start = time.perf_counter(), time.process_time()
        with store.transaction():
            store.append(batch)
        spent.append(time.perf_counter() - start)
        cpu += time.process_time() - cpu_start
        if sum(spent) > SECONDS:
            break
    count = size * len(spent)
    return Speed(count / sum(spent), count / cpu, max(spent))


def written_per_second(folder: Path, size: int) -> float:
    """Returns the bound: inputs a second if their data were only written and synced."""
    data = os.urandom(DATA_BYTES) * size
    count = 0
    with open(folder / "plain", "wb", buffering=0) as file:
        start = time.perf_counter()
        while time.perf_counter() - start < SECONDS:
            file.write(data)
            os.fsync(file.fileno())
            count += 1
        return size * count / (time.perf_counter() - start)


def measure(known: int, folder: Path) -> None:
    """Prints one row for each commit size, for a log that holds `known` keys before."""
    rng = np.random.default_rng(known)
    path = folder / f"store-{known}.sqlite"
    store = SqliteStore(path)
    for batch in batches(FILL_BATCH, b"", 0, rng):
        if batch[0].offset >= known:
            break
        store.append(batch)
    for size in (1_000, 100):
        bound = written_per_second(folder, size)
        speed = append_speed(store, size, rng)
        print(
            f"known {known:>10,}  per commit {size:>5,}  {speed.per_second:>8,.0f} inputs/s  "
            f"({speed.per_cpu_second:>8,.0f} per CPU second)  bound {bound:>9,.0f}  "
            f"ratio {speed.per_second / bound:.2f}  longest commit {1e3 * speed.longest_s:.0f} ms"
        )
    store.close()
    start = time.perf_counter()
    reopened = SqliteStore(path)
    reopened.append(next(batches(1, b"", reopened.last()[0] + 1, rng)))
    print(f"known {known:>10,}  first append after reopening {time.perf_counter() - start:.2f} s")
    reopened.close()


def main() -> None:
    """Measures every `--known` in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--known", type=int, nargs="+", default=[0, 4_000_000])
    parser.add_argument("--folder", type=Path, default=None, help="where to write; the disk is what is measured")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for known in arguments.known:
            measure(known, Path(folder))


if __name__ == "__main__":
    main()
