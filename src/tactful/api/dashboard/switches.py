"""Kill switches: what is stopped, a button for each, and who turned what when."""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tactful.api.dashboard.access import Visitor, guarded
from tactful.api.dashboard.frame import HEADERS, page
from tactful.api.endpoint import Endpoint
from tactful.api.forms import form_of
from tactful.api.problems import Problem
from tactful.api.service import Service
from tactful.clock import from_us
from tactful.delivery import stops
from tactful.events.records import CHANNELS
from tactful.events.switches import Switch, What
from tactful.stores.protocols import Store

_PATH: Final = "/dashboard/switches"
_TURNS: Final = 100


class Lever(msgspec.Struct, frozen=True):
    """One switch and whether it is on."""

    what: What
    name: str
    on: bool


class Switches(msgspec.Struct, frozen=True):
    """All switches, and the latest turns, newest first."""

    levers: tuple[Lever, ...]
    turns: tuple[Switch, ...]


def switches_of(store: Store, types: tuple[str, ...], now_us: int) -> Switches:
    """Returns the switches of everything, the channels, and the types; types that are gone only where they are on."""
    held = stops.in_force(store, from_us(now_us))
    names = [*types, *sorted(held.types - set(types))]
    levers = (
        Lever("all", "", held.everything),
        *(Lever("channel", name, name in held.channels) for name in CHANNELS),
        *(Lever("type", name, name in held.types) for name in names),
    )
    return Switches(levers, tuple(reversed(stops.turned(store)))[:_TURNS])


async def show_switches(request: Request, service: Service, visitor: Visitor) -> Response:
    """Answers with the page."""
    now_us = service.clock.now_us()
    found = await service.ask(lambda store: switches_of(store, service.registry.names, now_us))
    return page("switches", visitor, found=found)


async def turn(request: Request, service: Service, visitor: Visitor) -> Response:
    """Turns one switch; engine and sender meet it with their next batch."""
    form = {name: values[0] for name, values in (await form_of(request)).items()}
    wanted = form.get("what", ""), form.get("name", "")
    now_us = service.clock.now_us()
    found = await service.ask(lambda store: switches_of(store, service.registry.names, now_us))
    lever = next((one for one in found.levers if (one.what, one.name) == wanted), None)
    if lever is None or form.get("on") not in ("yes", "no"):
        raise Problem(422, "no-switch", f"got the switch {wanted}, expected one of the page; load it again")
    by = f"key {visitor.key_id}" if visitor.key_id else "dashboard, no key"
    switch = Switch(lever.what, lever.name, form["on"] == "yes", from_us(now_us), by)
    await service.intake.write(lambda store: stops.turn(store, switch))
    return RedirectResponse(_PATH, 303, HEADERS)


ENDPOINTS: Final = (
    Endpoint("GET", _PATH, guarded(show_switches), None, "The kill switches.", shown=False),
    Endpoint("POST", _PATH, guarded(turn, "admin"), None, "Turns a kill switch.", shown=False),
)
