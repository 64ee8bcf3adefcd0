"""Events a second that the embedded engine takes durably and decides on, and the memory a user costs.

    python benchmarks/engine_speed.py [--users 10000 100000] [--days 10 100] [--hours 24] [--ranker simple network]
                                      [--json] [--quick]

One cell is a number of users and of days behind them (`engine_stream.py`). Its store is prepared by one process and
measured by another, which opens it and then, for every micro-batch of 8,192 events, submits (one transaction with
fsync) and advances to the last of them (another): every event is checked, hashed, logged and applied, every plan and
rank job that falls due is scored, decided, and written with its reasons, its options and, if it is a send, its
message. Making the records is outside the clock. The bound is plain SQLite: the bytes of the same inputs, decisions and
plans into a table without index, one commit with fsync a micro-batch.
Messages are scored by the simple predictors; or by `network`, the default ranker with random weights, which do not
change how long a score takes; or by the `shipped` one. Rankers of one run can be compared.
Memory a user is the resident memory at the end, less that of the process after an engine of 100 users has taken one
whole micro-batch in it: what is there however few the users are is shown apart, as the base.
"""

import argparse
import gc
import json
import multiprocessing
import resource
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import FrameType

import msgspec
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

import engine_stream as stream
import tactful
from tactful.clock import DAY_US, HOUR_US, SimulatedClock, from_us
from tactful.events.records import Input
from tactful.models.in_force import put_in_force, rank_model_in_force
from tactful.models.protocol import RankModel
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings, Timing
from tactful.stores.sqlite import SqliteStore

SETTINGS = Settings(seed=7, timing=Timing(jobs_per_send=1, min_jobs=3))
"""Three rank jobs a user and day, on days with two planned sends too; candidates that wake at once come on top."""
BATCH = SETTINGS.engine.micro_batch
SAMPLE_SECONDS = 0.005
_PACKAGE = str(Path(tactful.__file__).parent)


class Cell(msgspec.Struct, frozen=True):
    """One row of the table: what was measured for a number of users with so many days behind them."""

    users: int
    days: int
    ranker: str
    events: int
    seconds: float
    cpu_seconds: float
    rank_jobs: int
    plans: int
    sends: int
    bound_per_second: float
    bytes_per_user: float
    base_mb: float
    peak_mb: float
    open_seconds: float
    parts: dict[str, float]

    @property
    def events_per_second(self) -> float:
        """Events taken, applied and decided on in a second of wall time."""
        return self.events / self.seconds


class Sampler:
    """Says where the engine's time goes: every few milliseconds of CPU, counts the file that is being run."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        signal.signal(signal.SIGPROF, self._look)
        signal.siginterrupt(signal.SIGPROF, False)

    def _look(self, _: int, frame: FrameType | None) -> None:
        self.counts[_place(frame)] += 1

    def start(self) -> None:
        """Begins to look."""
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)

    def stop(self) -> None:
        """Looks no more."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)

    def shares(self) -> dict[str, float]:
        """Returns the share of samples by file of the package, the largest first."""
        total = max(sum(self.counts.values()), 1)
        return {name: round(count / total, 3) for name, count in self.counts.most_common(14)}


def _place(frame: FrameType | None) -> str:
    """The innermost file of the package on the stack."""
    at = frame
    while at is not None:
        if at.f_code.co_filename.startswith(_PACKAGE):
            return at.f_code.co_filename.removeprefix(_PACKAGE + "/")
        at = at.f_back
    return "interpreter"


def prepare(path: Path, users: int, days: int, ranker: str) -> None:
    """Writes a store as if `users` people had been there for `days` days, with a ranker in force from now on."""
    model = _ranker(ranker)
    _prepare(path, users, days, model)


def _ranker(name: str) -> RankModel | None:
    """The ranker that decides; None for the simple predictors. Expects a process of its own: it may load torch."""
    if name == "simple":
        return None
    if name == "shipped":
        from tactful.models.shipped import shipped

        found: RankModel = shipped("ranker")
        return found
    from tactful.models.ranker import Ranker
    from tactful.training.export_ranker import export_ranker
    from tactful.training.fit import seeded

    return export_ranker(seeded(Ranker, 1))


def _prepare(path: Path, users: int, days: int, model: RankModel | None) -> None:
    rng = np.random.default_rng(users + days)
    engine = Engine.open(path, SETTINGS, clock=SimulatedClock(stream.START_US - DAY_US))
    _submit(engine, list(stream.people(users, rng)), stream.START_US - 2 * DAY_US)
    stream.fill_past(engine.population.table.rows, days, engine.registry, rng)
    _submit(engine, list(stream.open_candidates(users, rng)), stream.START_US)
    engine.advance(from_us(stream.START_US))
    if model is not None:
        with engine.store.transaction():
            put_in_force(engine.store, model)
    engine.close()


def _submit(engine: Engine, records: Sequence[Input], at_us: int) -> None:
    for start in range(0, len(records), BATCH):
        part = records[start : start + BATCH]
        if engine.submit(part, [at_us] * len(part)).accepted != len(part):
            raise SystemExit("the generated stream was refused; see engine_stream.py")


def measure(path: Path, users: int, days: int, hours: float, ranker: str) -> Cell:
    """Runs the stream over a prepared store; expects a process of its own."""
    _warm_up(path)
    before = psutil.Process().memory_info().rss
    started = time.perf_counter()
    engine = Engine.open(path, SETTINGS, clock=SimulatedClock(stream.START_US))
    open_seconds = time.perf_counter() - started
    gc.freeze()  # as a program that runs nothing else should: the collector need not walk over its modules again
    first = engine.store.count_decisions()
    sampler, seconds, cpu = Sampler(), 0.0, 0.0
    jobs = sends = 0
    spans = _spans(users, hours)
    rng = np.random.default_rng(1)
    for start, end, count in spans:
        records, stamps = stream.records(users, start, end, count, rng)
        cpu_before, wall_before = time.process_time(), time.perf_counter()
        sampler.start()
        engine.submit(records, stamps)
        decided = engine.advance(from_us(end))
        sampler.stop()
        seconds += time.perf_counter() - wall_before
        cpu += time.process_time() - cpu_before
        jobs += sum(d.action != "drop" for d in decided)
        sends += sum(d.action == "send" for d in decided)
    del records, stamps, decided
    after = psutil.Process().memory_info().rss
    assert engine.store.count_decisions() > first
    engine.store.close()
    plans, bound = _bound(path, [count for _, _, count in spans])
    return Cell(
        users, days, ranker, sum(count for _, _, count in spans), seconds, cpu, jobs, plans, sends, bound,
        (after - before) / users, before / 1e6, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, open_seconds,
        sampler.shares(),
    )  # fmt: skip


def _spans(users: int, hours: float) -> list[tuple[int, int, int]]:
    """(start, end, events) of the micro-batches: whole ones, over the hours asked for."""
    total = int(users * stream.EVENTS_PER_DAY * hours / 24)
    n = max(round(total / BATCH), 1)
    edges = np.linspace(stream.START_US, stream.START_US + hours * HOUR_US, n + 1).astype(np.int64).tolist()
    return [(edges[i] + 1, edges[i + 1], min(BATCH, total)) for i in range(n)]


def _warm_up(measured: Path) -> None:
    """Loads the compiled loops and the model, so that they count as the program and not as users."""
    path, store = measured.with_name("warm.sqlite"), SqliteStore(measured, read_only=True)
    _prepare(path, 100, 10, rank_model_in_force(store))
    store.close()
    engine = Engine.open(path, SETTINGS, clock=SimulatedClock(stream.START_US))
    end = stream.START_US + DAY_US
    records, stamps = stream.records(100, stream.START_US + 1, end, BATCH, np.random.default_rng(0))
    engine.submit(records, stamps)
    engine.advance(from_us(end))
    engine.close()


def _bound(path: Path, counts: list[int]) -> tuple[int, float]:
    """Plans made, and the bound: the stream's events a second, had its bytes only been written and synced."""
    db = sqlite3.connect(path)
    since = stream.START_US + 1
    inputs = [b for (b,) in db.execute("SELECT data FROM inputs WHERE log_ts_us >= ?", (since,))]
    made = [b for (b,) in db.execute("SELECT data FROM decisions WHERE at_us >= ?", (since,))]
    plans = [b for (b,) in db.execute("SELECT data FROM plans WHERE at_us >= ?", (since,))]
    db.close()
    plain = sqlite3.connect(path.with_name("plain.sqlite"), isolation_level=None)
    plain.execute("PRAGMA journal_mode = WAL")
    plain.execute("PRAGMA synchronous = FULL")
    plain.execute("CREATE TABLE lines (id INTEGER PRIMARY KEY, data BLOB NOT NULL)")
    n = len(counts)
    started = time.perf_counter()
    for i in range(n):
        plain.execute("BEGIN")
        for lines in (inputs, made, plans):
            part = lines[i * len(lines) // n : (i + 1) * len(lines) // n]
            plain.executemany("INSERT INTO lines (data) VALUES (?)", ((b,) for b in part))
        plain.execute("COMMIT")
    took = time.perf_counter() - started
    plain.close()
    return len(plans), sum(counts) / took


def run(users: int, days: int, hours: float, ranker: str, folder: Path | None) -> Cell:
    """Prepares and measures one cell, each in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "engine.sqlite"
        with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
            pool.submit(prepare, path, users, days, ranker).result()
            return pool.submit(measure, path, users, days, hours, ranker).result()


def show(cells: list[Cell]) -> None:
    """Prints the table and, below it, where the time went."""
    names = ("users", "days", "ranker", "events/s", "per CPU s", "rank jobs/s", "jobs a user-day", "sends")
    title = "embedded engine, fsync per micro-batch"
    table = Table(*names, "x of plain SQLite", "bytes/user", "base MB", "peak MB", "open s", title=title)
    for c in cells:
        a_day = c.rank_jobs / (c.events / stream.EVENTS_PER_DAY)
        table.add_row(
            f"{c.users:,}", str(c.days), c.ranker, f"{c.events_per_second:,.0f}", f"{c.events / c.cpu_seconds:,.0f}",
            f"{c.rank_jobs / c.seconds:,.0f}", f"{a_day:.2f}", f"{c.sends:,}",
            f"{c.events_per_second / c.bound_per_second:.2f}", f"{c.bytes_per_user:,.0f}", f"{c.base_mb:,.0f}",
            f"{c.peak_mb:,.0f}", f"{c.open_seconds:.1f}",
        )  # fmt: skip
    console = Console(width=150)
    console.print(table)
    for c in cells:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in c.parts.items())
        console.print(f"{c.users:,} users, {c.days} days, {c.ranker}: {shares}", soft_wrap=True)


def main() -> None:
    """Measures every combination of `--users`, `--days` and `--ranker`."""
    parser = argparse.ArgumentParser(description="Speed and memory of the embedded engine.")
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--days", type=int, nargs="+", default=[10, 100], help="days of state behind every user")
    parser.add_argument("--hours", type=float, default=24.0, help="of simulated time to run")
    parser.add_argument("--ranker", nargs="+", choices=("simple", "network", "shipped"), default=["simple"])
    parser.add_argument("--folder", type=Path, default=None, help="where the stores rest; the disk counts")
    parser.add_argument("--quick", action="store_true", help="500 users for six hours: that it runs, no figures")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    users, days, hours = ([500], [10], 6.0) if given.quick else (given.users, given.days, given.hours)
    cells = [run(n, d, hours, ranker, given.folder) for n in users for d in days for ranker in given.ranker]
    if given.json:
        print(json.dumps([msgspec.to_builtins(c) | {"events_per_second": c.events_per_second} for c in cells]))
    else:
        show(cells)


if __name__ == "__main__":
    main()
