"""Reads the timing log out of a store: one pass over the inputs, one over the decisions, then arrays.

Times of engagements are the client's, no later than their acceptance, and the zone is that of the last profile: as the
engine takes them. An engine may be running meanwhile; what it has not committed is not read.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import DAY_US, to_us
from tactful.errors import NotEnoughData
from tactful.events.records import KINDS
from tactful.features.context import Zones
from tactful.stores.protocols import LoggedInput, Store
from tactful.training.timing.log import ANSWER_US, TimingLog

MOST_USERS: Final = 10_000
"""People who are learned from, drawn by hash: 36 KB each, and more of them tell little more about hours."""
_READ_AT_ONCE: Final = 50_000
_SEND: Final = 0
_DAYS_OF_SENDS: Final = 40
"""Sends before are older than any day that is learned from."""
_KIND_OF: Final[dict[str, int]] = {kind: code for code, kind in enumerate(KINDS)}
_CLICK, _FAILURE = _KIND_OF["click"], _KIND_OF["failure"]

Tell = Callable[[int], None]
"""Is told how many more rows have been read."""
Columns = dict[str, NDArray[Any]]
Profiles = dict[int, tuple[str, int | None]]
"""Zone and sign-up by user key."""


def read_log(store: Store, seed: int = 0, most_users: int = MOST_USERS, tell: Tell = lambda rows: None) -> TimingLog:
    """Returns what a store holds on the hours of its people, up to the last committed decision.

    Args:
        store: of an engine; may be open read-only.
        seed: draws the people, if there are more than `most_users`.

    Raises:
        NotEnoughData: nothing was decided yet, or nobody did anything.
        UnknownTimeZone: a profile has a zone that this machine's data base lacks.
    """
    until_us = int(store.load_meta("committed") or b"-1") + 1
    profiles, seen, acts = _inputs(store, until_us, tell)
    if until_us == 0 or not len(acts["at"]):
        what = "no engagement" if until_us else "no decided day"
        raise NotEnoughData(
            f"got a store with {what}, expected what people did, under an engine; import a log (tactful import), or "
            "let an engine run"
        )
    everybody = np.array(sorted(seen), dtype=np.uint64)
    luck = np.argsort(draws.uniform(seed, everybody, 0, "timing people"), kind="stable")
    chosen = np.sort(everybody[luck[:most_users]])
    sends = _sends(store, until_us, tell)
    acts, sends = _of(chosen, acts), _of(chosen, sends)
    first = np.array([seen[user] for user in chosen.tolist()], dtype=np.int64)
    zones, zone, signup = _zones(chosen.tolist(), first.tolist(), profiles)
    closed = ~_failed(sends, acts) & (sends["at"] + ANSWER_US <= until_us)
    return TimingLog(
        key=chosen,
        zone=zone,
        known_from=np.maximum(zones.local_day(zone, signup), first // DAY_US),
        zones=zones,
        e_user=acts["user"],
        e_at_us=acts["at"],
        e_kind=acts["kind"],
        e_value=acts["value"],
        s_user=sends["user"][closed],
        s_at_us=sends["at"][closed],
        s_probability=sends["probability"][closed],
        s_clicked=_clicked(sends, acts)[closed],
        began_us=int(first.min()),
        until_us=until_us,
        left_out=len(everybody) - len(chosen),
    )


class _Told(msgspec.Struct, gc=False):
    """What is read of any logged input, whatever its kind (`events/records.py`)."""

    record: str
    kind: str = ""
    at: datetime | None = None
    decision_id: str | None = None
    value: Any = 0.0
    timezone: str = "UTC"
    signup_at: datetime | None = None


class _Sent(msgspec.Struct, gc=False):
    """What is read of a decision."""

    slot_probability: float = 0.0
    slot: int = -1


_TOLD: Final = msgspec.msgpack.Decoder(_Told)
_SENT: Final = msgspec.msgpack.Decoder(_Sent)


def _inputs(store: Store, until_us: int, tell: Tell) -> tuple[Profiles, dict[int, int], Columns]:
    """Zone and sign-up of the last profile by user, when each user was first seen, and engagements as columns."""
    profiles: Profiles = {}
    seen: dict[int, int] = {}
    parts: list[Columns] = [_engagements([])]
    offset = -1
    while part := store.read(offset, _READ_AT_ONCE):
        offset = part[-1].offset
        told = [(line, _TOLD.decode(line.data)) for line in part if line.user_key and line.log_ts_us < until_us]
        for line, record in told:
            seen.setdefault(line.user_key, line.log_ts_us)
            if record.record == "user":
                known = profiles.get(line.user_key, ("", None))[1]
                signup = known if record.signup_at is None else to_us(record.signup_at)
                profiles[line.user_key] = (record.timezone, signup)
        parts.append(_engagements([pair for pair in told if pair[1].record == "engagement"]))
        tell(len(part))
    return profiles, seen, {name: np.concatenate([some[name] for some in parts]) for name in parts[0]}


def _engagements(told: list[tuple[LoggedInput, _Told]]) -> Columns:
    """`decision` is the key of the decision that it answers, 0 for none."""
    log_us = np.array([line.log_ts_us for line, _ in told], dtype=np.int64)
    at = np.array([to_us(record.at) for _, record in told if record.at is not None], dtype=np.int64)
    return {
        "user": np.array([line.user_key for line, _ in told], dtype=np.uint64),
        "at": np.minimum(at, log_us),
        "kind": np.array([_KIND_OF[record.kind] for _, record in told], dtype=np.int64),
        "value": np.array([record.value for _, record in told], dtype=np.float64),
        "decision": np.array([_decision_key(record.decision_id) for _, record in told], dtype=np.uint64),
    }


def _decision_key(decision_id: str | None) -> int:
    """The key of an engine's decision id, 0 for none and for one that another system gave."""
    try:
        return int(decision_id, 16) & 0xFFFFFFFFFFFFFFFF if decision_id else 0
    except ValueError:
        return 0


def _sends(store: Store, until_us: int, tell: Tell) -> Columns:
    sent = []
    for number, row in enumerate(store.decisions_between(max(0, until_us - _DAYS_OF_SENDS * DAY_US), until_us), 1):
        if row.action_code == _SEND:
            record = _SENT.decode(row.data)
            chance = record.slot_probability if record.slot >= 0 else 0.0
            sent.append((row.user_key, row.at_us, row.decision_key, chance))
        if number % _READ_AT_ONCE == 0:
            tell(_READ_AT_ONCE)
    user, at, decision, probability = zip(*sent, strict=True) if sent else ((),) * 4
    return {
        "user": np.array(user, dtype=np.uint64),
        "at": np.array(at, dtype=np.int64),
        "decision": np.array(decision, dtype=np.uint64),
        "probability": np.array(probability, dtype=np.float64),
    }


def _of(chosen: NDArray[np.uint64], columns: Columns) -> Columns:
    """The rows of the chosen users, with the user's place among them instead of her key."""
    place = np.minimum(np.searchsorted(chosen, columns["user"]), len(chosen) - 1)
    kept = chosen[place] == columns["user"]
    return {**{name: column[kept] for name, column in columns.items()}, "user": place[kept].astype(np.int64)}


def _zones(
    users: list[int], first: list[int], profiles: Profiles
) -> tuple[Zones, NDArray[np.int64], NDArray[np.int64]]:
    """The zones in use, each user's, and her sign-up: her first input where no profile tells; UTC where none is."""
    own = [profiles.get(user, ("UTC", None)) for user in users]
    names = tuple(sorted({name for name, _ in own}))
    place = {name: number for number, name in enumerate(names)}
    zone = np.array([place[name] for name, _ in own], dtype=np.int64)
    signup = [seen if told is None else told for seen, (_, told) in zip(first, own, strict=True)]
    return Zones.of(names), zone, np.array(signup, dtype=np.int64)


def _failed(sends: Columns, acts: Columns) -> NDArray[np.bool_]:
    """Which sends reached nobody: a failure names its send by user and instant."""
    failures = acts["kind"] == _FAILURE
    told = set(zip(acts["user"][failures].tolist(), acts["at"][failures].tolist(), strict=True))
    sent = zip(sends["user"].tolist(), sends["at"].tolist(), strict=True)
    return np.array([pair in told for pair in sent], dtype=np.bool_)


def _clicked(sends: Columns, acts: Columns) -> NDArray[np.bool_]:
    """Whether each send was clicked in time, by the decision that the click names."""
    order = np.argsort(sends["decision"], kind="stable")
    clicks = (acts["kind"] == _CLICK) & (acts["decision"] > 0)
    named, at = acts["decision"][clicks], acts["at"][clicks]
    clicked = np.zeros(len(order), dtype=np.bool_)
    if not len(order):
        return clicked
    place = order[np.minimum(np.searchsorted(sends["decision"], named, sorter=order), len(order) - 1)]
    after = at - sends["at"][place]
    clicked[place[(sends["decision"][place] == named) & (after >= 0) & (after <= ANSWER_US)]] = True
    return clicked
