"""A person's own page: `/p/{token}` shows what she allows and takes what she chooses. Works without JavaScript.

Who has the link may choose; there is no session that another site could ride on. A channel that was closed (she
unsubscribed, or its address bounced) is opened again if she ticks it here.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import Endpoint
from tactful.api.forms import form_of
from tactful.api.pages import page
from tactful.api.preferences import Choice, PreferencesNow, optional, preferences_now, record_of
from tactful.api.secret import secret_of
from tactful.api.service import Service
from tactful.api.tokens import read
from tactful.clock import from_us
from tactful.events.records import CHANNELS, Channel, Preferences, QuietHours, Suppression, encode

WISHES: Final = (0, 1, 2, 3, 5, 7, 10)
"""Numbers of messages a week that the page offers."""


async def show_page(request: Request, service: Service) -> Response:
    """Shows what she allows now."""
    now = await _hers(request, service)
    if now is None:
        return page(request, "preferences", status=400, state="invalid")
    return _page(request, service, now, saved=False)


async def choose(request: Request, service: Service) -> Response:
    """Takes her choices, all of the page at once."""
    now = await _hers(request, service)
    if now is None:
        return page(request, "preferences", status=400, state="invalid")
    choice = _choice(await form_of(request), now, optional(service.registry))
    at = from_us(service.clock.now_us())
    record = record_of(now.user_id, choice, at)
    opened = [name for name, on in choice.channels.items() if on and now.channels[name].closed]
    told: list[Preferences | Suppression] = [record, *_opening(now, opened, record)]
    await service.intake.post([encode(one) for one in told])
    return _page(request, service, _after(now, choice), saved=True)


async def _hers(request: Request, service: Service) -> PreferencesNow | None:
    """What the person of the token allows; None without a token that holds, or a profile of her."""
    user_id = read(secret_of(service), "preferences", request.path_params["token"], service.clock.now_us())
    if user_id is None:
        return None
    registry = service.registry
    return await service.ask(lambda store: preferences_now(store, registry, user_id))


def _choice(form: Mapping[str, list[str]], now: PreferencesNow, types: list[str]) -> Choice:
    """What the form says; a box that is not ticked is not sent, and so is off."""
    ticked = set(form.get("channel", [])), set(form.get("type", []))
    start, end = (_minute(form.get(name, [""])[0]) for name in ("quiet_from", "quiet_to"))
    quiet = QuietHours(start, end) if "quiet" in form and start is not None and end is not None else None
    weekly = form.get("weekly", [""])[0]
    return Choice(
        channels={name: name in ticked[0] for name, channel in now.channels.items() if channel.address},
        types={name: name in ticked[1] for name in types},
        quiet_hours=quiet or "none",
        weekly_wish=int(weekly) if weekly.isdecimal() and int(weekly) <= 50 else "none",
    )


def _minute(text: str) -> int | None:
    """The minute of the day of a time such as "22:30"."""
    hour, _, minute = text.partition(":")
    if not (hour.isdecimal() and minute[:2].isdecimal() and int(hour) < 24 and int(minute[:2]) < 60):
        return None
    return int(hour) * 60 + int(minute[:2])


def _opening(now: PreferencesNow, opened: list[Channel], record: Preferences) -> list[Suppression]:
    """What opens channels that were closed; the others stay closed, though all may have been closed at once."""
    if not opened:
        return []
    lifted: list[Channel | None] = [None, *opened]
    kept = [other for other in CHANNELS if other not in opened and now.channels[other].closed]
    return [
        Suppression(
            suppression_id=f"{record.preferences_id}:{channel or 'all'}",
            user_id=now.user_id,
            channel=channel,
            reason="she chose",
            lifted=channel in lifted,
            at=record.at,
        )
        for channel in (*lifted, *kept)
    ]


def _after(now: PreferencesNow, choice: Choice) -> PreferencesNow:
    """What she allows when the engine has taken her choice."""
    return msgspec.structs.replace(
        now,
        channels={
            name: msgspec.structs.replace(
                channel,
                on=choice.channels.get(name, channel.on),
                closed=channel.closed and not choice.channels.get(name),
            )
            for name, channel in now.channels.items()
        },
        types={**now.types, **choice.types},
        quiet_hours=choice.quiet_hours if isinstance(choice.quiet_hours, QuietHours) else None,
        weekly_wish=choice.weekly_wish if isinstance(choice.weekly_wish, int) else None,
    )


def _page(request: Request, service: Service, now: PreferencesNow, saved: bool) -> Response:
    wishes = sorted({*WISHES, *([] if now.weekly_wish is None else [now.weekly_wish])})
    quiet = now.quiet_hours
    times = (quiet.start_minute, quiet.end_minute) if quiet else (22 * 60, 8 * 60)
    return page(
        request,
        "preferences",
        locale=now.locale,
        state="choose",
        saved=saved,
        channels={name: channel.on and not channel.closed for name, channel in now.channels.items() if channel.address},
        types=now.types,
        quiet=quiet is not None,
        times=[f"{minute // 60:02}:{minute % 60:02}" for minute in times],
        wishes=wishes,
        wish=now.weekly_wish,
    )


ENDPOINTS: Final = (
    Endpoint("GET", "/p/{token}", show_page, None, "Shows a person what she allows.", shown=False),
    Endpoint("POST", "/p/{token}", choose, None, "Takes what a person chooses.", shown=False),
)
