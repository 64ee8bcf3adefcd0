"""`POST /v1/events`: what people could be told about, one or a batch."""

from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import Endpoint
from tactful.api.rows import Taken, Told, new_id, take
from tactful.api.service import Service
from tactful.events.records import Candidate, Identifier, Instant, Item


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An event that a user could be told about.

    With a `candidate_id` of your own the event may be sent again without harm. `created_at` is now by default,
    `expires_at` what the event type says. `group_key` names what it is told together with, `cancel_key` lets one cancel
    withdraw many.
    """

    user_id: Identifier
    type: Identifier
    candidate_id: Identifier | None = None
    created_at: Instant | None = None
    expires_at: Instant | None = None
    payload: dict[str, Any] = {}
    items: tuple[Item, ...] = ()
    group_key: str = ""
    cancel_key: str = ""


_EVENT: Final = msgspec.json.Decoder(Event)


def read_event(data: bytes, now: datetime) -> Told:
    """Returns what one row says."""
    told = _EVENT.decode(data)
    candidate_id = told.candidate_id or new_id()
    record = Candidate(
        candidate_id=candidate_id,
        user_id=told.user_id,
        type=told.type,
        created_at=told.created_at or now,
        expires_at=told.expires_at,
        payload=told.payload,
        items=told.items,
        group_key=told.group_key,
        cancel_key=told.cancel_key,
    )
    return Told(record, candidate_id, told.candidate_id is None)


async def post_events(request: Request, service: Service) -> Response:
    """Takes one event, or a batch."""
    return await take(request, service, read_event)


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/v1/events",
        post_events,
        "ingest",
        "Takes an event that a user could be told about, or NDJSON with one event a line.",
        Event,
        {202: Taken},
    ),
)
