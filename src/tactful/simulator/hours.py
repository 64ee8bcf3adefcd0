"""When people come: archetypes of the day, work and rest days, and everyone's own mixture of two of them.

Two curves a person: *visits* (when she comes by herself) and *looks* (when she looks at messages). They mix
the same two archetypes with swapped weights, so that the hour in which she would come anyway is not the best
hour to send.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from jaxtyping import Float32, Int16, Int64
from numpy.typing import NDArray

from tactful.clock import MINUTE_US, from_us
from tactful.kernel import kernel
from tactful.simulator.constants import ARCHETYPES, LEAST_RATE
from tactful.simulator.users import People


def _week_tables() -> Float32[np.ndarray, "archetypes 2 24"]:
    """The rate in every hour relative to an average hour, mean 1 over five work days and two rest days.

    After the archetypes comes one to whom every hour is like another (`users.NO_HOURS`).
    """
    hours = np.arange(24)
    tables = np.ones((len(ARCHETYPES) + 1, 2, 24))
    for a, (work, rest) in enumerate(ARCHETYPES):
        for day, peaks in enumerate((work, rest)):
            distance = [np.abs((hours - at + 12.0) % 24.0 - 12.0) for at, _, _ in peaks]
            bumps = [w * np.exp(-0.5 * (d / s) ** 2) for d, (_, s, w) in zip(distance, peaks, strict=True)]
            tables[a, day] = np.sum(bumps, axis=0)
        tables[a] /= (5.0 * tables[a, 0].mean() + 2.0 * tables[a, 1].mean()) / 7.0
    return (LEAST_RATE + (1.0 - LEAST_RATE) * tables).astype(np.float32)


TABLES = _week_tables()


def zone_minutes(zones: tuple[str, ...], at_us: int) -> Int16[np.ndarray, " zones"]:
    """Returns each zone's offset from UTC at an instant, minutes; summer time included."""
    at = from_us(at_us)
    return np.array([_offset(at, name) for name in zones], dtype=np.int16)


def _offset(at: datetime, zone: str) -> int:
    offset = at.astimezone(ZoneInfo(zone)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) // 60


def local_minutes(
    at_us: Int64[np.ndarray, " m"], zone: Int16[np.ndarray, " m"], offsets: Int16[np.ndarray, " zones"]
) -> Int64[np.ndarray, " m"]:
    """Returns local wall time as minutes since 1970."""
    minutes: Int64[np.ndarray, " m"] = at_us // MINUTE_US + offsets[zone].astype(np.int64)
    return minutes


def visit_curve(
    people: People, users: Int64[np.ndarray, " m"], local_hour: Int64[np.ndarray, " m"]
) -> Float32[np.ndarray, " m"]:
    """Returns the rate of visits of `users` in local hours (since 1970) relative to their average hour."""
    return _curve(TABLES, people, users, local_hour, people.mix[users])


def look_curve(
    people: People, users: Int64[np.ndarray, " m"], local_hour: Int64[np.ndarray, " m"]
) -> Float32[np.ndarray, " m"]:
    """Returns how much more than on average `users` look at messages in local hours (since 1970)."""
    return _curve(TABLES, people, users, local_hour, np.float32(1.0) - people.mix[users])


def _curve(
    tables: Float32[np.ndarray, "archetypes 2 24"],
    people: People,
    users: Int64[np.ndarray, " m"],
    local_hour: Int64[np.ndarray, " m"],
    mix: Float32[np.ndarray, " m"],
) -> Float32[np.ndarray, " m"]:
    out = np.empty(len(users), np.float32)
    a, b, shift = people.archetype_a[users], people.archetype_b[users], people.shift_hours[users]
    _fill_curve(out, tables, a, b, mix, shift, local_hour)
    return out


@kernel
def curve_at(tables: NDArray[np.float32], a: int, b: int, mix: np.float32, shift: int, local_hour: int) -> np.float32:
    """One person's curve in one local hour since 1970: mix * archetype a + (1 - mix) * archetype b."""
    rest_day = 1 if (local_hour // 24 + 3) % 7 >= 5 else 0  # 1970-01-01 was a Thursday
    hour = (local_hour - shift) % 24
    value: np.float32 = mix * tables[a, rest_day, hour] + (np.float32(1.0) - mix) * tables[b, rest_day, hour]
    return value


@kernel
def _fill_curve(
    out: NDArray[np.float32],
    tables: NDArray[np.float32],
    a: NDArray[np.int8],
    b: NDArray[np.int8],
    mix: NDArray[np.float32],
    shift: NDArray[np.int8],
    local_hour: NDArray[np.int64],
) -> None:
    for i in range(len(out)):
        out[i] = curve_at(tables, a[i], b[i], mix[i], shift[i], local_hour[i])
