"""Rank jobs out of a store: what could be sent at which prices, what was done, and its chance in each bucket.

What is read are jobs at which something ranked could be sent and a price or a bucket decided: not the ones that were
owed (transactional), nor those of people whose budget was drawn. The chances are worked out anew from utilities and
prices on record, and a day on which they differ from the chance that its decisions name is left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import DAY_US
from tactful.decision.policy import channel, explore
from tactful.decision.policy.channel import Choice
from tactful.errors import NotIdentifiable
from tactful.events.event_type import EventType
from tactful.events.records import CHANNELS, Control, Decision, decode
from tactful.features.segments import SEGMENTS
from tactful.stores.protocols import Store
from tactful.training.ranking.random_choices import user_number

_DROP: Final = 2
_CLOSE: Final = 1e-9


@dataclass(frozen=True, eq=False)
class Jobs:
    """j rank jobs with up to m options each, sorted by (user, instant).

    Attributes:
        user: any integer key of the person.
        at_us: the instant.
        decision: key of its decision.
        type_name: of the candidate that was sent, or at hand.
        channel: index into `records.CHANNELS` of the same.
        utility: of each option, 0 where there is none.
        low, mid, high: price of each option's channel: jittered down, in force, jittered up.
        present: whether there is an option.
        sent: place of the option that was sent, -1 for a hold.
        bucket: of its user-day, an index into `explore.BUCKETS`.
        by_bucket: chance of what was done in each of them.
        left_out: jobs of days that could not be read.
    """

    user: Int64[np.ndarray, " j"]
    at_us: Int64[np.ndarray, " j"]
    decision: NDArray[np.uint64]
    type_name: tuple[str, ...]
    channel: Int64[np.ndarray, " j"]
    utility: Float64[np.ndarray, "j m"]
    low: Float64[np.ndarray, "j m"]
    mid: Float64[np.ndarray, "j m"]
    high: Float64[np.ndarray, "j m"]
    present: Bool[np.ndarray, "j m"]
    sent: Int64[np.ndarray, " j"]
    bucket: Int64[np.ndarray, " j"]
    by_bucket: Float64[np.ndarray, "j b"]
    left_out: int

    def __len__(self) -> int:
        return len(self.sent)

    def only(self, rows: NDArray[np.int64]) -> "Jobs":
        """Returns some of the jobs."""
        arrays = {name: value[rows] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        names = tuple(self.type_name[i] for i in rows.tolist())
        return Jobs(**{**vars(self), **arrays, "type_name": names})

    def does(self, price: Float64[np.ndarray, "j m"]) -> Int64[np.ndarray, " j"]:
        """Returns what every job does at a price for each option: the place of what it sends, -1 for a hold."""
        choice = _choice(self.utility, price, self.present)
        return np.where(choice.sends, choice.candidate, -1)


def read_jobs(store: Store, types: Sequence[EventType], shares: tuple[float, float, float, float]) -> Jobs:
    """Returns the rank jobs of a store, up to the last committed decision.

    Args:
        store: of an engine; may be open read-only.
        types: the event types of its engine.
        shares: of its exploration buckets.

    Raises:
        NotIdentifiable: there is no job that can be read.
    """
    until_us = int(store.load_meta("committed") or b"-1") + 1
    prices = _Prices(store)
    ranked = {each.name for each in types if each.ranked and not each.critical}
    told = sorted(_told(store, until_us, ranked, prices), key=lambda one: (one.user, one.at_us, one.record.turn))
    if not told:
        raise NotIdentifiable("got a store without a rank job at which something could be sent; let the engine run")
    jobs = _columns(told)
    return _readable(jobs, told, shares)


class _Told(NamedTuple):
    """A job on record: its user and instant, and whether a ranked message had gone out on its UTC day."""

    user: int
    at_us: int
    record: Decision
    spent: bool
    prices: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


class _Prices:
    """The thresholds of the control log, by version: low, mid and high of each (arm, segment, channel)."""

    def __init__(self, store: Store) -> None:
        self._controls: dict[int, Control] = {}
        for row in store.controls():
            record = decode(row.data) if row.key == "thresholds" else None
            if isinstance(record, Control):
                self._controls[row.version] = record

    def of(self, one: Decision) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
        """The prices by channel that were in force at a job, None if nobody knows."""
        if one.control_version == 0:  # before the first control all is free
            free = np.zeros(len(CHANNELS))
            return free, free, free
        control = self._controls.get(one.control_version)
        arms = control.value.get("arms", [one.arm]) if control else []
        if control is None or one.arm not in arms:
            return None
        shape, cell = control.value["shape"], (arms.index(one.arm), SEGMENTS.index(one.segment))
        low, mid, high = (
            np.asarray(control.value[name], dtype=np.float64).reshape(shape)[cell]
            for name in ("low", "threshold", "high")
        )
        return low, mid, high


def _told(store: Store, until_us: int, ranked: set[str], prices: _Prices) -> Iterator[_Told]:
    last_ranked_day: dict[int, int] = {}
    for row in store.decisions_between(0, until_us):
        record = decode(row.data) if row.action_code != _DROP else None
        if not isinstance(record, Decision):
            continue
        user, day = user_number(record.user_id), row.at_us // DAY_US
        codes = {reason.code for reason in record.reasons}
        owed = codes & {"transactional", "randomised_volume", "no_price"} or record.features.get("volume_slice", 0.0)
        known = prices.of(record)
        if record.feasible and not owed and known is not None:
            yield _Told(user, row.at_us, record, last_ranked_day.get(user) == day, known)
        if record.action == "send" and record.type in ranked:
            last_ranked_day[user] = day


def _columns(told: Sequence[_Told]) -> Jobs:
    most = max(len(one.record.feasible) for one in told)
    shape = len(told), most
    utility, low, mid, high = np.zeros((4, *shape))
    present, sent = np.zeros(shape, dtype=np.bool_), np.full(len(told), -1, dtype=np.int64)
    for row, (_, _, record, _, prices) in enumerate(told):
        options = sorted(record.feasible, key=lambda each: _tie(each.candidate_id, each.channel))
        where = [CHANNELS.index(each.channel) for each in options]
        present[row, : len(options)] = True
        utility[row, : len(options)] = [each.utility for each in options]
        for column, price in zip((low, mid, high), prices, strict=True):
            column[row, : len(options)] = price[where]
        if record.action == "send":
            names = [(each.candidate_id, each.channel) for each in options]
            sent[row] = names.index((str(record.candidate_id), record.channel or "email"))
    return Jobs(
        user=np.array([one.user for one in told], dtype=np.int64),
        at_us=np.array([one.at_us for one in told], dtype=np.int64),
        decision=np.array([int(one.record.decision_id, 16) for one in told], dtype=np.uint64),
        type_name=tuple(str(one.record.type) for one in told),
        channel=np.array([CHANNELS.index(one.record.channel or "email") for one in told], dtype=np.int64),
        utility=utility,
        low=low,
        mid=mid,
        high=high,
        present=present,
        sent=sent,
        bucket=np.array([explore.BUCKETS.index(_bucket(one.record)) for one in told], dtype=np.int64),
        by_bucket=np.zeros((len(told), len(explore.BUCKETS))),
        left_out=0,
    )


def _tie(candidate_id: str, where: str) -> tuple[int, str]:
    """Of equal surpluses the smaller key goes first, as in `policy/channel.py`."""
    return draws.key("candidate:" + candidate_id), where


def _bucket(record: Decision) -> explore.Bucket:
    for name in explore.BUCKETS:
        if name == record.bucket:
            return name
    raise NotIdentifiable(f"got a decision in the unknown bucket {record.bucket!r}; another version wrote it")


def _readable(jobs: Jobs, told: Sequence[_Told], shares: tuple[float, float, float, float]) -> Jobs:
    """The jobs with their chances, without the user-days on which these are not those on record."""
    low, high, mid = (_choice(jobs.utility, price, jobs.present) for price in (jobs.low, jobs.high, jobs.mid))
    channel_ = np.where(jobs.sent >= 0, 0, -1)
    spent = np.array([one.spent for one in told], dtype=np.bool_)
    chances = explore.action_probability(jobs.sent, channel_, low, high, mid, jobs.present[:, :, None], spent)
    here = np.arange(len(jobs))
    logged = np.array([one.record.action_probability for one in told])
    share = np.array([one.record.bucket_probability for one in told])
    same = np.isclose(chances[here, jobs.bucket], logged, atol=_CLOSE)
    same &= np.isclose(np.asarray(shares)[jobs.bucket], share, atol=_CLOSE)
    _, day = np.unique(np.stack([jobs.user, jobs.at_us // DAY_US]), axis=1, return_inverse=True)
    wrong = np.bincount(day, ~same)[day] > 0
    if wrong.all():
        raise NotIdentifiable(
            f"got {len(jobs)} rank jobs, of none of which the chances can be worked out; they were decided under other "
            "exploration shares or rules than those of the settings"
        )
    found = Jobs(**{**vars(jobs), "by_bucket": chances, "left_out": int(wrong.sum())})
    return found.only(np.flatnonzero(~wrong))


def _choice(utility: NDArray[np.float64], price: NDArray[np.float64], present: NDArray[np.bool_]) -> Choice:
    """The best option of each job at a price for each, by the engine's own rule (`channel_mode` best)."""
    n, m = utility.shape
    order = np.broadcast_to(np.arange(m, dtype=np.uint64), (n, m))
    surplus = (utility - price)[:, :, None]
    return channel.choose(surplus, np.zeros((n, 1)), present[:, :, None], order, np.zeros((n, m, 1), dtype=np.int64))
