"""How fast a channel may send, and how much a new sending domain may in its first days."""

from datetime import date, timedelta
from typing import Annotated, Final, NamedTuple

import msgspec

from tactful.clock import DAY_US, from_us
from tactful.errors import InvalidSettings
from tactful.features.mailbox import MAILBOXES, mailbox_of
from tactful.stores.protocols import StateSnapshots

_MICROSECOND = timedelta(microseconds=1)
_NOTED: Final = "delivery.warm_up"


class Pace(NamedTuple):
    """How a channel's provider is called: by how many threads, and how often a second at most (0: no limit)."""

    threads: int = 8
    per_second: float = 0.0


class Bucket:
    """Tokens that accrue evenly, one a call, up to one second's worth (one, if that is less).

    >>> bucket = Bucket(per_second=2.0)
    >>> bucket.take(0, 2); bucket.available(0), bucket.available(500_000)
    (0, 1)
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._tokens = self._most = max(1.0, per_second)
        self._at_us: int | None = None

    def available(self, now_us: int) -> int:
        """Returns how many calls may be begun now."""
        self._accrue(now_us)
        return int(self._tokens)

    def take(self, now_us: int, calls: int) -> None:
        """Uses up a token for each call."""
        self._accrue(now_us)
        self._tokens -= calls

    def _accrue(self, now_us: int) -> None:
        passed = 0 if self._at_us is None else max(0, now_us - self._at_us)  # a clock may be set back
        self._tokens = min(self._most, self._tokens + passed * self._per_second / 1e6)
        self._at_us = now_us


class WarmUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new sending domain's first days, `[delivery.warm_up]`: full volume at once looks like spam to providers.

    What is above a day's cap waits for the next UTC day, or expires; its attempt says so.

    Attributes:
        started_on: the domain's first day, such as `"2026-12-01"`; "" is no ramp.
        first_day: e-mails to each mailbox provider on that day; 50. Every next day takes twice as many.
        days: after which nothing is capped; 14, by then a day takes 400,000.

    Raises:
        InvalidSettings: the first day is no date.
    """

    started_on: str = ""
    first_day: Annotated[int, msgspec.Meta(ge=1)] = 50
    days: Annotated[int, msgspec.Meta(ge=1, le=60)] = 14

    def __post_init__(self) -> None:
        try:
            date.fromisoformat(self.started_on or "2026-12-01")
        except ValueError:
            raise InvalidSettings(
                f'got started_on = {self.started_on!r}, expected a day such as "2026-12-01", or ""'
            ) from None

    def cap_on(self, day: date) -> int | None:
        """Returns how many e-mails a mailbox provider gets on a UTC day, None for any number.

        >>> ramp = WarmUp(started_on="2026-12-01")
        >>> [ramp.cap_on(date(2026, 12, day)) for day in (1, 2, 14, 15)]
        [50, 100, 409600, None]
        """
        if not self.started_on:
            return None
        day_no = max(0, (day - date.fromisoformat(self.started_on)).days)
        return self.first_day * 2**day_no if day_no < self.days else None


class _Sent(msgspec.Struct, frozen=True):
    day: int
    by_mailbox: tuple[int, ...] = (0,) * len(MAILBOXES)


class Ramp:
    """Counts a day's e-mails by mailbox provider, in the store: several senders, and restarts, share the caps."""

    def __init__(self, store: StateSnapshots, warm_up: WarmUp) -> None:
        self._store = store
        self._warm_up = warm_up

    def admit(self, address: str, now_us: int) -> tuple[timedelta, str] | None:
        """Counts an e-mail that may go out now and returns None; else how long it has to wait, and why.

        To be called in the transaction that begins its attempt.
        """
        cap = self._warm_up.cap_on(from_us(now_us).date())
        if cap is None:
            return None
        day, group = now_us // DAY_US, mailbox_of(address)
        sent = self.sent(day)
        if sent[group] >= cap:
            wait = ((day + 1) * DAY_US - now_us) * _MICROSECOND
            return wait, f"warm-up: the day's {cap} to {MAILBOXES[group]} are out"
        counted = _Sent(day, (*sent[:group], sent[group] + 1, *sent[group + 1 :]))
        self._store.save_meta(_NOTED, msgspec.json.encode(counted))
        return None

    def sent(self, day: int) -> tuple[int, ...]:
        """Returns how many e-mails of a UTC day were counted for each of `MAILBOXES`."""
        noted = self._store.load_meta(_NOTED)
        sent = msgspec.json.decode(noted, type=_Sent) if noted else _Sent(day)
        return sent.by_mailbox if sent.day == day else _Sent(day).by_mailbox
