"""Time as an argument. Records carry aware UTC datetimes; arrays carry int64 microseconds since 1970 (`_us`)."""

from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

from tactful.errors import InvalidRecord

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
WEEK_US = 7 * DAY_US


def to_us(at: datetime) -> int:
    """Returns an aware datetime as microseconds since 1970-01-01 UTC.

    Raises:
        InvalidRecord: for a naive datetime, whose instant nobody knows.

    >>> to_us(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    if at.tzinfo is None:
        raise InvalidRecord(
            f"got the naive time {at.isoformat()}, expected one with an offset; "
            "append 'Z' or '+02:00', or name the zone in the import mapping"
        )
    return (at - EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """Returns the aware UTC datetime of an instant in microseconds.

    >>> from_us(1000000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return EPOCH + timedelta(microseconds=int(us))


@runtime_checkable
class Clock(Protocol):
    """Says what time it is. The engine never asks the operating system."""

    def now_us(self) -> int:
        """Returns the present instant, microseconds since 1970 UTC."""
        ...


class WallClock:
    """The machine's own clock, for a running service."""

    def now_us(self) -> int:
        """Returns the present instant."""
        return to_us(datetime.now(UTC))


class SimulatedClock:
    """A clock that stands still until it is set; it may be set back, as real clocks are."""

    def __init__(self, now_us: int = 0) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        """Returns the instant that was set last."""
        return self._now_us

    def set(self, now_us: int) -> None:
        """Moves the clock to an instant."""
        self._now_us = now_us
