"""One person: how she is reached, her budget, the plan of her day, and all that happened, the latest first."""

import shlex
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful import draws
from tactful.api.dashboard.access import Visitor, guarded
from tactful.api.dashboard.dayline import day
from tactful.api.dashboard.frame import page
from tactful.api.dashboard.happenings import Happening, happening, quiet
from tactful.api.dashboard.masking import masked
from tactful.api.decisions import known
from tactful.api.endpoint import Endpoint
from tactful.api.query import parameters, whole
from tactful.api.service import Service
from tactful.api.timeline import entries
from tactful.clock import DAY_US, from_us, to_us
from tactful.events.records import CHANNELS, SlotPlan, User, decode
from tactful.runtime import choices, erasing
from tactful.runtime.evidence import Evidence, gather
from tactful.runtime.explaining import Explanation, explain
from tactful.runtime.explaining_hours import Hours, hours_of
from tactful.runtime.noted_models import noted
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

ROWS: Final = 50
_DAYS: Final = 14
"""One look at the log; who wants to see further goes on from there."""
_MOST_US: Final = to_us(datetime.max.replace(tzinfo=UTC))
_RECENT_US: Final = 2 * DAY_US
"""A plan of today is no older, wherever she lives."""


class Reach(msgspec.Struct, frozen=True):
    """A channel: her address, masked, "" for none; whether she agreed, and whether nothing may reach her there."""

    channel: str
    address: str
    agreed: bool
    closed: bool


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on the page.

    `told` explains her latest decision; `hours` and `planned_for` are her latest plan, None if none is of these days.
    `earlier` is where the next page begins (before which instant, after how many rows), None where the log of her ends.
    `erasure_asked` is when somebody asked for her erasure, which the engine has not done yet.
    """

    user_id: str
    timezone: str
    locale: str
    profiled: bool
    reach: tuple[Reach, ...]
    quiet_hours: str
    weekly_wish: int | None
    type_opt_out: tuple[str, ...]
    told: Explanation
    hours: Hours | None
    planned_for: date | None
    is_today: bool
    since: datetime
    happenings: tuple[Happening, ...]
    earlier: tuple[int, int] | None
    erasure_asked: datetime | None


def person_of(
    store: Store,
    settings: Settings,
    user_id: str,
    now_us: int,
    before_us: int | None = None,
    skipped: int = 0,
    rows: int = ROWS,
) -> Person | None:
    """Returns what the store says of a person; None if that is nothing.

    Args:
        store: is only read.
        settings: of the engine.
        user_id: whom.
        now_us: the present.
        before_us: the timeline ends before this instant, by default behind the present.
        skipped: rows of it that were shown already.
        rows: how many are shown.
    """
    if not known(store, user_id):
        return None
    key, until_us = draws.key(user_id), now_us + 1 if before_us is None else before_us
    since_us = max(0, until_us - _DAYS * DAY_US)
    evidence = gather(store, settings, user_id)
    user = choices.laid_over(evidence.profile or User(user_id=user_id), choices.chosen(store, user_id))
    found = entries(store, settings, user_id, since_us, until_us)
    addresses = tuple(user.addresses.values())
    plan = _plan(store, key, now_us)
    planned_for = date(1970, 1, 1) + timedelta(days=plan.day) if plan else None
    rest: tuple[int, int] | None = (until_us, skipped + rows)
    if len(found) <= skipped + rows:
        rest = (since_us, 0) if store.inputs_of(key, 0, since_us) else None
    return Person(
        user_id=user_id,
        timezone=evidence.timezone,
        locale=user.locale,
        profiled=evidence.profile is not None,
        reach=tuple(_reach(store, user, key, code) for code in range(len(CHANNELS))),
        quiet_hours=quiet(user.quiet_hours) if user.quiet_hours else "",
        weekly_wish=user.weekly_wish,
        type_opt_out=user.type_opt_out,
        told=explain(evidence),
        hours=_hours(store, evidence, plan),
        planned_for=planned_for,
        is_today=planned_for == from_us(now_us).astimezone(ZoneInfo(evidence.timezone)).date(),
        since=from_us(since_us),
        happenings=tuple(happening(entry, addresses) for entry in found[skipped : skipped + rows]),
        earlier=rest,
        erasure_asked=next((from_us(one.asked_us) for one in erasing.asked(store) if one.user_id == user_id), None),
    )


async def show_person(request: Request, service: Service, visitor: Visitor) -> Response:
    """Answers with the search, and with the page of whom it names."""
    given = parameters(request, ("user", "before", "after"))
    user_id, now_us = given.get("user", "").strip(), service.clock.now_us()
    before_us = whole(given, "before", 0, 0, _MOST_US) if "before" in given else None
    skipped = whole(given, "after", 0, 0, 1_000_000)
    found = None
    if user_id:
        found = await service.ask(lambda store: person_of(store, service.settings, user_id, now_us, before_us, skipped))
    return page(
        "person",
        visitor,
        404 if user_id and found is None else 200,
        user_id=user_id,
        found=found,
        picture=day(found.hours) if found and found.hours else "",
        first=before_us is None and not skipped,
        days=_DAYS,
        commands=_commands(request, service, user_id) if found else (),
    )


def _reach(store: Store, user: User, key: int, code: int) -> Reach:
    channel = CHANNELS[code]
    address = user.addresses.get(channel, "")
    return Reach(channel, masked(address) if address else "", channel in user.opt_in, store.suppressed(key, code))


def _plan(store: Store, key: int, now_us: int) -> SlotPlan | None:
    """The latest plan of these days."""
    plans = (decode(row.data) for row in reversed(store.plans_of(key, now_us - _RECENT_US, now_us + 1)))
    return next((plan for plan in plans if isinstance(plan, SlotPlan)), None)


def _hours(store: Store, evidence: Evidence, plan: SlotPlan | None) -> Hours | None:
    if plan is None:
        return None
    return hours_of(replace(evidence, decision=None, plan=plan, slot_model=noted(store, plan.model_version)))


def _commands(request: Request, service: Service, user_id: str) -> tuple[tuple[str, str], ...]:
    """What is done on a command line: why, everything on record, and the erasure of a person."""
    url = f"{str(request.base_url).rstrip('/')}/v1/users/{quote(user_id, safe='')}"
    key = "" if service.keys.is_open else ' -H "Authorization: Bearer $TACTFUL_KEY"'
    who, store = shlex.quote(user_id), shlex.quote(str(service.path))
    return (
        ("Explain the latest decision", f"tactful explain {who} --store {store}"),
        ("Export all of it", f"curl{key} -o person.json {shlex.quote(url + '/export')}"),
        ("Erase her, for good", f"curl{key} -X DELETE {shlex.quote(url)}"),
    )


ENDPOINTS: Final = (Endpoint("GET", "/dashboard/person", guarded(show_person), None, "One person.", shown=False),)
