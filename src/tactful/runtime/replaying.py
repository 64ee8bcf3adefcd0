"""Replays the log of a store through a fresh engine in memory: the same decisions, or what would be different.

`verify` decides anew on the scores on record, and every decision and plan must come out byte for byte. `compare`
lets other settings decide with live scores. It asks "what would they have sent", not "what would people have done":
the log's engagements stay those of the recorded run, so differences in opens or leavers are not to be had here.
The engine's memory holds the whole log; inputs that a memory does not hold need a replay by parts (`until`).
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import zip_longest
from typing import Final

import msgspec

from tactful.clock import from_us, to_us
from tactful.errors import ReplayMismatch
from tactful.events.records import Channel, Decision, SlotPlan, decode, encode
from tactful.events.registry import Registry
from tactful.features.ranking import SCHEMA
from tactful.features.ranking_snapshot import schema_of
from tactful.runtime import event_types
from tactful.runtime.embedded import Engine
from tactful.runtime.erasing import totals
from tactful.runtime.experiments_in_force import listed
from tactful.runtime.intake import logged_line
from tactful.runtime.logged_prices import logged_prices
from tactful.runtime.logged_scores import LoggedScorer
from tactful.runtime.models_in_use import own_rankers, scorer_of
from tactful.runtime.noted_models import history, versions
from tactful.runtime.scoring import Scorer, Versions
from tactful.runtime.settings import Settings, noted
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import Store

_READ_AT_ONCE: Final = 50_000

Made = Decision | SlotPlan
"""What an engine writes and a replay compares."""

Progress = Callable[[int, int], None]
"""Told (inputs read, inputs in all) after each part of the log."""

Job = tuple[str, datetime, int]
Ending = tuple[str | None, Channel | None]


class Difference(msgspec.Struct, frozen=True):
    """The first place at which a replay left the record; None where one of them has nothing."""

    what: str
    recorded: Made | None = None
    replayed: Made | None = None


class Verification(msgspec.Struct, frozen=True):
    """What a replay on recorded scores gave; `equal` is byte for byte, decisions and plans."""

    until: datetime | None
    inputs: int
    decisions: int
    plans: int
    equal: bool
    difference: Difference | None


class Tally(msgspec.Struct):
    """Counts of what was decided; `by_hour` are sends by the user's local hour."""

    sends: int = 0
    holds: int = 0
    drops: int = 0
    by_hour: list[int] = msgspec.field(default_factory=lambda: [0] * 24)
    by_type: dict[str, int] = {}
    by_channel: dict[str, int] = {}

    def add(self, decision: Decision) -> None:
        """Counts one decision."""
        if decision.action == "hold":
            self.holds += 1
        elif decision.action == "drop":
            self.drops += 1
        else:
            self.sends += 1
            self.by_hour[decision.slot] += 1
            for counts, name in ((self.by_type, decision.type), (self.by_channel, decision.channel)):
                counts[str(name)] = counts.get(str(name), 0) + 1


class Comparison(msgspec.Struct, frozen=True):
    """The recorded run against other settings, over the same inputs.

    A job is named by (user, instant, turn). `changed_share` is the share of all jobs, of either run, that only one
    of the two had or that ended differently (send or hold, candidate, channel). Where the models are not the same,
    part of the difference is theirs.
    """

    until: datetime | None
    inputs: int
    recorded: Tally
    replayed: Tally
    jobs: int
    changed: int
    changed_share: float
    recorded_model: str
    replayed_model: str


def verify(
    store: Store, settings: Settings, until: datetime | None = None, progress: Progress | None = None
) -> Verification:
    """Returns whether the log, replayed with the scores on record, gives the decisions and plans on record.

    Args:
        store: whose log and decisions; it is only read.
        settings: those of the recorded run.
        until: how far; by default as far as the recorded run has come.
        progress: told how many inputs were read.
    """
    until_us = _until(store, until)
    memory = MemoryStore()
    engine = Engine(memory, settings, scores_on_record(store, until_us), registry=event_types.at_first(store, settings))
    take_prices(store, engine)
    count = 0
    difference = None
    try:
        for ours, theirs in zip_longest(
            fed(store, engine, until_us, progress), (r.data for r in store.decisions_between(0, until_us + 1))
        ):
            if not _same(ours, theirs):
                difference = _difference(ours, theirs)
                break
            count += 1
    except ReplayMismatch as error:
        difference = Difference(str(error))
    plans = 0
    if difference is None:
        made = (row.data for row in memory.plans_between(0, until_us + 1))
        for mine, known in zip_longest(made, (row.data for row in store.plans_between(0, until_us + 1))):
            if mine != known and not _same(_made(mine), known):
                difference = _difference(_made(mine), known)
                break
            plans += 1
    return Verification(_instant(until_us), memory.last()[0] + 1, count, plans, difference is None, difference)


def compare(
    store: Store,
    settings: Settings,
    until: datetime | None = None,
    scorer: Scorer | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Returns how decisions under other settings differ from those on record.

    Args:
        store: whose log and decisions; it is only read.
        settings: the other settings.
        until: how far; by default as far as the recorded run has come.
        scorer: the models; by default those that an engine over the store would take now. Scores on record would not
            do: other settings run jobs at other times.
        progress: told how many inputs were read.
    """
    until_us = _until(store, until)
    scorer = scorer or scorer_of(store)
    memory = MemoryStore()
    engine = Engine(memory, settings, scorer, registry=_first_types(store, settings))
    engine.population.rankers = own_rankers(store, scorer, listed(store))
    others = settings.event_types != noted(store).event_types
    replayed, ours = _tally(fed(store, engine, until_us, progress, without_types=others))
    recorded, theirs = _tally(_recorded(store, until_us))
    jobs = len(ours | theirs)
    changed = sum(1 for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    return Comparison(
        until=_instant(until_us),
        inputs=memory.last()[0] + 1,
        recorded=recorded,
        replayed=replayed,
        jobs=jobs,
        changed=changed,
        changed_share=changed / jobs if jobs else 0.0,
        recorded_model=_model_version(_plans(store, until_us)),
        replayed_model=scorer.version,
    )


def _until(store: Store, until: datetime | None) -> int:
    """As far as the record goes, or less; a log that was never decided on is run to its end."""
    committed = int(store.load_meta("committed") or b"-1")
    last = committed if committed >= 0 else store.last()[1]
    return last if until is None else min(to_us(until), last)


def _first_types(store: Store, settings: Settings) -> Registry:
    """The event types that a comparison begins with: those of the log, unless the other settings name other files."""
    same = settings.event_types == noted(store).event_types
    return event_types.at_first(store, settings) if same else event_types.of_settings(settings)


def fed(
    store: Store,
    engine: Engine,
    until_us: int,
    progress: Progress | None = None,
    without_types: bool = False,
    since_us: int = 0,
) -> Iterator[Decision]:
    """Submits the log part by part, each at its own instants, and yields what the engine decides.

    Args:
        store: whose log.
        engine: over a store of its own, which holds the log before `since_us`.
        until_us, since_us: the part of the log, both inclusive.
        progress: told how many inputs were read.
        without_types: leaves its changes of event types out.

    Raises:
        ReplayMismatch: the engine refuses an input that is on record.
    """
    offset, total = -1, store.last()[0] + 1
    while part := store.read(offset, _READ_AT_ONCE):
        offset = part[-1].offset
        lines = [logged_line(i) for i in part if since_us <= i.log_ts_us <= until_us]
        inputs = [line for line in lines if not (without_types and event_types.declares(line.record))]
        if inputs:
            receipt = engine.submit([line.record for line in inputs], [line.log_us for line in inputs])
            if receipt.rejected:
                raise ReplayMismatch(
                    f"got {len(receipt.rejected)} logged inputs that are refused now (first: "
                    f"{receipt.rejected[0].reason}), expected all to be taken; put the event types back as they were"
                )
            yield from engine.advance(from_us(inputs[-1].log_us - 1))  # its instant may go on in the next part
        if progress:
            progress(offset + 1, total)
    yield from engine.advance(from_us(until_us))


def _recorded(store: Store, until_us: int) -> Iterator[Decision]:
    for row in store.decisions_between(0, until_us + 1):
        record = decode(row.data)
        if isinstance(record, Decision):
            yield record


def take_prices(store: Store, engine: Engine) -> None:
    """Gives an engine the prices on record, where people were erased whose sends and plans had moved them."""
    if totals(store).people:
        engine.population.take_prices(logged_prices(store.controls()))


def scores_on_record(store: Store, until_us: int) -> LoggedScorer:
    """Returns what the models said up to an instant, for a replay of the same settings."""
    plans = list(_plans(store, until_us))
    return LoggedScorer(_recorded(store, until_us), plans, _spoke(store, plans))


def _spoke(store: Store, plans: Iterable[SlotPlan]) -> Versions:
    """Which models decided when; before the first that was noted, those that made the first plan."""
    spoke = versions(history(store))
    return spoke if spoke and spoke[0][0] <= 0 else [(0, _model_version(plans)), *spoke]


def _plans(store: Store, until_us: int) -> Iterator[SlotPlan]:
    for row in store.plans_between(0, until_us + 1):
        record = decode(row.data)
        if isinstance(record, SlotPlan):
            yield record


def _model_version(plans: Iterable[SlotPlan]) -> str:
    """The models of a run, named by its first plan: nothing is decided before one."""
    return next((plan.model_version for plan in plans), "")


def _tally(decisions: Iterable[Decision]) -> tuple[Tally, dict[Job, Ending]]:
    tally = Tally()
    jobs: dict[Job, Ending] = {}
    for d in decisions:
        tally.add(d)
        if d.action == "send":
            jobs[d.user_id, d.at, d.turn] = (d.candidate_id, d.channel)
        elif d.action == "hold":
            jobs[d.user_id, d.at, d.turn] = (None, None)
    return tally, jobs


def _same(ours: Made | None, theirs: bytes | None) -> bool:
    """Equal in every field but the models' name: scores on record may be of several, in force one after the other.

    Else what is on record is read and written anew: bytes of an earlier version lack the fields that are new since.
    It froze nothing, or by another schema: then what is frozen now is not compared.
    """
    if ours is not None and encode(ours) == theirs:
        return True
    recorded = _made(theirs)
    if ours is None or recorded is None:
        return False
    return encode(_as_of(ours, recorded)) == encode(recorded)


def _as_of(ours: Made, recorded: Made) -> Made:
    """Ours under the recorded model's name; without what the recorded version could not freeze."""
    ours = msgspec.structs.replace(ours, model_version=recorded.model_version)
    if not (isinstance(ours, Decision) and isinstance(recorded, Decision)):
        return ours
    if recorded.log_probability == 0.0:
        frozen = {name: getattr(recorded, name) for name in ("snapshot", "snapshot_place", "log_probability")}
        return msgspec.structs.replace(ours, **frozen)
    if recorded.snapshot and schema_of(recorded.snapshot) != SCHEMA:
        return msgspec.structs.replace(ours, snapshot=recorded.snapshot)
    return ours


def _difference(ours: Made | None, theirs: bytes | None) -> Difference:
    recorded = _made(theirs)
    if ours is None or recorded is None:
        only = "the record" if ours is None else "the replay"
        found = recorded if ours is None else ours
        return Difference(f"{only} alone has {_name(found)}", recorded, ours)
    if isinstance(ours, Decision) and isinstance(recorded, Decision) and ours.decision_id != recorded.decision_id:
        return Difference(f"{_name(recorded)} is on record, the replay has {_name(ours)}", recorded, ours)
    fields = [f for f in ours.__struct_fields__ if getattr(ours, f) != getattr(recorded, f, None)]
    return Difference(f"{_name(recorded)} differs in {', '.join(fields)}", recorded, ours)


def _made(data: bytes | None) -> Made | None:
    record = decode(data) if data else None
    return record if isinstance(record, Decision | SlotPlan) else None


def _name(record: Made | None) -> str:
    if isinstance(record, Decision):
        return f"decision {record.decision_id} of user {record.user_id!r} at {record.at.isoformat()}"
    return f"the plan of user {record.user_id!r} at {record.at.isoformat()}" if record else "nothing"


def _instant(us: int) -> datetime | None:
    return from_us(us) if us >= 0 else None
