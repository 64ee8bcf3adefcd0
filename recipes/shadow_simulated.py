"""A sender at 9:00, to be shadowed: an app's log as a store, and what that sender sent as CSV with its mapping.

Command: `python recipes/shadow_simulated.py OUT`, then `tactful shadow OUT/app.db --log OUT/sends.csv --mapping
OUT/sends.toml --since 2026-01-19`.
Data: the default world, 500 people, 28 days; simulated. The sender tells everybody who can be reached the newest thing
that came up since its last message, between 9:00 and 9:50 on her own clock, through the first channel open to her.
Seed: 5. Hardware: one x86-64 core.
Expected: the tables of `docs/how-to/run-in-shadow.md`.
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np

from tactful.clock import DAY_US, HOUR_US, MINUTE_US, SimulatedClock, from_us
from tactful.events.records import CHANNELS, Engagement
from tactful.features.context import Zones
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.simulator import adapter, world
from tactful.simulator.columns import pick
from tactful.simulator.protocol import CandidateColumns, EngagementColumns, SendColumns, World
from tactful.stores.sqlite import SqliteStore

SEED: Final = 5
HOUR: Final = 9
LEAVING: Final = ("unsubscribe", "disable")
HEAD: Final = ("user", "at", "kind", "channel", "event", "clicked", "unsubscribed")
MAPPING: Final = """\
user = "user"
time = { column = "at" }
type = { column = "kind" }
channel = { column = "channel" }
candidate = "event"
clicked = "clicked"
unsubscribed = "unsubscribed"
"""


class NineOclock:
    """The other sender: what it could tell, whom it can reach, and what it has sent."""

    def __init__(self, app: World) -> None:
        """Knows everybody, and of nothing to tell."""
        self._users, self.types = app.users(), app.types
        self._zones, self._reach = Zones.of(self._users.zones), self._users.reach.astype(np.int64)
        self._newest: dict[int, CandidateColumns] = {}
        self.sent: list[SendColumns] = []
        self.names: dict[int, str] = {}
        self.deeds: dict[int, set[str]] = defaultdict(set)

    def hears(self, came: CandidateColumns) -> None:
        """Keeps the newest thing to tell of each person."""
        for i, user in enumerate(came.user.tolist()):
            self._newest[user] = pick(came, np.array([i]))

    def sends(self, start_us: int) -> SendColumns:
        """Returns what it sends in the hour that begins now."""
        now = np.full(self._users.n, start_us)
        local = self._zones.local_us(self._users.zone.astype(np.int64), now) % DAY_US // HOUR_US
        due = [
            user for user in np.flatnonzero((local == HOUR) & (self._reach > 0)).tolist() if self._fresh(user, now[0])
        ]
        told = {user: self._newest.pop(user) for user in due}
        columns = SendColumns(
            user=np.array(due, dtype=np.int64),
            at_us=np.array([start_us + user % 50 * MINUTE_US for user in due], dtype=np.int64),
            channel=np.array([_first(int(self._reach[user])) for user in due], dtype=np.int8),
            type=np.array([told[user].type[0] for user in due], dtype=np.int16),
            category=np.array([told[user].category[0] for user in due], dtype=np.int32),
            quality=np.array([told[user].quality[0] for user in due], dtype=np.float32),
            candidate=np.array([told[user].candidate[0] for user in due], dtype=np.int64),
            decision=np.zeros(len(due), dtype=np.int64),
        )
        columns = pick(columns, np.lexsort((columns.candidate, columns.user, columns.at_us)))
        columns.decision[:] = len(self.names) + np.arange(len(due))
        self.names.update({number: f"theirs-{number}" for number in columns.decision.tolist()})
        self.sent.append(columns)
        return columns

    def learns(self, seen: EngagementColumns, records: list[Engagement]) -> None:
        """Notes what people did with its messages, and who has left."""
        for record, decision, user, channel in zip(
            records, seen.decision.tolist(), seen.user.tolist(), seen.channel.tolist(), strict=True
        ):
            if decision >= 0:
                self.deeds[decision].add(record.kind)
            if record.kind in LEAVING and channel >= 0:
                self._reach[user] &= ~(1 << channel)

    def _fresh(self, user: int, now_us: int) -> bool:
        told = self._newest.get(user)
        return told is not None and int(told.expires_us[0]) > now_us


def _first(reach: int) -> int:
    return next(code for code in range(len(CHANNELS)) if reach >> code & 1)


def live(out: Path, people: int, days: int) -> NineOclock:
    """Lives through the days; writes the app's log into a store, and returns the sender with what it sent."""
    app = world.make(SEED, people)
    clock, sender = SimulatedClock(app.start_us), NineOclock(app)
    engine = Engine(SqliteStore(out / "app.db"), Settings(), clock=clock)
    engine.submit(adapter.user_records(app.users()))
    for tick in range(days * 24):
        start, end = app.start_us + tick * HOUR_US, app.start_us + (tick + 1) * HOUR_US
        sends = sender.sends(start)
        came = app.candidates(start, end)
        sender.hears(came)
        engine.submit(adapter.candidate_records(came), came.created_us.tolist())
        clock.set(end)
        seen = app.respond(sends, start, end)
        records = adapter.engagement_records(seen, tick, sender.names)
        engine.submit(records)
        sender.learns(seen, records)
    engine.store.close()
    return sender


def write(path: Path, sender: NineOclock) -> None:
    """Writes what it sent, and what people did with it."""
    with path.open("w", newline="") as file:
        log = csv.writer(file)
        log.writerow(HEAD)
        for part in sender.sent:
            columns = (part.user, part.at_us, part.type, part.channel, part.candidate, part.decision)
            for user, at_us, kind, channel, candidate, number in zip(*(each.tolist() for each in columns), strict=True):
                deeds = sender.deeds[number]
                told = adapter.user_id(user), from_us(at_us).isoformat(), sender.types[kind], CHANNELS[channel]
                log.writerow((*told, f"c{candidate}", int("click" in deeds), int(bool(deeds & set(LEAVING)))))


def main() -> None:
    """Writes the store, the log and its mapping."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    options.add_argument("out", type=Path, help="folder to write to; it must not hold a store yet")
    options.add_argument("--people", type=int, default=500)
    options.add_argument("--days", type=int, default=28)
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    sender = live(given.out, given.people, given.days)
    (given.out / "sends.toml").write_text(MAPPING)
    write(given.out / "sends.csv", sender)
    print(f"{len(sender.names):,} messages in {given.out / 'sends.csv'} (simulated)")


if __name__ == "__main__":
    main()
