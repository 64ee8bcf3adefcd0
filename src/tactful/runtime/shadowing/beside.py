"""The story of a shadow: an engine in memory lives through the log beside another sender, and every day is a question.

At the start of each person's day her state holds what she really lived through: what she did, and what the other sender
sent her. Then the engine decides the day as if it had taken over that morning; its own messages count until the day
ends, so that gaps and caps hold among them. At the end they are taken out and the other sender's are put in
(`standing_in`). So no question rests on a person whom nobody has seen for longer than a day.

Nothing is sent: the store is only read, the engine's memory ends with the run, and no channel is ever set up.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import DAY_US, MINUTE_US, from_us, to_us
from tactful.errors import NotEnoughData
from tactful.events.records import Candidate, Decision, Item
from tactful.features import history
from tactful.features.context import Zones
from tactful.features.segments import SEGMENTS
from tactful.runtime import erasing
from tactful.runtime.embedded import Engine
from tactful.runtime.experiments_in_force import listed
from tactful.runtime.importing.mapping import Defaults
from tactful.runtime.intake import candidate_key
from tactful.runtime.models_in_use import own_rankers, scorer_of
from tactful.runtime.scoring import Scorer
from tactful.runtime.settings import Settings
from tactful.runtime.shadowing.feed import Feed
from tactful.runtime.shadowing.foretelling import CHANNEL_CODE, foretell
from tactful.runtime.shadowing.found import Beside, Message
from tactful.runtime.shadowing.sent import Sent
from tactful.runtime.shadowing.standing_in import Got, forget_told, stand_in
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import Store

_STEP_US: Final = 15 * MINUTE_US
"""How far a person's state may lie behind a message of the other sender that is foretold from it."""

Progress = Callable[[int, int], None]
"""Told (instants passed, instants in all)."""


def decide_beside(
    store: Store,
    settings: Settings,
    sends: Sequence[Sent],
    users: Defaults | None = None,
    since: date | None = None,
    scorer: Scorer | None = None,
    progress: Progress | None = None,
) -> Beside:
    """Returns both senders' messages over the days of the other one's log.

    Args:
        store: what the app told: people, what they did, and what they could be told about; only read.
        settings: ours.
        sends: the other sender's messages, by time; one at least.
        users: what to assume of people without a profile in the store.
        since: the first local day that is compared; what was sent before is only lived through. By default the first
            day of their log.
        scorer: the models; by default those that an engine over the store would take now.
        progress: told how far it has come.

    Raises:
        NotEnoughData: they sent nothing since that day, or only to people who were erased.
        ReplayMismatch: the engine refuses an input of the store.
    """
    scorer = scorer or scorer_of(store)
    sends = _without_erased(store, sends)
    feed = Feed(store, settings, sends, users or Defaults())
    engine = Engine(MemoryStore(), settings, scorer, registry=feed.registry)
    engine.population.rankers = own_rankers(store, scorer, listed(store))
    run = _Run(engine, feed, sends, since, max(store.last()[1], sends[-1].at_us), scorer.version)
    stops = _stops(feed.zones, sends)
    for number, (stop, following) in enumerate(zip(stops, [*stops[1:], stops[-1]], strict=True), 1):
        run.reach(stop, following)
        if progress:
            progress(number, len(stops))
    return run.finished()


def _without_erased(store: Store, sends: Sequence[Sent]) -> Sequence[Sent]:
    """Who was erased is not to come back by the other sender's log."""
    if not erasing.totals(store).people:
        return sends
    gone = {one for one in {each.user_id for each in sends} if erasing.erased_at(store, one) is not None}
    left = [one for one in sends if one.user_id not in gone]
    if not left:
        raise NotEnoughData("got messages to people who were erased, expected some to people of this store")
    return left


def _stops(zones: Zones, sends: Sequence[Sent]) -> list[int]:
    """The instants at which the engine halts: where a local day begins, and shortly before each of their messages."""
    first, last = sends[0].at_us // DAY_US - 1, sends[-1].at_us // DAY_US + 2
    days = np.arange(first, last + 1)
    zone = np.arange(len(zones.names))
    begins = zones.day_start_us(np.repeat(zone, len(days)), np.tile(days, len(zone)))
    moments = np.array([one.at_us for one in sends]) // _STEP_US * _STEP_US
    stops: list[int] = np.unique(np.concatenate([begins, moments])).tolist()
    return stops


class _Run:
    """The engine on its way, what the other sender sent by day, and what was found so far."""

    def __init__(
        self, engine: Engine, feed: Feed, sends: Sequence[Sent], since: date | None, until_us: int, model: str
    ) -> None:
        """Compares up to the instant `until_us`, behind which nothing is known of anybody."""
        self._engine, self._feed, self._sends, self._until_us = engine, feed, sends, until_us
        self._next = 0
        self._today: dict[int, list[Got]] = defaultdict(list)
        self._left: dict[int, list[Sent]] = defaultdict(list)
        days = feed.local_days(sends)
        first = int(days.min()) if since is None else (since - date(1970, 1, 1)).days
        if first > days.max():
            raise NotEnoughData(
                f"got no message of the other sender since {since}, expected some; the last is of "
                f"{from_us(sends[-1].at_us):%Y-%m-%d}"
            )
        self.found = Beside(first, int(days.max()), model)

    def reach(self, stop: int, following: int) -> None:
        """Goes on to just before an instant, ends the days that end there, and foretells their next messages."""
        decisions = self._feed.advance(self._engine, stop)
        self.found.ours += self._ours(decisions)
        self._end_days(stop)
        end = self._next
        while end < len(self._sends) and (self._sends[end].at_us < following or following == stop):
            end += 1
        if end > self._next:
            self._hear(self._sends[self._next : end])
            self._next = end

    def finished(self) -> Beside:
        """Returns what was found, and closes the engine."""
        rows = self._engine.population.table.rows
        self.found.people = int((rows["profile_offset"] >= 0).sum())
        self.found.candidates, self.found.refused = len(self._feed.offered), self._feed.refused
        self._engine.close()
        return self.found

    def _ours(self, decisions: Collection[Decision]) -> Iterator[Message]:
        """Our messages of the days that are compared."""
        population = self._engine.population
        for one in decisions:
            if one.action != "send":
                continue
            row = population.table.find(draws.key(one.user_id))
            zone = population.table.rows["zone"][row if row is not None else 0]
            at_us = to_us(one.at)
            day = int(population.frame.zones.local_day(np.array([zone], dtype=np.int64), np.array([at_us]))[0])
            if self.found.held(day) and at_us <= self._until_us:
                self.found.heads = one.heads
                yield Message(
                    one.user_id, at_us, day, one.slot, str(one.candidate_id), str(one.type), str(one.channel),
                    one.segment, one.scores,
                )  # fmt: skip

    def _end_days(self, stop: int) -> None:
        """Whose day begins now: ours of the day before go out of her state, theirs come in."""
        population = self._engine.population
        state, zones = population.table.rows, population.frame.zones
        zone = state["zone"].astype(np.int64)
        before = zones.local_day(zone, np.full(len(state), stop - 1))
        begins = np.flatnonzero(zones.local_day(zone, np.full(len(state), stop)) != before)
        if not len(begins):
            return
        self._count_days(begins, before)
        state["job_at"][begins] = history.NEVER  # jobs that our sends left idle must not run now: a plan is due
        for row in begins.tolist():
            got = self._today.pop(row, [])
            if got or state["s_len"][row]:
                stand_in(state, row, got)
                forget_told(state, row, got)
            for one in self._left.pop(row, []):
                place = np.array([CHANNEL_CODE[one.channel]])
                history.suppress(state, np.array([row]), place, np.array([stop - 1]), lifted=False)
        population.refresh()

    def _count_days(self, rows: NDArray[np.int64], day: NDArray[np.int64]) -> None:
        state = self._engine.population.table.rows
        known = state["profile_offset"][rows] >= 0
        known &= (day[rows] >= self.found.first_day) & (day[rows] <= self.found.last_day)
        counts = np.bincount(state["segment"][rows[known]], minlength=len(SEGMENTS))
        for name, count in zip(SEGMENTS, counts.tolist(), strict=True):
            if count:
                self.found.user_days[name] = self.found.user_days.get(name, 0) + count

    def _hear(self, sends: Sequence[Sent]) -> None:
        """Notes what each person got, and what our models foretell of it, had she got it on a day that is compared."""
        population, registry = self._engine.population, self._engine.population.registry
        asked: list[_Asked] = []
        for one, day in zip(sends, self._feed.local_days(sends).tolist(), strict=True):
            row = population.table.find(draws.key(one.user_id))
            told = self._feed.candidate(one)
            asked.append(_Asked(one, day, row, told, tuple(self._today.get(-1 if row is None else row, ()))))
            if row is not None:
                best = max(told.items, key=lambda item: item.quality, default=Item(""))
                code, key = CHANNEL_CODE[one.channel], candidate_key(one.candidate_id)
                self._today[row].append(Got(one.at_us, registry.index(one.type), code, best.category, key))
                if one.unsubscribed:
                    self._left[row].append(one)
        asked = [each for each in asked if self.found.held(each.day)]
        for each, (segment, values) in zip(asked, self._foretold(asked), strict=True):
            one = each.sent
            hour = self._feed.local_hour(one)
            self.found.sent.append(one)
            self.found.theirs.append(
                Message(
                    one.user_id, one.at_us, each.day, hour, one.candidate_id, one.type, one.channel, segment, values
                )
            )

    def _foretold(self, asked: Sequence["_Asked"]) -> list[tuple[str, tuple[float, ...]]]:
        """The segment and the scores of each message; nothing for people who are not known."""
        found: list[tuple[str, tuple[float, ...]]] = [("", ())] * len(asked)
        known = [i for i, each in enumerate(asked) if each.row is not None]
        if known:
            heads, values, segments = foretell(
                self._engine.population,
                np.array([asked[i].row for i in known], dtype=np.int64),
                np.array([asked[i].sent.at_us for i in known]),
                [asked[i].told for i in known],
                np.array([CHANNEL_CODE[asked[i].sent.channel] for i in known]),
                [asked[i].before for i in known],
            )
            self.found.heads = heads
            for place, i in enumerate(known):
                found[i] = segments[place], tuple(values[place].tolist())
        return found


class _Asked(NamedTuple):
    """A message of the other sender, to whom, and what she got before it on that day."""

    sent: Sent
    day: int
    row: int | None
    told: Candidate
    before: tuple[Got, ...]
