"""Ten minutes under load while a provider fails and the service is killed twice: is anything lost, or sent twice?

    python benchmarks/load_and_faults.py [--minutes 10] [--share 0.7] [--json]

`tactful serve` runs over a fresh store, engine and sender inside. People are told through two webhooks of a provider in
this process (`faulty_provider.py`): push honours our keys, e-mail does not. First the rate from accepted to decided: a
client posts as fast as it is answered (`--calibrate` seconds), and the clock runs until all of it is decided. Then it
posts so large a share of that rate, whatever answers take, and repeats what was not acknowledged (`load_client.py`).
Meanwhile the provider fails a fifth of its calls, takes 5 s at times, and goes away for a minute (a fifth of shorter
runs); the service is killed with SIGKILL at instants that are a hash, and started again.

In the end it is stopped, and every event and message is accounted for (`load_ledger.py`): acknowledged = sent +
dropped + pooled + rejected, each event in one way; no message twice where keys are not honoured. A broken promise ends
the script with 1. Latencies are those that the client sees, restarts included; memory is RSS, its slope by life of the
process.
"""

import argparse
import asyncio
import base64
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

import httpx
import msgspec
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from faulty_provider import Provider
from load_client import ALERT, Client
from load_ledger import Ledger, Memory, ledger, memory
from tactful import draws
from tactful.api.keys import make_key
from tactful.clock import WallClock, from_us
from tactful.events.letters import bundle
from tactful.events.records import Channel, Decision, User, decode, encode
from tactful.stores.sqlite import SqliteStore

SEED: Final = 8
SLOW: Final = ((0.08, 0.14), (0.44, 0.50), (0.90, 0.96))
"""When the provider is slow, as shares of the run."""
AWAY_FROM: Final = 0.52
PEOPLE: Final[tuple[Channel, ...]] = ("push", "email")
_LOOK_S: Final = 0.05
_PATIENCE_S: Final = 900.0
_SHOWN: Final = 20
SETTINGS: Final = """
[api]
requests_per_second = 0
[channels.push]
through = "webhook"
url = "http://127.0.0.1:{port}/push"
secrets_env = "LOAD_SECRET"
allow_private = true
[channels.email]
through = "webhook"
url = "http://127.0.0.1:{port}/email"
secrets_env = "LOAD_SECRET"
allow_private = true
receiver_deduplicates = false
[delivery]
threads = {{ push = 16, email = 16 }}
"""


class Restart(msgspec.Struct, frozen=True):
    """A kill: when, and after how many seconds the service listened and decided again."""

    at_s: float
    listened_s: float
    decided_s: float


class Latency(msgspec.Struct, frozen=True):
    """Quantiles in ms."""

    p50: float
    p99: float
    most: float


class Report(msgspec.Struct, frozen=True):
    """What the run showed. `calm` are batches posted more than ten seconds before or after a kill."""

    minutes: float
    cores: int
    calibrated_per_second: float
    posted_per_second: float
    answers: dict[str, int]
    restarts: list[Restart]
    acknowledgement: Latency
    acknowledgement_calm: Latency
    decision: Latency
    decision_calm: Latency
    memory: list[Memory]
    provider_calls: int
    store_mb: float
    log_errors: dict[str, int]
    ledger: Ledger


class Plan(NamedTuple):
    """What happens when, in seconds after the load began."""

    kills: list[float]
    slow: list[tuple[float, float]]
    away: tuple[float, float]


def main() -> None:
    """Runs it, prints the table, and ends with 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--share", type=float, default=0.7)
    parser.add_argument("--calibrate", type=float, default=45.0)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="a new folder for store and log, which are left there")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.keep:
            args.keep.mkdir(parents=True)
        run = Run(args.keep or Path(folder), args.people)
        report = asyncio.run(run.all(args.minutes * 60.0, args.share, args.calibrate, args.kills))
    if args.json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        show(report)
    if report.ledger.problems:
        raise SystemExit("\n".join(report.ledger.problems[:_SHOWN]))


def planned(seconds: float, kills: int) -> Plan:
    """Returns what happens when; kills fall into the middle half of equal parts of the run."""
    u = draws.uniform(SEED, np.arange(kills), 0, "kill").tolist()
    away = AWAY_FROM * seconds
    return Plan(
        [(number + 0.25 + 0.5 * u[number]) / kills * seconds for number in range(kills)],
        [(since * seconds, until * seconds) for since, until in SLOW],
        (away, away + min(60.0, seconds / 5.0)),
    )


class Run:
    """One service with its provider, its client, and who watches them."""

    def __init__(self, folder: Path, people: int) -> None:
        self.folder, self.people, self.store = folder, people, folder / "app.db"
        self.provider = Provider(SEED)
        self.token = _filled(self.store, people)
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        self.memory: list[list[tuple[float, float]]] = []
        self.decided: dict[int, float] = {}
        self.committed_us, self.idle = -1, False
        self._seen: SqliteStore | None = None
        self._reader = ThreadPoolExecutor(1)

    async def all(self, seconds: float, share: float, calibrate: float, kills: int) -> Report:
        """The story: calibrate, load, stop, account."""
        await self.provider.come()
        (self.folder / "settings.toml").write_text(SETTINGS.format(port=self.provider.port))
        await asyncio.to_thread(self._start)
        async with self._client() as client, self._watching():
            await client.flood(1.0, 1)
            await self._all_decided()
            per_second = await self._calibrated(client, calibrate)
            first, begun = len(client.batches), monotonic()
            self.memory[-1].clear()
            load = asyncio.create_task(client.drive(share * per_second, seconds))
            restarts = await self._troubled(planned(seconds, kills))
            await load
            await self._all_decided()
        await asyncio.to_thread(self._stop)
        await self.provider.go()
        store_mb = sum(each.stat().st_size for each in self.folder.glob("app.db*")) / 1e6
        batches = client.batches[first:]
        waits = [(client.alerts[one], max(0.0, at - client.alerts[one])) for one, at in self.decided.items()]
        waits = [(at, took) for at, took in waits if at >= begun]
        calm = [begun + one.at_s for one in restarts]
        return Report(
            minutes=seconds / 60.0,
            cores=os.cpu_count() or 1,
            calibrated_per_second=per_second,
            posted_per_second=share * per_second,
            answers=dict(client.answers),
            restarts=restarts,
            acknowledgement=_latency([one.took_s for one in batches]),
            acknowledgement_calm=_latency([one.took_s for one in batches if _is_calm(one.due_s, calm)]),
            decision=_latency([took for _, took in waits]),
            decision_calm=_latency([took for at, took in waits if _is_calm(at, calm)]),
            memory=[memory(life) for life in self.memory if life],
            provider_calls=self.provider.calls.total(),
            store_mb=store_mb,
            log_errors=_errors_in((self.folder / "log").read_text()),
            ledger=ledger(self.store, client.acknowledged, self.provider.taken),
        )

    async def _calibrated(self, client: Client, seconds: float) -> float:
        """Events a second from the first post until all are decided."""
        before, begun = len(client.acknowledged), monotonic()
        await client.flood(seconds, 4)
        await self._all_decided()
        return (len(client.acknowledged) - before) / (monotonic() - begun)

    async def _troubled(self, plan: Plan) -> list[Restart]:
        """Does what the plan says, each thing at its time, and returns when all of it is over."""
        begun, restarts = monotonic(), list[Restart]()
        self.provider.faulty = True

        async def at(seconds: float) -> None:
            await asyncio.sleep(max(0.0, begun + seconds - monotonic()))

        async def slow(since: float, until: float) -> None:
            await at(since)
            self.provider.slow = True
            await at(until)
            self.provider.slow = False

        async def away(since: float, until: float) -> None:
            await at(since)
            await self.provider.go()
            await at(until)
            await self.provider.come()

        async def kill(instant: float) -> None:
            await at(instant)
            killed = monotonic()
            assert self.process is not None
            self.process.kill()
            await asyncio.to_thread(self._start)
            listened, before = monotonic(), self.committed_us
            await self._until(lambda: self.committed_us > before)
            restarts.append(Restart(killed - begun, listened - killed, monotonic() - killed))

        await asyncio.gather(*(slow(*each) for each in plan.slow), away(*plan.away), *map(kill, plan.kills))
        return restarts

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=32)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {self.token}"},
            limits=limits,
            timeout=httpx.Timeout(30.0, pool=None),
        ) as http:
            yield Client(http, self.people, SEED)

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._reader.shutdown()

    async def _watch(self) -> None:
        """Notes when alerts were seen to be decided, and what memory the process has."""
        loop, sampled = asyncio.get_running_loop(), 0.0
        while True:
            for number in await loop.run_in_executor(self._reader, self._look):
                self.decided[number] = monotonic()
            if monotonic() >= sampled + 1.0 and self.process is not None and self.process.poll() is None:
                sampled, held = monotonic(), psutil.Process(self.process.pid).memory_info().rss
                if held:  # a process that was just killed holds nothing
                    self.memory[-1].append((sampled, held / 1e6))
            await asyncio.sleep(_LOOK_S)

    def _look(self) -> list[int]:
        """Alerts that were decided since the last look, by number."""
        store = self._seen = self._seen or SqliteStore(self.store, read_only=True)  # of the thread that reads
        committed_us = int(store.load_meta("committed") or b"-1")
        rows = store.decisions_between(self.committed_us + 1, committed_us + 1)
        told = [decode(row.data) for row in rows if ALERT.encode() in row.data]
        self.idle = store.posted() == 0 and committed_us >= store.last()[1]
        self.committed_us = committed_us
        return [int(d.candidate_id[1:]) for d in told if isinstance(d, Decision) and d.type == ALERT and d.candidate_id]

    async def _all_decided(self) -> None:
        self.idle = False
        await self._until(lambda: self.idle)

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not true():
                await asyncio.sleep(_LOOK_S)

    def _start(self) -> None:
        """Starts the service, on the port that it had before, and returns when it listens."""
        if self.process is not None:
            self.process.wait()
        command = [str(Path(sys.executable).parent / "tactful"), "serve", "--port", str(self.port)]
        secret = "whsec_" + base64.b64encode(b"load and faults, thirty-two byte").decode()
        self.memory.append([])  # what it takes to start is part of its life
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--settings", "settings.toml"],
                cwd=self.folder,
                env={**os.environ, "LOAD_SECRET": secret},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        self.port = int(re.findall(r":(\d+)", self.process.stdout.readline())[-1])

    def _stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(120) != 0:
            raise SystemExit(f"the service ended with {self.process.returncode}:\n{(self.folder / 'log').read_text()}")


def _errors_in(log: str) -> dict[str, int]:
    """How often the service logged each error; a line that a kill cut short is none."""
    lines = (msgspec.json.decode(line) for line in log.splitlines() if line.endswith("}"))
    return dict(Counter(str(line.get("route", line["event"])) for line in lines if line["level"] == "error"))


def _filled(path: Path, people: int) -> str:
    """Makes a store in which people wait for the engine, every second one reached by e-mail; returns a key's token."""
    store, now = SqliteStore(path), from_us(WallClock().now_us())
    key, token = make_key(["ingest"], "load", 0)
    store.add_api_key(key)
    told = [
        User(user_id=f"u{number}", addresses={channel: f"a{number}@app.invalid"}, opt_in=(channel,), signup_at=now)
        for number in range(people)
        for channel in (PEOPLE[number % 2],)
    ]
    store.post([bundle([encode(one) for one in told[start : start + 1000]]) for start in range(0, people, 1000)])
    store.close()
    return token


def _latency(seconds: Sequence[float]) -> Latency:
    p50, p99, most = (np.quantile(seconds, (0.5, 0.99, 1.0)) * 1000.0).tolist() if seconds else (0.0, 0.0, 0.0)
    return Latency(p50, p99, most)


def _is_calm(at_s: float, kills: Sequence[float]) -> bool:
    return all(abs(at_s - kill) > 10.0 for kill in kills)


def show(report: Report) -> None:
    """Prints a report as a table."""
    table = Table(title=f"{report.minutes:g} minutes of load with faults; {report.cores} cores", show_header=False)
    book = report.ledger
    rows = {
        "accepted to decided": f"{report.calibrated_per_second:,.0f} events/s; posted {report.posted_per_second:,.0f}",
        "acknowledged": f"{book.acknowledged:,} = {book.sent:,} sent + {book.dropped:,} dropped "
        f"+ {book.pooled:,} pooled + {book.rejected:,} rejected",
        "answers": ", ".join(f"{status}: {number:,}" for status, number in sorted(report.answers.items())),
        "messages": ", ".join(f"{state}: {number:,}" for state, number in sorted(book.messages.items())),
        "provider": f"{report.provider_calls:,} calls; {book.repeated_under_its_key} taken again under their key",
        "acknowledged after, ms": _told(report.acknowledgement, report.acknowledgement_calm),
        "decided after, ms": _told(report.decision, report.decision_calm),
        "kills": "; ".join(
            f"at {one.at_s:.0f} s, listened after {one.listened_s:.1f} s, decided after {one.decided_s:.1f} s"
            for one in report.restarts
        ),
        "memory by life, MB": "; ".join(
            f"{one.seconds:.0f} s: peak {one.peak_mb:.0f}, then {one.mb:.0f} "
            f"{one.per_minute:+.2f} a minute [{one.low:+.2f}, {one.high:+.2f}]"
            for one in report.memory
        ),
        "store": f"{report.store_mb:,.0f} MB",
        "errors in the log": ", ".join(f"{event}: {n}" for event, n in report.log_errors.items()) or "none",
        "broken promises": "; ".join(book.problems[:_SHOWN]) or "none",
    }
    for name, words in rows.items():
        table.add_row(name, words)
    Console(width=130).print(table)


def _told(all_of_them: Latency, calm: Latency) -> str:
    return (
        f"p50 {all_of_them.p50:,.0f}, p99 {all_of_them.p99:,.0f}, most {all_of_them.most:,.0f}; "
        f"away from kills p50 {calm.p50:,.0f}, p99 {calm.p99:,.0f}"
    )


if __name__ == "__main__":
    main()
