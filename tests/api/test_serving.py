"""The process itself: what it acknowledged is there, however it ended."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from ingest import EVENT
from tactful.api.running import run
from tactful.errors import CannotServe
from tactful.events.letters import opened
from tactful.events.records import Candidate, decode
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore

TACTFUL = "from tactful.cli import main; main()"
SECONDS = 60


@contextmanager
def served(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A service in a process of its own, and its port."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "NUMBA_NUM_THREADS": "1"}
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", TACTFUL, "serve", "--store", "app.db", "--port", "0", *more],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert "serving" in line, (folder / "log").read_text()
            yield process, int(re.findall(r":(\d+)", line)[0])
        finally:
            process.kill()
            process.wait(SECONDS)
            process.stdout.close()


def post(connection: http.client.HTTPConnection, candidate_id: str) -> int:
    body = json.dumps({**EVENT, "candidate_id": candidate_id})
    connection.request("POST", "/v1/events", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def kept(store: Path) -> set[str]:
    """The ids of candidates in the log and in the mailbox."""
    opened_store = SqliteStore(store)
    data = [each.data for each in opened_store.read(-1, 1_000_000)]
    data += [each for letter in opened_store.take_posted(1_000_000) for each in opened(letter)]
    opened_store.close()
    return {record.candidate_id for record in map(decode, data) if isinstance(record, Candidate)}


def test_after_a_stop_everything_that_was_acknowledged_is_in_the_log(tmp_path: Path) -> None:
    body = json.dumps({**EVENT, "candidate_id": "under way"}).encode()
    with served(tmp_path) as (process, port), socket.create_connection(("127.0.0.1", port), SECONDS) as slow:
        head = f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        slow.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body[:10])
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
            assert [post(connection, f"c{i}") for i in range(20)] == [202] * 20
        process.send_signal(signal.SIGTERM)
        slow.sendall(body[10:])
        assert slow.recv(12) == b"HTTP/1.1 202"
        assert process.wait(SECONDS) == 0
        assert process.stdout is not None
        assert "nothing that was taken is lost" in process.stdout.read()
    assert kept(tmp_path / "app.db") == {"under way", *(f"c{i}" for i in range(20))}
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert sum(line["event"] == "request" for line in lines) == 21
    assert not [line for line in lines if line["level"] == "error"]


def test_after_a_kill_while_posts_are_under_way_every_acknowledged_one_is_there(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    enough = threading.Event()

    def posting(name: str, port: int) -> None:
        gone = suppress(OSError, http.client.HTTPException)
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection, gone:
            for i in range(1_000_000):
                if post(connection, f"{name}{i}") == 202:
                    acknowledged.add(f"{name}{i}")
                if len(acknowledged) > 60:
                    enough.set()

    with served(tmp_path) as (process, port):
        threads = [threading.Thread(target=posting, args=(name, port)) for name in "abcd"]
        for thread in threads:
            thread.start()
        assert enough.wait(SECONDS)
        process.kill()
        for thread in threads:
            thread.join(SECONDS)
    assert len(acknowledged) > 60
    assert acknowledged <= kept(tmp_path / "app.db")


def test_others_are_not_served_without_a_key(tmp_path: Path) -> None:
    with pytest.raises(CannotServe, match="tactful key new"):
        run(tmp_path / "app.db", Settings(), ("0.0.0.0", 0), False, print)


def test_there_must_be_something_to_run(tmp_path: Path) -> None:
    with pytest.raises(CannotServe, match="at most"):
        run(tmp_path / "app.db", Settings(), None, False, print)
