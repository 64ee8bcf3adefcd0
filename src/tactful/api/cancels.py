"""Taking back: `DELETE /v1/events/{id}` for one event, `POST /v1/cancels` for all with a cancel key."""

from datetime import datetime
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import Endpoint
from tactful.api.idempotency import post_once
from tactful.api.problems import Problem
from tactful.api.rows import LONGEST_ID, Taken, Told, new_id, take
from tactful.api.service import Service
from tactful.clock import from_us
from tactful.events.records import Cancel, Identifier, Instant, encode


class Withdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Withdraws a user's events: all earlier ones with a cancel key, or one by its id. Exactly one of both is given."""

    user_id: Identifier
    cancel_key: str = ""
    candidate_id: str = ""
    cancel_id: Identifier | None = None
    at: Instant | None = None


_WITHDRAWAL: Final = msgspec.json.Decoder(Withdrawal)


def read_withdrawal(data: bytes, now: datetime) -> Told:
    """Returns what one row says."""
    told = _WITHDRAWAL.decode(data)
    cancel_id = told.cancel_id or new_id()
    record = Cancel(
        cancel_id=cancel_id,
        user_id=told.user_id,
        candidate_id=told.candidate_id,
        cancel_key=told.cancel_key,
        at=told.at or now,
    )
    return Told(record, cancel_id, told.cancel_id is None)


async def post_cancels(request: Request, service: Service) -> Response:
    """Takes one withdrawal, or a batch."""
    return await take(request, service, read_withdrawal)


async def delete_event(request: Request, service: Service) -> Response:
    """Withdraws one event. Whether it is known is not looked up: it may be on its way, and a cancel waits for it."""
    candidate_id, user_id = request.path_params["candidate_id"], request.query_params.get("user_id", "")
    for name, value in (("candidate_id", candidate_id), ("user_id", user_id)):
        if not 1 <= len(value) <= LONGEST_ID:
            why = f"got {name} of {len(value)} characters, expected 1 to {LONGEST_ID}: /v1/events/ID?user_id=USER"
            raise Problem(422, "invalid", why)
    cancel = Cancel(cancel_id=new_id(), user_id=user_id, candidate_id=candidate_id, at=from_us(service.clock.now_us()))
    body = msgspec.json.encode(Taken(1, [cancel.cancel_id], 1))
    return await post_once(request, service, [encode(cancel)], body)


ENDPOINTS: Final = (
    Endpoint(
        "DELETE",
        "/v1/events/{candidate_id}",
        delete_event,
        "ingest",
        "Withdraws one event: it is not told any more.",
        None,
        {202: Taken},
        {"user_id": "Whose event it is."},
    ),
    Endpoint(
        "POST",
        "/v1/cancels",
        post_cancels,
        "ingest",
        "Withdraws all earlier events of a user with a cancel key, or NDJSON with one withdrawal a line.",
        Withdrawal,
        {202: Taken},
    ),
)
