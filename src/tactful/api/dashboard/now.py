"""The first page: is the volume on target, what does a send cost, and does anything pile up."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.dashboard.access import Visitor, guarded
from tactful.api.dashboard.frame import page
from tactful.api.dashboard.sparkline import bars
from tactful.api.endpoint import Endpoint
from tactful.api.metrics import Stock, stock_of
from tactful.api.service import Service
from tactful.clock import DAY_US, from_us
from tactful.delivery import stops
from tactful.events.records import CHANNELS, Control, Decision, decode
from tactful.events.switches import Stops
from tactful.features.segments import SEGMENTS
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

DAYS: Final = 14
_AT_ONCE: Final = 1_000
_EXAMINED: Final = 50
"""Thousands of decisions that one look goes back: a busy app's days may be more than that, and the page says so."""
_SEND: Final = 0
_REJECTS: Final = 5


class Volume(msgspec.Struct, frozen=True):
    """Sends of a channel by UTC day, the last of them today's."""

    channel: str
    by_day: tuple[int, ...]

    @property
    def week(self) -> int:
        """Sends of the last seven days, today's included."""
        return sum(self.by_day[-7:])


class Cell(msgspec.Struct, frozen=True):
    """A segment on a channel: sends and target of the UTC day by the last look of the controller, and the price c."""

    segment: str
    channel: str
    sent: float
    target: float
    price: float


class Refusal(msgspec.Struct, frozen=True):
    """Something that was not accepted: when, what, and why."""

    at: datetime
    kind: str
    reason: str


class Now(msgspec.Struct, frozen=True):
    """What stands on the page; `since` is where the counts of sends begin, None if they cover all days."""

    at: datetime
    volumes: tuple[Volume, ...]
    since: datetime | None
    per_user_per_week: float
    priced_at: datetime | None
    cells: tuple[Cell, ...]
    stock: Stock
    refusals: tuple[Refusal, ...]
    stops: Stops


def now_of(store: Store, settings: Settings, now_us: int) -> Now:
    """Returns what the store says of the present; of experiments' arms the first, which is everybody else's."""
    volumes, since = _volumes(store, now_us)
    priced_at, cells = _cells(store)
    return Now(
        at=from_us(now_us),
        volumes=volumes,
        since=since,
        per_user_per_week=settings.volume.per_user_per_week,
        priced_at=priced_at,
        cells=cells,
        stock=stock_of(store),
        refusals=tuple(Refusal(from_us(one.log_ts_us), one.kind, one.reason) for one in store.rejects(_REJECTS)),
        stops=stops.in_force(store, from_us(now_us)),
    )


async def show_now(request: Request, service: Service, visitor: Visitor) -> Response:
    """Answers with the page."""
    now_us = service.clock.now_us()
    found = await service.ask(lambda store: now_of(store, service.settings, now_us))
    first = f"{found.at - timedelta(days=DAYS - 1):%d %b}"
    pictures = {
        one.channel: bars(one.by_day, f"sends of {one.channel} by day since {first}: {', '.join(map(str, one.by_day))}")
        for one in found.volumes
    }
    fault = service.engine.fault if service.engine else ""
    lag_s = service.pulse.lag_s(now_us)
    return page("now", visitor, now=found, pictures=pictures, lag_s=lag_s, fault=fault, days=DAYS)


def _volumes(store: Store, now_us: int) -> tuple[tuple[Volume, ...], datetime | None]:
    """Sends by channel and day, from the latest decision backwards."""
    first_day = now_us // DAY_US - DAYS + 1
    end, counts = (now_us + 1, 0, 0), Counter[tuple[str, int]]()
    since = None
    for _ in range(_EXAMINED):
        rows = store.decisions_before(end, first_day * DAY_US, _AT_ONCE)
        for row in rows:
            decision = decode(row.data) if row.action_code == _SEND else None
            if isinstance(decision, Decision) and decision.channel:
                counts[decision.channel, row.at_us // DAY_US - first_day] += 1
        if len(rows) < _AT_ONCE:
            break
        end = (rows[-1].at_us, rows[-1].user_key, rows[-1].decision_key)
    else:
        since = from_us(end[0])
    used = [channel for channel in CHANNELS if any(name == channel for name, _ in counts)]
    return tuple(Volume(name, tuple(counts[name, day] for day in range(DAYS))) for name in used), since


def _cells(store: Store) -> tuple[datetime | None, tuple[Cell, ...]]:
    """What the controller looked at last, where it had a target or sent something."""
    row = store.latest_control("thresholds")
    control = decode(row.data) if row else None
    if not isinstance(control, Control):
        return None, ()
    value = control.value
    sent, target, price = (np.array(value[name]).reshape(value["shape"])[0] for name in
                           ("actual", "target_day", "threshold"))  # fmt: skip
    places = np.argwhere((sent > 0) | (target > 0)).tolist()
    return control.effective_at, tuple(
        Cell(SEGMENTS[s], CHANNELS[h], float(sent[s, h]), float(target[s, h]), float(price[s, h]))
        for s, h in islice(places, len(SEGMENTS) * len(CHANNELS))
    )


ENDPOINTS: Final = (Endpoint("GET", "/dashboard", guarded(show_now), None, "The present.", shown=False),)
