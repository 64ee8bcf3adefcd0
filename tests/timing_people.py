"""Made-up people whose hours are known, for tests of what learns them: as records for a store, and as a timing log.

Everything follows from a seed. The days begin on Monday, 5 January 2026.
"""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import DAY_US, HOUR_US, MINUTE_US, from_us, to_us
from tactful.events.records import KINDS, Engagement, Input, User
from tactful.features.context import Zones, weekday
from tactful.training.timing.log import TimingLog

START_US = to_us(datetime(2026, 1, 5, tzinfo=UTC))
FIRST_DAY = START_US // DAY_US
Visits = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Person and instant of each visit, in order of time."""


def two_habits(n: int, days: int, seed: int = 0) -> Visits:
    """Visits of people who come in the morning on days of work, and in the evening on days of rest."""
    rng = np.random.default_rng(seed)
    user, day = (grid.ravel() for grid in np.meshgrid(np.arange(n), np.arange(days), indexing="ij"))
    rest = weekday(FIRST_DAY + day) >= 5
    hour = np.where(rest, rng.integers(18, 23, n)[user], rng.integers(6, 11, n)[user])
    came = rng.random(len(user)) < 0.6
    return _in_time(user[came], day[came] * DAY_US + hour[came] * HOUR_US, rng)


def any_hour(n: int, days: int, seed: int = 0) -> Visits:
    """Visits of people who come at any hour of any day alike: there is nothing to learn but how often."""
    rng = np.random.default_rng(seed)
    user, day, hour = (g.ravel() for g in np.meshgrid(np.arange(n), np.arange(days), np.arange(24), indexing="ij"))
    came = rng.random(len(user)) < 0.04
    return _in_time(user[came], day[came] * DAY_US + hour[came] * HOUR_US, rng)


def records(visits: Visits, n: int, zone: str = "UTC") -> tuple[list[Input], list[int]]:
    """Returns profiles and sessions with their log times, as an import would give them to an engine."""
    people: list[Input] = [
        User(user_id=f"u{i}", timezone=zone, addresses={"push": f"push{i}"}, opt_in=("push",)) for i in range(n)
    ]
    user, at_us = visits
    came: list[Input] = [
        Engagement(engagement_id=f"e{i}", user_id=f"u{u}", kind="session", at=from_us(at))
        for i, (u, at) in enumerate(zip(user.tolist(), at_us.tolist(), strict=True))
    ]
    return [*people, *came], [START_US] * n + at_us.tolist()


def log_of(visits: Visits, n: int, days: int) -> TimingLog:
    """Returns the log of those visits, in UTC, without a message."""
    user, at_us = visits
    nothing = np.zeros(0)
    return TimingLog(
        key=np.array([draws.key(f"u{i}") for i in range(n)], dtype=np.uint64),
        zone=np.zeros(n, dtype=np.int64),
        known_from=np.full(n, FIRST_DAY),
        zones=Zones.of(("UTC",)),
        e_user=user,
        e_at_us=at_us,
        e_kind=np.full(len(user), KINDS.index("session")),
        e_value=np.zeros(len(user)),
        s_user=nothing.astype(np.int64),
        s_at_us=nothing.astype(np.int64),
        s_probability=nothing,
        s_clicked=nothing.astype(bool),
        began_us=START_US,
        until_us=START_US + days * DAY_US,
    )


def with_messages(log: TimingLog, best_hour: int, per_day: float = 0.5, seed: int = 5) -> TimingLog:
    """Returns the log with messages at hours drawn evenly, clicked seldom, but often at one hour of the day."""
    rng = np.random.default_rng(seed)
    n, days = len(log), (log.until_us - log.began_us) // DAY_US - 1
    user = rng.integers(0, n, int(n * days * per_day))
    hour = rng.integers(0, 24, len(user))
    at_us = log.began_us + rng.integers(0, days, len(user)) * DAY_US + hour * HOUR_US + 20 * MINUTE_US
    clicked = rng.random(len(user)) < np.where(hour == best_hour, 0.6, 0.05)
    columns = {"s_user": user, "s_at_us": at_us, "s_probability": np.full(len(user), 1 / 24), "s_clicked": clicked}
    return TimingLog(**{**vars(log), **columns})


def _in_time(user: NDArray[np.int64], at_us: NDArray[np.int64], rng: np.random.Generator) -> Visits:
    at_us = START_US + at_us + rng.integers(0, 60, len(user)) * MINUTE_US
    order = np.argsort(at_us, kind="stable")
    return user[order], at_us[order]
