"""The table of user states: one fixed-size row a user, and the kernels that fold inputs into it.

A row's bytes are the user's state; a store keeps them packed (`state_bytes.py`). Everything stored is in UTC and in
integers, so that the inputs that arrive between two timers commute: counts add, rings are sorted by (time, id),
profiles obey the last writer.
Local time, decay and budgets enter only when a timer fires (`runtime/steps.py`).
Deliberately not here: texts (ids, payloads), which the input log keeps.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any, Final, TypeAlias

import numpy as np
from jaxtyping import Float, Int, UInt
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.events.records import ACTIVE_KINDS, CHANNELS, KINDS
from tactful.features import slot_marks
from tactful.features.slot_marks import DAY_SLACK, MARK_BYTES, MARK_DAYS, PLANES
from tactful.features.state_bytes import unpacked
from tactful.kernel import kernel

N_CHANNELS: Final = len(CHANNELS)
EVERY_CHANNEL: Final = N_CHANNELS
"""The place of a suppression of everything; lifting it lifts nothing that was suppressed for one channel."""
ENGAGEMENTS: Final = 48
"""Recent engagements kept per user: what the match and recency features look back on."""
SENDS: Final = 32
"""Recent sends kept per user: enough for a week at four a day, the largest cap window."""
POOL: Final = 16
"""Open candidates kept per user; beyond it the lowest priority, then the oldest, is dropped."""
TOMBSTONES: Final = 4
JOBS: Final = 12
SLOTS: Final = 24
BINS: Final = 48
"""Half hours of the UTC day: whole-hour and half-hour zones both fall on bin edges."""
DAYS: Final = 64
"""Days of activity kept; 56 are read (28, and the 28 before), the rest is slack for inputs ahead of a timer."""
COUNT_UNIT: Final = 1024
"""One session in `slot_counts`, so that integer decay keeps a thousandth of a session."""
NEVER: Final = int(np.iinfo(np.int64).max)

SENT_RANKED: Final = 1
SENT_FORCED: Final = 2
SENT_CRITICAL: Final = 4
SENT_FAILED: Final = 8
"""Reached nobody; taken back with the next plan, which is due at once."""

CANDIDATE_OPEN: Final = 0
CANDIDATE_CANCELLED: Final = 1

ROW: Final = np.dtype(
    [
        ("user_key", "u8"),
        # profile: last writer by (log, hash)
        ("profile_log", "i8"),
        ("profile_hash", "u8"),
        ("profile_offset", "i8"),
        ("zone", "i2"),
        ("quiet_start", "i2"),
        ("quiet_end", "i2"),
        ("addresses", "u1"),
        ("opt_in", "u1"),
        # group of the e-mail address's provider (`mailbox.py`)
        ("mailbox", "u1"),
        # suppressions by their last writer, one bit a channel and one for all; blocked: the channels they close
        ("suppressed", "u1"),
        ("suppressed_log", "i8", (N_CHANNELS + 1,)),
        ("blocked", "u1"),
        ("type_opt_out", "u8"),
        ("wish", "i2"),
        ("signup", "i8"),
        # behaviour
        ("slot_counts", "i4", (BINS,)),
        ("active_base", "i4"),
        ("active_days", "u2", (DAYS,)),
        # half hours by plane and UTC day, a bit each (`slot_marks.py`); marked_from: the first day on record
        ("marked_from", "i4"),
        ("marks", "u1", (len(PLANES), MARK_DAYS, MARK_BYTES)),
        ("n_sends", "i4", (N_CHANNELS,)),
        ("n_clicks", "i4", (N_CHANNELS,)),
        ("n_opens", "i4", (N_CHANNELS,)),
        # engagement ring, ascending by (at, key)
        ("e_len", "i2"),
        ("e_at", "i8", (ENGAGEMENTS,)),
        ("e_key", "u8", (ENGAGEMENTS,)),
        ("e_log", "i8", (ENGAGEMENTS,)),
        ("e_hash", "u8", (ENGAGEMENTS,)),
        ("e_kind", "i1", (ENGAGEMENTS,)),
        ("e_channel", "i1", (ENGAGEMENTS,)),
        ("e_category", "i4", (ENGAGEMENTS,)),
        # send ring, ascending by time
        ("s_len", "i2"),
        ("s_at", "i8", (SENDS,)),
        ("s_type", "i2", (SENDS,)),
        ("s_channel", "i1", (SENDS,)),
        ("s_category", "i4", (SENDS,)),
        ("s_flags", "u1", (SENDS,)),
        # pool, by falling priority, then newest, then key
        ("c_len", "i2"),
        ("c_key", "u8", (POOL,)),
        ("c_offset", "i8", (POOL,)),
        ("c_log", "i8", (POOL,)),
        ("c_hash", "u8", (POOL,)),
        ("c_type", "i2", (POOL,)),
        ("c_created", "i8", (POOL,)),
        ("c_expires", "i8", (POOL,)),
        ("c_wake", "i8", (POOL,)),
        ("c_group", "u8", (POOL,)),
        ("c_cancel", "u8", (POOL,)),
        ("c_category", "i4", (POOL,)),
        ("c_quality", "f4", (POOL,)),
        ("c_priority", "f4", (POOL,)),
        ("c_state", "u1", (POOL,)),
        ("c_tried", "u1", (POOL,)),
        ("c_sent", "i8", (POOL,)),
        # cancels whose candidate may still come, descending by (log, key)
        ("x_key", "u8", (TOMBSTONES,)),
        ("x_log", "i8", (TOMBSTONES,)),
        # budget: the assigned one by its last writer, the one in force by the daily plan
        ("k", "i2"),
        ("k_log", "i8"),
        ("k_hash", "u8"),
        ("k_now", "i2"),
        ("k_period", "i4"),
        ("k_random", "u1"),
        ("tokens", "f8"),
        ("tokens_at", "i8"),
        # the plan of the local day; written by timers only
        ("plan_day", "i4"),
        ("planned_at", "i8"),
        ("segment", "i1"),
        ("quota", "i2"),
        ("explores", "u1"),
        ("slot_p", "f4", (SLOTS,)),
        ("slot_random", "u1"),
        ("job_at", "i8", (JOBS,)),
        ("job_p", "f4", (JOBS,)),
        ("last_job", "i8"),
        ("turn", "i2"),
        ("next_plan", "i8"),
        ("feasible_jobs", "i2"),
    ]
)

Layout: TypeAlias = list[tuple[str, str, tuple[int, ...]]]

ACTIVE: Final[NDArray[np.bool_]] = np.array([kind in ACTIVE_KINDS for kind in KINDS])
"""By index of the kind: whether it shows the person in the app."""
_SESSION: Final = KINDS.index("session")
_OPEN: Final = KINDS.index("open")
_CLICK: Final = KINDS.index("click")
_ALL_BITS: Final = (1 << N_CHANNELS) - 1
_LEAVING: Final[NDArray[np.bool_]] = np.array([kind in ("unsubscribe", "disable", "complaint") for kind in KINDS])
_BOUNCE: Final = KINDS.index("bounce")
_UNINSTALL: Final = KINDS.index("uninstall")
FAILURE: Final = KINDS.index("failure")

APPLIED: Final = 0
DUPLICATE: Final = 1
CONFLICT_LOST: Final = 2
CONFLICT_WON: Final = 3
EVICTED: Final = 4


@dataclass(frozen=True)
class EngagementRows:
    """Engagements as columns. `at_us` is the client's own time, no later than `log_us`; `value` seconds or money."""

    row: Int[np.ndarray, " m"]
    at_us: Int[np.ndarray, " m"]
    key: UInt[np.ndarray, " m"]
    log_us: Int[np.ndarray, " m"]
    hash: UInt[np.ndarray, " m"]
    kind: Int[np.ndarray, " m"]
    channel: Int[np.ndarray, " m"]
    category: Int[np.ndarray, " m"]
    value: Float[np.ndarray, " m"]


def take(columns: Any, index: NDArray[Any]) -> Any:
    """Returns the same dataclass of columns with the chosen rows, in the order of `index`."""
    return type(columns)(**{name: value[index] for name, value in vars(columns).items()})


_LOADED_AT_ONCE: Final = 256
"""Stored rows turned into the table's at once: a megabyte, so that opening leaves no large holes in memory."""


class UserTable:
    """All user states as one structured array that grows by doubling; `rows[field]` is a column view.

    >>> table = UserTable()
    >>> table.ensure(np.array([7, 9], dtype=np.uint64), np.array([0, 0]))
    array([0, 1])
    """

    def __init__(self) -> None:
        self._data: NDArray[Any] = np.zeros(64, dtype=ROW)
        self._row_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._row_of)

    @property
    def rows(self) -> NDArray[Any]:
        """The live rows; the view is stale after the next `ensure`."""
        return self._data[: len(self._row_of)]

    def find(self, user_key: int) -> int | None:
        """Returns the row of a user, or None."""
        return self._row_of.get(user_key)

    def rows_of(self, user_keys: UInt[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """Returns the row of each user key, -1 where there is none; a million take a tenth of a second.

        >>> UserTable().rows_of(np.array([7], dtype=np.uint64))
        array([-1])
        """
        found = map(self._row_of.get, user_keys.tolist(), repeat(-1))
        return np.fromiter(found, dtype=np.int64, count=len(user_keys))

    def ensure(self, user_keys: UInt[np.ndarray, " m"], log_us: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """Returns the row of each user key and makes the missing ones, first seen at `log_us`."""
        found = self._row_of
        rows = np.empty(len(user_keys), dtype=np.int64)
        for i, user in enumerate(user_keys.tolist()):
            row = found.get(user)
            if row is None:
                row = self._add(user, int(log_us[i]))
            rows[i] = row
        return rows

    def _add(self, user_key: int, log_us: int) -> int:
        row = len(self._row_of)
        self._reserve(row + 1)
        self._row_of[user_key] = row
        fresh = self._data[row : row + 1]
        _begin(fresh)
        fresh["user_key"] = user_key
        fresh["signup"] = fresh["next_plan"] = log_us
        fresh["active_base"] = fresh["marked_from"] = log_us // DAY_US
        return row

    def load(self, blobs: Iterable[bytes], layout: Layout, packed: bool = False) -> None:
        """Replaces the table by stored rows, in their order, whatever version of the row wrote them.

        Args:
            blobs: one row's bytes each, or, if `packed`, what `state_bytes.packed` made of them.
            layout: what `layout()` said when they were written. Fields are matched by name; a field that is new
                since begins as for a new user, one that is gone is left out.

        Raises:
            StoreError: a packed row is damaged.
        """
        kind, left = np.dtype([(n, t, tuple(s)) for n, t, s in layout]), iter(blobs)
        self._data, n = np.zeros(64, dtype=ROW), 0
        while some := list(islice(left, _LOADED_AT_ONCE)):
            stored = unpacked(some, kind) if packed else np.frombuffer(b"".join(some), dtype=kind)
            self._reserve(n + len(stored))
            part = self._data[n : n + len(stored)]
            _begin(part)
            for name in set(ROW.names or ()) & set(kind.names or ()):
                part[name] = stored[name]
            if "marked_from" not in (kind.names or ()):
                part["marked_from"] = stored["active_base"]  # what came before left no marks
            n += len(stored)
        self._row_of = {user: i for i, user in enumerate(self._data["user_key"][:n].tolist())}

    def _reserve(self, n: int) -> None:
        """Makes room for n rows, by doubling."""
        while n > len(self._data):
            grown = np.zeros(2 * len(self._data), dtype=ROW)
            grown[: len(self._data)] = self._data
            self._data = grown


def layout() -> Layout:
    """Returns the fields of a row as (name, type, shape): what a later version needs to read today's bytes."""
    fields = []
    for name in ROW.names or ():
        base, shape = ROW[name].base, ROW[name].shape
        fields.append((name, base.str, tuple(shape)))
    return fields


def _begin(rows: NDArray[Any]) -> None:
    """Sets what a new user does not begin with at 0."""
    rows["quiet_start"] = rows["quiet_end"] = -1
    rows["profile_log"] = rows["profile_offset"] = rows["k_log"] = rows["plan_day"] = -1
    rows["suppressed_log"] = rows["x_log"] = -1
    rows["k"] = rows["k_now"] = rows["k_period"] = rows["wish"] = -1
    rows["tokens_at"] = -1
    rows["job_at"] = NEVER
    rows["job_p"] = 1.0
    rows["last_job"] = -1


def observe(table: NDArray[Any], events: EngagementRows) -> Int[np.ndarray, " m"]:
    """Folds engagements into the rows; returns a status for each (`APPLIED`, `DUPLICATE`, `CONFLICT_*`).

    Of equal ids with different content the smallest (log time, content hash) wins, whichever came first.
    """
    status = np.empty(len(events.row), dtype=np.int64)
    if len(status):
        _observe(
            table["e_len"], table["e_at"], table["e_key"], table["e_log"], table["e_hash"], table["e_kind"],
            table["e_channel"], table["e_category"], table["slot_counts"], table["active_base"],
            table["active_days"], table["n_clicks"], table["n_opens"], events.row, events.at_us, events.key,
            events.log_us, events.hash, events.kind, events.channel, events.category, ACTIVE, status,
        )  # fmt: skip
        slot_marks.mark(table["marks"], table["active_base"], events.row, events.at_us, events.kind, events.value)
        _leave(table, events)
        _fail(table, events)
    return status


def _leave(table: NDArray[Any], events: EngagementRows) -> None:
    """Who leaves a channel, or every one without naming it, is blocked there; an uninstall leaves only e-mail."""
    leaving = _LEAVING[events.kind] | ((events.kind == _BOUNCE) & (events.channel >= 0))
    if leaving.any():
        place = np.where(events.channel[leaving] >= 0, events.channel[leaving], EVERY_CHANNEL)
        suppress(table, events.row[leaving], place, events.log_us[leaving], lifted=False)
    gone = events.kind == _UNINSTALL
    if gone.any():
        for channel in range(1, N_CHANNELS):
            suppress(table, events.row[gone], np.full(gone.sum(), channel), events.log_us[gone], lifted=False)


def _fail(table: NDArray[Any], events: EngagementRows) -> None:
    """Marks the send that failed, by its instant and channel; her day is planned anew from when that is known."""
    for i in np.flatnonzero(events.kind == FAILURE).tolist():
        r = events.row[i]
        sent = np.arange(SENDS) < table["s_len"][r]
        failed = sent & (table["s_at"][r] == events.at_us[i]) & (table["s_channel"][r] == events.channel[i])
        if failed.any():
            table["s_flags"][r, failed] |= SENT_FAILED
            table["next_plan"][r] = min(int(table["next_plan"][r]), int(events.log_us[i]))


def suppress(
    table: NDArray[Any],
    row: Int[np.ndarray, " m"],
    channel: Int[np.ndarray, " m"],
    log_us: Int[np.ndarray, " m"],
    *,
    lifted: bool,
) -> None:
    """Blocks a channel of each user (or `EVERY_CHANNEL`), or lifts that block.

    The last writer by log time wins, a block over a lift.
    """
    for r, c, log in zip(row.tolist(), channel.tolist(), log_us.tolist(), strict=True):
        last, held = int(table["suppressed_log"][r, c]), int(table["suppressed"][r])
        if log > last or (log == last and not lifted):
            held = held & ~(1 << c) if lifted else held | (1 << c)
            table["suppressed_log"][r, c], table["suppressed"][r] = log, held
            table["blocked"][r] = _ALL_BITS if held >> EVERY_CHANNEL else held


@kernel
def _observe(
    e_len: NDArray[Any], e_at: NDArray[Any], e_key: NDArray[Any], e_log: NDArray[Any], e_hash: NDArray[Any],
    e_kind: NDArray[Any], e_channel: NDArray[Any], e_category: NDArray[Any], slot_counts: NDArray[Any],
    active_base: NDArray[Any], active_days: NDArray[Any], n_clicks: NDArray[Any], n_opens: NDArray[Any],
    rows: NDArray[Any], at: NDArray[Any], key: NDArray[Any], log: NDArray[Any], content: NDArray[Any],
    kind: NDArray[Any], channel: NDArray[Any], category: NDArray[Any], active: NDArray[Any],
    status: NDArray[Any],
) -> None:  # fmt: skip
    size = e_at.shape[1]
    bins = slot_counts.shape[1]
    bin_us = 86_400_000_000 // bins
    for i in range(len(rows)):
        r = rows[i]
        n = e_len[r]
        found = -1
        for j in range(n - 1, -1, -1):
            if e_key[r, j] == key[i]:
                found = j
                break
        status[i] = 0
        if found >= 0:
            if e_log[r, found] == log[i] and e_hash[r, found] == content[i]:
                status[i] = 1
                continue
            if e_hash[r, found] == content[i] and e_log[r, found] < log[i]:
                status[i] = 1
                continue
            keeps = e_log[r, found] < log[i] or (e_log[r, found] == log[i] and e_hash[r, found] < content[i])
            if keeps:
                status[i] = 2
                continue
            status[i] = 1 if e_hash[r, found] == content[i] else 3
        # the loser's counts are taken back, the winner's are added
        for sign in (-1, 1):
            if sign == -1 and found < 0:
                continue
            a = e_at[r, found] if sign == -1 else at[i]
            what = e_kind[r, found] if sign == -1 else kind[i]
            where = e_channel[r, found] if sign == -1 else channel[i]
            day = a // 86_400_000_000
            if what == _SESSION:
                slot_counts[r, (a % 86_400_000_000) // bin_us] += sign * COUNT_UNIT
            if active[what]:
                base = active_base[r]
                if base + DAY_SLACK - DAYS < day <= base + DAY_SLACK:
                    active_days[r, day % DAYS] += sign
            if where >= 0 and what == _CLICK:
                n_clicks[r, where] += sign
            if where >= 0 and what == _OPEN:
                n_opens[r, where] += sign
        if found >= 0:
            for j in range(found, n - 1):
                _copy(e_at, e_key, e_log, e_hash, e_kind, e_channel, e_category, r, j, j + 1)
            n -= 1
        # the place by (at, key); a full ring gives up its oldest
        place = n
        while place > 0 and (
            e_at[r, place - 1] > at[i] or (e_at[r, place - 1] == at[i] and e_key[r, place - 1] > key[i])
        ):
            place -= 1
        if n == size:
            if place == 0:
                continue
            for j in range(place - 1):
                _copy(e_at, e_key, e_log, e_hash, e_kind, e_channel, e_category, r, j, j + 1)
            place -= 1
        else:
            for j in range(n, place, -1):
                _copy(e_at, e_key, e_log, e_hash, e_kind, e_channel, e_category, r, j, j - 1)
            n += 1
        e_at[r, place] = at[i]
        e_key[r, place] = key[i]
        e_log[r, place] = log[i]
        e_hash[r, place] = content[i]
        e_kind[r, place] = kind[i]
        e_channel[r, place] = channel[i]
        e_category[r, place] = category[i]
        e_len[r] = n


@kernel
def _copy(
    e_at: NDArray[Any], e_key: NDArray[Any], e_log: NDArray[Any], e_hash: NDArray[Any], e_kind: NDArray[Any],
    e_channel: NDArray[Any], e_category: NDArray[Any], r: int, to: int, source: int,
) -> None:  # fmt: skip
    """Copies one entry of the engagement ring of row r to another place."""
    e_at[r, to] = e_at[r, source]
    e_key[r, to] = e_key[r, source]
    e_log[r, to] = e_log[r, source]
    e_hash[r, to] = e_hash[r, source]
    e_kind[r, to] = e_kind[r, source]
    e_channel[r, to] = e_channel[r, source]
    e_category[r, to] = e_category[r, source]
