"""A sender killed at the worst moment: SIGKILL right after the message left, before the result is on record."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tactful.clock import HOUR_US, SimulatedClock, from_us, to_us
from tactful.delivery import stops
from tactful.delivery.channels.file import FileChannel
from tactful.delivery.loop import Loop
from tactful.delivery.outbox import OutboxMessage, encode
from tactful.delivery.pacing import Pace
from tactful.delivery.protocol import Message, Outcome
from tactful.delivery.send import Sender
from tactful.events.records import CHANNELS
from tactful.events.registry import Registry
from tactful.events.switches import Switch, What
from tactful.stores.protocols import OutboxRow
from tactful.stores.sqlite import SqliteStore

NOW = to_us(datetime(2026, 3, 1, tzinfo=UTC))


class Killed(FileChannel):
    """Writes the message, and dies at the third before it can say so."""

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        outcome = super().send(message, idempotency_key)
        if idempotency_key == "d3":
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome


class Forgetful(FileChannel):
    """A file that promises nothing about keys."""

    honours_idempotency = False


class KilledForgetful(Killed):
    """Dies at the third message, and promises nothing."""

    honours_idempotency = False


def run(folder: Path, channel: FileChannel, now_us: int) -> Sender:
    sender = Sender(SqliteStore(folder / "store.db"), dict.fromkeys(CHANNELS, channel), Registry.shipped())
    sender.run(now_us, 100)
    return sender


def killed_after_three(folder: Path, *how: str) -> None:
    store = SqliteStore(folder / "store.db")
    store.enqueue([OutboxRow(key, key, NOW, 1, encode(message(key))) for key in range(1, 6)])
    store.close()
    paths = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": paths}
    child = subprocess.run([sys.executable, __file__, str(folder), *how], env=environment, check=False)
    assert child.returncode == -signal.SIGKILL


def message(key: int) -> OutboxMessage:
    return OutboxMessage(
        decision_id=f"d{key}",
        user_id=f"u{key}",
        channel="push",
        address="a",
        type="comment_digest",
        locale="en",
        candidate_id=f"c{key}",
        candidate_log_ts_us=NOW,
        payload={"post_title": "t", "url": "https://app.example"},
        expires_at=datetime(2026, 3, 2, tzinfo=UTC),
    )


def arrived(folder: Path) -> list[str]:
    return [line.split('"')[3] for line in (folder / "sent.ndjson").read_text().splitlines()]


def test_after_a_kill_everything_arrives_exactly_once_where_keys_are_honoured(tmp_path: Path) -> None:
    killed_after_three(tmp_path)
    assert arrived(tmp_path) == ["d1", "d2", "d3"]
    sender = run(tmp_path, FileChannel(tmp_path / "sent.ndjson"), NOW + HOUR_US)
    assert arrived(tmp_path) == ["d1", "d2", "d3", "d4", "d5"]
    assert sender.in_doubt() == []


def test_after_a_kill_nothing_is_repeated_where_keys_are_not_honoured(tmp_path: Path) -> None:
    killed_after_three(tmp_path)
    os.rename(tmp_path / "sent.ndjson", tmp_path / "before.ndjson")
    sender = run(tmp_path, Forgetful(tmp_path / "sent.ndjson"), NOW + HOUR_US)
    assert arrived(tmp_path) == ["d4", "d5"]
    assert [attempt.decision_key for attempt in sender.in_doubt()] == [3]


def looped(folder: Path, channel: FileChannel, now_us: int) -> Loop:
    """Sends all that is due from several threads, with attempts begun and ended together."""
    sender = Sender(SqliteStore(folder / "store.db"), dict.fromkeys(CHANNELS, channel), Registry.shipped())
    loop = Loop(sender, SimulatedClock(now_us), {"push": Pace(threads=2)})
    for _ in range(6):
        loop.turn()
        loop.finish()
    loop.close()
    return loop


def test_a_loop_that_was_killed_sends_everything_exactly_once_where_keys_are_honoured(tmp_path: Path) -> None:
    killed_after_three(tmp_path, "loop")
    assert "d3" in arrived(tmp_path)
    looped(tmp_path, FileChannel(tmp_path / "sent.ndjson"), NOW + HOUR_US)
    assert sorted(arrived(tmp_path)) == ["d1", "d2", "d3", "d4", "d5"]


def test_a_loop_that_was_killed_repeats_nothing_where_keys_are_not_honoured(tmp_path: Path) -> None:
    killed_after_three(tmp_path, "loop", "forgetful")
    before = arrived(tmp_path)
    os.rename(tmp_path / "sent.ndjson", tmp_path / "before.ndjson")
    looped(tmp_path, Forgetful(tmp_path / "sent.ndjson"), NOW + HOUR_US)
    store = SqliteStore(tmp_path / "store.db")
    doubtful = {f"d{attempt.decision_key}" for attempt in store.in_doubt()}
    store.close()
    after = arrived(tmp_path)
    assert set(before).isdisjoint(after)
    assert "d3" in doubtful
    assert len(doubtful) <= 2  # as many as there are threads: what could be under way at once
    assert set(before) | set(after) | doubtful == {"d1", "d2", "d3", "d4", "d5"}


def turned(folder: Path, what: What, name: str, on: bool, at_us: int) -> None:
    store = SqliteStore(folder / "store.db")
    with store.transaction():
        stops.turn(store, Switch(what, name, on, from_us(at_us), "test"))
    store.close()


@pytest.mark.parametrize(("what", "name"), [("all", ""), ("channel", "push"), ("type", "comment_digest")])
def test_what_a_kill_left_in_doubt_waits_while_a_switch_is_on_and_then_arrives_once(
    tmp_path: Path, what: What, name: str
) -> None:
    killed_after_three(tmp_path, "loop")
    before = arrived(tmp_path)
    turned(tmp_path, what, name, True, NOW + HOUR_US)
    for send in (run, looped):
        send(tmp_path, FileChannel(tmp_path / "sent.ndjson"), NOW + HOUR_US)
        assert arrived(tmp_path) == before
    turned(tmp_path, what, name, False, NOW + 2 * HOUR_US)
    looped(tmp_path, FileChannel(tmp_path / "sent.ndjson"), NOW + 2 * HOUR_US)
    assert sorted(arrived(tmp_path)) == ["d1", "d2", "d3", "d4", "d5"]


if __name__ == "__main__":
    folder, *how = sys.argv[1:]
    kind = KilledForgetful if "forgetful" in how else Killed
    (looped if "loop" in how else run)(Path(folder), kind(Path(folder) / "sent.ndjson"), NOW)
