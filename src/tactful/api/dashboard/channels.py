"""Channels: how sends fare at each provider, what it is given and how fast, and what waits for a person."""

import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.dashboard.access import Visitor, guarded
from tactful.api.dashboard.frame import page
from tactful.api.dashboard.masking import masked_in
from tactful.api.dashboard.sparkline import bars
from tactful.api.dashboard.traffic import DAYS, Sampled, traffic_of
from tactful.api.endpoint import Endpoint
from tactful.api.query import parameters
from tactful.api.service import Service
from tactful.clock import DAY_US, from_us
from tactful.delivery import outbox, stops
from tactful.delivery.dead_letters import IN_DOUBT, Letter, open_letters
from tactful.delivery.pacing import Ramp
from tactful.events.records import CHANNELS, Control, decode
from tactful.features.mailbox import MAILBOXES
from tactful.runtime.settings import Settings
from tactful.runtime.snapshot import saved_reputation
from tactful.stores.protocols import Store

_LETTERS: Final = 50
_Cell: TypeAlias = tuple[str, str]
"""A channel and a mailbox group."""


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """What carries a channel, how fast, and what waits for it; `per_second` 0 is no limit."""

    channel: str
    through: str
    waiting: int
    threads: int
    per_second: float
    is_stopped: bool


class Standing(msgspec.Struct, frozen=True):
    """Sends of the days that are judged, with shares of complaints and bounces; None where nothing was counted yet.

    `is_judged`: there are enough sends. `open_share` of user-days ranked messages go out on: 1 is all, 0 is stopped.
    """

    channel: str
    mailbox: str
    sends: int | None
    complaints: float | None
    bounces: float | None
    is_judged: bool
    open_share: float


class WarmUpDay(msgspec.Struct, frozen=True):
    """E-mails of this UTC day to a mailbox provider, and the most that may go."""

    mailbox: str
    sent: int
    cap: int


class Waiting(msgspec.Struct, frozen=True):
    """A dead letter or a send in doubt, its last words without an address, and what is entered about it."""

    letter: Letter
    words: str
    command: str


class Channels(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on the page; reputation was counted up to `counted_at`, and what it holds back is in force since
    `judged_at`; None where that never was."""

    at: datetime
    lanes: tuple[Lane, ...]
    sampled: Sampled
    standings: tuple[Standing, ...]
    counted_at: datetime | None
    judged_at: datetime | None
    warm_up: tuple[WarmUpDay, ...]
    letters: tuple[Waiting, ...]
    more: bool


def channels_of(store: Store, settings: Settings, now_us: int) -> Channels:
    """Returns what the store says of the channels; it is only read."""
    judged_at, held = _held(store)
    counted_at, counted = _counted(store, settings)
    letters = open_letters(store, _LETTERS + 1)
    return Channels(
        at=from_us(now_us),
        lanes=_lanes(store, settings, now_us),
        sampled=traffic_of(store, now_us),
        standings=_standings(counted, held, settings),
        counted_at=counted_at,
        judged_at=judged_at,
        warm_up=_warm_up(store, settings, now_us),
        letters=tuple(_waiting(store, one, now_us) for one in letters[:_LETTERS]),
        more=len(letters) > _LETTERS,
    )


async def show_channels(request: Request, service: Service, visitor: Visitor) -> Response:
    """Answers with the page."""
    parameters(request, ())
    now_us = service.clock.now_us()
    found = await service.ask(lambda store: channels_of(store, service.settings, now_us))
    loop = service.sender.loop if service.sender else None
    traffic = [(one, bars(one.by_day, _words(one.by_day))) for one in found.sampled.traffic]
    return page(
        "channels",
        visitor,
        found=found,
        traffic=traffic,
        days=DAYS,
        sends_here=loop is not None,
        broken=loop.open_breakers() if loop else [],
        breaker=service.settings.delivery.breaker,
        levels=service.settings.reputation,
        store=shlex.quote(str(service.path)),
    )


def _lanes(store: Store, settings: Settings, now_us: int) -> tuple[Lane, ...]:
    waiting, pace, held = store.outbox_stock(), settings.delivery.pace(), stops.in_force(store, from_us(now_us))
    return tuple(
        Lane(
            channel=name,
            through=str(getattr(settings.channels, name).__struct_config__.tag),
            waiting=waiting.get(code, 0),
            threads=pace[name].threads,
            per_second=pace[name].per_second,
            is_stopped=held.everything or name in held.channels,
        )
        for code, name in enumerate(CHANNELS)
    )


def _held(store: Store) -> tuple[datetime | None, dict[_Cell, float]]:
    """Which share of user-days is open, where not all is, by what the controller looked at last."""
    row = store.latest_control("thresholds")
    control = decode(row.data) if row else None
    if not isinstance(control, Control):
        return None, {}
    told = control.value.get("reputation", [])
    return control.effective_at, {(channel, mailbox): float(share) for channel, mailbox, share, *_ in told}


def _counted(store: Store, settings: Settings) -> tuple[datetime | None, dict[_Cell, tuple[int, int, int]]]:
    """Sends, complaints and bounces by the states that were saved last, where anything was sent."""
    saved = store.load_meta("states")
    if saved is None:
        return None, {}
    found = saved_reputation(saved)
    window = found.counts(settings.reputation).window(found.applied_us)
    cells: dict[_Cell, tuple[int, int, int]] = {
        (CHANNELS[h], MAILBOXES[p]): (int(window[0, h, p]), int(window[1, h, p]), int(window[2, h, p]))
        for h, p in np.argwhere(window.sum(axis=0) > 0).tolist()
    }
    return from_us(found.applied_us), cells


def _standings(
    counted: Mapping[_Cell, tuple[int, int, int]], held: Mapping[_Cell, float], settings: Settings
) -> tuple[Standing, ...]:
    places = [(channel, mailbox) for channel in CHANNELS for mailbox in MAILBOXES]
    return tuple(
        _standing(cell, counted.get(cell), held.get(cell, 1.0), settings.reputation.min_sends)
        for cell in places
        if cell in counted or cell in held
    )


def _standing(cell: _Cell, counted: tuple[int, int, int] | None, open_share: float, enough: int) -> Standing:
    mailbox = cell[1] if cell[0] == "email" else ""
    if counted is None:
        return Standing(cell[0], mailbox, None, None, None, True, open_share)
    sends, complaints, bounces = counted
    per_send = max(sends, 1)
    return Standing(cell[0], mailbox, sends, complaints / per_send, bounces / per_send, sends >= enough, open_share)


def _warm_up(store: Store, settings: Settings, now_us: int) -> tuple[WarmUpDay, ...]:
    ramp = settings.delivery.warm_up
    cap = ramp.cap_on(from_us(now_us).date())
    if cap is None:
        return ()
    sent = Ramp(store, ramp).sent(now_us // DAY_US)
    return tuple(WarmUpDay(name, number, cap) for name, number in zip(MAILBOXES, sent, strict=True))


def _waiting(store: Store, letter: Letter, now_us: int) -> Waiting:
    last = letter.attempts[-1]
    command = ""
    if letter.state == IN_DOUBT:
        command = f"tactful outbox settle {letter.decision_id} --arrived"
    elif letter.may_be_retried(now_us):
        command = f"tactful outbox retry {letter.decision_id}"
    return Waiting(letter, masked_in(last.detail, _addresses(store, letter)), command)


def _addresses(store: Store, letter: Letter) -> list[str]:
    entry = store.outbox_of(int(letter.decision_id, 16))
    try:
        return [outbox.decode(entry.row.message).address] if entry else []
    except msgspec.DecodeError:
        return []


def _words(by_day: tuple[int, ...]) -> str:
    return f"sends looked at by day, today last: {', '.join(map(str, by_day))}"


ENDPOINTS: Final = (Endpoint("GET", "/dashboard/channels", guarded(show_channels), None, "The channels.", shown=False),)
