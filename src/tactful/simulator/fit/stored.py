"""Reads what a world is fitted to out of a store: one pass over the inputs, one over the decisions, then columns.

Messages are the sends of an engine; of a log without any, its receipts. Times of engagements are the client's, no later
than their acceptance. An engine may be running meanwhile; what it has not committed is not read.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import DAY_US, to_us
from tactful.errors import NotEnoughData
from tactful.events.records import KINDS, BudgetAssignment, decode
from tactful.features.context import Zones
from tactful.features.join import Sends, Touches
from tactful.runtime import log_spans
from tactful.simulator.answers import EMAIL, PUSH
from tactful.simulator.content import TYPE_NAMES
from tactful.simulator.fit.log import ANSWER_US, ANSWERS, MOST_DAYS, AppLog
from tactful.stores.protocols import LoggedInput, Store

MOST_PEOPLE: Final = 10_000
"""People who are counted, drawn by hash: more of them tell little more than as many simulated ones can."""
_READ_AT_ONCE: Final = 50_000
_SEND: Final = 0
_KIND_OF: Final[dict[str, int]] = {kind: code for code, kind in enumerate(KINDS)}
_COUNTED: Final = ("session", "open", "click", "unsubscribe", "disable")
_NOTED: Final = (*_COUNTED, "receipt", "failure")
_LEAVING: Final = ("unsubscribe", "disable")

Columns = dict[str, NDArray[Any]]
Tell = Callable[[int], None]
"""Is told how many more rows have been read."""


class _Told(msgspec.Struct, gc=False):
    """What is read of any logged input, whatever its kind (`events/records.py`)."""

    record: str
    kind: str = ""
    at: datetime | None = None
    decision_id: str | None = None
    channel: str | None = None
    timezone: str = "UTC"
    signup_at: datetime | None = None
    addresses: Any = ()
    opt_in: Any = ()


class _Sent(msgspec.Struct, gc=False):
    """What is read of a decision."""

    type: str | None = None
    channel: str | None = None


class _Person(msgspec.Struct):
    """What the profiles say of a user, the last one first, and since when she is known."""

    zone: str
    reach: int
    known_us: int


_TOLD: Final = msgspec.msgpack.Decoder(_Told)
_SENT: Final = msgspec.msgpack.Decoder(_Sent)


def read_log(store: Store, seed: int = 0, most_people: int = MOST_PEOPLE, tell: Tell = lambda rows: None) -> AppLog:
    """Returns the last eight weeks of a store, whole UTC days, for the people who could be reached when they began.

    Args:
        store: of an engine or an import; may be open read-only.
        seed: draws the people, if there are more than `most_people`.
        tell: is told how many more rows have been read.

    Raises:
        NotEnoughData: the store holds no engagement, no message, or nobody who could be reached.
        UnknownTimeZone: a profile has a zone that this machine's data base lacks.
    """
    until = (log_spans.through(store) + 1) // DAY_US * DAY_US
    people, acts = _inputs(store, until, tell)
    sends = _sends(store, until, acts, tell)
    inside = acts["at"] >= until - MOST_DAYS * DAY_US
    if not inside.any() or not len(sends["at"]):
        what = "engagement" if not inside.any() else "message, neither sends nor receipts,"
        raise NotEnoughData(
            f"got a store with no {what} in its last {MOST_DAYS} days, expected what people were sent and did; import "
            "a log (tactful import), or let an engine run"
        )
    since = -(-int(min(acts["at"][inside].min(), sends["at"].min())) // DAY_US) * DAY_US
    chosen, reach, left_out = _chosen(people, acts, since, seed, most_people)
    sends, acts = (_of(chosen, each, since) for each in (sends, acts))
    zones, zone = _zones([people[user].zone for user in chosen.tolist()])
    order = np.lexsort((sends["decision"], sends["at"], sends["user"]))
    sends = {name: column[order] for name, column in sends.items()}
    app = AppLog(
        zones=zones,
        zone=zone,
        reach=reach,
        drawn=np.zeros(len(chosen), np.bool_),
        since_us=since,
        until_us=max(until, since),
        sends=_joinable(sends),
        type=sends["type"],
        touches=Touches(acts["user"], acts["at"], acts["kind"], acts["channel"], acts["decision"]),
        left_out=left_out,
    )
    app.drawn[:] = np.isin(chosen, _drawn(store, app.counted_from_us, until))
    return app


def _inputs(store: Store, until_us: int, tell: Tell) -> tuple[dict[int, _Person], Columns]:
    """Everybody's profile by user key, and what they did, as columns; of old acts only those of leaving."""
    people: dict[int, _Person] = {}
    parts, offset = [_acts([])], -1
    while part := store.read(offset, _READ_AT_ONCE):
        offset = part[-1].offset
        told = [(line, _TOLD.decode(line.data)) for line in part if line.user_key and line.log_ts_us < until_us]
        for line, record in told:
            if record.record == "user":
                people[line.user_key] = _person(line, record, people.get(line.user_key))
        old_us = until_us - MOST_DAYS * DAY_US
        parts.append(_acts([pair for pair in told if _counts(pair[1], old_us)]))
        tell(len(part))
    return people, {name: np.concatenate([some[name] for some in parts]) for name in parts[0]}


def _counts(record: _Told, old_us: int) -> bool:
    if record.record != "engagement" or record.kind not in _NOTED or record.at is None:
        return False
    return record.kind in _LEAVING or to_us(record.at) >= old_us


def _person(line: LoggedInput, record: _Told, before: _Person | None) -> _Person:
    open_channels = {*record.addresses} & {*record.opt_in}
    reach = (1 << EMAIL if "email" in open_channels else 0) | (1 << PUSH if open_channels - {"email"} else 0)
    known = line.log_ts_us if before is None else before.known_us
    return _Person(record.timezone, reach, known if record.signup_at is None else to_us(record.signup_at))


def _acts(told: Sequence[tuple[LoggedInput, _Told]]) -> Columns:
    """`decision` is the key of the decision that it answers, 0 for none and for one that another system gave."""
    log_us = np.array([line.log_ts_us for line, _ in told], dtype=np.int64)
    at = np.array([to_us(record.at) for _, record in told if record.at is not None], dtype=np.int64)
    return {
        "user": np.array([line.user_key for line, _ in told], dtype=np.uint64),
        "at": np.minimum(at, log_us),
        "kind": np.array([_KIND_OF[record.kind] for _, record in told], dtype=np.int64),
        "channel": np.array([_channel(record.channel) for _, record in told], dtype=np.int64),
        "decision": np.array([_decision_key(record.decision_id) for _, record in told], dtype=np.uint64),
    }


def _channel(name: str | None) -> int:
    """One of the world's two channels, -1 where none is named."""
    return -1 if name is None else EMAIL if name == "email" else PUSH


def _decision_key(decision_id: str | None) -> int:
    try:
        return int(decision_id, 16) & 0xFFFFFFFFFFFFFFFF if decision_id else 0
    except ValueError:
        return 0


def _sends(store: Store, until_us: int, acts: Columns, tell: Tell) -> Columns:
    """The messages of the last weeks that reached people; receipts stand for them where no engine sent any."""
    sent = []
    for number, row in enumerate(store.decisions_between(max(0, until_us - MOST_DAYS * DAY_US), until_us), 1):
        if row.action_code == _SEND:
            record = _SENT.decode(row.data)
            kind = TYPE_NAMES.index(record.type) if record.type in TYPE_NAMES else -1
            sent.append((row.user_key, row.at_us, row.decision_key, _channel(record.channel or "email"), kind))
        if number % _READ_AT_ONCE == 0:
            tell(_READ_AT_ONCE)
    if not sent:
        receipts = np.flatnonzero((acts["kind"] == _KIND_OF["receipt"]) & (acts["channel"] >= 0))
        found = {name: acts[name][receipts] for name in ("user", "at", "decision", "channel")}
        return {**found, "type": np.full(len(receipts), -1)}
    user, at, decision, channel, kinds = zip(*sent, strict=True)
    columns = {
        "user": np.array(user, dtype=np.uint64),
        "at": np.array(at, dtype=np.int64),
        "decision": np.array(decision, dtype=np.uint64),
        "channel": np.array(channel, dtype=np.int64),
        "type": np.array(kinds, dtype=np.int64),
    }
    reached = ~_failed(columns, acts)
    return {name: column[reached] for name, column in columns.items()}


def _failed(sends: Columns, acts: Columns) -> NDArray[np.bool_]:
    """Which sends reached nobody: a failure names its send by user and instant."""
    failures = acts["kind"] == _KIND_OF["failure"]
    told = set(zip(acts["user"][failures].tolist(), acts["at"][failures].tolist(), strict=True))
    sent = zip(sends["user"].tolist(), sends["at"].tolist(), strict=True)
    return np.array([pair in told for pair in sent], dtype=np.bool_)


def _chosen(
    people: dict[int, _Person], acts: Columns, since_us: int, seed: int, most: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint8], int]:
    """Keys of the people to count, rising, the channels open to each at the start, and how many were left out."""
    reach = {key: each.reach for key, each in people.items() if each.known_us <= since_us}
    left = np.isin(acts["kind"], [_KIND_OF[kind] for kind in _LEAVING]) & (acts["at"] < since_us)
    for user, channel in zip(acts["user"][left].tolist(), acts["channel"][left].tolist(), strict=True):
        if user in reach:
            reach[user] &= 0 if channel < 0 else ~(1 << channel)
    keys = np.array(sorted(key for key, mask in reach.items() if mask), dtype=np.uint64)
    if not len(keys):
        raise NotEnoughData(
            f"got {len(people):,} profiles, of which none was known and could be reached when the weeks to fit began; "
            "put users with addresses and opt-ins (signup_at says since when they are known)"
        )
    luck = np.argsort(draws.uniform(seed, keys, 0, "fit people"), kind="stable")
    keys = np.sort(keys[luck[:most]])
    masks = np.array([reach[key] for key in keys.tolist()], dtype=np.uint8)
    return keys, masks, len(people) - len(keys)


def _of(chosen: NDArray[np.uint64], columns: Columns, since_us: int) -> Columns:
    """The rows of the chosen people from an instant on, with the place among them instead of the key."""
    place = np.minimum(np.searchsorted(chosen, columns["user"]), len(chosen) - 1)
    kept = (chosen[place] == columns["user"]) & (columns["at"] >= since_us)
    return {**{name: column[kept] for name, column in columns.items()}, "user": place[kept].astype(np.int64)}


def _zones(names: Sequence[str]) -> tuple[Zones, NDArray[np.int64]]:
    known = tuple(sorted({*names}))
    place = {name: number for number, name in enumerate(known)}
    return Zones.of(known), np.array([place[name] for name in names], dtype=np.int64)


def _joinable(sends: Columns) -> Sends:
    m = len(sends["at"])
    return Sends(
        user=sends["user"],
        at_us=sends["at"],
        window_us=np.full(m, ANSWER_US),
        kinds=np.full(m, ANSWERS),
        channel=sends["channel"],
        decision=sends["decision"],
    )


def _drawn(store: Store, counted_from_us: int, until_us: int) -> NDArray[np.uint64]:
    """Users whose budgets were drawn at random when counting began, and still are."""
    early: set[int] = set()
    last: dict[int, bool] = {}
    for row in store.budgets_between(0, until_us):
        record = decode(row.data)
        if isinstance(record, BudgetAssignment):
            last[row.user_key] = record.randomised
            if record.randomised and row.at_us <= counted_from_us:
                early.add(row.user_key)
    return np.array([user for user, randomised in last.items() if randomised and user in early], dtype=np.uint64)
