"""What the engine hears in a shadow, by time: the store's log, and what only the other sender's log knows."""

from collections.abc import Iterator, Sequence
from heapq import merge
from typing import Any, Final

import msgspec
import numpy as np
from jaxtyping import Int

from tactful.clock import DAY_US, HOUR_US, from_us
from tactful.errors import ReplayMismatch
from tactful.events import switches
from tactful.events.records import Candidate, Control, Decision, Input, User, decode
from tactful.events.registry import Registry
from tactful.features.context import Zones
from tactful.runtime import event_types
from tactful.runtime.embedded import Engine
from tactful.runtime.importing.mapping import Defaults
from tactful.runtime.intake import KIND_CODE
from tactful.runtime.settings import Settings, noted
from tactful.runtime.shadowing.sent import Sent
from tactful.stores.protocols import Store

_READ_AT_ONCE: Final = 4096
_SUBMIT_AT_ONCE: Final = 8192
_TOLD: Final = (KIND_CODE[User], KIND_CODE[Candidate])

Line = tuple[int, Input]
"""An input at its instant."""


class Feed:
    """The inputs of a shadow, handed to its engine piece by piece.

    Attributes:
        registry: the event types to begin with. Payloads may be anything: of a message that only the other sender's log
            knows nobody kept one, and nothing is rendered here.
        zones: every time zone that somebody is in.
        offered: the ids of all candidates.
        refused: how many of the other sender's the engine did not take.
    """

    def __init__(self, store: Store, settings: Settings, sends: Sequence[Sent], users: Defaults) -> None:
        """Reads through the log once, for who and what it knows."""
        self._store, self._defaults = store, users
        self._without_types = settings.event_types != noted(store).event_types
        first = event_types.of_settings(settings) if self._without_types else event_types.at_first(store, settings)
        self.registry = Registry.numbered(
            (msgspec.structs.replace(each, payload={}) for each in first.types), first.retired
        )
        self.offered: set[str] = set()
        self.refused = 0
        self._zone: dict[str, str] = {}
        told = {one.candidate_id for one in sends}
        self._known: dict[str, Candidate] = {}
        for record in self._people_and_candidates():
            if isinstance(record, User):
                self._zone[record.user_id] = record.timezone
            else:
                self.offered.add(record.candidate_id)
                if record.candidate_id in told:
                    self._known[record.candidate_id] = record
        own = list(self._missing(sends))
        self.zones = Zones.of(tuple(dict.fromkeys(["UTC", *self._zone.values()])))
        self._lines = merge(self._logged(), own, key=lambda line: line[0])
        self._waiting: Line | None = None

    def advance(self, engine: Engine, until_us: int) -> list[Decision]:
        """Hands over what came before an instant, and returns what the engine decided before it.

        Raises:
            ReplayMismatch: it refuses an input of the store's log.
        """
        decided: list[Decision] = []
        for part in self._parts(until_us):
            receipt = engine.submit([record for _, record in part], [at for at, _ in part])
            for refusal in receipt.rejected:
                record = part[refusal.position][1]
                if not (isinstance(record, Candidate) and record.source == "shadow"):
                    raise ReplayMismatch(
                        f"got a logged input that is refused now ({refusal.reason}), expected all to be taken; put the "
                        "event types back as they were"
                    )
                self.refused += 1
            decided += engine.advance(from_us(part[-1][0] - 1))
        return decided + engine.advance(from_us(until_us - 1))

    def candidate(self, sent: Sent) -> Candidate:
        """Returns what a message told: as the store has it, else as the other sender's log does."""
        known = self._known.get(sent.candidate_id)
        return known if known is not None and known.type == sent.type else _candidate_of(sent)

    def local_days(self, sends: Sequence[Sent]) -> Int[np.ndarray, " n"]:
        """Returns the date on which each message came, where its person lives; days since 1970."""
        zone = np.array([self._zone_of(one.user_id) for one in sends], dtype=np.int64)
        return self.zones.local_day(zone, np.array([one.at_us for one in sends], dtype=np.int64))

    def local_hour(self, sent: Sent) -> int:
        """Returns the hour of her clock at which a message came."""
        local = self.zones.local_us(np.array([self._zone_of(sent.user_id)]), np.array([sent.at_us]))
        return int(local[0] % DAY_US // HOUR_US)

    def _zone_of(self, user_id: str) -> int:
        return self.zones.index(self._zone.get(user_id, "UTC"))

    def _parts(self, until_us: int) -> Iterator[list[Line]]:
        """The inputs before an instant, some at a time."""
        part: list[Line] = []
        while (line := self._waiting or next(self._lines, None)) is not None:
            self._waiting = None
            if line[0] >= until_us:
                self._waiting = line
                break
            part.append(line)
            if len(part) == _SUBMIT_AT_ONCE:
                yield part
                part = []
        if part:
            yield part

    def _missing(self, sends: Sequence[Sent]) -> list[Line]:
        """People and candidates of whom only the other sender's log knows, by time.

        People are known from the first day on; a candidate since the other sender says that it was.
        """
        first_us = sends[0].at_us // DAY_US * DAY_US - 2 * DAY_US
        found: list[Line] = []
        for one in sends:
            if one.user_id not in self._zone:
                self._zone[one.user_id] = self._defaults.timezone
                found.append((first_us, self._defaults.user(one.user_id)))
            if one.candidate_id not in self.offered:
                self.offered.add(one.candidate_id)
                found.append((max(one.known_us, first_us), _candidate_of(one)))
        return sorted(found, key=lambda line: line[0])

    def _logged(self) -> Iterator[Line]:
        offset = -1
        while part := self._store.read(offset, _READ_AT_ONCE):
            offset = part[-1].offset
            for line in part:
                record: Any = decode(line.data)
                if not (self._without_types and event_types.declares(record)) and not _stops_all(record):
                    yield line.log_ts_us, record

    def _people_and_candidates(self) -> Iterator[User | Candidate]:
        offset = -1
        while part := self._store.read(offset, _READ_AT_ONCE):
            offset = part[-1].offset
            for line in part:
                if line.kind in _TOLD:
                    record = decode(line.data)
                    if isinstance(record, User | Candidate):
                        yield record


def _stops_all(record: Input) -> bool:
    """The switch that keeps everything in while a service only listens is no part of what we would have done."""
    return isinstance(record, Control) and switches.is_switch(record.key) and switches.read(record).what == "all"


def _candidate_of(sent: Sent) -> Candidate:
    return Candidate(
        candidate_id=sent.candidate_id,
        user_id=sent.user_id,
        type=sent.type,
        created_at=from_us(sent.known_us),
        source="shadow",
    )
