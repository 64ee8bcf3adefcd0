"""Local time of many users at once: local days, minutes and slots from instants, and back.

The rules come from the IANA data base through `zoneinfo`; here they are laid out as sorted arrays, so that a
million users in a hundred zones cost one binary search each. Holidays and day types are not here.
"""

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
from jaxtyping import Bool, Int, Int64

from tactful.clock import DAY_US, MINUTE_US, SECOND_US
from tactful.errors import UnknownTimeZone

_FIRST_S, _LAST_S = 946_684_800, 2_208_988_800  # 2000-01-01 and 2040-01-01 UTC, seconds since 1970
_STEP_S = 2 * 86_400  # shorter than any spell between two changes on record (Boa Vista 2000: a week)
_ORIGIN_US = (_FIRST_S - 86_400) * SECOND_US
_SPAN_US = 1 << 51  # 71 years; a zone's index times this span leaves 4,096 zones in 63 bits
_LONG_AGO_US = -(1 << 62)


@dataclass(frozen=True, eq=False, slots=True)
class Zones:
    """Time zones by index, ready for arrays. From 2000 to 2040 they agree with `zoneinfo` to the microsecond.

    Before 2000 a zone keeps its offset at the start of that year, from 2040 on the one at the end of 2039.
    All methods broadcast; `zone` holds indices into `names`, instants are int64 microseconds since 1970 UTC
    (`_us`), a local day is the number of days from 1970-01-01 to the local date.

    A *spell* is a stretch of one zone with one offset. The spells of all zones lie one after the other in
    `_begin_us` and `_offset_us`; the two key arrays shift each zone by a span of its own, so that one
    `searchsorted` serves them all.

    >>> zones = Zones.of(("UTC", "America/Sao_Paulo"))
    >>> noon = np.array([12 * 3_600_000_000 + 17_000 * DAY_US])
    >>> int(zones.local_minute(np.array([1]), noon)[0]) // 60
    9
    """

    names: tuple[str, ...]
    _begin_us: Int64[np.ndarray, " spells"]
    _offset_us: Int64[np.ndarray, " spells"]
    _begin_key: Int64[np.ndarray, " spells"]
    _wall_end_key: Int64[np.ndarray, " spells"]

    @staticmethod
    def of(names: tuple[str, ...]) -> "Zones":
        """Returns the zones in this order.

        Raises:
            UnknownTimeZone: for a name that is not in the IANA data base; it hints at the nearest one.
        """
        spells = [_spells(name) for name in names]
        begin = [np.concatenate([[_LONG_AGO_US], starts[1:]]) for starts, _ in spells]
        shift = [index * _SPAN_US - _ORIGIN_US for index in range(len(names))]
        wall_end = [
            np.append(starts[1:] + offsets[:-1] + s, s + _SPAN_US + _ORIGIN_US)
            for (starts, offsets), s in zip(spells, shift, strict=True)
        ]
        return Zones(
            names,
            _joined(begin),
            _joined([offsets for _, offsets in spells]),
            _joined([starts + s for (starts, _), s in zip(spells, shift, strict=True)]),
            _joined(wall_end),
        )

    def with_zone(self, name: str) -> "Zones":
        """Returns the same zones with one more at the end; the same object if it is there already."""
        return self if name in self.names else Zones.of((*self.names, name))

    def index(self, name: str) -> int:
        """Returns the index of a zone by name.

        Raises:
            UnknownTimeZone: if it was never added.
        """
        if name not in self.names:
            raise UnknownTimeZone(f"got zone {name!r}, which was not added; call with_zone first")
        return self.names.index(name)

    def local_us(self, zone: Int[np.ndarray, "*#n"], at_us: Int64[np.ndarray, "*#n"]) -> Int64[np.ndarray, "*n"]:
        """Returns what the wall clock shows, as microseconds since 1970-01-01 00:00 local."""
        within = np.clip(at_us - _ORIGIN_US, DAY_US, _SPAN_US - 1)
        spell = np.searchsorted(self._begin_key, _keys(zone) + within, side="right") - 1
        local: Int64[np.ndarray, "*n"] = at_us + self._offset_us[spell]
        return local

    def local_day(self, zone: Int[np.ndarray, "*#n"], at_us: Int64[np.ndarray, "*#n"]) -> Int64[np.ndarray, "*n"]:
        """Returns the local date as days since 1970-01-01."""
        return self.local_us(zone, at_us) // DAY_US

    def local_minute(self, zone: Int[np.ndarray, "*#n"], at_us: Int64[np.ndarray, "*#n"]) -> Int64[np.ndarray, "*n"]:
        """Returns the minute that the wall clock shows, 0..1439."""
        return self.local_us(zone, at_us) % DAY_US // MINUTE_US

    def day_start_us(self, zone: Int[np.ndarray, "*#n"], day: Int[np.ndarray, "*#n"]) -> Int64[np.ndarray, "*n"]:
        """Returns the first instant of a local day.

        Where midnight does not exist (Sao Paulo, 2017-10-15) that is 01:00; a day that was skipped (Apia,
        2011-12-30) starts where the next one does and has no length.
        """
        return self._first_us(zone, day.astype(np.int64) * DAY_US)[0]

    def slot_start_us(
        self,
        zone: Int[np.ndarray, "*#n"],
        day: Int[np.ndarray, "*#n"],
        slot: Int[np.ndarray, "*#n"],
        slots: int = 24,
    ) -> tuple[Int64[np.ndarray, "*n"], Bool[np.ndarray, "*n"]]:
        """Returns the start of a local slot, and whether any of the slot exists on that day.

        Slot s of K covers the wall clock from s/K to (s + 1)/K of the day. One that is repeated when clocks
        go back starts at its first occurrence. Of one that clocks going forward cut, the part that is left
        counts; one that they skip wholly does not exist, and its start is the end of the gap.
        """
        midnight, number = day.astype(np.int64) * DAY_US, slot.astype(np.int64)
        start_us, first_wall = self._first_us(zone, midnight + number * DAY_US // slots)
        return start_us, first_wall < midnight + (number + 1) * DAY_US // slots

    def slots_of_days(
        self, zone: Int[np.ndarray, " n"], day: Int[np.ndarray, " n"], slots: int = 24
    ) -> tuple[Int64[np.ndarray, "n K"], Bool[np.ndarray, "n K"]]:
        """Returns `slot_start_us` of every slot of each local day; it looks up each zone's day once only."""
        pair, place = np.unique(day.astype(np.int64) * len(self.names) + zone, return_inverse=True)
        days, zones = np.divmod(pair, len(self.names))
        start_us, exists = self.slot_start_us(zones[:, None], days[:, None], np.arange(slots)[None, :], slots)
        return start_us[place], exists[place]

    def _first_us(
        self, zone: Int[np.ndarray, "*#n"], wall_us: Int64[np.ndarray, "*#n"]
    ) -> tuple[Int64[np.ndarray, "*n"], Int64[np.ndarray, "*n"]]:
        """The first instant at which the wall clock shows this or, where a gap hides it, the gap's end.

        Also what the clock shows then. The ends of spells on the wall clock ascend, so the first spell that
        ends after the wall time either holds it or begins beyond it, behind a gap.
        """
        within = np.clip(wall_us - _ORIGIN_US, 0, _SPAN_US - 1)
        spell = np.searchsorted(self._wall_end_key, _keys(zone) + within, side="right")
        offset = self._offset_us[spell]
        instant = np.maximum(wall_us - offset, self._begin_us[spell])
        return instant, instant + offset


def weekday(day: Int[np.ndarray, "*n"]) -> Int64[np.ndarray, "*n"]:
    """Returns the day of the week of a local day, 0 = Monday.

    >>> weekday(np.array([0, 4])).tolist()  # 1970-01-01 was a Thursday
    [3, 0]
    """
    return (day.astype(np.int64) + 3) % 7


def _keys(zone: Int[np.ndarray, "*n"]) -> Int64[np.ndarray, "*n"]:
    return zone.astype(np.int64) * _SPAN_US


def _joined(parts: list[Int64[np.ndarray, " _"]]) -> Int64[np.ndarray, " _"]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


@lru_cache(maxsize=1024)
def _spells(name: str) -> tuple[Int64[np.ndarray, " spells"], Int64[np.ndarray, " spells"]]:
    """Start (UTC) and offset of each spell of a zone from 2000 to 2040, in microseconds."""
    zone = _zone(name)
    starts, offsets = [_FIRST_S], [_offset_s(zone, _FIRST_S)]
    for step in range(_FIRST_S, _LAST_S, _STEP_S):
        end = min(step + _STEP_S, _LAST_S)
        while _offset_s(zone, end) != offsets[-1]:
            change = _first_change(zone, max(step, starts[-1]), end, offsets[-1])
            starts.append(change)
            offsets.append(_offset_s(zone, change))
    return np.array(starts, dtype=np.int64) * SECOND_US, np.array(offsets, dtype=np.int64) * SECOND_US


def _first_change(zone: ZoneInfo, low: int, high: int, offset: int) -> int:
    """Bisects for a second in (low, high] at which the zone leaves the offset that it has at `low`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset_s(zone, middle) == offset else (low, middle)
    return high


def _offset_s(zone: ZoneInfo, at_s: int) -> int:
    offset = datetime.fromtimestamp(at_s, zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds())


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = {zone.casefold(): zone for zone in sorted(available_timezones())}
        near = get_close_matches(name.casefold().replace(" ", "_"), known, n=1)
        hint = f"did you mean {known[near[0]]!r}?" if near else "see the list of IANA time zones"
        raise UnknownTimeZone(
            f"got time zone {name!r}, expected an IANA name such as 'Europe/Berlin'; {hint}"
        ) from None
