"""One person in one ordered list: what she did, what she was offered, what was decided, and how each send fared."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful import draws
from tactful.api.decisions import known, shown, unknown_user
from tactful.api.endpoint import Endpoint, answer
from tactful.api.problems import Problem
from tactful.api.query import instant, parameters, refused, whole
from tactful.api.service import Service
from tactful.clock import DAY_US, WEEK_US, from_us, to_us
from tactful.events.records import (
    BudgetAssignment,
    Cancel,
    Candidate,
    Decision,
    Engagement,
    Instant,
    MachineTouch,
    Preferences,
    SlotPlan,
    Suppression,
    User,
    decode,
)
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

_DAYS: Final = 28
_MOST: Final = 1_000
_FIRST_US: Final = to_us(datetime.min.replace(tzinfo=UTC))
_LAST_US: Final = to_us(datetime.max.replace(tzinfo=UTC))


class _Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="what"):
    """`at` is the instant at which it was accepted or decided."""

    at: Instant


class Profiled(_Entry, frozen=True, kw_only=True, tag="profile"):
    """Her profile was set, as a whole."""

    user: User


class Chose(_Entry, frozen=True, kw_only=True, tag="preferences"):
    """She chose for herself what may reach her."""

    preferences: Preferences


class Offered(_Entry, frozen=True, kw_only=True, tag="candidate"):
    """Something that she could be told about came in."""

    candidate: Candidate


class Engaged(_Entry, frozen=True, kw_only=True, tag="engagement"):
    """She did something, in the app or with a message."""

    engagement: Engagement


class Touched(_Entry, frozen=True, kw_only=True, tag="machine_touch"):
    """A machine opened or followed something of hers, such as a mail scanner."""

    touch: MachineTouch


class Withdrawn(_Entry, frozen=True, kw_only=True, tag="cancel"):
    """Candidates of hers were withdrawn."""

    cancel: Cancel


class Suppressed(_Entry, frozen=True, kw_only=True, tag="suppression"):
    """A channel was closed to her, or opened again."""

    suppression: Suppression


class Budgeted(_Entry, frozen=True, kw_only=True, tag="budget"):
    """She got a weekly budget: assigned, or drawn at random. Those of a plan for all are not listed."""

    budget: BudgetAssignment


class Planned(_Entry, frozen=True, kw_only=True, tag="plan"):
    """Her day was planned."""

    plan: SlotPlan


class Try(msgspec.Struct, frozen=True):
    """One call of a provider; `outcome` null while nobody knows how it ended, `detail` the provider's words."""

    number: int
    begun: Instant
    outcome: str | None
    detail: str


class Decided(_Entry, frozen=True, kw_only=True, tag="decision"):
    """It was decided to send, hold or drop; of a send the tries so far, and when it is tried next (null: never)."""

    decision: Decision
    tries: tuple[Try, ...] = ()
    next_try: Instant | None = None


Entry: TypeAlias = (
    Profiled | Chose | Offered | Engaged | Touched | Withdrawn | Suppressed | Budgeted | Planned | Decided
)


class Timeline(msgspec.Struct, frozen=True):
    """What is on record of a person between two instants, the latest first; `next` is the cursor of what is left."""

    user_id: str
    since: Instant
    until: Instant
    entries: tuple[Entry, ...]
    next: str | None


async def show_timeline(request: Request, service: Service) -> Response:
    """Answers with a page of a person's timeline."""
    given = parameters(request, tuple(_FILTERS))
    user_id, limit = request.path_params["user_id"], whole(given, "limit", 100, 1, _MOST)
    until, skipped = instant(given, "until"), 0
    if "cursor" in given:
        until_us, skipped = _place_of(given["cursor"])
    else:
        until_us = to_us(until) if until else service.clock.now_us()
    since = instant(given, "since")
    since_us = to_us(since) if since else max(_FIRST_US, until_us - _DAYS * DAY_US)

    def page(store: Store) -> Timeline:
        if not known(store, user_id):
            raise unknown_user(user_id)
        found = entries(store, service.settings, user_id, since_us, until_us)
        page_now = tuple(found[skipped : skipped + limit])
        more = len(found) > skipped + limit
        cursor = f"{until_us}-{skipped + limit}" if more else None
        return Timeline(user_id, from_us(since_us), from_us(until_us), page_now, cursor)

    return answer(await service.ask(page))


def entries(store: Store, settings: Settings, user_id: str, since_us: int, until_us: int) -> list[Entry]:
    """Returns what is on record of a person in `since_us <= t < until_us`, the latest first.

    What came in before a decision at the same instant stands behind it: the decision knew of it.
    """
    key = draws.key(user_id)
    found: list[Entry] = [
        *_inputs(store, key, since_us, until_us),
        *_budgets(store, settings, key, since_us, until_us),
        *_plans(store, key, since_us, until_us),
        *_decisions(store, key, since_us, until_us),
    ]
    found.reverse()
    found.sort(key=lambda entry: entry.at, reverse=True)
    return found


def _inputs(store: Store, key: int, since_us: int, until_us: int) -> Iterator[Entry]:
    for logged in store.inputs_of(key, since_us, until_us):
        at = from_us(logged.log_ts_us)
        match decode(logged.data):
            case User() as user:
                yield Profiled(at=at, user=user)
            case Preferences() as preferences:
                yield Chose(at=at, preferences=preferences)
            case Candidate() as candidate:
                yield Offered(at=at, candidate=candidate)
            case Engagement() as engagement:
                yield Engaged(at=at, engagement=engagement)
            case MachineTouch() as touch:
                yield Touched(at=at, touch=touch)
            case Cancel() as cancel:
                yield Withdrawn(at=at, cancel=cancel)
            case Suppression() as suppression:
                yield Suppressed(at=at, suppression=suppression)
            case BudgetAssignment() as budget:
                yield Budgeted(at=at, budget=budget)


def _budgets(store: Store, settings: Settings, key: int, since_us: int, until_us: int) -> Iterator[Budgeted]:
    """Those that the engine drew; what was assigned is an input. Looked for from her first input on."""
    inputs = store.inputs_of(key, 0, until_us)
    period_us = settings.exploration.volume_period_weeks * WEEK_US
    first_us = max(since_us, inputs[0].log_ts_us if inputs else until_us)
    for period in range(first_us // period_us, min(until_us, store.last()[1] + 2 * period_us) // period_us + 1):
        for row in store.budgets_of(key, period):
            drawn = decode(row.data)
            if isinstance(drawn, BudgetAssignment) and drawn.randomised and since_us <= row.at_us < until_us:
                yield Budgeted(at=from_us(row.at_us), budget=drawn)


def _plans(store: Store, key: int, since_us: int, until_us: int) -> Iterator[Planned]:
    for row in store.plans_of(key, since_us, until_us):
        plan = decode(row.data)
        if isinstance(plan, SlotPlan):
            yield Planned(at=plan.at, plan=plan)


def _decisions(store: Store, key: int, since_us: int, until_us: int) -> Iterator[Decided]:
    for row in store.decisions_of(key, since_us, until_us):
        entry = store.outbox_of(row.decision_key)
        if entry is None:
            yield Decided(at=from_us(row.at_us), decision=shown(row))
            continue
        tries = tuple(Try(t.attempt_no, from_us(t.begun_us), t.outcome, t.detail) for t in entry.attempts)
        then = None if entry.next_try_us is None else from_us(entry.next_try_us)
        yield Decided(at=from_us(row.at_us), decision=shown(row), tries=tries, next_try=then)


def _place_of(cursor: str) -> tuple[int, int]:
    until, _, skipped = cursor.partition("-")
    readable = all(part.isascii() and part.isdigit() and len(part) < 19 for part in (until, skipped))
    if not readable or int(until) > _LAST_US:
        raise refused("cursor", repr(cursor), "the `next` of the page before")
    return int(until), int(skipped)


_FILTERS: Final = {
    "since": "Not before this instant, ISO 8601 with an offset; by default 28 days before `until`.",
    "until": "Before this instant; by default now.",
    "cursor": "The `next` of the page before; it takes the place of `until`.",
    "limit": "At most so many on a page: 1 to 1000, by default 100.",
}

ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/users/{user_id}/timeline", show_timeline, "read",
        "Lists what a person did, was offered and was sent, and why not, the latest first.",
        answers={200: Timeline, 404: Problem}, query=_FILTERS,
    ),
)  # fmt: skip
"""What this file adds to the service."""
