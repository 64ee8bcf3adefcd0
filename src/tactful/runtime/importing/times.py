"""Turns a column of times into instants, whatever notation it is in; a time of unknown zone is a fault.

Texts in the usual notation are read as arrays, unusual ones (`20171001T080000Z`) one by one.
"""

from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int64

from tactful.clock import EPOCH, SECOND_US, to_us
from tactful.features.context import Zones
from tactful.runtime.importing.mapping import Time

EARLIEST_US, LATEST_US = 631_152_000_000_000, 4_102_444_800_000_000
"""1990 and 2100: a time beyond them was most likely read in the wrong unit."""

Faults: TypeAlias = "list[tuple[Bool[np.ndarray, ' n'], str]]"
"""Rows without an instant, by reason."""

_UNIT_US = {"s": SECOND_US, "ms": 1_000, "us": 1}
_USUAL = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[-+]\d\d:\d\d)?$"
_OFFSET = r"(Z|[-+]\d\d:\d\d)$"
_WHOLE = r"^-?\d{1,18}$"
_DECIMAL = r"^-?\d{1,18}(\.\d+)?([eE]\+?\d\d?)?$"
_DAY_S = 86_400


class _Read(NamedTuple):
    """What was read of each row; where `naive`, `at_us` is what the wall clock showed."""

    at_us: Int64[np.ndarray, " n"]
    missing: Bool[np.ndarray, " n"]
    naive: Bool[np.ndarray, " n"]
    bad: Bool[np.ndarray, " n"]


def instants(column: Any, time: Time) -> tuple[Int64[np.ndarray, " n"], Faults]:
    """Returns microseconds since 1970 UTC, and which rows have none, by reason.

    Args:
        column: an Arrow array of numbers (in `time.unit`), texts (numbers, or ISO 8601) or timestamps.
        time: the unit, and the zone of times that carry none.
    """
    if pa.types.is_timestamp(column.type):
        read = _read_timestamps(column)
    elif time.unit == "iso":
        read = _read_iso(column)
    else:
        read = _read_numbers(column, _UNIT_US[time.unit])
    at_us, missing, naive, bad = read
    expected = "an ISO 8601 time; set time.unit for numbers" if time.unit == "iso" else "a finite number"
    out = (at_us < EARLIEST_US) | (at_us > LATEST_US)
    faults = [
        (missing, "time: missing"),
        (bad, f"time: not {expected}"),
        (out, "time: not between 1990 and 2100; is time.unit right?"),
    ]
    at_us = np.clip(at_us, EARLIEST_US, LATEST_US)
    if time.timezone is None:
        faults.append((naive, "time: no time zone; write an offset, or set time.timezone in the mapping"))
        return at_us, faults
    return np.where(naive, _instants_of_wall(at_us, time.timezone), at_us), faults


def _read_timestamps(column: Any) -> _Read:
    no, zone = np.zeros(len(column), dtype=np.bool_), column.type.tz
    in_us = column.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64())
    return _Read(_array(pc.fill_null(in_us, 0)), _array(column.is_null()), no | (zone is None), no)


def _read_numbers(column: Any, unit_us: int) -> _Read:
    no, missing = np.zeros(len(column), dtype=np.bool_), _array(column.is_null())
    bad = no
    if pa.types.is_string(column.type):
        texts = pc.utf8_trim_whitespace(pc.fill_null(column, ""))
        bad = ~_array(pc.match_substring_regex(texts, _DECIMAL)) & ~missing
        whole = bool(_array(pc.match_substring_regex(texts, _WHOLE)).all())
        column = pc.if_else(bad | missing, "0", texts).cast(pa.int64() if whole else pa.float64())
    if pa.types.is_integer(column.type):
        numbers = _array(pc.fill_null(column, 0)).astype(np.int64)
        within = np.clip(numbers, EARLIEST_US // unit_us - 1, LATEST_US // unit_us + 1)
        return _Read(within * unit_us, missing, no, bad)
    decimals = _array(pc.fill_null(column.cast(pa.float64()), 0.0))
    bad = bad | ~np.isfinite(decimals)
    in_us = np.clip(np.where(bad, 0.0, decimals) * unit_us, EARLIEST_US - SECOND_US, LATEST_US + SECOND_US)
    return _Read(np.rint(in_us).astype(np.int64), missing, no, bad)


def _read_iso(column: Any) -> _Read:
    texts = pc.utf8_trim_whitespace(pc.fill_null(column.cast(pa.string()), ""))
    missing = _array(pc.equal(texts, ""))
    usual = _array(pc.match_substring_regex(texts, _USUAL))
    zoned = usual & _array(pc.match_substring_regex(texts, _OFFSET))
    at_us = np.zeros(len(texts), dtype=np.int64)
    naive, slow = usual & ~zoned, ~usual & ~missing
    for where, kind in ((zoned, pa.timestamp("us", "UTC")), (usual & ~zoned, pa.timestamp("us"))):
        try:
            at_us[where] = _array(texts.filter(pa.array(where)).cast(kind).cast(pa.int64()))
        except pa.ArrowInvalid:  # a 30 February somewhere: find it
            slow = slow | where
    bad = np.zeros(len(texts), dtype=np.bool_)
    for row in np.flatnonzero(slow):
        at_us[row], naive[row], bad[row] = _read_one(texts[int(row)].as_py())
    return _Read(at_us, missing, naive, bad)


def _read_one(text: str) -> tuple[int, bool, bool]:
    """Instant or wall time, whether it is naive, and whether it is no time at all."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return 0, False, True
    naive = at.tzinfo is None
    return to_us(at.replace(tzinfo=EPOCH.tzinfo) if naive else at), naive, False


def _instants_of_wall(wall_us: Int64[np.ndarray, " n"], timezone: str) -> Int64[np.ndarray, " n"]:
    """Instants of what a wall clock showed: a slot that is one second long starts when the clock shows it."""
    wall_s = wall_us // SECOND_US
    zone = np.zeros(len(wall_s), dtype=np.int64)
    start_us, _ = Zones.of((timezone,)).slot_start_us(zone, wall_s // _DAY_S, wall_s % _DAY_S, slots=_DAY_S)
    at_us: Int64[np.ndarray, " n"] = start_us + wall_us % SECOND_US
    return at_us


def _array(column: Any) -> Any:
    return column.to_numpy(zero_copy_only=False)
