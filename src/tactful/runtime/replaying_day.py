"""One day of a log through another policy: who would have got what instead, and what the models foretell of it.

Up to midnight the day is that of the record, with the scores on record; then the other settings decide, on the very
states that the recorded day began with. So all differences are theirs, and none is of an earlier day. Plans of people
whose own midnight comes later in the day are the recorded ones until then. The engagements are those of the recorded
day: what people would have done is foretold, not known.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from tactful.clock import DAY_US, from_us, to_us
from tactful.errors import InvalidSettings, NotEnoughData
from tactful.events.records import Channel, Decision, decode
from tactful.runtime import event_types
from tactful.runtime.embedded import Engine
from tactful.runtime.experiments_in_force import listed
from tactful.runtime.log_spans import through
from tactful.runtime.models_in_use import own_rankers, scorer_of
from tactful.runtime.replaying import fed, scores_on_record, take_prices
from tactful.runtime.scoring import Scorer
from tactful.runtime.settings import Settings, noted
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import Store

How: TypeAlias = Literal["same", "other_hour", "other_channel", "other_candidate", "not_sent", "sent_only_now"]
HOWS: Final[tuple[How, ...]] = get_args(How)


class Message(msgspec.Struct, frozen=True):
    """A message of the day, with what the models foretold of it.

    Attributes:
        candidate_id, type, channel, hour: what, where, and at which hour of the person's clock.
        utility: by the weights of the run that sent it; 0 for messages that are not ranked.
        click, unsubscribe: chances; 0 where the models had no such head.
    """

    candidate_id: str
    type: str
    channel: Channel
    hour: int
    utility: float
    click: float
    unsubscribe: float


class Change(msgspec.Struct, frozen=True):
    """One message of a person on record, and what stands in its place; None where one of the two has nothing."""

    user_id: str
    how: How
    recorded: Message | None
    replayed: Message | None


class Foretold(msgspec.Struct, frozen=True):
    """A run's messages, and the sums of what is foretold of them."""

    sends: int
    utility: float
    clicks: float
    unsubscribes: float


class DayComparison(msgspec.Struct, frozen=True):
    """A recorded day against another policy.

    Attributes:
        day: UTC.
        people: with a message in either run.
        counts: messages by how they compare.
        recorded, replayed: what is foretold.
        other_weights: whether the utilities of the two have other weights, so that they are not one scale.
        changes: every message that is not the same.
    """

    day: date
    people: int
    counts: dict[How, int]
    recorded: Foretold
    replayed: Foretold
    other_weights: bool
    changes: tuple[Change, ...]


def compare_day(
    store: Store, settings: Settings, day: date | None = None, scorer: Scorer | None = None
) -> DayComparison:
    """Returns what other settings would have sent on a day, beside what was sent.

    Args:
        store: whose log and decisions; it is only read.
        settings: the other settings.
        day: UTC; by default the last whole one on record.
        scorer: the models; by default those that an engine over the store would take now.

    Raises:
        NotEnoughData: the record does not hold the whole day.
        InvalidSettings: the other settings name other event types, which the day's states do not know.
        ReplayMismatch: the record before the day is not that of the noted settings.
    """
    recorded = noted(store)
    if settings.event_types != recorded.event_types:
        raise InvalidSettings("got another folder of event types, expected that of the record; replay without --day")
    begin_us = _begin(store, day)
    end_us = begin_us + DAY_US - 1
    memory = MemoryStore()
    types = event_types.at_first(store, recorded)
    before = Engine(memory, recorded, scores_on_record(store, begin_us - 1), registry=types)
    take_prices(store, before)
    for _ in fed(store, before, begin_us - 1):
        pass  # what it decides is on record
    before.close()
    scorer = scorer or scorer_of(store)
    engine = Engine(memory, settings, scorer, registry=before.registry)
    engine.population.rankers = own_rankers(store, scorer, listed(store))
    ours = _sends(fed(store, engine, end_us, since_us=begin_us))
    theirs = _sends(_on_record(store, begin_us, end_us))
    changes = [one for user in sorted(ours.keys() | theirs.keys()) for one in _matched(user, ours, theirs)]
    counts = Counter(one.how for one in changes)
    one, other = recorded.rules, settings.rules
    return DayComparison(
        day=from_us(begin_us).date(),
        people=len(ours.keys() | theirs.keys()),
        counts={how: counts[how] for how in HOWS},
        recorded=_foretold(theirs),
        replayed=_foretold(ours),
        other_weights=(one.weights, one.weights_by_segment, one.utility)
        != (other.weights, other.weights_by_segment, other.utility),
        changes=tuple(one for one in changes if one.how != "same"),
    )


Sent: TypeAlias = dict[str, list[Message]]


def _begin(store: Store, day: date | None) -> int:
    last = through(store)
    if day is None:
        day = (from_us(last + 1) - timedelta(days=1)).date() if last >= 0 else date(1970, 1, 1)
    begin_us = to_us(datetime(day.year, day.month, day.day, tzinfo=UTC))
    first = store.read(-1, 1)
    if not first or begin_us + DAY_US - 1 > last or begin_us + DAY_US <= first[0].log_ts_us:
        held = f"{from_us(first[0].log_ts_us):%Y-%m-%d %H:%M} to {from_us(last):%Y-%m-%d %H:%M}" if first else "nothing"
        raise NotEnoughData(f"got {day}, expected a whole day (UTC) of what is decided: {held}")
    return begin_us


def _on_record(store: Store, begin_us: int, end_us: int) -> Iterator[Decision]:
    for row in store.decisions_between(begin_us, end_us + 1):
        record = decode(row.data)
        if isinstance(record, Decision):
            yield record


def _sends(decisions: Iterable[Decision]) -> Sent:
    found: Sent = {}
    for one in decisions:
        if one.action == "send" and one.channel is not None:
            said = dict(zip(one.heads, one.scores, strict=bool(one.scores)))
            message = Message(
                str(one.candidate_id), str(one.type), one.channel, one.slot, one.utility or 0.0,
                said.get("click", 0.0), said.get("unsubscribe", 0.0),
            )  # fmt: skip
            found.setdefault(one.user_id, []).append(message)
    return found


def _matched(user: str, ours: Sent, theirs: Sent) -> Iterator[Change]:
    """A person's messages in pairs: first what tells the same, then what came in its place, at last what is alone."""
    left, right = list(theirs.get(user, ())), list(ours.get(user, ()))
    for how in HOWS[:4]:
        for one in list(left):
            other = next((each for each in right if _how(one, each) == how), None)
            if other is not None:
                left.remove(one)
                right.remove(other)
                yield Change(user, how, one, other)
    yield from (Change(user, "not_sent", one, None) for one in left)
    yield from (Change(user, "sent_only_now", None, one) for one in right)


def _how(one: Message, other: Message) -> How:
    if one.candidate_id != other.candidate_id:
        return "other_candidate"
    if one.channel != other.channel:
        return "other_channel"
    return "same" if one.hour == other.hour else "other_hour"


def _foretold(sent: Sent) -> Foretold:
    every = [message for some in sent.values() for message in some]
    return Foretold(
        sends=len(every),
        utility=sum(one.utility for one in every),
        clicks=sum(one.click for one in every),
        unsubscribes=sum(one.unsubscribe for one in every),
    )
