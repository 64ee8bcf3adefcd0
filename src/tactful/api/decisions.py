"""What was decided: the decision log by filters and pages, one decision, and why it came out as it did."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Final, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful import draws
from tactful.api.endpoint import Endpoint, answer, body_of
from tactful.api.problems import Problem
from tactful.api.query import choice, instant, parameters, refused, whole
from tactful.api.service import Service
from tactful.clock import to_us
from tactful.errors import UnknownUser
from tactful.events.records import CHANNELS, Action, Decision, Identifier, Instant, decode
from tactful.runtime.evidence import gather
from tactful.runtime.explaining import Explanation
from tactful.runtime.explaining import explain as explained
from tactful.stores.protocols import DecisionRow, Store

ALWAYS_US: Final = 2**62
"""Later than every instant."""
_EXAMINED: Final = 20_000
"""Decisions looked at for one page, whatever the filters: a rare word in a long log costs pages, not a minute."""
_AT_ONCE: Final = 1_000
_MOST: Final = 1_000

_Place = tuple[int, int, int]


class Page(msgspec.Struct, frozen=True):
    """Decisions, the latest first. `next` is the cursor of the rest, null behind the last page.

    A page may hold fewer than the limit, or none, and have a next one: so many were looked at.
    """

    decisions: tuple[Decision, ...]
    next: str | None


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to explain: by default her latest decision, else the last one at or before `at`, or a decision by id."""

    user_id: Identifier
    at: Instant | None = None
    decision_id: str | None = None


async def list_decisions(request: Request, service: Service) -> Response:
    """Answers with a page of the decision log."""
    return answer(await search(service, parameters(request, tuple(FILTERS))))


async def search(service: Service, given: Mapping[str, str]) -> Page:
    """Returns a page of the decision log.

    Args:
        given: values of `FILTERS`.

    Raises:
        Problem: 422 for a value that cannot be one.
    """
    action, channel = choice(given, "action", get_args(Action)), choice(given, "channel", CHANNELS)
    since, until, limit = instant(given, "since"), instant(given, "until"), whole(given, "limit", 100, 1, _MOST)
    user, kind = given.get("user"), given.get("type")

    def fits(decision: Decision) -> bool:
        return (
            action in (None, decision.action)
            and channel in (None, decision.channel)
            and kind in (None, decision.type)
            and user in (None, decision.user_id)
        )

    since_us = to_us(since) if since else 0
    end = _place_of(given["cursor"]) if "cursor" in given else (to_us(until) if until else ALWAYS_US, 0, 0)
    if user is not None:
        return await service.ask(lambda store: _page_of(store, user, fits, end, since_us, limit))
    return await service.ask(lambda store: _page(store, fits, end, since_us, limit))


async def show_decision(request: Request, service: Service) -> Response:
    """Answers with one decision."""
    given = request.path_params["decision_id"]
    parameters(request, ())
    key = key_of(given)
    row = None if key is None else await service.ask(lambda store: store.decision(key))
    if row is None:
        raise Problem(404, "unknown-decision", f"got decision {given!r}, of which nothing is on record; check the id")
    return answer(shown(row))


async def explain(request: Request, service: Service) -> Response:
    """Answers with a sentence, a trace, and what would have changed the outcome; stores nothing."""
    parameters(request, ())
    try:
        asked = msgspec.json.decode(await body_of(request), type=Question)
        if asked.at is not None:
            asked.at.astimezone(UTC)  # fails outside of the years 1 to 9999
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError) as error:
        raise Problem(422, "invalid-body", f"got a question that cannot be read ({error}); send a user_id") from None
    return answer(await service.ask(lambda store: _explained(store, service, asked)))


def shown(row: DecisionRow) -> Decision:
    """Returns a logged decision as it is told: without the snapshot for training, which is large and binary."""
    decision = decode(row.data)
    assert isinstance(decision, Decision)
    return msgspec.structs.replace(decision, snapshot=b"")


def key_of(decision_id: str) -> int | None:
    """Returns the key of a decision's id, None for what is no such id."""
    try:
        return int(decision_id, 16) if len(decision_id) == 16 and decision_id.isalnum() else None
    except ValueError:
        return None


def unknown_user(user_id: str) -> Problem:
    """Returns the problem of a person of whom the store holds nothing. It does not tell of others with such a name."""
    return Problem(404, "unknown-user", f"got user {user_id!r}, of whom nothing is on record; check the id")


def known(store: Store, user_id: str) -> bool:
    """Returns whether anything of a person was ever accepted."""
    return bool(store.inputs_of(draws.key(user_id), 0, ALWAYS_US))


def _page(store: Store, fits: Callable[[Decision], bool], end: _Place, since_us: int, limit: int) -> Page:
    found: list[Decision] = []
    for _ in range(0, _EXAMINED, _AT_ONCE):
        rows = store.decisions_before(end, since_us, _AT_ONCE)
        for row in rows:
            end = _place(row)
            if fits(decision := shown(row)):
                found.append(decision)
                if len(found) == limit:
                    return Page(tuple(found), _cursor(end))
        if len(rows) < _AT_ONCE:
            return Page(tuple(found), None)
    return Page(tuple(found), _cursor(end))


def _page_of(
    store: Store, user_id: str, fits: Callable[[Decision], bool], end: _Place, since_us: int, limit: int
) -> Page:
    """One person's: found by her key, so that nobody else's are looked at."""
    rows = [row for row in store.decisions_of(draws.key(user_id), since_us, end[0] + 1) if _place(row) < end]
    pairs = [(row, decision) for row in reversed(rows) if fits(decision := shown(row))]
    more = _cursor(_place(pairs[limit - 1][0])) if len(pairs) > limit else None
    return Page(tuple(decision for _, decision in pairs[:limit]), more)


def _explained(store: Store, service: Service, asked: Question) -> Explanation:
    if not known(store, asked.user_id):
        raise unknown_user(asked.user_id)
    try:
        told = explained(gather(store, service.settings, asked.user_id, asked.at, asked.decision_id))
    except UnknownUser:
        raise Problem(
            404,
            "unknown-decision",
            f"got decision {asked.decision_id!r}, which is none of user {asked.user_id!r}; leave decision_id out "
            "for the latest",
        ) from None
    if told.decision is None:
        return told
    return msgspec.structs.replace(told, decision=msgspec.structs.replace(told.decision, snapshot=b""))


def _place(row: DecisionRow) -> _Place:
    return row.at_us, row.user_key, row.decision_key


def _cursor(place: _Place) -> str:
    return f"{place[0]}-{place[1]:016x}-{place[2]:016x}"


def _place_of(cursor: str) -> _Place:
    at, _, keys = cursor.partition("-")
    user, _, decision = keys.partition("-")
    user_key, decision_key = key_of(user), key_of(decision)
    if not (at.isascii() and at.isdigit() and len(at) < 19) or user_key is None or decision_key is None:
        raise refused("cursor", repr(cursor), "the `next` of the page before")
    return int(at), user_key, decision_key


FILTERS: Final = {
    "user": "Only this user's.",
    "action": "`send`, `hold` or `drop`.",
    "channel": "Only those through this channel.",
    "type": "Only those about this event type.",
    "since": "Not before this instant: ISO 8601 with an offset.",
    "until": "Before this instant.",
    "cursor": "The `next` of the page before; it takes the place of `until`.",
    "limit": "At most so many on a page: 1 to 1000, by default 100.",
}

ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/decisions", list_decisions, "read", "Lists decisions, the latest first.",
        answers={200: Page}, query=FILTERS,
    ),
    Endpoint(
        "GET", "/v1/decisions/{decision_id}", show_decision, "read",
        "Shows one decision, with reasons, scores and chances.",
        answers={200: Decision, 404: Problem},
    ),
    Endpoint(
        "POST", "/v1/explain", explain, "read",
        "Explains a user's decision, or why there is none, and what would have changed it. Stores nothing.",
        body=Question, answers={200: Explanation, 404: Problem},
    ),
)  # fmt: skip
"""What this file adds to the service."""
