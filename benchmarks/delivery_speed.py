"""How many messages a second leave the outbox, and what each costs, from one message at a time to a running loop.

    python benchmarks/delivery_speed.py [--messages 4000] [--json]

Messages: push of one type, rendered, to channels of this process, in a store on disk with full fsync; all are due at
once. `fast` answers at once, `slow` after 50 ms. Rows:

- `one by one`: `Sender.run`, two commits a message, as a script over the outbox does;
- `loop`: attempts begun and ended in groups, with 8 threads; once where keys are honoured, so that attempts are begun
  ahead, and once where they are not;
- `loop, slow`: 8 and 64 threads; threads divided by 50 ms is the bound;
- `fast beside slow`: half of the messages on each, with 8 threads each: the fast half's rate, timed until its last
  message, shows whether the slow half holds it up.

CPU seconds are the whole process's; a commit's fsync waits without using them.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from tactful.clock import SimulatedClock, from_us
from tactful.delivery.attempt import Answer, Call
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.loop import Loop
from tactful.delivery.outbox import OutboxMessage, encode
from tactful.delivery.pacing import Pace
from tactful.delivery.protocol import Channel, Message, Outcome
from tactful.delivery.send import Sender, Sent
from tactful.events.records import CHANNELS
from tactful.events.records import Channel as ChannelName
from tactful.events.registry import Registry
from tactful.stores.protocols import OutboxRow
from tactful.stores.sqlite import SqliteStore

NOW = 1_772_400_000_000_000
ANSWER = timedelta(milliseconds=50)


class Row(msgspec.Struct, frozen=True):
    """One way of sending. `bound` is what threads and answers allow, None where commits alone bound it."""

    what: str
    messages: int
    a_second: float
    cpu_us: float
    commits_a_message: float
    bound: float | None = None


class Slow(MemoryChannel):
    """Answers after a while; notes when each message had arrived."""

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Waits, then takes it."""
        time.sleep(ANSWER / timedelta(seconds=1))
        return super().send(message, idempotency_key)


class Counting(Sender):
    """Counts its commits."""

    commits = 0

    def exchange(
        self, answers: Sequence[tuple[Call, Answer]], rows: Sequence[OutboxRow], now_us: int
    ) -> tuple[list[Call], list[Sent]]:
        """One commit."""
        self.commits += 1
        return super().exchange(answers, rows, now_us)


def filled(path: Path, messages: int, channels: tuple[ChannelName, ...]) -> SqliteStore:
    """A store with messages that are due, dealt to channels in turn."""
    store = SqliteStore(path)
    rows = []
    for key in range(1, messages + 1):
        name = channels[key % len(channels)]
        message = OutboxMessage(
            decision_id=f"{key:016x}",
            user_id=f"u{key}",
            channel=name,
            address="token",
            type="comment_digest",
            locale="en",
            candidate_id=f"c{key}",
            candidate_log_ts_us=NOW,
            payload={"post_title": "A title", "url": "https://app.example/p"},
            expires_at=from_us(NOW + 3_600_000_000),
        )
        rows.append(OutboxRow(key, key, NOW, CHANNELS.index(name), encode(message)))
    store.enqueue(rows)
    return store


def sent(what: str, messages: int, channels: Mapping[ChannelName, MemoryChannel], threads: int, timed: str) -> Row:
    """Empties an outbox, timed until the last message of one channel has arrived; threads 0 is one by one."""
    with tempfile.TemporaryDirectory() as folder:
        store = filled(Path(folder) / "store.db", messages, tuple(channels))
        carried: dict[ChannelName, Channel] = dict(channels)
        sender = Counting(store, carried, Registry.shipped())
        wanted, arrived = messages // len(channels), next(c for n, c in channels.items() if n == timed).arrived
        wall, cpu = time.perf_counter(), time.process_time()
        if threads == 0:
            sender.run(NOW, messages)
        else:
            loop = Loop(sender, SimulatedClock(NOW), {name: Pace(threads) for name in channels})
            while len(arrived) < wanted:
                if not loop.turn():
                    time.sleep(0.0005)  # as `run` does, until something comes back
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if threads:
            loop.close()
        commits = sender.commits
        store.close()
    slow = isinstance(channels[next(n for n in channels if n == timed)], Slow)
    bound = threads / (ANSWER / timedelta(seconds=1)) if slow else None
    return Row(what, wanted, wanted / wall, cpu / wanted * 1e6, commits / messages, bound)


def main() -> None:
    """Runs every row and prints it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    n, keyless = given.messages, MemoryChannel(honours_idempotency=False)
    rows = [
        sent("one by one", n, {"push": MemoryChannel()}, 0, "push"),
        sent("loop, keys honoured", n, {"push": MemoryChannel()}, 8, "push"),
        sent("loop, keys not honoured", n, {"push": keyless}, 8, "push"),
        sent("loop, slow, 8 threads", n // 4, {"push": Slow()}, 8, "push"),
        sent("loop, slow, 64 threads", n // 4, {"push": Slow()}, 64, "push"),
        sent("fast beside slow", n // 4, {"push": MemoryChannel(), "email": Slow()}, 8, "push"),
    ]
    if given.json:
        print(json.dumps(msgspec.to_builtins(rows)))
        return
    print(f"{'':26} {'messages':>8} {'a second':>9} {'bound':>7} {'CPU µs':>7} {'commits':>8}")
    for row in rows:
        bound = f"{row.bound:7.0f}" if row.bound else f"{'':7}"
        print(
            f"{row.what:26} {row.messages:8} {row.a_second:9.0f} {bound} {row.cpu_us:7.0f} {row.commits_a_message:8.3f}"
        )


if __name__ == "__main__":
    main()
