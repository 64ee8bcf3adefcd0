"""How long rank jobs wait at the peak hour of 500 million users, by the number of cores; and a formula beside it.

    python benchmarks/peak_hour.py [--users 500000000] [--picture docs/explanation/peak-hour.png] [--json]

What comes when follows from shares of people by offset from UTC and by hour of the local day, both written out below:
round numbers, not measured. Costs are those of `service_times.py`, with their spread. Two ways of serving:

- *keyed*: every user belongs to one core, as with shards and Flink's groups. A core is a queue of its own; four of
  them are simulated by Lindley's recursion, W' = max(W + S - A, 0), which is a running sum less its running minimum.
- *pooled*: any core takes the next job, as a pool of scoring workers could; served in order of arrival.

Beside them stand the mean wait of Pollaczek and Khinchine, `l E[S^2] / 2(1 - r)`, and for the pool Erlang's C times
(1 + cv^2) / 2 (Lee and Longton 1959). A run takes half a minute; every draw is a hash of the seed.
"""

import argparse
import heapq
import json
import math
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from tactful.draws import uniform

SEED: Final = 20261122
SIMULATED_SECONDS: Final = 60
CORES_LOOKED_AT: Final = 4
PERCENTILES: Final = (50, 99, 99.9)

PEOPLE: Final[dict[str, dict[float, float]]] = {
    "one zone": {0.0: 1.0},
    "one continent": {0.0: 0.15, 1.0: 0.5, 2.0: 0.2, 3.0: 0.15},
    "the world": {
        **{-8.0: 0.01, -7.0: 0.01, -6.0: 0.03, -5.0: 0.05, -4.0: 0.03, -3.0: 0.04, 0.0: 0.05, 1.0: 0.10},
        **{2.0: 0.08, 3.0: 0.09, 5.0: 0.05, 5.5: 0.18, 6.0: 0.03, 7.0: 0.06, 8.0: 0.15, 9.0: 0.04},
    },
}
"""Shares of people by hours that their clock is ahead of UTC."""
ACTIVITY: Final = np.array([10, 5, 3, 2, 3, 8, 20, 40, 55, 50, 48, 50, 60, 55, 50, 50, 52, 60, 70, 80, 85, 80, 55, 30])
"""What people do by local hour, in parts of the sum; rank jobs stand in their best hours, so by the square of it."""


class Load(msgspec.Struct, frozen=True):
    """What a user brings a day, and what it costs: microseconds of one core, with the spread around them."""

    users: int = 500_000_000
    events: float = 14.0
    jobs: float = 3.0
    plans: float = 1.0
    event_us: float = 13.0
    job_us: float = 102.4
    plan_us: float = 58.7
    spread: tuple[tuple[float, float], ...] = (
        *((0.0, 0.7), (0.05, 0.79), (0.25, 0.88), (0.5, 0.93)),
        *((0.75, 1.03), (0.95, 1.4), (0.99, 1.91), (1.0, 4.0)),
    )
    """Quantiles of measured over fitted time (`service_times.py`); the ends are drawn out by hand."""

    @property
    def costs(self) -> dict[str, float]:
        """Microseconds by kind of work."""
        return {"events": self.event_us, "jobs": self.job_us, "plans": self.plan_us}


class Served(msgspec.Struct, frozen=True):
    """How rank jobs waited, in seconds, with so many cores; `formula` is the mean wait that theory gives, if any."""

    people: str
    way: str
    cores: int
    use: float
    mean: float
    formula: float | None
    percentiles: dict[str, float]


def peak(load: Load, people: str, midnight: bool = False) -> dict[str, float]:
    """Returns events, jobs and plans a second in the half hour of most work, and that work in cores.

    With `midnight` it is the half hour after the midnight of the zone with most people, without plans.
    """
    shares = PEOPLE[people]
    half_hours = np.arange(48) / 2.0
    rates = {}
    for name, n, hours in (
        ("events", load.events, ACTIVITY / ACTIVITY.sum()),
        ("jobs", load.jobs, ACTIVITY**2 / (ACTIVITY**2).sum()),
        ("plans", load.plans, np.eye(24)[0]),
    ):
        by_local = sum(s * hours[((half_hours + ahead) // 1 % 24).astype(int)] for ahead, s in shares.items())
        rates[name] = load.users * n * np.asarray(by_local) / 3600.0
    if midnight:
        rates["plans"] = np.zeros(48)
    work = 1e-6 * sum((micros * rates[name] for name, micros in load.costs.items()), np.zeros(48))
    worst = int(-2 * max(shares, key=lambda ahead: shares[ahead])) % 48 if midnight else int(np.argmax(work))
    return {name: float(rate[worst]) for name, rate in rates.items()} | {
        "cores": float(work[worst]),
        "mean cores": float(work.mean()),
    }


def arrivals(
    load: Load, at: dict[str, float], share: float, number: int
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"], NDArray[np.bool_]]:
    """Returns when work comes to a server that has a share of the users, its seconds of service, and what is a job."""
    parts = []
    for kind, (name, micros) in enumerate(load.costs.items()):
        row = np.arange(round(at[name] * share * SIMULATED_SECONDS))
        when = uniform(SEED + number, row, kind, "arrival") * SIMULATED_SECONDS
        parts.append((when, micros * _ratios(load, row, kind, number), np.full(len(row), name == "jobs")))
    return _in_order(parts)


def after_burst(load: Load, at: dict[str, float], burst: str, n: float, cores: int) -> Float64[np.ndarray, " n"]:
    """Returns how long jobs wait in the hour that begins with `n` jobs or plans at one instant.

    Work is taken in lumps of a hundred like pieces: beside a backlog of minutes that changes nothing.
    """
    parts, lump, seconds = [], 100, 3600.0
    for kind, (name, micros) in enumerate(load.costs.items()):
        row = np.arange(round((n if name == burst else at[name] * seconds) / cores / lump))
        when = np.zeros(len(row)) if name == burst else uniform(SEED, row, kind, "arrival") * seconds
        parts.append((when, lump * micros * _ratios(load, row, kind, 0), np.full(len(row), name == "jobs")))
    when, service, job = _in_order(parts)
    return keyed_waits(when, service)[job]


def _ratios(load: Load, row: NDArray[np.int64], kind: int, number: int) -> Float64[np.ndarray, " n"]:
    quantile, ratio = np.array(load.spread).T
    drawn: Float64[np.ndarray, " n"] = np.interp(uniform(SEED + number, row, kind, "service"), quantile, ratio)
    return drawn


def _in_order(
    parts: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    when, micros, job = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(when, kind="stable")
    return when[order], 1e-6 * micros[order], job[order]


def keyed_waits(when: Float64[np.ndarray, " n"], seconds: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Returns how long each piece of work waits at one server, first come first served."""
    walk = np.append(0.0, (seconds[:-1] - np.diff(when)).cumsum())
    waits: Float64[np.ndarray, " n"] = walk - np.minimum.accumulate(walk)
    return waits


def pooled_waits(
    when: Float64[np.ndarray, " n"], seconds: Float64[np.ndarray, " n"], cores: int
) -> Float64[np.ndarray, " n"]:
    """Returns the same for several servers with one queue."""
    free, waits = [0.0] * cores, np.empty(len(when))
    for i, (at, takes) in enumerate(zip(when.tolist(), seconds.tolist(), strict=True)):
        start = max(at, free[0])
        heapq.heapreplace(free, start + takes)
        waits[i] = start - at
    return waits


def erlang_c(cores: int, busy: float) -> float:
    """Returns the chance that all of so many servers are taken, `busy` of them on average."""
    blocked = 1.0
    for servers in range(1, cores + 1):
        blocked = busy * blocked / (servers + busy * blocked)
    return blocked / (1.0 - busy / cores * (1.0 - blocked))


def keyed(load: Load, people: str, cores: int) -> Served:
    """Returns how jobs wait where users belong to cores."""
    at, waits, formulas = peak(load, people), [], []
    for number in range(CORES_LOOKED_AT):
        when, seconds, job = arrivals(load, at, 1.0 / cores, number)
        waits.append(keyed_waits(when, seconds)[job])
        rate, use = len(when) / SIMULATED_SECONDS, float(seconds.sum()) / SIMULATED_SECONDS
        formulas.append(rate * float((seconds**2).mean()) / (2.0 * (1.0 - use)) if use < 1.0 else math.inf)
    return _served(people, "keyed", cores, at["cores"] / cores, float(np.mean(formulas)), np.concatenate(waits))


def bursts(load: Load, people: str, cores: int) -> list[Served]:
    """Returns how jobs wait where an hour's jobs are due at its beginning, and where plans are due at midnight."""
    found = []
    for burst, way, at in (
        ("jobs", "keyed, an hour's jobs at once", peak(load, people)),
        ("plans", "keyed, all plans at midnight", peak(load, people, midnight=True)),
    ):
        n = at["jobs"] * 3600.0 if burst == "jobs" else load.users * load.plans * max(PEOPLE[people].values())
        waits = after_burst(load, at, burst, n, cores)
        found.append(_served(people, way, cores, at["cores"] / cores, None, waits))
    return found


def pooled(load: Load, people: str, cores: int, seconds: float = 10.0) -> Served:
    """Returns how jobs wait where any core takes the next one."""
    at = peak(load, people)
    when, takes, job = arrivals(load, at, seconds / SIMULATED_SECONDS, 0)
    waits = pooled_waits(when * seconds / SIMULATED_SECONDS, takes, cores)
    mean, spread = float(takes.mean()), float(takes.var() / takes.mean() ** 2)
    busy = len(takes) * mean / seconds
    formula = erlang_c(cores, busy) * mean / (cores - busy) * (1.0 + spread) / 2.0 if busy < cores else math.inf
    return _served(people, "pooled", cores, at["cores"] / cores, formula, waits[job])


def _served(
    people: str, way: str, cores: int, use: float, formula: float | None, waits: Float64[np.ndarray, " n"]
) -> Served:
    found = np.percentile(waits, PERCENTILES).tolist()
    told = {f"p{p:g}": round(value, 6) for p, value in zip(PERCENTILES, found, strict=True)}
    expected = None if formula is None else round(formula, 6)
    return Served(people, way, cores, round(use, 3), round(float(waits.mean()), 6), expected, told)


def picture(served: list[Served]) -> Any:
    """Returns the waiting time that one job in a hundred exceeds, against the use of the cores, by kind of app."""
    import altair as alt

    from tactful.cli.report.drawing import OURS, PALETTE, finished, legend, sized

    rows = [
        {"use": s.use, "ms": 1000 * max(s.percentiles["p99"], 1e-6), "way": f"{s.way}, {s.people}"}
        for s in served
        if s.way in ("keyed", "pooled") and s.use < 1.0
    ]
    ways = sorted({str(row["way"]) for row in rows})
    base = sized(rows).encode(
        x=alt.X("use:Q", title="share of the cores' time in use at the peak", axis=alt.Axis(format=".0%")).scale(
            zero=False
        ),
        y=alt.Y("ms:Q", title="wait of 1 job in 100, ms (simulated)").scale(type="log"),
        color=alt.Color(
            "way:N", title=None, legend=legend(2), scale=alt.Scale(domain=ways, range=[OURS, *PALETTE[1:]][: len(ways)])
        ),
        shape=alt.Shape("way:N", title=None, legend=legend(2), scale=alt.Scale(domain=ways)),
    )
    return finished(alt.layer(base.mark_line(), base.mark_point(filled=True, size=60, opacity=1)))


def main() -> None:
    """Prints the peak of each kind of app and the waits by cores; draws the picture if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=Load().users)
    parser.add_argument("--picture", type=Path, default=None)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    load, served = Load(users=given.users), list[Served]()
    peaks: dict[str, dict[str, float]] = {}
    for people in PEOPLE:
        peaks[people] = peak(load, people)
        counts = {math.ceil(peaks[people]["cores"] / use) for use in (0.5, 0.7, 0.8, 0.9, 0.98)}
        served += [keyed(load, people, cores) for cores in sorted(counts, reverse=True)]
    world, one = peaks["the world"]["cores"], peaks["one zone"]["cores"]
    served += [pooled(load, "the world", math.ceil(world / use)) for use in (0.8, 0.95)]
    served += bursts(load, "one zone", math.ceil(one / 0.7)) + bursts(load, "the world", math.ceil(world / 0.7))
    if given.picture is not None:
        from tactful.cli.report.decisions_chart import write_png

        write_png(picture(served), given.picture)
    if given.json:
        print(json.dumps({"peaks": peaks, "served": msgspec.to_builtins(served)}))
        return
    for people, at in peaks.items():
        print(people, {name: round(value, 1) for name, value in at.items()})
    for one_row in served:
        print(msgspec.to_builtins(one_row))


if __name__ == "__main__":
    main()
