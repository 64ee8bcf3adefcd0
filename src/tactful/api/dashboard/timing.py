"""When messages go out, when they are answered, and when people are expected: a week by the hour, in local time."""

from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.dashboard.access import Visitor, guarded
from tactful.api.dashboard.frame import page
from tactful.api.dashboard.heat import LEAST, Heat, counted, shared, spread
from tactful.api.dashboard.hours import DAYS, LINES, Hours, hours_of
from tactful.api.endpoint import Endpoint
from tactful.api.query import choice, parameters
from tactful.api.service import Service
from tactful.clock import from_us
from tactful.events.records import CHANNELS
from tactful.models.in_force import in_force
from tactful.stores.protocols import Store


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on the page; maps are None where there is nothing to show.

    Attributes:
        channels: on which anything was sent.
        each: how many sends each of the `read` ones stands for.
        asked: sends whose answers are known, those between `since` and `until`.
        expected: where the plans expect people, of so many `plans`.
        model: the slot model in force, "" for the histogram.
    """

    channels: tuple[str, ...]
    read: int
    each: int
    sends: Heat | None
    asked: int
    since: datetime
    until: datetime
    opened: Heat | None
    clicked: Heat | None
    expected: Heat | None
    plans: int
    model: str


def timing_of(store: Store, now_us: int, channel: str | None = None) -> Timing:
    """Returns what the store says of hours, of one channel or of all together."""
    found, kept = hours_of(store, now_us), in_force(store, "slot")
    chosen = [CHANNELS.index(one) for one in CHANNELS if channel in (None, one)]
    sends, asked, opened, clicked = (
        counts[chosen].sum(axis=0) for counts in (found.sends, found.asked, found.opened, found.clicked)
    )
    return Timing(
        channels=tuple(one for code, one in enumerate(CHANNELS) if found.sends[code].any()),
        read=found.read,
        each=found.each,
        sends=counted(sends) if sends.any() else None,
        asked=int(asked.sum()),
        since=from_us(found.answered_from_us),
        until=from_us(found.answered_until_us),
        opened=shared(opened, asked) if opened.any() else None,
        clicked=shared(clicked, asked) if clicked.any() else None,
        expected=_expected(found),
        plans=int(found.plans.sum()),
        model=" ".join(kept) if kept else "",
    )


async def show_timing(request: Request, service: Service, visitor: Visitor) -> Response:
    """Answers with the page."""
    channel = choice(parameters(request, ("channel",)), "channel", CHANNELS)
    now_us = service.clock.now_us()
    found = await service.ask(lambda store: timing_of(store, now_us, channel))
    return page("timing", visitor, found=found, channel=channel, days=DAYS, least=LEAST, lines=LINES)


def _expected(found: Hours) -> Heat | None:
    return spread(found.expected, found.plans) if np.any(found.plans) else None


ENDPOINTS: Final = (
    Endpoint("GET", "/dashboard/timing", guarded(show_timing), None, "Hours of sends and answers.", shown=False),
)
