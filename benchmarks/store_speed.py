"""Inputs a second that the SQLite store appends durably, against the bound of the disk.

The bound is a plain `write` and `fsync` of the same data bytes in the same run. Each commit is one transaction with
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


def appended_per_second(store: SqliteStore, size: int, rng: np.random.Generator) -> tuple[float, float]:
    """Returns inputs a second, and the longest commit in seconds; making the inputs is not counted."""
    data = os.urandom(DATA_BYTES)
    spent: list[float] = []
    for batch in batches(size, data, store.last()[0] + 1, rng):
        start = time.perf_counter()
        with store.transaction():
            store.append(batch)
        spent.append(time.perf_counter() - start)
        if sum(spent) > SECONDS:
            break
    return size * len(spent) / sum(spent), max(spent)


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
        speed, longest = appended_per_second(store, size, rng)
        print(
            f"known {known:>10,}  per commit {size:>5,}  {speed:>9,.0f} inputs/s  "
            f"bound {bound:>10,.0f}  ratio {speed / bound:.3f}  longest commit {1e3 * longest:.0f} ms"
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
