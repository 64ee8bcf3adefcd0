"""Requests a second that `tactful serve` takes in durably, beside a bare Starlette endpoint and a raw ASGI one.

    python benchmarks/http_ingest.py [--seconds 10] [--rounds 3] [--json]

`wrk` (Debian: apt-get install wrk) posts new events over so many open connections, each with an id of its own and a
payload that its schema describes; the servers of a round take turns, and each begins with an empty store. Bare servers
read the body and answer, nothing else. For ours, everything is on: decoding, schema, hash of the key, limits, the
request log, the commit before the answer. What was acknowledged is counted in the store afterwards.

A second of CPU time of the server's process is the unit to compare by: wall time counts what others do on the machine,
and `wrk` itself needs a core.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from statistics import median
from time import sleep
from typing import NamedTuple

import msgspec
import psutil
import uvicorn
from rich.console import Console
from rich.table import Table
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tactful.api.keys import make_key
from tactful.events.letters import opened
from tactful.stores.sqlite import SqliteStore

HERE = Path(__file__)
SERVERS = ("raw ASGI", "bare Starlette", "API alone", "API and engine")
BATCH = 100
SETTINGS = "[api]\nrequests_per_second = 0\nbehind_letters = 1000000000\n"
LUA = """
local n, batch, thread = 0, {batch}, 0
local counter = 0
function setup(t) t:set("id", counter); counter = counter + 1 end
local function row()
  n = n + 1
  return string.format('{{"candidate_id":"{run}-%d-%d","user_id":"u%d","type":"new_follower",' ..
    '"created_at":"2026-11-22T12:00:00Z","payload":{{"follower_name":"Ada Lovelace","url":"https://app.invalid/%d"}}}}',
    id, n, n % 5000, n)
end
function request()
  local rows = {{}}
  for i = 1, batch do rows[i] = row() end
  return wrk.format("POST", "/v1/events", {{["Content-Type"] = "{media}", ["Authorization"] = "Bearer {token}"}},
    table.concat(rows, "\\n"))
end
"""


class Cell(msgspec.Struct, frozen=True):
    """What one server did with one size of request: medians over the rounds."""

    server: str
    batch: int
    requests_per_second: float
    requests_per_cpu_second: float
    events_per_cpu_second: float
    p50_ms: float
    p99_ms: float
    peak_mb: float
    refused: int


class Run(NamedTuple):
    """One server under load."""

    requests: int
    seconds: float
    cpu_seconds: float
    p50_ms: float
    p99_ms: float
    peak_mb: float
    refused: int


def main() -> None:
    """Prints the table; with --as, is a bare server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--only", choices=SERVERS, action="append")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--as", dest="bare", choices=SERVERS[:2], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.bare:
        be_bare(args.bare)
        return
    if which("wrk") is None:
        raise SystemExit("wrk is not there; install it: apt-get install wrk")
    cells = [
        cell
        for batch in (1, BATCH)
        for cell in measured(args.only or SERVERS, batch, args.seconds, args.rounds, args.connections)
    ]
    if args.json:
        sys.stdout.write(msgspec.json.encode(cells).decode() + "\n")
    else:
        show(cells)


def measured(servers: Sequence[str], batch: int, seconds: int, rounds: int, connections: int) -> Iterator[Cell]:
    """Yields a cell for each server, after rounds in which they take turns."""
    runs: dict[str, list[Run]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name in servers:
            runs[name].append(under_load(name, batch, seconds, connections))
    for name, done in runs.items():
        per_cpu = median(run.requests / run.cpu_seconds for run in done)
        yield Cell(
            server=name,
            batch=batch,
            requests_per_second=median(run.requests / run.seconds for run in done),
            requests_per_cpu_second=per_cpu,
            events_per_cpu_second=per_cpu * batch,
            p50_ms=median(run.p50_ms for run in done),
            p99_ms=median(run.p99_ms for run in done),
            peak_mb=max(run.peak_mb for run in done),
            refused=sum(run.refused for run in done),
        )


def under_load(name: str, batch: int, seconds: int, connections: int) -> Run:
    """Starts a server over an empty store, posts for so many seconds, and checks what it kept."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "app.db"
        key, token = make_key(["ingest"], "benchmark", 0)
        opened_store = SqliteStore(store)
        opened_store.add_api_key(key)
        opened_store.close()
        (Path(folder) / "settings.toml").write_text(SETTINGS)
        with running(name, Path(folder)) as (process, port):
            post(Path(folder), token, batch, port, 2, connections, "w")  # compiles, fills caches
            before = process.cpu_times()
            told = post(Path(folder), token, batch, port, seconds, connections, "m")
            after = process.cpu_times()
            peak_mb = peak(process.pid)
        if name not in SERVERS[:2]:
            check_kept(store, batch, told)
    spent = after.user + after.system - before.user - before.system
    return Run(told.requests, told.seconds, spent, told.p50_ms, told.p99_ms, peak_mb, told.refused)


class Told(NamedTuple):
    """What wrk says."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int


def post(folder: Path, token: str, batch: int, port: int, seconds: int, connections: int, run: str) -> Told:
    """Runs wrk in one thread and reads what it prints."""
    script = folder / f"{run}.lua"
    media = "application/json" if batch == 1 else "application/x-ndjson"
    script.write_text(LUA.format(batch=batch, run=run, media=media, token=token))
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), f"http://127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    text = done.stdout
    requests, took = re.findall(r"(\d+) requests in ([\d.]+\w+),", text)[0]
    refused = re.findall(r"Non-2xx or 3xx responses: (\d+)", text)
    return Told(int(requests), ms(took) / 1000.0, quantile(text, 50), quantile(text, 99), int(*refused or [0]))


def quantile(text: str, percent: int) -> float:
    """Milliseconds from wrk's list of latencies."""
    return ms(re.findall(rf"{percent}%\s+([\d.]+\w+)", text)[0])


def ms(told: str) -> float:
    """Milliseconds of such as 1.25ms, 980.00us, 10.03s or 1.50m."""
    ((number, unit),) = re.findall(r"^([\d.]+)(us|ms|s|m)$", told)
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[unit]


def check_kept(store: Path, batch: int, told: Told) -> None:
    """Refuses a figure if anything that was acknowledged is not in the store: in the log, or in its mailbox."""
    opened_store = SqliteStore(store)
    waiting = sum(1 for letter in opened_store.take_posted(1 << 40) for _ in opened(letter))
    kept = opened_store.last()[0] + 1 + waiting
    opened_store.close()
    acknowledged = (told.requests - told.refused) * batch
    assert kept >= acknowledged, f"{acknowledged} events were acknowledged, {kept} are in the store"


@contextmanager
def running(name: str, folder: Path) -> Iterator[tuple[psutil.Process, int]]:
    """A server in a process of its own, and its port."""
    ours = [str(Path(sys.executable).parent / "tactful"), "serve", "--port", "0", "--settings", "settings.toml"]
    command = {
        "API alone": [*ours, "--no-engine"],
        "API and engine": ours,
    }.get(name, [sys.executable, str(HERE), "--as", name])
    with (folder / "log").open("w") as log:
        started = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        assert started.stdout is not None
        line = started.stdout.readline()
        port = int(re.findall(r":(\d+)", line)[-1])
        sleep(3.0 if "engine" in name else 1.0)
        try:
            yield psutil.Process(started.pid), port
        finally:
            started.send_signal(signal.SIGTERM)
            started.stdout.close()
            started.wait(60)


def peak(pid: int) -> float:
    """The most memory that a process has held, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024.0


def be_bare(name: str) -> None:
    """Reads a body and answers, by raw ASGI or by a Starlette route."""

    async def raw(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    async def endpoint(request: Request) -> Response:
        await request.body()
        return Response(b"{}", 202, media_type="application/json")

    app = raw if name == "raw ASGI" else Starlette(routes=[Route("/v1/events", endpoint, methods=["POST"])])
    config = uvicorn.Config(app, port=0, http="httptools", loop="uvloop", ws="none", lifespan="off", log_config=None)
    bound = config.bind_socket()
    sys.stdout.write(f"serving on 127.0.0.1:{bound.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[bound])


def show(cells: Sequence[Cell]) -> None:
    """Prints the cells as a table, with each server's share of raw ASGI's rate."""
    table = Table(title=f"wrk, one thread; {os.cpu_count()} cores")
    for head in ("server", "batch", "requests/s", "requests/CPU s", "events/CPU s", "of raw", "p50 ms", "p99 ms", "MB"):
        table.add_column(head, justify="left" if head == "server" else "right")
    raw = {cell.batch: cell.requests_per_cpu_second for cell in cells if cell.server == SERVERS[0]}
    for cell in cells:
        share = cell.requests_per_cpu_second / raw[cell.batch] if cell.batch in raw else 0.0
        numbers = (cell.requests_per_second, cell.requests_per_cpu_second, cell.events_per_cpu_second)
        table.add_row(
            cell.server,
            str(cell.batch),
            *(f"{number:,.0f}" for number in numbers),
            f"{share:.2f}",
            f"{cell.p50_ms:.1f}",
            f"{cell.p99_ms:.1f}",
            f"{cell.peak_mb:.0f}",
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
