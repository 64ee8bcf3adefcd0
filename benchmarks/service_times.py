"""CPU time that the embedded engine spends on an event, a rank job, a day's plan, and on a call whatever is in it.

    python benchmarks/service_times.py [--users 4000] [--ranker simple|shipped]

A day of `engine_stream.py` goes through an engine in steps of different lengths, each of which submits, decides and
commits with fsync. The step's CPU time is fitted by least squares, without negative costs, to how many of each kind it
had. *Spread* are quantiles of measured over fitted time, steps weighted by their jobs: how much longer or shorter the
same work took. `peak_hour.py` reads both.
"""

import argparse
import gc
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from scipy.optimize import nnls

import engine_speed as speed
import engine_stream as stream
from tactful.clock import DAY_US, SimulatedClock, from_us
from tactful.runtime.embedded import Engine

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
STEPS = 240
KINDS = ("call", "event", "rank job", "plan")


def main() -> None:
    """Prints microseconds by kind, and the spread, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=4000)
    parser.add_argument("--ranker", choices=("simple", "shipped"), default="simple")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work, seconds = measured(Path(folder) / "engine.sqlite", given.users, given.ranker)
    costs, _ = nnls(work, seconds)
    ratio = seconds / (work @ costs)
    order = np.argsort(ratio)
    weight = work[order, 2].cumsum() / work[:, 2].sum()
    spread = ratio[order][np.searchsorted(weight, QUANTILES)]
    print(
        json.dumps(
            {
                "ranker": given.ranker,
                "microseconds": dict(zip(KINDS, np.round(1e6 * costs, 1).tolist(), strict=True)),
                "spread": dict(zip(map(str, QUANTILES), np.round(spread, 2).tolist(), strict=True)),
                "work": dict(zip(KINDS, work.sum(axis=0).tolist(), strict=True)),
                "cpu_seconds": round(float(seconds.sum()), 2),
            }
        )
    )


def measured(path: Path, users: int, ranker: str) -> tuple[Float64[np.ndarray, "s 4"], Float64[np.ndarray, " s"]]:
    """Returns what each step had, by `KINDS`, and its CPU seconds."""
    speed.prepare(path, users, 10, ranker)
    engine = Engine.open(path, speed.SETTINGS, clock=SimulatedClock(stream.START_US))
    gc.freeze()
    rng, work, seconds = np.random.default_rng(1), [], []
    edges = stream.START_US + (np.append(0, rng.dirichlet(np.ones(STEPS)).cumsum()) * DAY_US).astype(np.int64)
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        count = int(users * stream.EVENTS_PER_DAY * (end - start) / DAY_US)
        records, stamps = stream.records(users, start + 1, max(end, start + 2), count, rng)
        before = time.process_time()
        engine.submit(records, stamps)
        decided = engine.advance(from_us(end))
        seconds.append(time.process_time() - before)
        plans = sum(1 for _ in engine.store.plans_between(start + 1, end + 1))
        work.append((1, count, sum(one.action != "drop" for one in decided), plans))
    engine.store.close()
    return np.array(work, dtype=np.float64), np.array(seconds)


if __name__ == "__main__":
    main()
